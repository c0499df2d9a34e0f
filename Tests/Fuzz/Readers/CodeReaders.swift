import FerryCore
import Foundation

@testable import FerryCode
@testable import Handover

enum CodeReaders {
  /// What is live, for the readers that compare with it.
  private static let subjects: [Subject] = {
    let file = FuzzSeeds.package.appendingPathComponent(
      "Tests/Fixtures/wiki-canary.inventory.json")
    let bytes = (try? Data(contentsOf: file)).map(Array.init) ?? []
    let inventory = try? Inventory.read(bytes, named: file.lastPathComponent)
    return inventory?.accounts.first.map(Subject.all) ?? []
  }()

  static func state(_ bytes: [UInt8]) throws(FerryError) {
    let state = try HeldState(bytes, at: "terraform.tfstate")
    _ = state.items.map(\.address)
    _ = state.items.map(\.notTakeable)
  }
  static func plan(_ bytes: [UInt8]) throws(FerryError) {
    let plan = try TerraformPlan(bytes, named: "plan.json")
    _ = try plan.facts(of: subjects, asked: [], etags: ["E1FUZZ": "V1"])
  }
  static func template(_ bytes: [UInt8]) throws(FerryError) {
    let template = try StackTemplate(String(decoding: bytes, as: UTF8.self), named: "t.yaml")
    _ = template.body.canonical
    _ = template.parameters
    let facts = TemplateFacts(
      template: template, parameters: [:], known: [:], name: "t.yaml")
    _ = try facts.facts(of: subjects, asked: [])
  }
  static func hcl(_ bytes: [UInt8]) throws(FerryError) {
    let text = String(decoding: bytes, as: UTF8.self)
    _ = try? HCLReader.values(text, named: "x.tfvars")
    let blocks = try HCLReader.read(text, named: "main.tf")
    let again = HCLBlock.text(blocks)
    _ = try HCLReader.read(again, named: "main.tf")
  }
}

import FerryCloudFront
import FerryCore
import FerryTestSupport
import Foundation
import Testing

@testable import FerryCode
@testable import Handover

/// Templates beside what is live.
struct TemplateCheckTests {
  private struct Scene {
    var account: Inventory.Account
    var template: StackTemplate
    var known: [String: String]

    init() throws {
      account = try Account.whole()
      let code = try StackCode(Subject.all(in: account), managed: [])
      template = code.template
      known = Dictionary(uniqueKeysWithValues: code.items.map { ($0.address, $0.importId) })
    }
    func check(_ template: StackTemplate? = nil, known: [String: String]? = nil) throws
      -> HandoverCheck
    {
      let facts = try TemplateFacts(
        template: template ?? self.template, parameters: ["XKey": "canary-${v}\"\n"],
        known: known ?? self.known, name: "t"
      ).facts(of: Subject.all(in: account), asked: ["EPRIMARY"])
      return HandoverCheck(facts, closure: Closure(account: account))
    }
    func item(_ id: String, _ template: StackTemplate? = nil) throws -> HandoverCheck.Item? {
      try check(template).resources.first { $0.id == id }
    }
    /// With a property of the primary set.
    func with(_ value: JSONValue, at path: String) -> StackTemplate {
      StackTemplate(
        template.body.setting(
          value, at: "Resources/WwwExampleComDistribution/Properties/DistributionConfig/\(path)"))
    }
  }

  @Test func `the emitted template is in sync`() throws {
    let check = try Scene().check()
    #expect(
      check.resources.allSatisfy { $0.verdict == .inSync && $0.notCompared == [] }, "\(check.text)")
    #expect(check.resources.count > 10 && check.exit == .done)
  }

  @Test func `what somebody changed is drift, with both sides`() throws {
    let scene = try Scene()
    let item = try scene.item("EPRIMARY", scene.with("PriceClass_200", at: "PriceClass"))
    #expect(item?.verdict == .drift)
    #expect(item?.differences.map(\.path) == ["PriceClass"])
    #expect(item?.differences.first?.code == "PriceClass_200")
    #expect(try scene.check(scene.with("PriceClass_200", at: "PriceClass")).exit == .found)
  }

  @Test func `a template that has what the staging distribution has waits for a promote`() throws {
    let scene = try Scene()
    // The staging distribution has no default root object and no error responses, and another comment.
    let staging =
      scene.template.resources["WwwExampleComStagingDistribution"]?["Properties"]?[
        "DistributionConfig"]
    let behaviour = staging?["DefaultCacheBehavior"] ?? .null
    let item = try scene.item("EPRIMARY", scene.with(behaviour, at: "DefaultCacheBehavior"))
    #expect(item?.verdict == .promotePending, "\(item?.differences ?? [])")
    #expect(item?.differences.allSatisfy { $0.reason.hasPrefix("the code is ahead") } == true)
  }

  @Test func `what only a run can tell is not compared, and said`() throws {
    let scene = try Scene()
    let item = try scene.item(
      "EPRIMARY",
      scene.with(["Fn::If": ["IsProd", "PriceClass_All", "PriceClass_100"]], at: "PriceClass"))
    #expect(item?.verdict == .inSync && item?.notCompared == ["PriceClass"])
    let lists = try scene.item(
      "EPRIMARY", scene.with(["Fn::Split": [",", ["Ref": "Names"]]], at: "Aliases"))
    #expect(lists?.verdict == .inSync && lists?.notCompared == ["Aliases"])
    let one = try scene.item("EPRIMARY", scene.with([["Fn::ImportValue": "x"]], at: "Aliases"))
    #expect(one?.notCompared == ["Aliases"])
    let imported = scene.with(["Fn::ImportValue": "x"], at: "DefaultCacheBehavior/CachePolicyId")
    #expect(
      try scene.item("EPRIMARY", imported)?.notCompared == ["DefaultCacheBehavior/CachePolicyId"])
  }

  @Test func `a parameter without a value is not compared, one with a default is`() throws {
    var scene = try Scene()
    scene.template.body = scene.template.body.setting(
      ["Class": ["Type": "String", "Default": "PriceClass_200"], "Root": ["Type": "String"]],
      at: "Parameters")
    let item = try scene.item("EPRIMARY", scene.with(["Ref": "Class"], at: "PriceClass"))
    #expect(item?.verdict == .drift && item?.differences.first?.code == "PriceClass_200")
    #expect(
      try scene.item("EPRIMARY", scene.with(["Ref": "Root"], at: "DefaultRootObject"))?.notCompared
        == ["DefaultRootObject"])
  }

  @Test func `without a stack or list a resource is found by its aliases, names and comments`()
    throws
  {
    let scene = try Scene()
    let check = try scene.check(known: [:])
    #expect(
      check.resources.contains { $0.id == "EPRIMARY" && $0.verdict == .inSync }, "\(check.text)")
    var other = scene
    other.template = scene.with(["other.example.com"], at: "Aliases")
    other.template = other.with("other", at: "Comment")
    let error = #expect(throws: FerryError.self) { try other.check(known: [:]) }
    #expect(error?.code == "not-in-template")
  }

  @Test func `a function of another name would be another function`() throws {
    let scene = try Scene()
    let template = StackTemplate(
      scene.template.body.setting("renamed", at: "Resources/RewriteFunction/Properties/Name"))
    let check = try scene.check(template)
    #expect(check.exit == .blocked)
    #expect(check.resources.first { $0.address == "RewriteFunction" }?.verdict == .replace)
  }

  @Test func `a number without an end is text, as nothing in a template can be`() throws {
    let template = try StackTemplate("Resources: { A: [.inf, -.inf, .nan, 1.5] }", named: "t")
    #expect(template.resources["A"] == [".inf", "-.inf", ".nan", .double(1.5)])
  }
  @Test func `aliases are refused as CloudFormation refuses them, however many there are`() {
    for text in ["Resources:\n  A: &a {}\n  B: *a\n", "Resources: &r { A: {} }\n? *r\n: x\n"] {
      let error = #expect(throws: FerryError.self) { try StackTemplate(text, named: "t") }
      #expect(error?.code == "bad-template" && error?.why.contains("anchor") == true)
    }
  }
}

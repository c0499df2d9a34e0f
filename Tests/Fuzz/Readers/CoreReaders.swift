import FerryReport
import Foundation

@testable import FerryCore

enum CoreReaders {
  static func xml(_ bytes: [UInt8]) throws(FerryError) {
    let root = try XMLReader.read(bytes)
    let again = try XMLReader.read(root.xmlBytes)
    precondition(again.means(root), "XML that is written differs from what was read")
    for shape in ["DistributionConfig", "ContinuousDeploymentPolicyConfig", "CachePolicyConfig"] {
      let json = Shape.json(root, shape: shape)
      _ = json.canonical
      _ = try Shape.xml(json, shape: shape)
    }
    _ = root.redacted
    _ = root.differences(to: again)
    _ = try? XMLReader.read(bytes, selection: .init(depth: 2, names: ["Id", "Items"]))
  }

  /// With the digest that the document ought to have: who changes a plan can compute that, too.
  static func plan(_ bytes: [UInt8]) throws(FerryError) {
    guard case .object(var members) = try JSONValue.read(bytes, what: "plan") else { return }
    members["digest"] = .string(Plan.digest(of: .object(members)))
    let plan = try Plan.read(Array(JSONValue.object(members).canonical.utf8), named: "fuzz")
    _ = PlanText.render(plan)
    _ = Runbook.render(plan, path: "plans/x.plan.json", rollback: plan)
    _ = PlanPage.render(plan, path: "plans/x.plan.json", rollback: nil)
    _ = PlanPage.timeline(plan)
    _ = StepFunctions.definition(plan, path: "plans/x.plan.json")
    _ = FerryJSON.document(plan)
    _ = plan.sealed
    _ = plan.grants(zones: [], partition: "aws")
  }

  static func inventory(_ bytes: [UInt8]) throws(FerryError) {
    let inventory = try Inventory.read(bytes, named: "fuzz")
    let text = FerryJSON.document(inventory.redacted)
    _ = try Inventory.read(Array(text.utf8), named: "again")
    _ = inventory.planningDigest
    let report = Discovery.discover(inventory)
    _ = FindingsText.render(report)
    _ = FindingsText.markdown(report)
  }

  static func signatures(_ bytes: [UInt8]) throws(FerryError) {
    let signatures = try PlanSignatures.read(bytes, named: "fuzz")
    let plan = Plan(
      name: "x", capability: "x", createdAt: Date(timeIntervalSince1970: 0), tool: "",
      accounts: [:], observed: .init(inventoryDigest: ""), steps: [],
      schedule: .init(
        start: Date(timeIntervalSince1970: 0), end: Date(timeIntervalSince1970: 0),
        criticalPathSeconds: 0, exposureSeconds: 0), permissions: [])
    var other = plan
    other.digest = signatures.planDigest
    let keys = [VerifyingKey(point: [UInt8](repeating: 1, count: 32))]
    var listed = signatures
    for index in listed.signatures.indices { listed.signatures[index].keyID = keys[0].id }
    let report = SignatureReport(other, listed, keys: keys, required: 1)
    precondition(!report.isEnough, "a signature that nobody made is valid")
    _ = FerryJSON.document(report)
  }

  static func key(_ bytes: [UInt8]) throws(FerryError) {
    _ = try? VerifyingKey(pem: bytes, named: "fuzz")
    let key = try SigningKey(pem: bytes, named: "fuzz")
    guard let signature = key.sign(bytes) else { return }
    precondition(key.verifying.accepts(signature, of: bytes), "a key refuses its own signature")
  }
}

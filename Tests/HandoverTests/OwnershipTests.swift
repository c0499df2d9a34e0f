import FerryCore
import Testing

@testable import Handover

struct OwnershipTests {
  private func stack(
    _ name: String, _ ids: [String], status: String = "UPDATE_COMPLETE",
    resource: String = "CREATE_COMPLETE", cdk: Bool = false
  ) -> Inventory.Stack {
    let held = ids.enumerated().map {
      Inventory.Stack.Resource(
        logicalId: "R\($0)", type: "AWS::CloudFront::Distribution", physicalId: $1,
        status: resource)
    }
    let metadata = Inventory.Stack.Resource(
      logicalId: "CDKMetadata", type: "AWS::CDK::Metadata", physicalId: "x",
      status: "CREATE_COMPLETE")
    return Inventory.Stack(
      id: "arn:\(name)", name: name, region: "us-east-1", status: status,
      resources: held + (cdk ? [metadata] : []))
  }
  private func found(
    _ stacks: [Inventory.Stack], terraform: [String: Set<String>] = [:],
    gaps: [Inventory.Gap] = [], regions: [String] = ["us-east-1"], ids: [String] = []
  ) throws -> Ownership {
    var account = try Account.whole()
    account.stacks = stacks
    account.regions = regions
    return Ownership(
      Inventory(takenAt: .init(timeIntervalSince1970: 0), gaps: gaps, accounts: [account]),
      terraform: terraform, ids: ids)
  }
  private func verdicts(_ it: Ownership) -> [String: Ownership.Verdict] {
    Dictionary(uniqueKeysWithValues: it.resources.map { ($0.id, $0.verdict) })
  }

  @Test func `one owner, two owners and none are told apart`() throws {
    let it = try found(
      [stack("web", ["EPRIMARY"], cdk: true), stack("other", ["nothing"])],
      terraform: ["a.tfstate": ["EPRIMARY", "cdp-1"], "b.tfstate": []])
    #expect(verdicts(it) == ["EPRIMARY": .several, "ESTAGING": .none, "cdp-1": .one])
    #expect(it.text.contains("1 of 2: CDK stack web in us-east-1 (R0)"))
    #expect(it.text.contains("2 of 2: Terraform state a.tfstate"))
    #expect(it.text.contains("1 with more than one owner"))
  }
  @Test func `without an answer from every region nothing is without an owner`() throws {
    let gap = Inventory.Gap(account: Account.id, call: "ListStacks", reason: "AccessDenied")
    #expect(try verdicts(found([], gaps: [gap])).values.allSatisfy { $0 == .unknown })
    #expect(try verdicts(found([], regions: [])).values.allSatisfy { $0 == .unknown })
    let it = try found([stack("web", ["ESTAGING"])], gaps: [gap])
    #expect(verdicts(it)["ESTAGING"] == .one && verdicts(it)["EPRIMARY"] == .unknown)
    #expect(it.text.contains("unknown: stacks of a region were not read"))
  }
  @Test(arguments: ["DELETE_SKIPPED", "DELETE_FAILED"])
  func `a deleted stack that let go of it owns it no more`(_ status: String) throws {
    let it = try found([
      stack("old", ["EPRIMARY"], status: "DELETE_COMPLETE", resource: status)
    ])
    #expect(verdicts(it)["EPRIMARY"] == Ownership.Verdict.none)
    #expect(it.resources[0].released.map(\.name) == ["old"])
    #expect(it.text.contains("was: stack old in us-east-1 (R0), deleted"))
  }
  @Test func `only what was asked for is told, and what nobody has is named`() throws {
    let it = try found([], ids: ["cdp-1", "ENOWHERE"])
    #expect(it.resources.map(\.id) == ["cdp-1"] && it.missing == ["ENOWHERE"])
  }
}

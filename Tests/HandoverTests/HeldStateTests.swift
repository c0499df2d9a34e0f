import FerryCore
import FerryTestSupport
import Testing

@testable import FerryCode
@testable import Handover

struct HeldStateTests {
  private func state(_ resources: JSONValue...) throws -> HeldState {
    let document: JSONValue = ["version": 4, "resources": .array(resources)]
    return try HeldState(
      Array(document.canonical.utf8), at: "s3://states/env:/prod/terraform.tfstate")
  }
  private func resource(
    _ type: String, _ name: String, _ attributes: JSONValue, module: String? = nil,
    more: [String: JSONValue] = [:]
  ) -> JSONValue {
    var out: JSONValue = [
      "mode": "managed", "type": .string("aws_cloudfront_\(type)"), "name": .string(name),
      "instances": [.object(["attributes": attributes].merging(more) { $1 })],
    ]
    if let module { out = out.setting(.string(module), at: "module") }
    return out
  }
  private func emitted(_ state: HeldState) throws -> (holdings: Holdings, it: TerraformCode) {
    let holdings = try Holdings(Subject.all(in: Account.whole()), states: [state])
    let code = TerraformCode(
      holdings.free, managed: EmitTests.managed, held: holdings.taken)
    let left = try RoundTrip(code, holdings.free, managed: EmitTests.managed).left
    #expect(left.allSatisfy { $0.reason != RoundTrip.unexplained })
    return (holdings, code)
  }
  private func text(_ code: TerraformCode, _ path: String) -> String {
    code.files.first { $0.path == path }?.text ?? ""
  }

  @Test func `what a state holds keeps its address and its settings, and is not imported`() throws {
    let (_, code) = try emitted(
      state(
        resource(
          "distribution", "main", ["id": "EPRIMARY", "staging": false, "retain_on_delete": true]),
        resource("function", "www_example_com", ["id": "rewrite", "publish": true]),
        resource("continuous_deployment_policy", "canary", ["id": "cdp-1"])))
    let held = code.items.filter { $0.state != nil }.map(\.address)
    #expect(
      held == [
        "aws_cloudfront_distribution.main", "aws_cloudfront_continuous_deployment_policy.canary",
        "aws_cloudfront_function.www_example_com",
      ])
    let imports = text(code, "imports.tf")
    #expect(imports.components(separatedBy: "import {").count == code.items.count - 3 + 1)
    #expect(!imports.contains("EPRIMARY") || !imports.contains("aws_cloudfront_distribution.main"))
    let distributions = text(code, "distributions.tf")
    #expect(distributions.contains("retain_on_delete "))
    #expect(distributions.contains("= aws_cloudfront_distribution.main.id"))
    // The weight and publish are as the state has them.
    #expect(!distributions.contains("ignore_changes = all"))
    #expect(!text(code, "functions.tf").contains("publish"))
  }
  @Test func `what is in a module or one of several is named, and left to it`() throws {
    let (holdings, code) = try emitted(
      state(
        resource("cache_policy", "cache", ["id": "cache-1"], module: "module.edge[0]"),
        resource("key_group", "group", ["id": "group-1"], more: ["index_key": "eu"])))
    #expect(
      holdings.notTaken.map(\.address) == [
        "module.edge[0].aws_cloudfront_cache_policy.cache",
        "aws_cloudfront_key_group.group[\"eu\"]",
      ])
    #expect(!code.items.contains { ["cache-1", "group-1"].contains($0.id) })
    #expect(text(code, "distributions.tf").contains("cache_policy_id            = \"cache-1\""))
  }
  @Test func `a thing that is held twice is refused`() throws {
    let twice = try state(
      resource("cache_policy", "one", ["id": "cache-1"]),
      resource("cache_policy", "two", ["id": "cache-1"]))
    let error = #expect(throws: FerryError.self) {
      try Holdings(Subject.all(in: Account.whole()), states: [twice])
    }
    #expect(error?.code == "two-owners" && error?.exit == .blocked)
  }
  @Test func `a state without staging, a tainted and a deposed resource are dangers`() throws {
    let it = try state(
      resource("distribution", "a", ["id": "E1"]),
      resource("distribution", "b", ["id": "E2", "staging": .null], more: ["status": "tainted"]),
      resource("distribution", "c", ["id": "E3", "staging": true], more: ["deposed": "0badcafe"]),
      resource("distribution", "d", ["id": "E4", "staging": false]))
    #expect(it.items.map(\.dangers.count) == [1, 2, 1, 0])
    #expect(
      it.items[0].dangers == [
        "staging is missing in the state: the next plan replaces it unless staging is written"
      ])
    var account = Inventory.Account(id: Account.id)
    account.distributions = [
      Account.distribution(
        "E1", try Shape.xml(["CallerReference": "x"], shape: "DistributionConfig"))
    ]
    account.regions = ["us-east-1"]
    let told = Ownership(
      Inventory(takenAt: .init(timeIntervalSince1970: 0), gaps: [], accounts: [account]),
      states: [it], ids: [])
    #expect(told.resources[0].dangers.count == 1)
    #expect(told.text.contains("danger: aws_cloudfront_distribution.a in s3://states/"))
  }
  @Test(arguments: [
    "", "{}", "[]", "{\"version\":3,\"resources\":[]}", "{\"version\":4}",
    "{\"version\":4,\"resources\":{}}",
  ])
  func `what is no state of version 4 is refused`(_ text: String) {
    #expect(throws: FerryError.self) { try HeldState(Array(text.utf8), at: "x") }
  }
  @Test(arguments: HostileText.all)
  func `a state of odd members and hostile names is read without harm`(
    _ sample: (name: String, text: String)
  ) throws {
    let it = try state(
      5, ["mode": "managed", "type": "aws_cloudfront_function", "instances": 7],
      [
        "mode": "data", "type": "aws_cloudfront_function",
        "instances": [["attributes": ["id": "f"]]],
      ],
      resource("function", sample.text, ["id": "rewrite"]), resource("function", "x", ["id": 7]))
    #expect(it.items.map(\.id) == ["rewrite"] && it.items[0].notTakeable != nil)
    #expect(try emitted(it).holdings.notTaken.count == 1)
  }
}

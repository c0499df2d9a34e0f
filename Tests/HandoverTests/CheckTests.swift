import FerryCloudFront
import FerryCore
import FerryTestSupport
import Testing

@testable import FerryCode
@testable import Handover

/// A saved plan as `terraform show -json` writes it, of one resource.
private struct Planned {
  var type = "aws_cloudfront_distribution"
  var actions = ["update"]
  var before: JSONValue
  var after: JSONValue
  var unknown: JSONValue = false
  var replaces: JSONValue = []
  var drift: (before: JSONValue, after: JSONValue)?

  var bytes: [UInt8] {
    func change(_ actions: [String], _ before: JSONValue, _ after: JSONValue) -> JSONValue {
      [
        "address": .string("\(type).x"), "mode": "managed", "type": .string(type), "name": "x",
        "change": [
          "actions": .array(actions.map(JSONValue.string)), "before": before, "after": after,
          "after_unknown": unknown, "replace_paths": replaces,
        ],
      ]
    }
    let root: JSONValue = [
      "format_version": "1.2", "resource_changes": [change(actions, before, after)],
      "resource_drift": .array(drift.map { [change(["update"], $0.before, $0.after)] } ?? []),
    ]
    return Array(root.canonical.utf8)
  }
}

struct CheckTests {
  /// Values of the primary as the provider reads them, as far as a test needs them.
  private static func primary(_ more: [String: JSONValue] = [:]) -> JSONValue {
    let values: [String: JSONValue] = [
      "id": "EPRIMARY", "enabled": true, "staging": false, "comment": "live", "etag": "E1",
      "tags_all": [:], "tags": .null,
      "origin": [["origin_id": "b", "domain_name": "b.example.net"], ["origin_id": "a"]],
    ]
    return .object(values.merging(more) { $1 })
  }
  private func check(
    _ plan: Planned, asked: [String] = ["EPRIMARY"],
    edit: (inout Inventory.Account) throws -> Void = { _ in }
  )
    throws -> HandoverCheck
  {
    var account = try Account.whole()
    try edit(&account)
    let etags = Dictionary(uniqueKeysWithValues: account.distributions.map { ($0.id, $0.etag) })
    return HandoverCheck(
      try TerraformPlan(plan.bytes, named: "p").facts(
        of: Subject.all(in: account), asked: asked, etags: etags),
      closure: Closure(account: account))
  }
  private func put(
    _ member: String, _ value: JSONValue, on id: String, in account: inout Inventory.Account
  ) throws {
    guard let index = account.distributions.firstIndex(where: { $0.id == id }) else { return }
    let document = Shape.json(account.distributions[index].config, shape: "DistributionConfig")
    account.distributions[index].config = try Shape.xml(
      document.setting(value, at: member), shape: "DistributionConfig")
  }

  @Test func `a plan that changes nothing is in sync, whatever the order of its sets`() throws {
    let turned: JSONValue = [
      ["origin_id": "a"], ["origin_id": "b", "domain_name": "b.example.net"],
    ]
    let it = try check(Planned(before: Self.primary(), after: Self.primary(["origin": turned])))
    #expect(it.resources.map(\.verdict) == [.inSync] && it.exit == .done)
    #expect(it.resources[0].address == "aws_cloudfront_distribution.x")
  }
  @Test func `a difference that nothing explains is drift, by the name of its place`() throws {
    let after = Self.primary([
      "origin": [["origin_id": "a"], ["origin_id": "b", "domain_name": "c.example.net"]],
      "enabled": false,
    ])
    let it = try check(Planned(before: Self.primary(), after: after))
    #expect(it.exit == .found && it.resources[0].verdict == .drift)
    #expect(
      it.resources[0].differences == [
        .init(path: "Enabled", code: false, live: true, reason: "they differ"),
        .init(
          path: "Origins[b]/DomainName", code: "c.example.net", live: "b.example.net",
          reason: "they differ"),
      ])
    #expect(it.text.contains("Origins[b]/DomainName\n    code: \"c.example.net\""))
  }
  @Test func `code that has what the staging distribution has waits for a promote`() throws {
    let after = Self.primary(["comment": "next"])
    let plan = Planned(before: Self.primary(), after: after)
    let it = try check(plan) { try put("Comment", "next", on: "ESTAGING", in: &$0) }
    #expect(it.resources[0].verdict == .promotePending && it.exit == .done)
    #expect(it.resources[0].differences[0].reason.hasPrefix("the code is ahead"))
    // The same with another comment is drift, and so is one more difference.
    #expect(try check(plan).resources[0].verdict == .drift)
    let more = Planned(
      before: Self.primary(),
      after: Self.primary(["comment": "next", "price_class": "PriceClass_100"]))
    #expect(
      try check(more) { try put("Comment", "next", on: "ESTAGING", in: &$0) }.resources[0].verdict
        == .drift)
  }
  @Test func `live that is all that the staging distribution has waits for its code`() throws {
    func promote(_ account: inout Inventory.Account) throws {
      let staging = Shape.json(account.distributions[1].config, shape: "DistributionConfig")
      var primary = Shape.json(account.distributions[0].config, shape: "DistributionConfig")
      for member in [
        "Comment", "Origins", "OriginGroups", "DefaultCacheBehavior", "CustomErrorResponses",
        "Logging",
      ] {
        guard case .object(var members) = primary else { return }
        members[member] = staging[member]
        primary = .object(members)
      }
      account.distributions[0].config = try Shape.xml(primary, shape: "DistributionConfig")
    }
    // The code ignores it: the plan changes nothing, but the state is behind.
    let ignored = Planned(
      actions: ["no-op"], before: Self.primary(), after: Self.primary(),
      drift: (before: Self.primary(["comment": "old"]), after: Self.primary()))
    let it = try check(ignored, edit: promote)
    #expect(it.resources[0].verdict == .promotePending && it.exit == .done)
    #expect(it.resources[0].differences[0].reason.hasPrefix("live is ahead"))
    #expect(try check(ignored).resources[0].verdict == .drift)
    let policy = Planned(
      type: "aws_cloudfront_continuous_deployment_policy",
      before: ["id": "cdp-1", "enabled": false], after: ["id": "cdp-1", "enabled": true])
    #expect(try check(policy, asked: [], edit: promote).resources[0].verdict == .promotePending)
    #expect(try check(policy, asked: []).resources[0].verdict == .drift)
  }
  @Test func `a replacement and a deletion are in sight whatever else differs`() throws {
    let staging = Planned(
      actions: ["delete", "create"], before: Self.primary(),
      after: Self.primary(["staging": true]), replaces: [["staging"]])
    let it = try check(staging)
    #expect(it.resources[0].verdict == .replace && it.exit == .blocked)
    #expect(
      it.resources[0].differences.last?.reason
        == "staging makes the plan put another in its place")
    let gone = try check(Planned(actions: ["delete"], before: Self.primary(), after: .null))
    #expect(gone.exit == .blocked && gone.text.contains("the plan deletes it"))
    // Terraform lets go of it and leaves it live.
    let forgotten = try check(Planned(actions: ["forget"], before: Self.primary(), after: .null))
    #expect(forgotten.resources[0].verdict == .inSync)
  }
  @Test func `a weight in single precision is the weight that the code has`() throws {
    func weight(_ value: Double) -> JSONValue {
      [
        "id": "cdp-1", "enabled": true,
        "traffic_config": [
          ["type": "SingleWeight", "single_weight_config": [["weight": .double(value)]]]
        ],
      ]
    }
    let type = "aws_cloudfront_continuous_deployment_policy"
    let same = Planned(type: type, before: weight(0.05000000074505806), after: weight(0.05))
    #expect(try check(same, asked: []).resources.map(\.verdict) == [.inSync])
    let other = Planned(type: type, before: weight(0.05000000074505806), after: weight(0.06))
    #expect(try check(other, asked: []).resources.map(\.verdict) == [.drift])
  }
  @Test func `what is known only after an apply, and what the table does not know, is drift`()
    throws
  {
    let unknown = Planned(
      before: Self.primary(["continuous_deployment_policy_id": "cdp-0"]), after: Self.primary(),
      unknown: ["continuous_deployment_policy_id": true, "etag": true])
    let it = try check(unknown)
    #expect(
      it.resources[0].differences == [
        .init(
          path: "ContinuousDeploymentPolicyId", code: nil, live: "cdp-0",
          reason: "its value is known only after an apply")
      ])
    let strange = Planned(
      before: Self.primary(["origin": [["origin_id": "a", "quantum": 1]]]),
      after: Self.primary(["origin": [["origin_id": "a", "quantum": 2]]]))
    #expect(try check(strange).resources[0].differences.map(\.path) == ["origin/quantum"])
    #expect(try !check(strange).text.contains("2"))
    // Terraform's own settings are no part of what is live.
    let own = Planned(
      before: Self.primary(["retain_on_delete": false]),
      after: Self.primary(["retain_on_delete": true]))
    #expect(try check(own).resources[0].verdict == .inSync)
  }
  @Test func `the value of an origin header is never shown`() throws {
    func header(_ value: JSONValue) -> JSONValue {
      Self.primary([
        "origin": [["origin_id": "a", "custom_header": [["name": "x-key", "value": value]]]]
      ])
    }
    let it = try check(Planned(before: header("canary-1"), after: header("canary-2")))
    #expect(
      it.resources[0].differences.map(\.path) == ["Origins[a]/CustomHeaders[x-key]/HeaderValue"])
    #expect(!(it.text + JSONValue.of(it).canonical).contains("canary"))
  }
  @Test func `code of a function is told by its digest, and an address twice is checked twice`()
    throws
  {
    let type = "aws_cloudfront_function"
    let it = try check(
      Planned(
        type: type, before: ["id": "rewrite", "code": "a"], after: ["id": "rewrite", "code": "b"]),
      asked: [])
    #expect(it.resources[0].differences.map(\.code) == [.string(Digest.tagged("b"))])
    var document = try JSONValue.read(
      Planned(before: Self.primary(), after: Self.primary()).bytes, what: "plan")
    let one = document["resource_changes"]?.array ?? []
    let other = one.map {
      $0.setting("module.old.x", at: "address").setting(["delete"], at: "change/actions")
    }
    document = document.setting(.array(one + other), at: "resource_changes")
    let account = try Account.whole()
    let facts = try TerraformPlan(Array(document.canonical.utf8), named: "p").facts(
      of: Subject.all(in: account), asked: ["EPRIMARY"], etags: [:])
    #expect(facts.map(\.replaces.isEmpty) == [true, false])
  }
  @Test func `a plan that is old, broken or without the distribution is refused`() throws {
    func code(_ plan: Planned) throws -> FerryError.Code? {
      do {
        _ = try check(plan)
        return nil
      } catch let error as FerryError {
        return error.code
      }
    }
    let old = Self.primary(["etag": "E0"])
    #expect(try code(Planned(before: old, after: old)) == "plan-stale")
    #expect(
      try code(Planned(before: ["id": "EOTHER"], after: ["id": "EOTHER"])) == "not-in-plan")
    for text in [
      "{}", "[]", "{\"format_version\":\"1.2\"}",
      "{\"format_version\":\"2.0\",\"resource_changes\":[]}",
      "{\"format_version\":\"1.2\",\"resource_changes\":[],\"errored\":true}",
    ] {
      #expect(throws: FerryError.self) { try TerraformPlan(Array(text.utf8), named: "p") }
    }
  }
}

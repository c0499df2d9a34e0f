import FerryCloudFront
import FerryCore
import Foundation
import Testing

@testable import FerryModel
@testable import Migration

/// What the target may have, against what a move makes.
struct QuotaTests {
  static func plan(
    _ quotas: [JSONValue], inventory: JSONValue? = nil,
    edit: (inout MigrationInput) -> Void = { _ in }
  ) async throws -> Plan {
    try await MoveWorld(
      inventory: inventory ?? MoveScene.trio([:], target: ["quotas": .array(quotas)]), edit: edit
    ).pair.plan
  }
  static func refused(_ quotas: [JSONValue], edit: (inout MigrationInput) -> Void = { _ in })
    async -> FerryError?
  {
    await #expect(throws: FerryError.self) { try await plan(quotas, edit: edit) }
  }

  @Test func `with room for everything the plan carries no risk and no note of quotas`()
    async throws
  {
    let plan = try await Self.plan([])
    #expect(plan.risks == [])
    #expect(!plan.notes.contains { $0.contains("default of") })
  }

  @Test func `what exceeds a quota is refused before anything is written, each with its figures`()
    async
  {
    let error = await Self.refused([
      ["name": "distributions", "value": 1], ["code": "L-7D134442", "value": 0],
      ["name": "staging distributions", "value": 0],
      ["name": "Continuous deployment policies per AWS account", "value": 0],
      ["name": "functions", "value": 0], ["name": "key value stores", "value": 0],
      ["name": "public keys", "value": 0], ["name": "key groups", "value": 0],
    ])
    #expect(error?.code == "quota-exceeded" && error?.exit == .blocked)
    #expect(
      error?.causes.map { String($0.prefix { $0 != "(" }) } == [
        "cache policies: 0 there and 1 more, 0 allowed ",
        "continuous-deployment policies: 0 there and 1 more, 0 allowed ",
        "distributions: 0 there and 2 more, 1 allowed ",
        "functions: 0 there and 1 more, 0 allowed ", "key groups: 0 there and 1 more, 0 allowed ",
        "key value stores: 0 there and 1 more, 0 allowed ",
        "public keys: 0 there and 1 more, 0 allowed ",
        "staging distributions: 0 there and 1 more, 0 allowed ",
      ])
    #expect(error?.causes.first?.contains("L-7D134442") == true)
  }

  @Test func `aliases are counted as one distribution holds them at most, its bridge included`()
    async throws
  {
    let error = await Self.refused([["name": "aliases of one distribution", "value": 1]])
    #expect(
      error?.causes.first?.hasPrefix("aliases of one distribution: 0 there and 2 more, 1 allowed")
        == true, "\(error?.causes ?? [])")
    let plan = try await Self.plan([["name": "aliases of one distribution", "value": 2]])
    #expect(plan.risks == [])
  }

  @Test func `a quota that is not given is a gap and a note within the default, a risk above it`()
    async throws
  {
    var seen: [Inventory.Gap] = []
    let within = try await Self.plan([["name": "functions", "value": .null]]) {
      seen = $0.quotas.gaps
    }
    #expect(seen.map(\.resource) == ["Functions per AWS account"])
    #expect(within.risks == [])
    #expect(
      within.notes.contains {
        $0.contains("functions was not read; 0 there and 1 more are within the default of 100")
      })
    let above = try await Self.plan([["name": "functions", "value": .null]]) {
      $0.quotas.entries[.functions]?.used = 100
    }
    #expect(above.risks.map(\.code) == ["quota-unread"])
    #expect(above.risks.first?.accepted == false)
    #expect(
      above.risks.first?.text.contains(
        "functions: 100 there and 1 more are above the default of 100")
        == true)
  }

  @Test
  func `what could not be counted is a risk, and a refusal where even none would be too many`()
    async throws
  {
    let plan = try await Self.plan([]) { $0.quotas.entries[.functions]?.used = nil }
    #expect(plan.risks.map(\.code) == ["quota-unread"])
    #expect(plan.risks.first?.text.contains("could not be counted") == true)
    let missing = try await Self.plan([]) { $0.quotas.entries[.functions] = nil }
    #expect(missing.risks.map(\.code) == ["quota-unread"])
    let error = await Self.refused([["name": "functions", "value": 0]]) {
      $0.quotas.entries[.functions]?.used = nil
    }
    #expect(error?.code == "quota-exceeded")
  }

  // MARK: Reading

  static func read(
    _ wanted: Set<AccountQuota>, _ accounts: [JSONValue] = [],
    refusing: Set<String> = []
  ) async throws -> QuotaScene {
    let model = SharedModel(CloudFrontModel(accounts: [MoveWorld.target]))
    let clock = VirtualClock()
    try model.with { (it: inout CloudFrontModel) throws(FerryError) in
      try it.load(
        ["schema": "edgeferry.inventory/1", "accounts": .array(accounts)], now: clock.now)
    }
    let transport = ModelTransport(
      model, account: MoveWorld.target, clock: clock,
      faults: .init(before: { request, _ throws(FerryError) in
        guard refusing.contains(request.operation) else { return nil }
        return ServiceResponse(
          status: 400, headers: ["content-type": "application/x-amz-json-1.1"],
          body: Array(#"{"__type":"AccessDeniedException","message":"no"}"#.utf8))
      }))
    return try await QuotaReader(transport: transport, account: MoveWorld.target).read(wanted)
  }

  @Test func `what is there is counted over all pages, AWS's own left out`() async throws {
    let policies = (0..<120).map { index -> JSONValue in
      ["id": .string("p\(index)"), "config": ["Name": .string("n\(index)"), "MinTTL": 1]]
    }
    let distributions = (0..<130).map { index -> JSONValue in
      [
        "id": .string("E\(index)"),
        "config": ["CallerReference": .string("\(index)"), "Staging": .bool(index < 7)],
      ]
    }
    let scene = try await Self.read(
      Set(AccountQuota.allCases).subtracting([.realtimeLogConfigs, .vpcOrigins]),
      [
        [
          "id": .string(MoveWorld.target), "cachePolicies": .array(policies),
          "distributions": .array(distributions),
          "quotas": [["name": "cache policies", "value": 300]],
        ]
      ])
    #expect(scene.gaps == [])
    #expect(scene.entries[.cachePolicies] == .init(limit: 300, standard: 20, used: 120))
    #expect(scene.entries[.distributions]?.used == 130)
    #expect(scene.entries[.stagingDistributions]?.used == 7)
    #expect(scene.entries[.originRequestPolicies]?.used == 0)
    #expect(scene.entries[.aliases] == .init(limit: 100, standard: 100, used: 0))
    #expect(scene.entries.count == AccountQuota.allCases.count - 2)
  }

  @Test func `a refused read is a gap with the action that it needs, and nothing is assumed`()
    async throws
  {
    let scene = try await Self.read(
      [.functions],
      refusing: ["ListServiceQuotas", "ListAWSDefaultServiceQuotas", "ListFunctions"])
    #expect(scene.entries[.functions] == .init(limit: nil, standard: 100, used: nil))
    #expect(
      Set(scene.gaps.map(\.action)) == [
        "servicequotas:ListServiceQuotas", "servicequotas:ListAWSDefaultServiceQuotas",
        "cloudfront:ListFunctions",
      ])
    let one = try await Self.read([.functions], refusing: ["ListServiceQuotas"])
    #expect(one.entries[.functions] == .init(limit: nil, standard: 100, used: 0))
    #expect(one.gaps.map(\.call) == ["ListServiceQuotas"])
  }
}

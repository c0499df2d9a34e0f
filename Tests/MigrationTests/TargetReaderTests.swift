import FerryCloudFront
import FerryCore
import FerryModel
import Testing

@testable import Migration

struct TargetReaderTests {
  static func policy(_ name: String, id: String) -> JSONValue {
    ["id": .string(id), "config": ["Name": .string(name), "MinTTL": 1]]
  }
  static func wanted(_ kind: ResourceKind, _ name: String) -> Inventory.Resource {
    Inventory.Resource(kind, id: name, name: name, document: XElement(kind.configElement ?? ""))
  }
  static func read(
    _ account: [String: JSONValue], _ wanted: [Inventory.Resource], calls: Calls = Calls(),
    refuse: @escaping @Sendable (ServiceRequest) -> ServiceResponse? = { _ in nil }
  ) async throws -> TargetScene {
    let model = SharedModel(CloudFrontModel(accounts: [Fixture.account]))
    let clock = VirtualClock()
    var document = account
    document["id"] = .string(Fixture.account)
    try model.with { (it: inout CloudFrontModel) throws(FerryError) in
      try it.load(
        ["schema": "edgeferry.inventory/1", "accounts": [.object(document)]], now: clock.now)
    }
    var closure = Inventory.Account(id: "999999999999")
    closure.resources = wanted
    return try await TargetReader(
      transport: ModelTransport(
        model, account: Fixture.account, clock: clock,
        faults: .init(before: { request, _ throws(FerryError) in
          calls.count(request)
          return refuse(request)
        })), account: Fixture.account
    ).read(for: closure)
  }

  @Test
  func
    `each kind is listed once however many names are wanted, and only what has one of them is read`()
    async throws
  {
    let calls = Calls()
    let scene = try await Self.read(
      [
        "cachePolicies": .array((0..<150).map { Self.policy("cache-\($0)", id: "c\($0)") }),
        "functions": [
          [
            "id": "rewrite", "name": "rewrite", "stage": "LIVE", "code": "ZQ==",
            "config": ["Comment": "", "Runtime": "cloudfront-js-2.0"],
          ],
          [
            "id": "draft", "name": "draft", "stage": "DEVELOPMENT", "code": "ZQ==",
            "config": ["Comment": "", "Runtime": "cloudfront-js-2.0"],
          ],
        ],
      ],
      (140..<160).map { Self.wanted(.cachePolicy, "cache-\($0)") }
        + ["rewrite", "draft", "other"].map { Self.wanted(.function, $0) }
        + [Self.wanted(.keyValueStore, "none"), Self.wanted(.keyGroup, "none")], calls: calls)
    #expect(scene.gaps == [])
    #expect(
      Set(scene.resources.map(\.id)) == Set((140..<150).map { "c\($0)" } + ["rewrite"]))
    #expect(calls.twice == [])
    #expect(
      calls.made == [
        "ListCachePolicies", "GetCachePolicy", "ListFunctions", "DescribeFunction", "GetFunction",
        "ListKeyValueStores", "ListKeyGroups", "ListCertificates",
      ])
  }

  @Test func `a list that is denied is one gap, never an absence`() async throws {
    let scene = try await Self.read(
      [:], (0..<3).map { Self.wanted(.cachePolicy, "cache-\($0)") },
      refuse: { request in
        request.operation == "ListCachePolicies"
          ? .awsError(status: 403, code: "AccessDenied", message: "no", requestID: "r") : nil
      })
    #expect(scene.gaps.map(\.call) == ["ListCachePolicies"])
    #expect(scene.resources.isEmpty)
  }
}

import FerryCloudFront
import FerryCore
import Testing

@testable import FerryModel
@testable import Migration

/// Who else holds a name: CloudFront's two lists, and the accounts that can be read.
struct OverlapTests {
  static func distribution(_ id: String, _ aliases: [String]) -> JSONValue {
    MoveScene.distribution(
      id, "d\(id.lowercased()).cloudfront.net", MoveScene.config(id, aliases: aliases))
  }
  static func overlaps(
    refusing: Set<String> = [], reading: [AccountID] = [], unread: [String] = []
  ) async throws -> (found: [AliasScene.Overlap]?, unheard: [String]) {
    let third = "333333333333"
    let model = SharedModel(CloudFrontModel(accounts: [MoveWorld.source, third]))
    let clock = VirtualClock()
    try model.with { (it: inout CloudFrontModel) throws(FerryError) in
      try it.load(
        [
          "schema": "edgeferry.inventory/1",
          "accounts": [
            [
              "id": .string(MoveWorld.source),
              "distributions": [distribution("EPRIMARY", ["www.example.com", "own.example.com"])],
            ],
            [
              "id": .string(third),
              "distributions": [
                distribution("ETHIRD", ["*.example.com"]),
                distribution("EOTHER", ["a.example.net", "b.www.example.com"]),
              ],
            ],
          ],
        ], now: clock.now)
    }
    func client(_ account: AccountID) -> CloudFrontClient {
      CloudFrontClient(
        ModelTransport(
          model, account: account, clock: clock,
          faults: .init(before: { request, _ throws(FerryError) in
            refusing.contains(request.operation)
              ? .awsError(status: 403, code: "AccessDenied", message: "no", requestID: "r") : nil
          })))
    }
    var reader = OverlapReader(client: client(MoveWorld.source), unread: unread)
    for account in reading {
      reader.listed.append(
        .init(account: account, aliases: try await client(account).aliases()))
    }
    let it = try await client(MoveWorld.source).distribution("EPRIMARY")
    return try await reader.overlaps(
      of: "www.example.com",
      on: .init(
        id: it.id, arn: it.arn, domainName: it.domainName, status: it.status, etag: it.etag,
        lastModified: it.lastModified, tags: [:], config: it.config))
  }
  static let own = AliasScene.Overlap(alias: "own.example.com", holder: "EPRIMARY")

  @Test(arguments: [
    [], ["ListDomainConflicts"], ["ListConflictingAliases"],
  ])
  func `either of the two lists is enough, and one that gave nothing is told`(_ refusing: [String])
    async throws
  {
    let it = try await Self.overlaps(refusing: Set(refusing))
    let masked = AliasScene.Overlap(
      alias: "*.example.com", holder: "***IRD", account: "******333333")
    #expect(it.found == [masked, Self.own])
    #expect(it.unheard.count == refusing.count)
    #expect(
      zip(it.unheard, refusing).allSatisfy { $0.hasPrefix("\($1) gave nothing: AccessDenied") })
  }

  @Test func `with neither list nothing is known, even where every account was read`() async throws
  {
    let it = try await Self.overlaps(
      refusing: ["ListDomainConflicts", "ListConflictingAliases"], reading: ["333333333333"])
    #expect(it.found == nil && it.unheard.count == 2)
  }

  @Test func `an account that was read gives the whole id, once`() async throws {
    let it = try await Self.overlaps(reading: [MoveWorld.source, "333333333333"])
    #expect(
      it.found == [
        .init(alias: "*.example.com", holder: "ETHIRD", account: "333333333333"), Self.own,
      ])
    #expect(it.unheard == [])
    let unread = try await Self.overlaps(unread: [
      "the distributions of account x could not be read"
    ])
    #expect(unread.unheard == ["the distributions of account x could not be read"])
  }
}

import FerryCore
import Testing

@testable import Migration

struct MapUseTests {
  @Test func `an entry that nothing of the closure is or names is told, and no other`() throws {
    let source = try #require(MoveScene.everything["accounts"]?.array?.first)
    let closure = try source.decoded(Inventory.Account.self, what: "the source")
    var map = MoveScene.map
    map.buckets = ["assets-1": "new-1", "assets-9": "new-9"]
    map.webACLs = ["arn:aws:wafv2:us-east-1:111111111111:global/webacl/w/1": "x"]
    map.realtimeLogConfigs = [
      "arn:aws:cloudfront::111111111111:realtime-log-config/rl": "y",
      "arn:aws:cloudfront::111111111111:realtime-log-config/other": "z",
    ]
    map.accounts = ["111111111111": "222222222222", "999999999999": "222222222222"]
    let unused = MapUse.unused(of: map, in: closure).map { "\($0.section) \($0.key)" }
    #expect(
      unused == [
        "webACLs arn:aws:wafv2:us-east-1:111111111111:global/webacl/w/1",
        "realtimeLogConfigs arn:aws:cloudfront::111111111111:realtime-log-config/other",
        "buckets assets-9", "accounts 999999999999",
      ])
    #expect(MapUse.unused(of: MigrationMap(), in: closure).isEmpty)
  }
}

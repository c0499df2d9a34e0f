import FerryCore
import Testing

@testable import FerryCommand

struct MapFileTests {
  static func read(_ text: String) throws -> MigrationMap {
    try Context.migrationMap(text, named: "map.yaml")
  }

  @Test func `the map of the design is read, and what is written comes back`() throws {
    let map = try Self.read(
      """
      version: 1
      certificates: { "arn:aws:acm:us-east-1:111111111111:certificate/old": "arn:aws:acm:us-east-1:222222222222:certificate/new" }
      webACLs: {}            # source ARN: target ARN
      buckets: { one: two }
      accounts: { "111111111111": "222222222222" }
      """)
    #expect(map.buckets == ["one": "two"] && map.accounts == ["111111111111": "222222222222"])
    #expect(map.certificates.count == 1 && map.webACLs.isEmpty)
    #expect(try Self.read(map.yaml(missing: [])) == map)
    #expect(try Self.read(MigrationMap().yaml(missing: [])) == MigrationMap())
  }

  @Test func `a template names what is missing with its reason and is refused until it is filled`()
    throws
  {
    var map = MigrationMap()
    map.certificates = ["a": "b"]
    let text = map.yaml(missing: [
      (section: "webACLs", id: "arn:w", why: "of another\naccount"),
      (section: "certificates", id: "c", why: "no key"),
    ])
    let error = #expect(throws: FerryError.self) { try Self.read(text) }
    #expect(error?.exit == .usage && error?.what.contains("line 4") == true, "\(text)")
    #expect(!text.contains("another\n"))
    let filled = try Self.read(
      text.replacing("\"c\": \"\"", with: "\"c\": \"d\"").replacing(
        "\"arn:w\": \"\"", with: "\"arn:w\": \"arn:x\""))
    #expect(filled.certificates == ["a": "b", "c": "d"] && filled.webACLs == ["arn:w": "arn:x"])
  }

  @Test(arguments: [
    ("version: 1\nwebacls: {}", "line 2", "unknown key \"webacls\""),
    ("version: 1\nbuckets: [a]", "line 2", "must be a mapping"),
    ("version: 1\nbuckets:\n  a: [b]", "line 3", "must be text"),
    ("version: 1\nbuckets:\n  a: \"\"", "line 3", "empty entry"),
    ("version: 2", "line 1", "not 1"), ("buckets: {}", "map.yaml", "version is missing"),
    ("", "map.yaml", "version is missing"), ("# nothing\n", "map.yaml", "version is missing"),
    ("version: 1\nbuckets: {", "map.yaml", "not valid YAML"),
  ])
  func `a map that cannot be meant is refused with its line`(
    _ text: String, _ place: String, _ why: String
  ) {
    let error = #expect(throws: FerryError.self) { try Self.read(text) }
    #expect(error?.exit == .usage && error?.code == "bad-map")
    #expect(error?.what.contains(place) == true && error?.why.contains(why) == true, "\(error!)")
  }
}

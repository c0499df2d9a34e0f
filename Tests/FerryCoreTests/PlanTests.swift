import Foundation
import Testing

@testable import FerryCore

struct CanonicalJSONTests {
  /// RFC 8785, section 3.2.3 and appendix B.
  @Test(
    arguments: [
      (0.0, "0"), (1e21, "1e+21"), (1e-7, "1e-7"), (0.000001, "0.000001"),
      (333333333.33333329, "333333333.3333333"),
      (1e30, "1e+30"), (4.50, "4.5"), (2e-3, "0.002"), (1e20, "100000000000000000000"),
      (-1.5, "-1.5"), (1.7976931348623157e308, "1.7976931348623157e+308"),
    ])
  func `numbers are written as ECMAScript writes them`(_ number: Double, _ text: String) {
    #expect(JSONValue.double(number).canonical == text)
  }

  @Test func `members are sorted by UTF-16 code units and strings escaped as little as may be`() {
    let value: JSONValue = [
      "\u{20ac}": "Euro", "\r": "CR", "1": "One", "\u{1F600}": "Smiley", "\u{fb33}": "Hebrew",
      "\u{80}": "Control",
    ]
    #expect(
      value.canonical
        == "{\"\\r\":\"CR\",\"1\":\"One\",\"\u{80}\":\"Control\",\"\u{20ac}\":\"Euro\",\"\u{1F600}\":\"Smiley\",\"\u{fb33}\":\"Hebrew\"}"
    )
    #expect(JSONValue.string("\u{1f}\"\\/\n").canonical == "\"\\u001f\\\"\\\\/\\n\"")
  }

  @Test(arguments: [
    (Double.greatestFiniteMagnitude, "9999-12-31T23:59:59Z"), (9.3e18, "9999-12-31T23:59:59Z"),
    (-.infinity, "0000-01-01T00:00:00Z"), (-9.3e18, "0000-01-01T00:00:00Z"),
  ])
  func `a time outside of every calendar is written as the nearest that is in it`(
    _ seconds: Double, _ text: String
  ) {
    #expect(Timestamp.text(Date(timeIntervalSince1970: seconds)) == text)
  }

  @Test func `times are written in UTC and read with any offset`() throws {
    #expect(Timestamp.text(Date(timeIntervalSince1970: 1_795_514_400)) == "2026-11-24T10:00:00Z")
    #expect(Timestamp.text(Date(timeIntervalSince1970: -1)) == "1969-12-31T23:59:59Z")
    #expect(Timestamp.text(Date(timeIntervalSince1970: 951_782_400)) == "2000-02-29T00:00:00Z")
    #expect(
      try #require(Timestamp.read("2026-11-24T12:00:00+02:00")).timeIntervalSince1970
        == 1_795_514_400)
    #expect(Timestamp.read("yesterday") == nil)
  }
}

struct PlanFileTests {
  static let plan = Plan(
    name: "x", capability: "orphans", createdAt: Date(timeIntervalSince1970: 1_795_514_400),
    tool: "edgeferry test", accounts: ["default": "111111111111"],
    observed: .init(inventoryDigest: "sha256:0"),
    steps: [
      Step(
        id: "disable", title: "Disable E1", account: "111111111111",
        action: .setEnabled(distribution: "E1", from: true, to: false),
        expects: .init(etag: "V1", configDigest: "sha256:1"),
        checks: [.init(.deployed, distribution: "E1", typicalSeconds: 300, limitSeconds: 5400)],
        inverse: .setEnabled(distribution: "E1", from: false, to: true))
    ],
    schedule: .init(
      start: Date(timeIntervalSince1970: 1_795_514_400),
      end: Date(timeIntervalSince1970: 1_795_514_700), criticalPathSeconds: 300,
      exposureSeconds: 0), permissions: ["cloudfront:GetDistribution"]
  ).sealed

  @Test func `a sealed plan reads back equal`() throws {
    let bytes = Array(FerryJSON.document(Self.plan).utf8)
    #expect(try Plan.read(bytes, named: "x") == Self.plan)
  }

  @Test func `a plan with one changed byte is refused wherever the byte is`() throws {
    let bytes = Array(FerryJSON.document(Self.plan).utf8)
    for index in bytes.indices {
      var edited = bytes
      edited[index] ^= 0x01
      do {
        let read = try Plan.read(edited, named: "x")
        // A blank between tokens that became another blank would have no meaning in JSON.
        Issue.record("byte \(index) may be changed: \(read.name)")
      } catch {
        #expect(error.exit == .usage)
      }
    }
  }

  @Test func `an unknown key is covered by the digest`() throws {
    var document = JSONValue.of(Self.plan)
    guard case .object(var members) = document else { return }
    members["extra"] = true
    document = .object(members)
    let error = #expect(throws: FerryError.self) {
      try Plan.read(Array(document.canonical.utf8), named: "x")
    }
    #expect(error?.code == .planDigest)
  }

  @Test func `another schema is refused by name`() {
    let error = #expect(throws: FerryError.self) {
      try Plan.read(Array(#"{"schema":"edgeferry.plan/2"}"#.utf8), named: "x")
    }
    #expect(error?.code == "unknown-schema")
    #expect(error?.exit == .usage)
  }

  @Test func `absent parts of a step are written as null`() {
    let step = JSONValue.of(Self.plan)["steps"]?.array?.first
    #expect(step?["gate"] == .null)
    #expect(step?["latest"] == .null)
    #expect(JSONValue.of(Self.plan)["pointOfNoReturn"] == .null)
  }

  @Test(arguments: ["x", "www-example.com", "a_b-1"]) func `plain names are names`(_ name: String) {
    #expect(Plan.isName(name))
  }
  @Test(arguments: [
    "", ".x", "a/b", "..", "a..b", "A", "x y", "\u{e9}", "-x", String(repeating: "a", count: 65),
    "a\0",
  ])
  func `a plan name cannot leave the workspace`(_ name: String) { #expect(!Plan.isName(name)) }
}

struct ChangeWindowTests {
  func window(_ zone: String, _ allow: [String], _ freeze: [String] = []) throws -> ChangeWindow {
    try ChangeWindow(timeZone: zone, allow: allow, freeze: freeze)
  }
  func date(_ seconds: Double) -> Date { Date(timeIntervalSince1970: seconds) }

  /// dns-cutover-facts, E12: the narrowing rule.
  @Test(
    arguments: [
      ("America/New_York", "Sun 01:00-04:00", 1_772_949_600.0, 1_772_956_800.0),
      ("America/New_York", "Sun 01:00-04:00", 1_793_512_800.0, 1_793_523_600.0),
      ("America/New_York", "Sun 02:30-03:30", 1_772_953_200.0, 1_772_955_000.0),
      ("Australia/Lord_Howe", "Sun 01:00-03:00", 1_775_311_200.0, 1_775_320_200.0),
    ])
  func `a clock change narrows a window, never widens it`(
    _ zone: String, _ allow: String, _ start: Double, _ end: Double
  ) throws {
    let window = try window(zone, [allow])
    guard case .closed = window.state(at: date(start - 1)) else {
      Issue.record("open too early")
      return
    }
    #expect(window.state(at: date(start)) == .open(until: date(end)))
    guard case .closed = window.state(at: date(end)) else {
      Issue.record("open too long")
      return
    }
  }

  @Test func `a freeze closes an open window and names its end`() throws {
    let window = try window("Europe/London", ["Tue,Thu 10:00-12:00"], ["2026-12-18/2027-01-04"])
    let inside = try #require(Timestamp.read("2026-12-22T10:30:00Z"))
    #expect(
      window.state(at: inside)
        == .closed(
          opens: Timestamp.read("2027-01-05T10:00:00Z"),
          because: "a freeze lasts until 2027-01-05T00:00:00Z", isFreeze: true))
  }

  @Test func `a range of days may wrap the week and an end before its start is the next day`()
    throws
  {
    let window = try window("UTC", ["Sat..Mon 22:00-02:00"])
    let sunday = try #require(Timestamp.read("2026-11-22T23:00:00Z"))
    #expect(window.state(at: sunday) == .open(until: Timestamp.read("2026-11-23T02:00:00Z")))
    let tuesday = try #require(Timestamp.read("2026-11-24T01:00:00Z"))
    #expect(window.state(at: tuesday) == .open(until: Timestamp.read("2026-11-24T02:00:00Z")))
  }

  @Test func `no hours mean always`() throws {
    #expect(try window("UTC", []).state(at: date(0)) == .open(until: nil))
  }

  @Test(arguments: [
    "", "Mon", "Mon 25:00-26:00", "Xyz 10:00-11:00", "Mon 10:00-10:00", "Mon 10-11",
    "Mon 24:30-25:00",
  ])
  func `hours that cannot be read are refused`(_ text: String) {
    #expect(throws: FerryError.self) { try window("UTC", [text]) }
  }
  @Test(arguments: ["2026-01-02/2026-01-01", "2026-02-30/2026-03-01", "x/y", "2026-01-01"])
  func `freezes that cannot be read are refused`(_ text: String) {
    #expect(throws: FerryError.self) { try window("UTC", [], [text]) }
  }
  @Test func `a zone that does not exist is refused`() {
    #expect(throws: FerryError.self) { try window("Mars/Olympus", []) }
  }
}

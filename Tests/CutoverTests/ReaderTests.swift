import Foundation
import Testing

@testable import Cutover
@testable import FerryCommand
@testable import FerryCore

struct NamesFileTests {
  private func read(_ text: String, to target: String? = nil) throws -> [WantedMove] {
    try NamesFile.read(
      Array(text.utf8), named: "n.csv", target: target.map { DomainName(wire: $0) })
  }

  @Test func `lines are names and targets, in any line ending, with or without quotes`() throws {
    let moves = try read(
      "\u{FEFF}www.example.com,d2.cloudfront.net\r\n\"api.example.com.\" , \"D2.cloudfront.net.\"\n\n"
    )
    #expect(moves.map(\.name.text) == ["www.example.com.", "api.example.com."])
    #expect(Set(moves.map(\.target.text)) == ["d2.cloudfront.net."])
    let alone = try read("www.example.com\n", to: "d2.cloudfront.net.")
    #expect(alone.first?.target.text == "d2.cloudfront.net.")
  }
  @Test(arguments: [
    ("www.example.com\n", 1), ("a.example,b.example\nx,y,z\n", 2), ("a.example,\n", 1),
    ("a.example,b.example\n\na..example,b.example", 3), ("a.example,a.example", 1),
    ("name,target\n*.x.example,*.y.example", 2), ("a.example,.\n", 1),
  ])
  func `a bad line is refused by its number`(_ text: String, _ line: Int) {
    let error = #expect(throws: FerryError.self) { try read(text) }
    #expect(error?.code.rawValue == "bad-names")
    #expect(error?.exit == .usage)
    #expect(error?.what.contains("line \(line) ") == true, "\(error?.what ?? "")")
  }
  @Test func `bytes that are no UTF-8 and files without a name are refused`() {
    #expect(throws: FerryError.self) {
      try NamesFile.read([0x61, 0xFF, 0x2C, 0x62], named: "n.csv", target: nil)
    }
    #expect(throws: FerryError.self) { try read("\n \n") }
  }
}

struct ReaderTests {
  /// A provider that has what the test arranged, and fails it on a write.
  struct FakeZone: ZoneEditor {
    var provider = "fake"
    var values: [RecordKey: RecordValue]
    /// The names that have records of their own; nil where that cannot be told.
    var owners: Set<DomainName>?
    func read(_ keys: [RecordKey]) async throws(FerryError) -> [RecordKey: RecordValue] {
      values.filter { keys.contains($0.key) }
    }
    func own(_ keys: [RecordKey]) async throws(FerryError) -> Set<RecordKey>? {
      owners.map { owners in Set(keys.filter { owners.contains($0.name) }) }
    }
    func write(_ changes: [RecordChange], comment: String) async throws(FerryError) -> String {
      Issue.record("planning wrote \(changes)")
      return ""
    }
    func isInSync(_ change: String) async throws(FerryError) -> Bool? { nil }
    func ticket(_ changes: [RecordChange]) -> String? { nil }
  }
  struct FakeEdge: ServingProbe {
    func look(url: String, at: String?, marker: String?) async -> [ServingLook] {
      // Each distribution by its own name; the alias is the target's on both edges.
      let isSource = at == nil && url.contains("://d111111")
      return [ServingLook(peer: "192.0.2.1:443", status: 200, marker: isSource ? "E1" : "E2")]
    }
  }
  private func reader(
    _ observation: CutoverObservation, zones: [ZoneSettings]? = nil, owner: ZoneSettings? = nil,
    health: HealthPolicy? = nil
  ) -> CutoverReader {
    let values = Dictionary(
      uniqueKeysWithValues: observation.current.map {
        (RecordKey(observation.name, $0.key), $0.value)
      })
    let probe = observation.probe
    return CutoverReader(
      zones: zones ?? [observation.zone], probe: { $0.map { _ in probe } },
      owner: { _ throws(FerryError) in owner },
      place: { _ throws(FerryError) in
        (FakeZone(values: values), "111111111111", "a note") as CutoverReader.Place
      }, serving: FakeEdge(), health: health)
  }
  private func move(_ it: CutoverObservation) -> WantedMove {
    WantedMove(name: it.name, target: it.target)
  }

  @Test func `the provider's own values count, since only it knows of alias records`() async throws
  {
    let it = Scene.records([.a: Scene.alias(Scene.old), .aaaa: Scene.alias(Scene.old)])
    let seen = try await reader(it).observe([move(it)])
    #expect(seen.observations.first?.current == it.current)
    #expect(seen.observations.first?.account == "111111111111")
    #expect(seen.notes == ["a note"])
  }
  @Test func `a name whose zone nothing knows is refused, and a delegated one is a person's`()
    async throws
  {
    let lost = Scene.cname { $0.zone = nil }
    let error = await #expect(throws: FerryError.self) {
      try await reader(lost, zones: []).observe([move(lost)])
    }
    #expect(error?.code.rawValue == "unknown-zone")
    #expect(error?.exit == .usage)
    let found = Scene.cname()
    let seen = try await reader(found, zones: []).observe([move(found)])
    #expect(
      seen.observations.first?.zone
        == ZoneSettings(name: Scene.name("example.com."), provider: .manual))
    let owned = try await reader(found, zones: [], owner: found.zone).observe([move(found)])
    #expect(owned.observations.first?.zone.provider == .route53)
  }
  @Test func `the header's values are learned from source and target, only with health`()
    async throws
  {
    let it = Scene.cname()
    let health = HealthPolicy(url: "https://{name}/", marker: "x-distribution")
    let seen = try await reader(it, health: health).observe([move(it)])
    #expect(seen.observations.first?.sourceMarker == "E1")
    #expect(seen.observations.first?.targetMarker == "E2")
    let plain = try await reader(it).observe([move(it)])
    #expect(plain.observations.first?.targetMarker == nil)
  }
  @Test func `a header that tells nothing is a risk`() throws {
    let health = HealthPolicy(url: "https://{name}/", marker: "x-distribution")
    for (source, target) in [(nil, nil), ("E1", "E1"), ("E1", nil)] as [(String?, String?)] {
      var it = Scene.cname()
      it.sourceMarker = source
      it.targetMarker = target
      let made = try #require(
        try CutoverPlanner.plan([it], input: Scene.input(health: health)))
      #expect(made.plan.risks.map(\.code) == ["marker-unknown"])
    }
  }
  private static let old = RecordValue(ttl: 300, data: [Scene.old])
  /// What is seen of a name in a zone that has these records.
  private func wildcard(
    _ it: CutoverObservation, _ values: [String: [RRType: RecordValue]],
    owners: Set<String>? = nil
  ) async throws -> CutoverObservation.Wildcard? {
    var zone = FakeZone(values: [:], owners: owners.map { Set($0.map(Scene.name)) })
    for (name, sets) in values {
      for (type, value) in sets { zone.values[RecordKey(Scene.name(name), type)] = value }
    }
    let (fake, probe) = (zone, it.probe)
    let reader = CutoverReader(
      zones: [it.zone], probe: { $0.map { _ in probe } },
      owner: { _ throws(FerryError) in nil },
      place: { _ throws(FerryError) in (fake, nil, nil) as CutoverReader.Place })
    return try await reader.observe([move(it)]).observations.first?.wildcard
  }
  @Test func `in Route 53 the closest wildcard that says the same is behind what has no record`()
    async throws
  {
    let it = Scene.cname(300, "q.wild.example.com.")
    let over = ["*.wild.example.com.": [RRType.cname: Self.old]]
    #expect(
      try await wildcard(it, over)
        == .init(name: Scene.name("*.wild.example.com."), isAlone: true))
    #expect(
      try await wildcard(it, ["*.example.com.": [.cname: Self.old]])?.name.text
        == "*.example.com.")
    var own = over
    own["q.wild.example.com."] = [.cname: Self.old]
    #expect(try await wildcard(it, own) == nil)
    let other = RecordValue(ttl: 300, data: ["d9.cloudfront.net."])
    #expect(try await wildcard(it, ["*.wild.example.com.": [.cname: other]]) == nil)
    #expect(try await wildcard(it, [:]) == nil)
    // The answers of an alias record are addresses.
    let alias = Scene.records([.a: Scene.alias(Scene.old)], at: "q.wild.example.com.")
    #expect(
      try await wildcard(alias, ["*.wild.example.com.": [.a: Scene.alias(Scene.old)]])?.isAlone
        == true)
  }
  @Test func `elsewhere a name that answers as the wildcard does is asked for its own records`()
    async throws
  {
    let q = "q.wild.example.com."
    let it = Scene.cname(300, q, provider: .rfc2136)
    // What the servers answer, whether it is a record or a wildcard's.
    let answers = [q, "*.wild.example.com."].reduce(into: [:]) { $0[$1] = [RRType.cname: Self.old] }
    let name = Scene.name("*.wild.example.com.")
    #expect(try await wildcard(it, answers, owners: []) == .init(name: name, isAlone: true))
    #expect(try await wildcard(it, answers, owners: [q]) == nil)
    #expect(try await wildcard(it, answers) == .init(name: name, isAlone: false))
    var upper = answers
    upper["*.example.com."] = [.cname: Self.old]
    #expect(try await wildcard(it, upper, owners: [])?.name.text == "*.example.com.")
    #expect(try await wildcard(it, [q: [.cname: Self.old]], owners: []) == nil)
    var another = answers
    another[q] = [.cname: RecordValue(ttl: 301, data: [Scene.old])]
    #expect(try await wildcard(it, another, owners: []) == nil)
    let itself = Scene.cname(300, "*.wild.example.com.", provider: .rfc2136)
    #expect(try await wildcard(itself, answers, owners: []) == nil)
  }
  @Test func `names of plans come from the names that move`() {
    func derived(_ names: String...) -> String {
      PlanCommand.derived(
        names.map { WantedMove(name: DomainName(wire: $0), target: DomainName(wire: Scene.new)) })
    }
    #expect(derived("www.example.com.") == "www-example-com")
    #expect(derived("*.example.com.") == "wildcard-example-com")
    #expect(derived("www.example.com.", "b.example.com.") == "www-example-com-and-1-more")
    #expect(derived("_acme-challenge.example.com.") == "acme-challenge-example-com")
    let long = derived(String(repeating: "abcdefghi.", count: 20))
    #expect(Plan.isName(long) && Plan.isName(long + ".rollback"))
  }
}

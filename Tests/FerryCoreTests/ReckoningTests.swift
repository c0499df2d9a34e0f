import Foundation
import Testing

@testable import FerryCore

struct ReckoningTests {
  static func date(_ text: String) -> Date { Timestamp.read(text) ?? .distantPast }
  /// A Monday.
  static let monday = date("2026-12-07T00:00:00Z")
  static func window(_ allow: [String], lead: Int = 0) throws -> ChangeWindow {
    try ChangeWindow(timeZone: "UTC", allow: allow, freeze: [], leadSeconds: lead)
  }
  static func step(
    _ id: String, window: String? = "cloudfront", parts: [String]? = nil, typical: Int? = nil,
    wait: Step.Wait? = nil, kind: Step.Check.Kind = .deployed, isWatch: Bool = false
  ) -> Step {
    var out = Step(
      id: id, title: id, account: nil,
      action: isWatch ? .observe : .setEnabled(distribution: "E1", from: true, to: false),
      window: isWatch ? nil : window, wait: wait,
      checks: typical.map { [.init(kind, typicalSeconds: $0)] } ?? [])
    out.parts = parts
    return out
  }

  @Test func `a write waits for its own window, and a wait runs on through a closed one`() throws {
    var terms = Reckoning.Terms()
    terms.windows = [
      "dns": try Self.window(["Tue 10:00-12:00"]),
      "cloudfront": try Self.window(["Mon..Fri 08:00-18:00"]),
    ]
    terms.reserves = ["second": 3600]
    let it = try Reckoning(
      [
        Self.step("first", typical: 300),
        Self.step(
          "second", window: "dns", wait: .init(from: "write", seconds: 36_000, terms: [])),
        Self.step("third", typical: 300), Self.step("fourth"),
      ], terms, start: Self.monday)
    #expect(
      it.times.map(\.start)
        == [
          "2026-12-07T08:00:00Z", "2026-12-08T10:00:00Z", "2026-12-09T08:00:00Z",
          "2026-12-09T08:05:00Z",
        ].map(Self.date))
    // Only what a window makes wait has a time of its own.
    #expect(Set(it.waiting.keys) == ["first", "second", "third"])
    #expect(it.slots["second"]?.latest == Self.date("2026-12-08T11:00:00Z"))
    #expect(it.slots["first"]?.latest == nil && it.slots["first"]?.closes != nil)
    #expect(Reckoning.seconds([Self.step("a", typical: 300), Self.step("b", typical: 7)]) == 307)
  }

  @Test func `lead times count from when the plan was made, each for its own window`() throws {
    var terms = Reckoning.Terms()
    terms.starts = ["dns": Self.monday + 7200]
    let it = try Reckoning(
      [Self.step("a"), Self.step("b", window: "dns"), Self.step("c")], terms, start: Self.monday)
    #expect(it.times.map { $0.start.timeIntervalSince(Self.monday) } == [0, 7200, 7200])
    #expect(it.waiting == ["b": Self.monday + 7200])
  }

  @Test func `parts that wait together are over together`() throws {
    let spans = ["1", "2", "3"].map { part in
      [
        Self.step("write-\(part)", parts: [part]),
        Self.step("await-\(part)", parts: [part], typical: 300, isWatch: true),
        Self.step(
          "bake-\(part)", parts: [part], wait: .init(from: "write", seconds: 900, terms: []),
          isWatch: true),
      ]
    }
    #expect(Reckoning.seconds((0..<3).flatMap { index in spans.map { $0[index] } }) == 1200)
    #expect(Reckoning.seconds(spans.flatMap { $0 }) == 3600)
  }

  @Test func `an outage begins only when the window that ends it will be open`() throws {
    var terms = Reckoning.Terms()
    terms.windows = [
      "dns": try Self.window(["Tue 10:00-12:00"]),
      "cloudfront": try Self.window(["Mon..Fri 08:00-18:00"]),
    ]
    let flip = Self.step("flip", window: "dns")
    terms.relieved = ["stop": (flip, 600)]
    let it = try Reckoning(
      [Self.step("stop", typical: 600), flip], terms, start: Self.monday)
    #expect(it.waiting["stop"] == Self.date("2026-12-08T09:50:00Z"))
    #expect(it.times.last?.start == Self.date("2026-12-08T10:00:00Z"))
    terms.windows["cloudfront"] = try Self.window(["Mon 08:00-18:00"])
    #expect(throws: FerryError.self) {
      try Reckoning([Self.step("stop", typical: 600), flip], terms, start: Self.monday)
    }
  }
}

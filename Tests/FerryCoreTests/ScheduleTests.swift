import FerryTestSupport
import Foundation
import Testing

@testable import FerryCore

struct ScheduleTests {
  let policy = CutoverPolicy()
  private func date(_ seconds: Int) -> Date { Date(timeIntervalSince1970: Double(seconds)) }
  private func time(_ text: String) throws -> Date { try #require(Timestamp.read(text)) }

  /// The nightly windows of E10, 01:00 to 03:00 UTC.
  private func nightly(_ freeze: [(Int, Int)] = []) throws -> ChangeWindow {
    try ChangeWindow(
      timeZone: "UTC", allow: ["Mon..Sun 01:00-03:00"],
      freeze: freeze.map { "\(Timestamp.text(date($0.0)))/\(Timestamp.text(date($0.1)))" })
  }
  private func spans(
    oldTTL: Int, propagation: Int = 60, distribution: Int? = nil, restores: Bool = true,
    bake: Int = 0
  ) throws -> CutoverSchedule.Spans {
    .init(
      lowerWait: try policy.lowerWait(oldTTL: oldTTL), flipWait: policy.flipWait(ttl: 60),
      bake: bake, restores: restores, propagation: propagation,
      distribution: distribution ?? propagation,
      reserve: policy.windowNeed(distribution: 60, ttl: 60), staleHold: policy.staleHoldSeconds)
  }

  @Test func `E1 and E2: without windows every time follows from the waits alone`() throws {
    let one = try CutoverSchedule.solve(
      spans(oldTTL: 3600, propagation: 45), window: nil, start: date(0))
    #expect(one.lower?.earliest == date(0))
    #expect(one.flip == .init(earliest: date(4005), latest: nil, closes: nil))
    #expect(one.allClear == date(4005 + 45 + 240))
    #expect(one.retire == one.allClear + 86_400)
    let two = try CutoverSchedule.solve(spans(oldTTL: 86_400), window: nil, start: date(0))
    #expect(two.flip.earliest == date(90_060))
    #expect(two.allClear == date(90_360))
    #expect(two.retire == date(176_760))
  }
  @Test func `E10: a lowering in one night is followed by the flip in the next that can hold it`()
    throws
  {
    let soon = try CutoverSchedule.solve(
      spans(oldTTL: 86_400), window: nightly(), start: date(3600))
    #expect(soon.lower?.earliest == date(3600))
    #expect(soon.lower?.latest == date(10_800 - 600))
    #expect(soon.flip.earliest == date(93_660))
    #expect(soon.flip.latest == date(97_200 - 600))
    let slow = try CutoverSchedule.solve(
      spans(oldTTL: 86_400, distribution: 7205), window: nightly(), start: date(3600))
    #expect(slow.flip.earliest == date(176_400))
  }
  @Test func `E11: a freeze moves writes, and no wait`() throws {
    let window = try nightly([(80_000, 200_000)])
    let flipped = try CutoverSchedule.solve(
      spans(oldTTL: 86_400), window: window, start: date(3600))
    #expect(flipped.flip.earliest == date(262_800))
    let later = try nightly([(93_800, 200_000)])
    // The flip needs 600 s before the freeze, so this one is asked with a smaller reserve.
    var small = try spans(oldTTL: 86_400)
    small.reserve = 60
    let restored = try CutoverSchedule.solve(small, window: later, start: date(3600))
    #expect(restored.flip.earliest == date(93_660))
    #expect(restored.allClear == date(93_960))
    #expect(restored.restore?.earliest == date(262_800))
  }
  @Test func `a rollback that no longer fits the window closes the step's latest time`() throws {
    let window = try ChangeWindow(
      timeZone: "Europe/London", allow: ["Tue,Thu 10:00-12:00"], freeze: [])
    let schedule = try CutoverSchedule.solve(
      spans(oldTTL: 3600, propagation: 30), window: window, start: time("2026-12-07T09:00:00Z"))
    #expect(schedule.lower?.earliest == (try time("2026-12-08T10:00:00Z")))
    #expect(schedule.lower?.latest == (try time("2026-12-08T11:50:00Z")))
    #expect(schedule.flip.earliest == (try time("2026-12-08T11:06:30Z")))
    #expect(schedule.flip.closes == (try time("2026-12-08T12:00:00Z")))
    // The next Tuesday or Thursday after the close.
    let next = window.nextRollback(after: try time("2026-12-10T12:00:00Z"), seconds: 270)
    #expect(next == (try time("2026-12-15T10:00:00Z")))
    let frozen = try ChangeWindow(
      timeZone: "Europe/London", allow: ["Tue,Thu 10:00-12:00"], freeze: ["2026-12-11/2027-01-04"])
    let closed = try time("2026-12-10T12:00:00Z")
    #expect(frozen.nextRollback(after: closed, seconds: 270) == next)
    #expect(frozen.undoingCloses(from: try time("2026-12-15T10:30:00Z")) == next.map { $0 + 7200 })
    #expect(
      window.localText(try time("2026-07-14T09:00:00Z")) == "Tue 2026-07-14 10:00 Europe/London")
  }
  @Test func `a wait is elapsed time across a clock change, and a window is local time`() throws {
    // In the night to 2026-03-29 London moves from GMT to BST.
    let window = try ChangeWindow(
      timeZone: "Europe/London", allow: ["Sat,Sun 09:00-12:00"], freeze: [])
    let schedule = try CutoverSchedule.solve(
      spans(oldTTL: 79_200, propagation: 0), window: window, start: time("2026-03-28T09:00:00Z"))
    #expect(schedule.lower?.earliest == (try time("2026-03-28T09:00:00Z")))
    // 79200 + 3600 s later is 08:00Z, which is 09:00 in London already.
    #expect(schedule.flip.earliest == (try time("2026-03-29T08:00:00Z")))
  }
  @Test func `a schedule that cannot fit says when the lowering was due at the latest`() throws {
    // Open on 1 December alone, frozen before and for years after.
    let window = try ChangeWindow(
      timeZone: "UTC", allow: ["Tue 10:00-12:00"], freeze: ["2026-12-02/2036-01-01"])
    let error = #expect(throws: FerryError.self) {
      try CutoverSchedule.solve(
        spans(oldTTL: 3600), window: window, start: time("2026-12-01T11:00:00Z"))
    }
    #expect(error?.code.rawValue == "cannot-fit")
    #expect(error?.exit == .blocked)
    // 12:00, less 600 s of reserve, 60 s of propagation and 3960 s of wait.
    let why = error?.why ?? ""
    #expect(why.contains("the latest lower time was 2026-12-01T10:43:00Z"), "\(why)")
    let sooner = try CutoverSchedule.solve(
      spans(oldTTL: 3600, restores: false), window: window, start: time("2026-12-01T10:43:00Z"))
    #expect(sooner.flip.earliest == (try time("2026-12-01T11:50:00Z")))
  }
  @Test func `a window that never opens is refused`() throws {
    let frozen = try ChangeWindow(timeZone: "UTC", allow: [], freeze: ["2020-01-01/2040-01-01"])
    let error = #expect(throws: FerryError.self) {
      try CutoverSchedule.solve(
        spans(oldTTL: 3600), window: frozen, start: time("2026-12-01T11:00:00Z"))
    }
    #expect(error?.exit == .blocked)
    #expect(error?.why.contains("does not open within two years") == true)
  }
  @Test func `a window shorter than a step and its rollback is refused`() throws {
    let short = try ChangeWindow(timeZone: "UTC", allow: ["Mon..Sun 10:00-10:09"], freeze: [])
    let error = #expect(throws: FerryError.self) {
      try CutoverSchedule.solve(
        spans(oldTTL: 3600), window: short, start: time("2026-12-01T11:00:00Z"))
    }
    #expect(error?.code.rawValue == "window-too-short")
  }
  @Test func `days that touch are one span, and one that is never left has no end`() throws {
    let always = try ChangeWindow(timeZone: "UTC", allow: ["Mon..Sun 00:00-24:00"], freeze: [])
    let now = try time("2026-12-01T11:00:00Z")
    #expect(always.span(at: now) == .init(start: now, end: nil))
    #expect(always.longestSpan(after: now) == nil)
    let week = try ChangeWindow(timeZone: "UTC", allow: ["Mon..Fri 00:00-24:00"], freeze: [])
    #expect(week.span(at: now)?.end == (try time("2026-12-05T00:00:00Z")))
    #expect(week.spans(from: now, until: now + 14 * 86_400).count == 3)
    let until = try ChangeWindow(
      timeZone: "UTC", allow: ["Mon..Sun 00:00-24:00"], freeze: ["2026-12-20/2026-12-21"])
    #expect(until.span(at: now)?.end == (try time("2026-12-20T00:00:00Z")))
    #expect(until.span(at: try time("2026-12-21T00:00:00Z")) == nil)
  }
  @Test func `in every zone's odd days a window lies within its local bounds`() throws {
    for (zone, day) in [
      ("America/New_York", "2026-03-08"), ("America/New_York", "2026-11-01"),
      ("Australia/Lord_Howe", "2026-04-05"), ("Australia/Lord_Howe", "2026-10-04"),
      ("Europe/London", "2026-03-29"), ("Europe/London", "2026-10-25"),
      ("Asia/Kolkata", "2026-05-03"),
      ("Pacific/Apia", "2011-12-31"),
    ] {
      for hours in ["00:00-02:00", "01:30-02:30", "02:15-02:45", "23:00-03:00"] {
        let window = try ChangeWindow(timeZone: zone, allow: ["Mon..Sun \(hours)"], freeze: [])
        let noon = try time("\(day)T12:00:00Z")
        for span in window.spans(from: noon - 2 * 86_400, until: noon + 86_400) {
          let end = try #require(span.end)
          #expect(span.start < end, "\(zone) \(day) \(hours)")
          for instant in stride(from: span.start, to: end, by: 300) {
            let local = window.localText(instant).split(separator: " ")[2].prefix(5)
            let (from, to) = (hours.prefix(5), hours.suffix(5))
            let inside = from < to ? (from <= local && local < to) : (from <= local || local < to)
            #expect(inside, "\(zone) \(day) \(hours): \(window.localText(instant))")
          }
        }
      }
    }
  }
}

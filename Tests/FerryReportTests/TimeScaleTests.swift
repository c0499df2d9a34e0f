import Foundation
import Testing

@testable import FerryReport

struct TimeScaleTests {
  private static func scale(_ seconds: [Double], idle: Double? = nil) -> TimeScale {
    TimeScale(
      seconds.map { Date(timeIntervalSince1970: $0) }, from: 0, to: 1000,
      isIdle: { from, _ in from.timeIntervalSince1970 == idle })
  }
  @Test func `stretches of one order share one scale, to the whole width`() {
    let it = Self.scale([0, 300, 600])
    #expect(it.stretches.map(\.isCut) == [false, false])
    #expect(it(Date(timeIntervalSince1970: 300)) == 500)
    #expect(
      it(Date(timeIntervalSince1970: 9000)) == 1000 && it(Date(timeIntervalSince1970: -1)) == 0)
  }
  @Test func `minutes after a day are wide enough to be seen, and the day is marked as cut`() {
    let it = Self.scale([0, 86_400, 400_000, 400_270, 401_170], idle: 86_400)
    #expect(it.stretches.map(\.isCut) == [true, true, false, false])
    #expect(it.stretches.allSatisfy { $0.right - $0.left > 80 })
    #expect(abs((it.stretches.last?.right ?? 0) - 1000) < 0.01)
    // In order, whatever is cut.
    #expect(
      zip(it.stretches, it.stretches.dropFirst()).allSatisfy { abs($0.right - $1.left) < 0.01 })
  }
  @Test func `ticks are round clock times of the zone and keep apart`() throws {
    let kathmandu = try #require(TimeZone(identifier: "Asia/Kathmandu"))
    let it = Self.scale([1_797_328_800, 1_797_336_000])
    let ticks = it.ticks(kathmandu, apart: 62)
    #expect(ticks.count > 4)
    #expect(zip(ticks, ticks.dropFirst()).allSatisfy { $1.x - $0.x >= 62 })
    let clock = LocalClock(zone: kathmandu)
    #expect(
      ticks.allSatisfy {
        ["00", "10", "20", "30", "40", "50", "15", "45"].contains(
          String(clock.time($0.date).suffix(2)))
      })
  }
}

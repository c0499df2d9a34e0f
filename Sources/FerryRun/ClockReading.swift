import FerryCore
import Foundation

/// Both clocks at one instant.
struct ClockReading: Equatable, Sendable {
  /// The wall clock's.
  var at: Date
  var elapsed: Elapsed

  init(at: Date, elapsed: Elapsed) {
    self.at = at
    self.elapsed = elapsed
  }
  init(_ clock: any FerryClock) { self.init(at: clock.now, elapsed: clock.elapsed) }

  /// Seconds that surely went by since an earlier reading, never too many.
  ///
  /// A machine that was restarted may have come up with a wrong wall clock: the time it was down counts for
  /// nothing. Of two machines the wall clocks are all there is to compare.
  func seconds(since earlier: ClockReading) -> Double {
    if elapsed.origin == earlier.elapsed.origin {
      return max(0, elapsed.seconds - earlier.elapsed.seconds)
    }
    func host(_ origin: String) -> Substring { origin.prefix { $0 != "/" } }
    if host(elapsed.origin) == host(earlier.elapsed.origin) { return 0 }
    return max(0, at.timeIntervalSince(earlier.at))
  }
}

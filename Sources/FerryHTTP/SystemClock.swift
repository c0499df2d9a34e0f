import FerryCore
import Foundation

/// The system's wall clock; sleeping ends early only by cancellation.
public struct SystemClock: FerryClock {
  public init() {}
  public var now: Date { Date() }
  public func sleep(seconds: Double) async throws(FerryError) {
    do {
      try await Task.sleep(for: .seconds(max(0, seconds)))
    } catch {
      throw .interrupted
    }
  }
}

extension FerryError {
  /// The work was cancelled by a signal.
  public static var interrupted: FerryError {
    FerryError(
      "interrupted", exit: .interrupted, what: "interrupted", why: "the run was asked to stop",
      next: "run the same command again to resume; what was done is in the journal")
  }
}

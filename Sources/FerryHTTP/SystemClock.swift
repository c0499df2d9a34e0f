import FerryCore
import Foundation

/// The system's wall and boot clocks; sleeping ends early only by cancellation.
public struct SystemClock: FerryClock {
  public init() {}
  public var now: Date { Date() }
  public var elapsed: Elapsed {
    var time = timespec()
    #if os(Linux)
      clock_gettime(CLOCK_BOOTTIME, &time)
    #else
      clock_gettime(CLOCK_MONOTONIC, &time)
    #endif
    return Elapsed(
      seconds: Double(time.tv_sec) + Double(time.tv_nsec) / 1e9, origin: Self.origin)
  }
  /// Without the kernel's boot id, readings of different processes cannot be compared.
  private static let origin: String = {
    let boot = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
    let id = boot?.trimmingCharacters(in: .whitespacesAndNewlines) ?? UUID().uuidString
    return "\(ProcessInfo.processInfo.hostName)/\(id)"
  }()
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

import FerryCore
import Foundation

/// One operator at a time for a plan and its rollback plan.
///
/// Whether one has run out is judged by the clock of whoever asks: machines that share a state are to agree on
/// the time by well under the 40 s between the last renewal due and the end.
public struct Lease: Equatable, Sendable {
  public var plan: String
  /// Unique to one run.
  public var owner: String
  /// Only ever rises.
  public var generation: Int64
  public var renewedAt: Date
  public static let seconds = 60.0
  public static let renewSeconds = 20.0

  func isDue(_ now: Date) -> Bool { now.timeIntervalSince(renewedAt) >= Self.renewSeconds }

  /// Who has a plan, as it is written down; an empty owner once it is released.
  struct Holding: Codable, Equatable, Sendable {
    var plan: String
    var owner: String
    var host: String
    var pid: Int32
    /// Seconds since 1970.
    var expires: Double
    var generation: Int64

    init(plan: String, owner: LeaseOwner, generation: Int64, now: Date) {
      self.plan = plan
      self.owner = owner.name
      host = owner.host
      pid = owner.pid
      expires = now.timeIntervalSince1970 + Lease.seconds
      self.generation = generation
    }
    init(
      plan: String, owner: String, host: String, pid: Int32, expires: Double, generation: Int64
    ) {
      self.plan = plan
      self.owner = owner
      self.host = host
      self.pid = pid
      self.expires = expires
      self.generation = generation
    }

    func isHeld(by lease: Lease) -> Bool {
      plan == lease.plan && owner == lease.owner && generation == lease.generation
    }
    /// - Throws: `lease-taken` while somebody else has it, lives as far as can be seen, and it has not run out.
    func checkFree(for it: LeaseOwner, now: Date) throws(FerryError) {
      let hasDied = host == it.host && isGone(pid)
      let isOver = expires <= now.timeIntervalSince1970
      guard owner != it.name, !owner.isEmpty, !hasDied, !isOver else { return }
      let shown = owner.split(separator: " ").dropLast().joined(separator: " ")
      // What others wrote may be any number.
      let end = Date(timeIntervalSince1970: min(max(expires, 0), 253_402_300_799))
      throw FerryError(
        "lease-taken", exit: .blocked, what: "could not run the plan",
        why: "\(shown) is running it (its lease ends \(Timestamp.text(end)))",
        next: "wait for it, or see `edgeferry status`")
    }
    var released: Holding {
      var out = self
      out.owner = ""
      out.expires = 0
      return out
    }
  }

  static let lost = FerryError(
    "lease-lost", exit: .blocked, what: "could not go on with the plan",
    why: "another operator took it over while this one was paused",
    next: "see `edgeferry status`; nothing further was sent by this run")
}

public struct LeaseOwner: Sendable {
  public var name: String
  /// Where the process number counts: the machine since it was started, and its process name space.
  public var host: String
  public var pid: Int32
  public init(name: String, host: String, pid: Int32) {
    self.name = name
    self.host = host
    self.pid = pid
  }
  public static var current: LeaseOwner {
    let pid = getpid()
    return LeaseOwner(
      name:
        "\(NSUserName())@\(ProcessInfo.processInfo.hostName) process \(pid) \(UInt64.random(in: 0 ... .max))",
      host: place, pid: pid)
  }
  /// Containers share host names such as `runner`, and number their processes alike: a process that cannot be
  /// seen from here must not be taken for one that is gone.
  private static let place: String = {
    let boot = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
    let space = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")
    return [
      ProcessInfo.processInfo.hostName,
      boot?.trimmingCharacters(in: .whitespacesAndNewlines) ?? "", space ?? "",
    ].joined(separator: "/")
  }()
}

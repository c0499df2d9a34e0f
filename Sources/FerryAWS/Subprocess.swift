import FerryCore
import Foundation

/// A child process by posix_spawn, waited for on a thread of its own.
///
/// Not Foundation's `Process`: on Linux its `waitUntilExit` may miss the exit and never return, and it blocks
/// a thread of the concurrency pool, of which there is one for each core.
public struct Subprocess: Sendable {
  public let pid: pid_t
  private let output: Int32
  private struct Life {
    var isWaitedFor = false
    /// From then on its id may be another process's.
    var isReaped = false
    var ending: Ending?
  }
  private let life = Locked(Life())

  /// Starts a program without a shell; stdout comes back through `wait`.
  ///
  /// - Parameters:
  ///   - arguments: the program, found on PATH, and its arguments.
  ///   - stdin: a file to read; nil for nothing.
  ///   - stdout, stderr: files to write to instead; nil captures stdout and inherits stderr.
  ///   - fileMask: the umask of the child; nil for this process's own.
  /// - Throws: `subprocess` when it cannot be started.
  public init(
    _ arguments: [String], environment: [String: String], stdin: String? = nil,
    stdout: String? = nil, stderr: String? = nil, fileMask: mode_t? = nil
  ) throws(FerryError) {
    func fail(_ code: Int32) -> FerryError {
      FerryError(
        "subprocess", what: "could not start \(arguments.first ?? "nothing")",
        why: String(cString: strerror(code)), next: "check that it is on PATH and can be executed")
    }
    var ends: [Int32] = [-1, -1]
    // Not while another thread starts a child, which would hold this one's output open: glibc's pipe2 is not to be had.
    let isOpen = Self.spawning.withLock { () -> Bool in
      guard pipe(&ends) == 0 else { return false }
      for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
      return true
    }
    guard isOpen else { throw fail(errno) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, stdin ?? "/dev/null", O_RDONLY, 0)
    if let stdout {
      posix_spawn_file_actions_addopen(&actions, 1, stdout, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    } else {
      posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    }
    if let stderr {
      posix_spawn_file_actions_addopen(&actions, 2, stderr, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    }
    posix_spawn_file_actions_addclose(&actions, ends[1])
    // What this process ignores or blocks, the child must not.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var defaults = sigset_t()
    sigemptyset(&defaults)
    for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { sigaddset(&defaults, number) }
    posix_spawnattr_setsigdefault(&attributes, &defaults)
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGDEF) | Int16(POSIX_SPAWN_SETSIGMASK))
    var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    var envp: [UnsafeMutablePointer<CChar>?] =
      environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer {
      for pointer in argv { free(pointer) }
      for pointer in envp { free(pointer) }
    }
    var child: pid_t = 0
    let code = Self.masked(fileMask) {
      posix_spawnp(&child, arguments.first ?? "", &actions, &attributes, &argv, &envp)
    }
    close(ends[1])
    guard code == 0 else {
      close(ends[0])
      throw fail(code)
    }
    pid = child
    output = ends[0]
  }

  private static let spawning = NSLock()
  /// posix_spawn sets no umask: the child gets that of the process, which is this one for as long as the call takes. What
  /// another thread makes meanwhile is more private than it asked for.
  private static func masked(_ mask: mode_t?, _ spawn: () -> Int32) -> Int32 {
    spawning.lock()
    defer { spawning.unlock() }
    guard let mask else { return spawn() }
    let own = umask(mask)
    defer { umask(own) }
    return spawn()
  }

  public struct Ending: Sendable {
    /// The exit code, or 128 and the signal's number.
    public var code: Int32
    public var stdout: [UInt8]
  }

  /// Waits for the end; the output that was captured comes with it.
  public func wait() async -> Ending {
    await withCheckedContinuation { continuation in
      let thread = Thread { continuation.resume(returning: finish()) }
      thread.stackSize = 1 << 20
      thread.start()
    }
  }
  private func finish() -> Ending {
    let isFirst = life.withLock { life in
      defer { life.isWaitedFor = true }
      return !life.isWaitedFor
    }
    guard isFirst else {
      while true {
        if let ending = life.withLock({ $0.ending }) { return ending }
        usleep(10_000)
      }
    }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = read(output, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      if count <= 0 || bytes.count > 16 << 20 { break }
      bytes += buffer[..<count]
    }
    close(output)
    var status: Int32 = 0
    var ended = siginfo_t()
    while waitid(P_PID, id_t(pid), &ended, WEXITED | WNOWAIT) < 0, errno == EINTR {}
    return life.withLock { life in
      while waitpid(pid, &status, 0) < 0, errno == EINTR {}
      life.isReaped = true
      let signal = status & 0x7F
      let ending = Ending(
        code: signal == 0 ? (status >> 8) & 0xFF : 128 + signal, stdout: bytes)
      life.ending = ending
      return ending
    }
  }
  /// The first line of stdout, for a server that prints where it listens.
  public func firstLine() async -> String {
    await withCheckedContinuation { continuation in
      let descriptor = output
      Thread.detachNewThread {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while bytes.count < 1 << 20, read(descriptor, &byte, 1) == 1, byte != 0x0A {
          bytes.append(byte)
        }
        continuation.resume(returning: String(decoding: bytes, as: UTF8.self))
      }
    }
  }
  /// Nothing once it has been waited for.
  public func signal(_ number: Int32) {
    life.withLock { if !$0.isReaped { kill(pid, number) } }
  }
}

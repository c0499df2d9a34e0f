import FerryCore
import FerryReport
import Foundation

/// stdout carries the answer, stderr the talk. A closed reader ends the talk, never the work.
public struct Terminal: Sendable {
  public var quiet: Bool
  public var verbose: Bool
  public var colour: Bool
  public var errorIsTerminal: Bool
  public var inputIsTerminal: Bool
  /// Whether lines of stderr can be written over.
  public var rewrites: Bool

  public init(quiet: Bool, verbose: Bool, noColor: Bool, environment: [String: String]) {
    self.quiet = quiet
    self.verbose = verbose
    errorIsTerminal = isatty(STDERR_FILENO) == 1
    inputIsTerminal = isatty(STDIN_FILENO) == 1
    let refused = noColor || !(environment["NO_COLOR"] ?? "").isEmpty
    rewrites = errorIsTerminal && environment["TERM"] != "dumb"
    colour = rewrites && !refused
  }

  /// - Throws: `answer-lost` (1) when stdout takes no more, as on a full disk; a reader that went away is no
  ///   error.
  public func answer(_ text: String) throws(FerryError) {
    let code = Self.write(printable(text), to: STDOUT_FILENO)
    guard code != 0, code != EPIPE, code != EIO else { return }
    throw FerryError(
      "answer-lost", what: "could not write the answer to stdout",
      why: String(cString: strerror(code)),
      next: "free space, then ask again; what was done stays done")
  }
  public func talk(_ line: String) {
    guard !quiet else { return }
    Self.write(printable(line) + "\n", to: STDERR_FILENO)
  }
  /// A warning is shown even when quiet: it is about what the answer is worth.
  public func warn(_ line: String) {
    Self.write(
      (colour ? "\u{1B}[33mwarning:\u{1B}[0m " : "warning: ") + printable(line) + "\n",
      to: STDERR_FILENO)
  }
  /// Rewrites one line on a terminal; elsewhere it prints nothing.
  public func progress(_ line: String?) {
    guard errorIsTerminal, !quiet else { return }
    // A line that wraps could not be rewritten.
    Self.write("\r\u{1B}[K" + printable(line ?? "").prefix(size.columns - 1), to: STDERR_FILENO)
  }
  /// Columns and rows of the terminal; 80 by 24 where it does not say.
  public var size: (columns: Int, rows: Int) {
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
      return (80, 24)
    }
    return (Int(size.ws_col), size.ws_row > 0 ? Int(size.ws_row) : 24)
  }

  /// A line typed on the terminal, or nil at its end or when the run was interrupted meanwhile.
  public static func typed() -> String? {
    var bytes: [UInt8] = []
    var byte: UInt8 = 0
    while !Task.isCancelled {
      var ready = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
      guard poll(&ready, 1, 100) > 0 else { continue }
      let count = Foundation.read(STDIN_FILENO, &byte, 1)
      if count < 0, errno == EINTR { continue }
      guard count == 1 else { return nil }
      if byte == 0x0A { return String(decoding: bytes, as: UTF8.self) }
      bytes.append(byte)
    }
    return nil
  }

  /// Writes as it is: what is foreign in it must have been escaped.
  /// - Returns: 0, or the `errno` that ended it.
  @discardableResult
  public static func write(_ text: String, to descriptor: Int32) -> Int32 {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if count > 0 {
        bytes = bytes.dropFirst(count)
      } else if errno != EINTR {
        return errno
      }
    }
    return 0
  }

  /// `error[code]: what / why / next`, every foreign text escaped.
  public static func text(_ error: FerryError, colour: Bool) -> String {
    let head =
      colour
      ? "\u{1B}[31merror[\(error.code.rawValue)]:\u{1B}[0m" : "error[\(error.code.rawValue)]:"
    var out = "\(head) \(safe(error.what, limit: 2000))\n  why:  \(safe(error.why, limit: 4000))\n"
    for cause in error.causes { out += "        - \(safe(cause, limit: 2000))\n" }
    return out + "  next: \(safe(error.next, limit: 2000))\n"
  }
  public static func json(_ error: FerryError) -> String {
    var members: [String: JSONValue] = [
      "schema": "edgeferry.error/1", "code": .string(error.code.rawValue),
      "what": .string(error.what), "why": .string(error.why), "next": .string(error.next),
    ]
    if !error.causes.isEmpty { members["causes"] = .array(error.causes.map(JSONValue.string)) }
    return jsonSafe(JSONValue.object(members).canonical) + "\n"
  }
}

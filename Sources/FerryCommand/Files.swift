import FerryCore
import FerryReport
import Foundation

/// Files that a person named: read whole within a limit, written atomically.
public enum Files {
  /// - Parameter refuseLooseModes: for what decides on writes (settings, plans): nobody but its owner may
  ///   be able to change it.
  /// - Parameter isSecret: nobody but its owner may be able to read it, either.
  /// - Throws: `.badInput` (64): `no-such-file`, `unreadable-file`, `file-too-large`, `loose-mode`.
  public static func read(
    _ path: String, what: String, limit: Int = 256 << 20, refuseLooseModes: Bool = false,
    isSecret: Bool = false
  ) throws(FerryError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw .badInput(
        "no-such-file", what: "could not read \(what) \(path)",
        why: String(cString: strerror(errno)),
        next: "check the path")
    }
    defer { close(descriptor) }
    var info = stat()
    let refused: mode_t = isSecret ? 0o077 : refuseLooseModes ? 0o022 : 0
    if refused != 0, fstat(descriptor, &info) == 0, info.st_mode & S_IFMT == S_IFREG,
      info.st_mode & refused != 0
    {
      throw .badInput(
        "loose-mode", what: "could not use \(what) \(path)",
        why:
          "others may \(isSecret ? "read or write" : "write") it (mode \(String(info.st_mode & 0o777, radix: 8)))",
        next: isSecret
          ? "chmod 600 \(shellWord(path)); if others could read it, make a new secret"
          : "chmod go-w \(shellWord(path)), after a look at what it says")
    }
    var out: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Foundation.read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw .badInput(
          "unreadable-file", what: "could not read \(what) \(path)",
          why: String(cString: strerror(errno)), next: "check the path")
      }
      if count == 0 { return out }
      out += buffer[..<count]
      guard out.count <= limit else {
        throw .badInput(
          "file-too-large", what: "could not read \(what) \(path)",
          why: "it is larger than \(limit >> 20) MiB", next: "check the path")
      }
    }
  }

  /// Writes through a temporary file beside the target, so that a reader sees the old or the new.
  public static func write(_ text: String, to path: String, mode: mode_t = 0o644) throws(FerryError)
  {
    try write(Array(text.utf8), to: path, mode: mode)
  }
  public static func write(_ content: [UInt8], to path: String, mode: mode_t = 0o644)
    throws(FerryError)
  {
    try write([content[...]], to: path, mode: mode)
  }
  /// - Parameter pieces: the content, one piece after the other.
  public static func write(_ pieces: [ArraySlice<UInt8>], to path: String, mode: mode_t = 0o644)
    throws(FerryError)
  {
    func fail(_ code: Int32) -> FerryError {
      FerryError(
        "file-write", what: "could not write \(path)", why: String(cString: strerror(code)),
        next: "free space or choose another place; nothing was changed")
    }
    let temporary = "\(path).\(UInt64.random(in: 0 ... .max)).tmp"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw fail(errno) }
    // A secret is its owner's alone under every umask, and its owner's under a umask that takes too much.
    if mode == 0o600 { fchmod(descriptor, mode) }
    for piece in pieces {
      var bytes = piece
      while !bytes.isEmpty {
        let count = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else {
          let code = errno
          close(descriptor)
          unlink(temporary)
          throw fail(code)
        }
        bytes = bytes.dropFirst(count)
      }
    }
    guard fsync(descriptor) == 0, close(descriptor) == 0, rename(temporary, path) == 0 else {
      let code = errno
      unlink(temporary)
      throw fail(code)
    }
  }

  /// Adds to the end of a file, such as the step summary of a CI run; makes it where there is none.
  package static func append(_ text: String, to path: String) throws(FerryError) {
    func fail() -> FerryError {
      FerryError(
        "file-write", what: "could not write \(path)", why: String(cString: strerror(errno)),
        next: "free space or choose another place")
    }
    let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw fail() }
    defer { close(descriptor) }
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw fail() }
      bytes = bytes.dropFirst(count)
    }
  }
}

import FerryCore
import Foundation

/// The files of the AWS tools: read as they are, and token caches replaced as those tools do it.
enum AWSFiles {
  /// A regular file's bytes, up to 16 MiB; nil when it is not there, no file, or cannot be opened.
  static func read(_ path: String) -> [UInt8]? {
    // Not blocking: a FIFO in the place of a file must not hold the command up.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var facts = stat()
    guard fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else { return nil }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while bytes.count <= 16 << 20 {
      let count = Foundation.read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      if count < 0 { return nil }
      if count == 0 { return bytes }
      bytes += buffer[..<count]
    }
    return nil
  }

  /// A new file beside the old one, synced, mode 0600, then renamed over it.
  static func replace(_ path: String, with bytes: [UInt8]) throws(FerryError) {
    func fail() -> FerryError {
      FerryError(
        "cache-write", what: "could not write \(path)", why: String(cString: strerror(errno)),
        next: "make the folder writable")
    }
    let temporary = "\(path).\(UUID().uuidString).tmp"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw fail() }
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      rest = rest.dropFirst(count)
    }
    guard rest.isEmpty, fsync(descriptor) == 0, close(descriptor) == 0,
      rename(temporary, path) == 0
    else {
      let error = fail()
      unlink(temporary)
      throw error
    }
  }
}

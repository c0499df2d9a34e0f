import FerryCore
import FerryHTTP
import Foundation

/// Asks the person at the terminal for something that is not to be seen.
enum TerminalPrompt {
  /// Reads one line from /dev/tty without echo.
  ///
  /// - Throws: `no-terminal` when the process has none; `interrupted` when the work was cancelled.
  static func ask(_ question: String) async throws(FerryError) -> String {
    let cancelled = Locked(false)
    let answer: Result<String, FerryError> = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        Thread.detachNewThread {
          continuation.resume(returning: read(question) { cancelled.withLock { $0 } })
        }
      }
    } onCancel: {
      cancelled.withLock { $0 = true }
    }
    return try answer.get()
  }

  private static func read(_ question: String, isCancelled: () -> Bool)
    -> Result<String, FerryError>
  {
    let terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)
    guard terminal >= 0 else {
      return .failure(
        FerryError(
          "no-terminal", what: "could not ask for something", why: "there is no terminal to ask on",
          next: "run the command on a terminal"))
    }
    defer { close(terminal) }
    var before = termios()
    let isQuiet = tcgetattr(terminal, &before) == 0
    if isQuiet {
      var silent = before
      silent.c_lflag &= ~tcflag_t(ECHO)
      tcsetattr(terminal, TCSAFLUSH, &silent)
    }
    defer {
      if isQuiet { tcsetattr(terminal, TCSAFLUSH, &before) }
      _ = "\n".withCString { write(terminal, $0, 1) }
    }
    _ = question.withCString { write(terminal, $0, strlen($0)) }
    var bytes: [UInt8] = []
    while bytes.count < 1024 {
      if isCancelled() { return .failure(.interrupted) }
      var ready = pollfd(fd: terminal, events: Int16(POLLIN), revents: 0)
      guard poll(&ready, 1, 100) > 0 else { continue }
      var byte: UInt8 = 0
      guard Foundation.read(terminal, &byte, 1) == 1, byte != 0x0A else { break }
      bytes.append(byte)
    }
    return .success(String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespaces))
  }
}

import FerryAWS
import FerryCommand
import FerryCore
import FerryHTTP
import Foundation

/// Tells people and monitors how a sweep went. What cannot be told is a warning: the sweep is done by then.
struct SweepNotifier: Sendable {
  var context: Context
  /// Tries of the webhook, and seconds before the second; doubled each time.
  static let attempts = 4
  static let firstDelaySeconds = 1.0
  static let deadlineSeconds = 20.0

  /// - Parameter isNews: whether anything changed; without news only `always` is told.
  func tell(_ document: JSONValue, isNews: Bool) async {
    guard let settings = context.settings.notify, isNews || settings.always else { return }
    let body = Array((document.canonical + "\n").utf8)
    if let hook = settings.hook {
      do throws(FerryError) {
        try await run(hook, body)
      } catch {
        context.terminal.warn("the hook was not told: \(error.what): \(error.why)")
      }
    }
    if let url = settings.webhook {
      do throws(FerryError) {
        try await post(body, to: url, secretFile: settings.secretFile)
      } catch {
        context.terminal.warn("the webhook was not told: \(error.what): \(error.why)")
      }
    }
  }

  private func run(_ hook: String, _ body: [UInt8]) async throws(FerryError) {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent(
      "edgeferry-sweep-\(UUID().uuidString).json"
    ).path
    try Files.write(body, to: file, mode: 0o600)
    defer { unlink(file) }
    var environment = context.environment
    environment["EDGEFERRY_EVENT"] = "sweep"
    environment["EDGEFERRY_REPORT"] = file
    let path = URL(fileURLWithPath: hook, relativeTo: context.settingsFolder).path
    let ending = await
      (try Subprocess(
        [path], environment: environment, stdin: file, stdout: "/dev/null")).wait()
    guard ending.code == 0 else {
      throw FerryError(
        "hook", what: "could not run \(hook)", why: "it ended with \(ending.code)",
        next: "run it by hand with the report on its standard input")
    }
  }

  private func post(_ body: [UInt8], to url: String, secretFile: String?) async throws(FerryError) {
    var headers = [
      (name: "content-type", value: "application/json"),
      (name: "x-edgeferry-event", value: "sweep"),
    ]
    if let secretFile {
      let path = URL(fileURLWithPath: secretFile, relativeTo: context.settingsFolder).path
      var key = try Files.read(path, what: "the webhook's secret", limit: 1 << 12, isSecret: true)
      while let last = key.last, last == 0x0A || last == 0x0D { key.removeLast() }
      headers.append(
        (
          name: "x-edgeferry-signature-256",
          value: "sha256=\(Digest.hex(Digest.hmac(key: key, body)))"
        ))
    }
    let request = HTTPRequest(
      method: "POST", url: url, headers: headers, body: body,
      deadlineSeconds: Self.deadlineSeconds)
    var delay = Self.firstDelaySeconds
    for attempt in 1...Self.attempts {
      let problem: String
      switch await result(of: request) {
      case .success(let status) where (200..<300).contains(status): return
      case .success(let status) where status == 408 || status == 429 || status >= 500:
        problem = "it answered \(status)"
      case .success(let status):
        // Another request would be refused just the same.
        throw Self.failed("it answered \(status)")
      case .failure(let error):
        if error.exit == .interrupted { throw error }
        problem = error.why
      }
      guard attempt < Self.attempts else { throw Self.failed("\(problem), \(Self.attempts) times") }
      try await context.clock.sleep(seconds: delay)
      delay *= 2
    }
  }
  private func result(of request: HTTPRequest) async -> Result<Int, FerryError> {
    do throws(FerryError) {
      return .success(try await context.send(request).status)
    } catch {
      return .failure(error)
    }
  }
  private static func failed(_ why: String) -> FerryError {
    FerryError(
      "webhook", what: "could not post to the webhook", why: why,
      next: "check sweep.notify in the settings")
  }
}

import FerryAWS
import FerryCore
import FerryHTTP
import Foundation

/// moto's server of one test's own on a loopback port; ended by `stop`, by its process id.
struct MotoServer {
  let process: Subprocess
  let url: String

  static func start(_ ferry: Ferry) async throws -> MotoServer {
    let talk = ferry.folder.appendingPathComponent(".moto-talk").path
    for _ in 0..<4 {
      let port = try NameServer.freePort()
      let process = try Subprocess(
        [Ferry.python, "-m", "moto.server", "-H", "127.0.0.1", "-p", "\(port)"],
        environment: ferry.environment, stdout: talk + ".out", stderr: talk)
      let url = "http://127.0.0.1:\(port)"
      // It says so itself once it listens.
      for _ in 0..<3000 {
        if text(talk).contains("Running on") { return MotoServer(process: process, url: url) }
        guard isRunning(process) else { break }
        try await Task.sleep(for: .milliseconds(100))
      }
      process.signal(SIGTERM)
      _ = await process.wait()
    }
    throw FerryError("moto", what: "moto's server did not start", why: text(talk), next: "")
  }
  /// Whether it has not ended yet, be it waited for or not.
  static func isRunning(_ process: Subprocess) -> Bool {
    var info = siginfo_t()
    return waitid(P_PID, id_t(process.pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0
      && info.si_signo == 0
  }
  func stop() async {
    process.signal(SIGTERM)
    _ = await process.wait()
  }

  var variables: [String: String] {
    [
      "AWS_ACCESS_KEY_ID": "AKIAMOTO", "AWS_SECRET_ACCESS_KEY": "secret",
      "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1",
      "AWS_ENDPOINT_URL_ROUTE_53": url, "AWS_ENDPOINT_URL_STS": url,
    ]
  }
  /// Our own transport, as every command makes it.
  func session(_ ferry: Ferry) throws -> AWSSession {
    try AWSSession(
      profile: nil, roleARN: nil, region: nil, endpointURL: nil,
      environment: ferry.environment.merging(variables) { $1 }, engine: HTTPEngine(),
      clock: SystemClock())
  }
  /// The AWS CLI, which answers in JSON.
  func cli(_ ferry: Ferry, _ arguments: String...) async throws -> Ferry.Answer {
    let environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("AWS_") }
      .merging(ferry.environment) { $1 }.merging(variables) { $1 }
    return try await ferry.run(
      ["-m", "awscli", "route53"] + arguments + ["--output", "json"], extra: environment,
      program: Ferry.python)
  }
}

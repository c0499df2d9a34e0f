import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// The built binary, run as a user runs it.
struct Ferry {
  struct Answer {
    var code: Int32
    var out: String
    var talk: String
    var json: JSONValue { (try? JSONValue.read(Array(out.utf8), what: "stdout")) ?? .null }
    /// `edgeferry.error/1` on stderr: the last line.
    var error: JSONValue {
      let last = talk.split(separator: "\n").last.map(String.init) ?? ""
      return (try? JSONValue.read(Array(last.utf8), what: "stderr")) ?? .null
    }
  }

  static let binary = Shared.package.appendingPathComponent(".build/debug/edgeferry")

  /// A fresh workspace, removed when the value's owner calls `remove`.
  let folder: URL
  var environment: [String: String]

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "edgeferry-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    environment = ProcessInfo.processInfo.environment.filter {
      !$0.key.hasPrefix("AWS_") && !$0.key.hasPrefix("EDGEFERRY_")
    }
    environment["HOME"] = folder.path
    environment["AWS_EC2_METADATA_DISABLED"] = "true"
  }
  func remove() { try? FileManager.default.removeItem(at: folder) }

  func write(_ text: String, to name: String) throws {
    let url = folder.appendingPathComponent(name)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try text.write(to: url, atomically: true, encoding: .utf8)
  }
  func read(_ name: String) throws -> JSONValue {
    try JSONValue.read(Array(Data(contentsOf: folder.appendingPathComponent(name))), what: name)
  }

  func callAsFunction(_ arguments: String..., extra: [String: String] = [:]) throws -> Answer {
    try run(arguments, extra: extra)
  }
  func run(_ arguments: [String], extra: [String: String] = [:], path: URL = Ferry.binary) throws
    -> Answer
  {
    let (process, out, talk) = try start(arguments, extra: extra, path: path)
    // Both pipes are files, so that neither can fill up.
    process.waitUntilExit()
    defer {
      try? FileManager.default.removeItem(at: out)
      try? FileManager.default.removeItem(at: talk)
    }
    let code =
      process.terminationReason == .uncaughtSignal
      ? 128 + process.terminationStatus : process.terminationStatus
    return Answer(
      code: code, out: String(decoding: try Data(contentsOf: out), as: UTF8.self),
      talk: String(decoding: try Data(contentsOf: talk), as: UTF8.self))
  }
  func start(_ arguments: [String], extra: [String: String] = [:], path: URL = Ferry.binary) throws
    -> (process: Process, out: URL, talk: URL)
  {
    let process = Process()
    process.executableURL = path
    process.arguments = arguments
    process.currentDirectoryURL = folder
    process.environment = environment.merging(extra) { $1 }
    process.standardInput = FileHandle.nullDevice
    let out = folder.appendingPathComponent(".out-\(UUID().uuidString)")
    let talk = folder.appendingPathComponent(".talk-\(UUID().uuidString)")
    for url in [out, talk] { try Data().write(to: url) }
    process.standardOutput = try FileHandle(forWritingTo: out)
    process.standardError = try FileHandle(forWritingTo: talk)
    try process.run()
    return (process, out, talk)
  }
}

/// A lab of one test's own, stopped by `stop`.
final class RunningLab {
  let process: Process
  let ready: JSONValue
  var api: String { ready["api"]?.string ?? "" }

  init(_ ferry: Ferry, _ arguments: [String] = []) throws {
    let file = ferry.folder.appendingPathComponent("ready-\(UUID().uuidString).json")
    let started = try ferry.start(
      ["lab", "serve", "--api", "127.0.0.1:0", "--ready-file", file.path] + arguments)
    process = started.process
    while !FileManager.default.fileExists(atPath: file.path) {
      guard process.isRunning else {
        throw FerryError(
          "lab", what: "the lab did not start",
          why: (try? String(contentsOf: started.talk, encoding: .utf8)) ?? "", next: "")
      }
      usleep(10_000)
    }
    ready = try JSONValue.read(Array(Data(contentsOf: file)), what: "ready file")
  }
  /// The variables that point a client at this lab as one of its accounts.
  func variables(account: String = "111111111111") -> [String: String] {
    [
      "AWS_ACCESS_KEY_ID": ready["accounts"]?[account]?["accessKeyId"]?.string ?? "",
      "AWS_SECRET_ACCESS_KEY": ready["accounts"]?[account]?["secretAccessKey"]?.string ?? "",
      "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": api,
    ]
  }
  func stop() {
    process.terminate()
    process.waitUntilExit()
  }
}

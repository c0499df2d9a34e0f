import FerryAWS
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

  /// The one of the same build as these tests, so that a sanitized build tests its own binary.
  static let binary: URL = {
    let exe = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    let beside = exe.deletingLastPathComponent().appendingPathComponent("edgeferry")
    return FileManager.default.isExecutableFile(atPath: beside.path)
      ? beside : Shared.package.appendingPathComponent(".build/debug/edgeferry")
  }()

  /// A program of another language beside the tests: a client of the lab, an oracle, a server.
  static func client(_ name: String) -> String {
    Shared.package.appendingPathComponent("Tests/EndToEndTests/clients/\(name)").path
  }
  /// A Python with boto3.
  static let python = ProcessInfo.processInfo.environment["EDGEFERRY_PYTHON"] ?? "python3"

  /// A program beside that Python or on PATH.
  static func tool(_ name: String) -> String? {
    let beside = URL(fileURLWithPath: python).deletingLastPathComponent().path
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    return ([beside] + path.split(separator: ":").map(String.init)).map { "\($0)/\(name)" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

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
    // Whatever the umask: settings that the group may write are refused.
    chmod(url.path, 0o644)
  }
  /// A program, put there by another process: one that this process still has open for writing, in a child that
  /// a parallel test is just starting, could not be run ("Text file busy").
  func writeProgram(_ text: String, to name: String) throws {
    try write(text, to: "\(name).text")
    let place = folder.appendingPathComponent(name).path
    let child = try Subprocess(
      ["install", "-m", "755", place + ".text", place], environment: environment)
    var status: Int32 = 0
    while waitpid(child.pid, &status, 0) < 0, errno == EINTR {}
  }
  func read(_ name: String) throws -> JSONValue {
    try JSONValue.read(Array(Data(contentsOf: folder.appendingPathComponent(name))), what: name)
  }

  func callAsFunction(_ arguments: String..., extra: [String: String] = [:]) async throws -> Answer
  {
    try await run(arguments, extra: extra)
  }
  func run(
    _ arguments: [String], extra: [String: String] = [:], program: String = Ferry.binary.path
  ) async throws -> Answer {
    let started = try start(arguments, extra: extra, program: program)
    let ending = await started.process.wait()
    defer {
      try? FileManager.default.removeItem(at: started.out)
      try? FileManager.default.removeItem(at: started.talk)
    }
    return Answer(
      code: ending.code, out: String(decoding: try Data(contentsOf: started.out), as: UTF8.self),
      talk: String(decoding: try Data(contentsOf: started.talk), as: UTF8.self))
  }
  func start(
    _ arguments: [String], extra: [String: String] = [:], program: String = Ferry.binary.path
  )
    throws -> (process: Subprocess, out: URL, talk: URL)
  {
    let out = folder.appendingPathComponent(".out-\(UUID().uuidString)")
    let talk = folder.appendingPathComponent(".talk-\(UUID().uuidString)")
    let process = try Subprocess(
      ["/usr/bin/env", "-C", folder.path, program] + arguments,
      environment: environment.merging(extra) { $1 }, stdout: out.path, stderr: talk.path)
    return (process, out, talk)
  }
}

/// A lab of one test's own, stopped by `stop`.
struct RunningLab {
  let process: Subprocess
  let ready: JSONValue
  let readyFile: String
  var api: String { ready["api"]?.string ?? "" }

  init(_ ferry: Ferry, _ arguments: [String] = []) async throws {
    let file = ferry.folder.appendingPathComponent("ready-\(UUID().uuidString).json")
    readyFile = file.path
    process = try Subprocess(
      [Ferry.binary.path, "lab", "serve", "--ready-file", file.path]
        + arguments,
      environment: ferry.environment, stderr: ferry.folder.appendingPathComponent(".lab-talk").path)
    let line = await process.firstLine()
    guard !line.isEmpty else {
      throw FerryError(
        "lab", what: "the lab did not start",
        why: text(ferry.folder.appendingPathComponent(".lab-talk").path), next: "")
    }
    ready = try JSONValue.read(Array(line.utf8), what: "ready line")
  }
  /// The variables that point a client at this lab as one of its accounts.
  func variables(account: String = "111111111111") -> [String: String] {
    [
      "AWS_ACCESS_KEY_ID": ready["accounts"]?[account]?["accessKeyId"]?.string ?? "",
      "AWS_SECRET_ACCESS_KEY": ready["accounts"]?[account]?["secretAccessKey"]?.string ?? "",
      "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": api,
    ]
  }
  /// One of the lab's own paths, read by Python: a client that shares no code with ours.
  func get(_ path: String, _ ferry: Ferry) async throws -> JSONValue {
    try await ferry.run(
      [
        "-c",
        "import sys,urllib.request;print(urllib.request.urlopen(sys.argv[1]).read().decode())",
        api + path,
      ], program: "python3"
    ).json
  }
  func stop() async {
    process.signal(SIGTERM)
    _ = await process.wait()
  }
}

/// A file's text for a failure's comment; empty when it cannot be read.
func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }

import FerryAWS
import FerryCore
import FerryRun
import Foundation

/// Other tools as child processes of the workspace, without a shell.
struct LiveTools: ToolRunner {
  var folder: String
  var environment: [String: String]

  func run(_ command: ToolCommand) async throws(FerryError) -> ToolEnding {
    let talk = FileManager.default.temporaryDirectory
      .appendingPathComponent("edgeferry-tool-\(UInt64.random(in: 0 ... .max))").path
    defer { try? FileManager.default.removeItem(atPath: talk) }
    // Nobody sits before it: no pager, no question.
    let variables = environment.merging(
      ["AWS_PAGER": "", "TF_IN_AUTOMATION": "1", "TF_INPUT": "0"]
    ) { $1 }.merging(command.environment ?? [:]) { $1 }
    // Swift's Glibc has no posix_spawn with a folder of its own.
    let child = try Subprocess(
      ["env", "-C", folder] + command.arguments, environment: variables, stderr: talk,
      // A Terraform state or plan holds the values of origin headers.
      fileMask: 0o077)
    let ending = await withTaskCancellationHandler {
      await child.wait()
    } onCancel: {
      child.signal(SIGINT)
    }
    let said = FileManager.default.contents(atPath: talk) ?? Data()
    return ToolEnding(
      code: Int(ending.code), stdout: ending.stdout,
      stderr: String(decoding: said.suffix(64 << 10), as: UTF8.self))
  }
  func digest(of file: String) throws(FerryError) -> String? {
    let path = file.hasPrefix("/") ? file : folder + "/" + file
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    return "sha256:" + Digest.hex(Digest.sha256(try Files.read(path, what: "file of the plan")))
  }
}

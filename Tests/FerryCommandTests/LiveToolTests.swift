import FerryCore
import Foundation
import Testing

@testable import FerryCommand

/// Commands of other tools as the program runs them.
struct LiveToolTests {
  @Test func `what a tool makes is its owner's alone, and this process keeps its own umask`()
    async throws
  {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let tools = LiveTools(
      folder: folder.path, environment: ["PATH": "/usr/bin:/bin"])
    let ended = try await tools.run(
      ToolCommand(["sh", "-c", "echo x > terraform.tfstate; mkdir made; umask"]))
    #expect(ended.code == 0 && String(decoding: ended.stdout, as: UTF8.self).hasSuffix("77\n"))
    func mode(_ name: String) -> Int? {
      let path = folder.appendingPathComponent(name).path
      return try? FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }
    #expect(mode("terraform.tfstate") == 0o600 && mode("made") == 0o700)
    let own = umask(0o022)
    umask(own)
    #expect(own != 0o077)
  }
}

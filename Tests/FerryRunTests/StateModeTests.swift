import FerryCore
import Foundation
import Testing

@testable import FerryRun

/// Who can reach the state: its owner, by one name, through a plain folder.
struct StateModeTests {
  let folder = KillTests.temporary() + ".folder"
  var path: String { folder + "/state.sqlite" }
  private func open() throws -> SQLiteState { try SQLiteState(path: path, durable: false) }
  private func remove() { try? FileManager.default.removeItem(atPath: folder) }
  private func mode(_ path: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
  }

  @Test func `the folder is made for its owner alone`() throws {
    defer { remove() }
    _ = try open()
    #expect(try mode(folder) == 0o700 && mode(path) == 0o600)
  }

  @Test(arguments: [0o770, 0o777, 0o702, 0o720])
  func `a folder that others may write is refused, unless it is sticky`(_ loose: Int) throws {
    defer { remove() }
    _ = try open()
    chmod(folder, mode_t(loose))
    let error = #expect(throws: FerryError.self) { try open() }
    #expect(error?.code == "state-mode" && error?.exit == .usage)
    chmod(folder, mode_t(loose) | 0o1000)
    _ = try open()
  }

  @Test(arguments: ["state.sqlite", "state.sqlite-journal", "state.sqlite-wal", "state.sqlite-shm"])
  func `no link is followed in the folder`(_ name: String) throws {
    defer { remove() }
    _ = try open()
    let victim = folder + "/victim"
    try Data("kept".utf8).write(to: URL(fileURLWithPath: victim))
    chmod(victim, 0o600)
    unlink(folder + "/" + name)
    symlink(victim, folder + "/" + name)
    let error = #expect(throws: FerryError.self) { try open() }
    #expect(error?.code == "state-mode")
    #expect(try Data(contentsOf: URL(fileURLWithPath: victim)) == Data("kept".utf8))
  }

  @Test func `a second name of the file or a linked folder is refused`() throws {
    defer { remove() }
    _ = try open()
    link(path, folder + "/other")
    #expect(throws: FerryError.self) { try open() }
    unlink(folder + "/other")
    _ = try open()
    let linked = folder + ".link"
    symlink(folder, linked)
    defer { unlink(linked) }
    #expect(throws: FerryError.self) {
      try SQLiteState(path: linked + "/state.sqlite", durable: false)
    }
  }
}

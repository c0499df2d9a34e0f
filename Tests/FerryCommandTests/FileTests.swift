import FerryCore
import FerryModel
import FerryTestSupport
import Foundation
import Testing

@testable import FerryCommand

struct FileTests {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
    "edgeferry-files-\(UUID().uuidString)")
  init() throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }
  private func remove() { try? FileManager.default.removeItem(at: folder) }

  @Test(arguments: [0o600, 0o640, 0o644, 0o664, 0o666, 0o646, 0o620, 0o602])
  func `what others may write is refused where it decides on writes`(_ mode: Int) throws {
    defer { remove() }
    let path = folder.appendingPathComponent("f").path
    try Files.write("x", to: path)
    chmod(path, mode_t(mode))
    #expect(try Files.read(path, what: "a file") == [0x78])
    if mode & 0o022 == 0 {
      #expect(try Files.read(path, what: "a file", refuseLooseModes: true) == [0x78])
    } else {
      let error = #expect(throws: FerryError.self) {
        try Files.read(path, what: "a file", refuseLooseModes: true)
      }
      #expect(error?.code == "loose-mode" && error?.exit == .usage)
      #expect(error?.next.contains("chmod go-w") == true)
    }
  }

  @Test func `a link at the target is replaced and what it points to stays as it is`() throws {
    defer { remove() }
    let victim = folder.appendingPathComponent("victim").path
    let path = folder.appendingPathComponent("out").path
    try Files.write("kept", to: victim)
    symlink(victim, path)
    try Files.write("new", to: path, mode: 0o600)
    #expect(try Files.read(victim, what: "a file") == Array("kept".utf8))
    #expect(try Files.read(path, what: "a file") == Array("new".utf8))
  }

  @Test func `a write that fails leaves no partial file`() throws {
    defer { remove() }
    // A folder cannot be replaced by a file: the rename fails after everything was written.
    let path = folder.appendingPathComponent("taken").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    #expect(throws: FerryError.self) { try Files.write("x", to: path) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["taken"])
  }
}

/// A plan's name becomes a file's name: whatever is given, it stays in the workspace's folder of plans.
struct PlanNameTests {
  /// Names made of what has fooled path checks, from a fixed seed.
  static let names: [String] = {
    let pieces = [
      "..", ".", "/", "\\", "%2e%2e", "%2f", "\0", "\u{C0}\u{AE}", "a", "plan", "PLAN", "0", "-",
      "_", " ", "~", "con", "nul", "aux", "com1", "e\u{301}", "\u{E9}", "\u{FF0E}\u{FF0E}",
      "\u{2215}", "\u{202E}", "\n", "C:", "://", "x.json", ":", "*", "?", "$HOME", "`id`", "...",
    ]
    var random = SplitMix64(seed: 20_261_124)
    var out = ["", "a", "..", "a..b", ".a", "a.", "-a", "_a", "/etc/passwd", "a/b", "a\0b"]
    out += [String(repeating: "a", count: 64), String(repeating: "a", count: 65)]
    while out.count < 2000 {
      let count = Int.random(in: 1...5, using: &random)
      out.append((0..<count).map { _ in pieces.randomElement(using: &random) ?? "" }.joined())
    }
    return out
  }()

  @Test func `exactly the allow-list is accepted`() {
    for name in Self.names {
      let bytes = Array(name.utf8)
      let allowed = Set("abcdefghijklmnopqrstuvwxyz0123456789._-".utf8)
      let isAllowed =
        (1...64).contains(bytes.count) && bytes.allSatisfy(allowed.contains)
        && !".-_".utf8.contains(bytes[0]) && !name.contains("..")
      #expect(Plan.isName(name) == isAllowed, "\(name.debugDescription)")
    }
    #expect(Self.names.contains { Plan.isName($0) } && Self.names.contains { !Plan.isName($0) })
  }

  @Test func `no name leads out of the folder of plans`() throws {
    let context = try Context(
      try GlobalOptions.parse(["--workspace", "/work space/here", "--config", "/dev/null"]))
    for name in Self.names where !name.contains("/") && !name.hasSuffix(".json") {
      guard let path = try? context.planPath(name) else { continue }
      let resolved = URL(fileURLWithPath: path).standardizedFileURL.path
      #expect(resolved.hasPrefix("/work space/here/plans/"), "\(name.debugDescription)")
      #expect(resolved.dropFirst("/work space/here/plans/".count).contains("/") == false)
    }
  }

  @Test(arguments: ["../../x", "/etc/x", "UPPER", "", "a b", "a\nb"])
  func `a plan file that names itself badly is refused although its digest fits`(_ name: String)
    throws
  {
    func sealed(_ change: (inout Plan) -> Void) -> [UInt8] {
      var plan = Plan(
        name: "good", capability: "orphans", createdAt: Date(timeIntervalSince1970: 0), tool: "t",
        accounts: [:], observed: .init(inventoryDigest: ""),
        steps: [Step(id: "one", title: "t", account: "111111111111", action: .observe)],
        schedule: .init(
          start: Date(timeIntervalSince1970: 0), end: Date(timeIntervalSince1970: 0),
          criticalPathSeconds: 0, exposureSeconds: 0), permissions: [])
      change(&plan)
      return Array(FerryJSON.document(plan.sealed).utf8)
    }
    #expect(try Plan.read(sealed { _ in }, named: "p").name == "good")
    for bytes in [
      sealed { $0.name = name }, sealed { $0.capability = name }, sealed { $0.steps[0].id = name },
    ] where !(name == "UPPER" && bytes == sealed { $0.steps[0].id = name }) {
      let error = #expect(throws: FerryError.self) { try Plan.read(bytes, named: "p") }
      #expect(error?.code == "bad-plan" && error?.exit == .usage)
    }
  }
}

import ArgumentParser
import FerryCloudFront
import FerryCommand
import FerryCore
import FerryReport
import Foundation

/// `edgeferry inventory`: read accounts into a file, show one, compare two.
public struct InventoryCommand: AsyncParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "inventory",
    abstract: "Read accounts into a dated, lossless file; show and compare such files.",
    subcommands: [Take.self, Show.self, Diff.self])
  public init() {}

  struct Take: FerryCommand {
    static let uses = AWSUse(InventoryReader.actions + InventoryReader.resourceActions)
    static let configuration = CommandConfiguration(
      abstract: "Read accounts into the file --out.",
      discussion: "Values of origin headers are replaced by their SHA-256 unless --include-secrets."
    )
    @Option(help: "An account of the settings (repeatable; default: all).") var account: [String] =
      []
    @Flag(
      name: .customLong("include-secrets"),
      help: "Keep origin header values in clear; the file is 0600.")
    var includeSecrets = false
    @Flag(
      name: .customLong("no-tags"), help: "Leave tags out, one call less for each distribution.")
    var noTags = false
    @Option(help: "Calls in flight at once, 1 to 256.") var concurrency = 64
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json)
      guard let out = global.out else {
        throw .badInput(
          "bad-usage", what: "could not take an inventory", why: "no file was named",
          next: "add --out FILE")
      }
      guard (1...256).contains(concurrency) else {
        throw .badInput(
          "bad-usage", what: "could not take an inventory", why: "--concurrency is 1 to 256",
          next: "leave it out for 64")
      }
      let file = try StreamedFile(out, mode: includeSecrets ? 0o600 : 0o644)
      let (readers, unreached) = try await context.readers(
        accounts: account, includeSecrets: includeSecrets, tags: noTags ? .none : .all,
        concurrency: concurrency)
      var gaps = unreached
      var failure: FerryError?
      var count = 0
      var written = 0
      var succeeded = 0
      let takenAt = context.clock.now
      try file.write("{\"accounts\":[")
      for (_, reader, _) in readers {
        if written > 0 { try file.write(",") }
        try file.write("{\"distributions\":[")
        var first = true
        do throws(FerryError) {
          let rest = try await reader.read {
            (it: Inventory.Distribution) async throws(FerryError) in
            try file.write(first ? "\n" : ",\n")
            try file.add { it.write(into: &$0) }
            first = false
            count += 1
          }
          try file.write("\n],\"continuousDeploymentPolicies\":\(Self.line(rest.policies)),")
          try file.write("\"stacks\":\(Self.line(rest.stacks)),")
          let others = try await reader.resources()
          for kind in InventoryReader.listedKinds {
            let items = others.found.filter { $0.kind == kind }.map(\.item)
            try file.write("\"\(kind.inventoryKey ?? "")\":\(Self.line(items)),")
          }
          gaps += rest.gaps + others.gaps
          succeeded += 1
        } catch {
          guard error.code != "interrupted", error.code != "file-write" else { throw error }
          failure = failure ?? error
          gaps.append(.init(account: reader.account, call: "ListDistributions", reason: error.why))
          try file.write("],\"continuousDeploymentPolicies\":[],\"stacks\":[],")
        }
        try file.write(
          "\"regions\":\(Self.line(reader.options.regions)),\"id\":\(Self.line(reader.account))}")
        written += 1
        context.terminal.progress(nil)
      }
      if let failure, succeeded == 0 { throw failure }
      try file.write(
        "\n],\"complete\":\(gaps.isEmpty),\"gaps\":\(Self.line(gaps)),\"schema\":\"\(Inventory.schema)\",\"takenAt\":\(Self.line(takenAt))}\n"
      )
      try file.commit()
      context.warnAboutGaps(gaps)
      if global.output == .json {
        try context.say(
          FerryJSON.document(
            JSONValue.object([
              "path": .string(out), "complete": .bool(gaps.isEmpty),
              "distributions": .int(Int64(count)), "gaps": .int(Int64(gaps.count)),
            ])))
      } else {
        try context.say(
          "\(out): \(count) distribution\(count == 1 ? "" : "s"), \(gaps.isEmpty ? "complete" : "\(gaps.count) gap\(gaps.count == 1 ? "" : "s")")\n"
        )
      }
      return .done
    }
    private static func line(_ value: some Encodable) throws(FerryError) -> String {
      do {
        return jsonSafe(String(decoding: try FerryJSON.encoder.encode(value), as: UTF8.self))
      } catch {
        throw FerryError(
          "inventory", what: "could not write the inventory", why: "\(error)",
          next: "report this as a defect")
      }
    }
  }

  struct Show: FerryCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show what an inventory holds.",
      discussion: "Values of origin headers are shown as their SHA-256, whatever the file holds.")
    @Argument(help: "An inventory file.") var file: String
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json)
      let inventory = try Inventory.read(Files.read(file, what: "inventory"), named: file)
      if global.output == .json {
        try context.answer(FerryJSON.document(inventory.redacted))
        return .done
      }
      try context.answer(InventoryText.render(inventory))
      context.warnAboutGaps(inventory.gaps)
      return .done
    }
  }

  struct Diff: FerryCommand {
    static let configuration = CommandConfiguration(
      abstract: "What was added, removed and changed from one inventory to another.")
    @Argument(help: "The older file.") var old: String
    @Argument(help: "The newer file.") var new: String
    @Option(name: .customLong("fail-on"), help: "changes, gaps: exit 2 when there are any.")
    var failOn: String?
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json)
      let failOn = try FailOn(failOn)
      let before = try Inventory.read(Files.read(old, what: "inventory"), named: old)
      let after = try Inventory.read(Files.read(new, what: "inventory"), named: new)
      let diff = InventoryDiff(from: before, to: after)
      if !diff.complete {
        context.terminal.warn("not everything was read; what may be there unread is left out")
      }
      try context.answer(global.output == .json ? FerryJSON.document(diff) : diff.text)
      let found = failOn.changes && !diff.entries.isEmpty || failOn.gaps && !diff.complete
      return found ? .found : .done
    }
  }
}

enum InventoryText {
  static func render(_ inventory: Inventory) -> String {
    var out =
      "taken \(Timestamp.text(inventory.takenAt)), \(inventory.complete ? "complete" : "\(inventory.gaps.count) gaps")\n"
    for account in inventory.accounts {
      out += "\naccount \(safe(account.id)): \(account.distributions.count) distributions, "
      out +=
        "\(account.continuousDeploymentPolicies.count) continuous-deployment policies, \(account.stacks.count) stacks"
      if !account.resources.isEmpty { out += ", \(account.resources.count) other resources" }
      out += "\n"
      var rows = [["  ID", "KIND", "ENABLED", "STATUS", "POLICY", "NAMES"]]
      for it in account.distributions.sorted(by: { $0.id < $1.id }) {
        rows.append([
          "  " + safe(it.id), it.isStaging ? "staging" : "primary", it.isEnabled ? "yes" : "no",
          safe(it.status), safe(it.policyID ?? "-"),
          it.aliases.isEmpty ? safe(it.domainName) : safe(it.aliases.joined(separator: " ")),
        ])
      }
      if rows.count > 1 { out += table(rows) }
      rows = [["  POLICY", "ENABLED", "STAGING"]]
      for it in account.continuousDeploymentPolicies {
        rows.append([
          "  " + safe(it.id), it.isEnabled ? "yes" : "no",
          safe(it.stagingNames.joined(separator: " ")),
        ])
      }
      if rows.count > 1 { out += table(rows) }
      rows = [["  KIND", "ID", "NAME"]]
      for it in account.resources {
        rows.append(["  " + it.kind.rawValue, safe(it.id), safe(it.name ?? "-")])
      }
      if rows.count > 1 { out += table(rows) }
    }
    return out
  }
}

/// A file written piece by piece beside its place and renamed when whole.
final class StreamedFile {
  private let path: String
  private let temporary: String
  private var descriptor: Int32
  private var buffer = JSONBytes()

  init(_ path: String, mode: mode_t) throws(FerryError) {
    self.path = path
    temporary = "\(path).\(UInt64.random(in: 0 ... .max)).tmp"
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw Self.fail(path, errno) }
    // A secret is its owner's alone under every umask, and its owner's under a umask that takes too much.
    if mode == 0o600 { fchmod(descriptor, mode) }
    buffer.bytes.reserveCapacity(1 << 17)
  }
  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    unlink(temporary)
  }
  func write(_ text: String) throws(FerryError) {
    try add { $0.bytes.append(contentsOf: text.utf8) }
  }
  /// A piece of JSON put together as bytes; what steers a terminal is escaped in it.
  func add(_ piece: (inout JSONBytes) -> Void) throws(FerryError) {
    let start = buffer.bytes.count
    piece(&buffer)
    if !buffer.bytes[start...].allSatisfy({ (0x20...0x7E).contains($0) || $0 == 0x0A }) {
      let text = jsonSafe(String(decoding: buffer.bytes[start...], as: UTF8.self))
      buffer.bytes.replaceSubrange(start..., with: text.utf8)
    }
    if buffer.bytes.count >= 1 << 16 { try flush() }
  }
  private func flush() throws(FerryError) {
    var rest = buffer.bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Self.fail(path, errno) }
      rest = rest.dropFirst(count)
    }
    rest = []
    buffer.bytes.removeAll(keepingCapacity: true)
  }
  func commit() throws(FerryError) {
    try flush()
    guard fsync(descriptor) == 0, close(descriptor) == 0, rename(temporary, path) == 0 else {
      throw Self.fail(path, errno)
    }
    descriptor = -1
  }
  private static func fail(_ path: String, _ code: Int32) -> FerryError {
    FerryError(
      "file-write", what: "could not write \(path)", why: String(cString: strerror(code)),
      next: "free space or choose another place")
  }
}

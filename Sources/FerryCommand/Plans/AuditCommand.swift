import ArgumentParser
import FerryCore
import FerryReport
import FerryRun
import Foundation

/// The journal as a log of who approved what.
struct AuditCommand: FerryCommand {
  static let uses = AWSUse(state: .reads)
  static let configuration = CommandConfiguration(
    commandName: "audit", abstract: "Who approved what, and what was done then; only reads.",
    discussion: """
      Every approval, gate, hold, run, write and rollback of the state, or of one plan and its rollback plan. \
      The whole state is checked first, each journal's hash chain too: of a damaged one nothing is shown (1). \
      PLAN is a file, the name of a plan (with all that were made under it), or a digest.

      Example: edgeferry audit clean-up --since 2026-11-01 --output ndjson
      """)
  @Argument(help: "A plan file, a plan's name, or its digest (default: every plan of the state).")
  var plan: String?
  @Option(help: "Only since then: a date, or an RFC 3339 time.") var since: String?
  @OptionGroup var global: GlobalOptions

  func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
    try formats(.text, .json, .ndjson)
    var from = Date.distantPast
    if let since {
      guard let date = Timestamp.read(since) ?? Timestamp.read("\(since)T00:00:00Z") else {
        throw .badInput(
          "bad-usage", what: "could not read --since",
          why: "\(since.debugDescription) is neither a date nor an RFC 3339 time",
          next: "write it as 2027-01-31")
      }
      from = date
    }
    let store = try context.existingStateStore()
    var journals: [(digest: String, plan: Plan?, records: [Record])] = []
    if let store {
      try await store.check()
      let known = Dictionary(try await store.plans().map { ($0.digest, $0) }) { first, _ in first }
      let wanted = try wanted(context, known)
      for digest in try await store.journals() where wanted?.contains(digest) ?? true {
        journals.append((digest, known[digest], try await store.records(plan: digest)))
      }
    } else {
      _ = try wanted(context, [:])
    }
    let log = AuditLog(place: context.statePath, journals: journals, since: from)
    switch global.output {
    case .json: try context.answer(FerryJSON.document(log))
    case .ndjson:
      try context.answer(log.entries.map { JSONValue.of($0).canonical + "\n" }.joined())
    default:
      let isNarrow = plan != nil || since != nil
      try context.answer(
        log.entries.isEmpty && isNarrow
          ? "nothing of that is in the journal\n" : Self.text(log))
    }
    return .done
  }

  /// The digests asked for; nil for all.
  /// - Throws: `.badInput` (64) for a plan that neither a file nor the state has.
  private func wanted(_ context: Context, _ known: [String: Plan]) throws(FerryError) -> Set<
    String
  >? {
    guard let plan else { return nil }
    var out: Set<String> = []
    if plan.hasPrefix("sha256:") {
      guard Digest.isTagged(plan) else {
        throw .badInput(
          "bad-usage", what: "could not look for \(plan)", why: "it is no digest of a plan",
          next: "a digest is sha256: and 64 hexadecimal digits, as `edgeferry show` prints it")
      }
      out.insert(plan)
    } else {
      out = Set(known.values.filter { $0.name == plan }.map(\.digest))
      do throws(FerryError) {
        let (file, path) = try context.plan(plan)
        out.insert(file.digest)
        if let rollback = context.rollbackPlan(of: path), rollback.rollbackOf == file.digest {
          out.insert(rollback.digest)
        }
      } catch {
        guard !out.isEmpty, error.code == "no-such-file" else { throw error }
      }
    }
    for it in known.values {
      if let original = it.rollbackOf, out.contains(original) { out.insert(it.digest) }
    }
    return out
  }

  static func text(_ log: AuditLog) -> String {
    guard !log.entries.isEmpty else { return "nothing is in the journal\n" }
    let rows = log.entries.map { entry in
      [
        Timestamp.text(entry.at), safe(entry.plan.isEmpty ? entry.digest : entry.plan),
        entry.event.rawValue, safe(entry.by ?? "-"), says(entry),
      ]
    }
    return table([["AT", "PLAN", "EVENT", "BY", "SAYS"]] + rows)
  }
  private static func says(_ entry: AuditLog.Entry) -> String {
    var out: [String] = []
    if let step = entry.step { out.append("step \(safe(step))") }
    switch entry.event {
    case .approved:
      out.append("\(entry.digest) by \(safe(entry.command ?? ""))")
      for it in entry.signatures ?? [] { out.append("signed by \(safe(it))") }
    case .runEnded: if let exit = entry.exit { out.append("exit \(exit)") }
    default: break
    }
    if let action = entry.action {
      out.append(
        safe(action) + (entry.resource.map { $0.isEmpty ? "" : " of \(safe($0))" } ?? ""))
    }
    if let before = entry.before { out.append("before \(safe(before))") }
    if let after = entry.after { out.append("after \(safe(after))") }
    if let writes = entry.writes { out.append("\(writes) write\(writes == 1 ? "" : "s")") }
    if let reference = entry.reference { out.append(safe(reference)) }
    if let reason = entry.reason { out.append(safe(reason)) }
    return out.joined(separator: ", ")
  }
}

import FerryCore
import Foundation

/// A journal record as it is stored: its texts, and the hash that ties it to the one before.
struct JournalRow: Codable, Equatable, Sendable {
  var sequence: Int64
  var plan: String
  var step: String?
  var kind: String
  /// RFC 3339.
  var at: String
  /// Canonical JSON.
  var body: String
  var hash: String

  /// - Parameter previous: the hash of the plan's record before; the plan's digest for the first.
  init(_ draft: RecordDraft, sequence: Int64, after previous: String) {
    self.sequence = sequence
    plan = draft.plan
    step = draft.step
    kind = draft.kind.rawValue
    at = Timestamp.text(draft.at)
    body = JSONValue.of(draft.body).canonical
    hash = ""
    hash = hash(after: previous)
  }
  init(
    sequence: Int64, plan: String, step: String?, kind: String, at: String, body: String,
    hash: String
  ) {
    self.sequence = sequence
    self.plan = plan
    self.step = step
    self.kind = kind
    self.at = at
    self.body = body
    self.hash = hash
  }

  private func hash(after previous: String) -> String {
    Digest.tagged(
      JSONValue.array([
        .string(previous), .string(plan), step.map(JSONValue.string) ?? .null, .string(kind),
        .string(at), .string(body),
      ]).canonical)
  }

  /// nil unless it continues the chain and can be read.
  func record(after previous: String) -> Record? {
    guard hash == hash(after: previous), let kind = Record.Kind(rawValue: kind),
      let date = Timestamp.read(at),
      let body = try? JSONValue.read(Array(body.utf8), what: "journal")
        .decoded(Record.Body.self, what: "journal record")
    else { return nil }
    return Record(
      sequence: sequence, plan: plan, step: step, kind: kind, at: date, body: body)
  }
}

/// How many records a plan has and the hash of the last: it tells of records that were lost from the end, which a
/// chain alone does not show.
struct JournalHead: Codable, Equatable, Sendable {
  var plan: String
  var count: Int
  var hash: String
}

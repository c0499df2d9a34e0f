import FerryCore
import FerryReport
import Foundation

@testable import Cutover
@testable import FerryCommand
@testable import FerryRun
@testable import FerryZones
@testable import Migration
@testable import Rehearsal
@testable import Sweeps

enum FileReaders {
  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  static func settings(_ bytes: [UInt8]) throws(FerryError) {
    let settings = try Settings.read(text(bytes), named: "edgeferry.yaml")
    _ = settings.document.canonical
    let now = Date(timeIntervalSince1970: 1_795_514_400)
    for window in settings.windows.values {
      _ = window.state(at: now)
      _ = window.nextOpening(after: now)
    }
  }
  static func map(_ bytes: [UInt8]) throws(FerryError) {
    _ = try Context.migrationMap(text(bytes), named: "map.yaml")
  }
  static func ledger(_ bytes: [UInt8]) throws(FerryError) {
    let ledger = try AccountLedger.read(try JSONValue.read(bytes, what: "ledger"))
    _ = FerryJSON.document(ledger)
    let findings = ledger.findings(closedSince: .distantPast)
    let report = FindingsReport(accounts: ["1"], findings: findings, gaps: [], quotas: [])
    _ = FindingsText.render(report)
    _ = FindingsText.markdown(report)
  }
  /// As a file of `state export`, and as an object of a shared state.
  static func state(_ bytes: [UInt8]) throws(FerryError) {
    if let segment = try? SealedObject.open(
      bytes, as: JournalSegment.self, key: "k", in: "s3://fuzz")
    {
      _ = segment.row.record(after: segment.row.plan)
    }
    let document = try StateDocument(try JSONValue.read(bytes, what: "state"))
    var chains: [String: (previous: String, records: [Record])] = [:]
    for row in document.journal {
      var chain = chains[row.plan] ?? (row.plan, [])
      // As if whoever changed a record had made its hash fit.
      guard let kind = Record.Kind(rawValue: row.kind), let at = Timestamp.read(row.at),
        let body = try? JSONValue.read(Array(row.body.utf8), what: "body")
          .decoded(Record.Body.self, what: "record")
      else { continue }
      chain.records.append(
        Record(
          sequence: row.sequence, plan: row.plan, step: row.step, kind: kind, at: at, body: body))
      _ = row.record(after: chain.previous)
      chain.previous = row.hash
      chains[row.plan] = chain
    }
    for (digest, chain) in chains {
      let run = RunState(chain.records)
      _ = try? run.resolved("${a.id} and ${b.name:-none}")
      let log = AuditLog(place: "", journals: [(digest, nil, chain.records)])
      _ = AuditCommand.text(log)
      _ = FerryJSON.document(log)
    }
    for row in document.plans { _ = try? Plan.read(Array(row.text.utf8), named: row.key) }
  }
  /// Lists that a person writes, one a line, and the secret of a zone's key.
  static func lists(_ bytes: [UInt8]) throws(FerryError) {
    _ = try? URLList.read(bytes, named: "urls")
    _ = try? TSIGSecret.key(
      text(bytes), .init(name: "k.", algorithm: "hmac-sha256", secretFile: "k"), file: "k")
    _ = try NamesFile.read(
      bytes, named: "names.csv", target: DomainName("d111111abcdef8.cloudfront.net"))
  }
  /// What `rehearse --probe` is given.
  static func probe(_ bytes: [UInt8]) throws(FerryError) {
    let probes = try RehearseCommand.probes(bytes, named: "probe.json")
    let population = Population.usual.fitted(to: probes)
    _ = FerryJSON.document(population)
    _ = FerryJSON.document(probes)
  }
  /// The policy of a bucket or a key, as its service gives it, and what a move makes of it.
  static func policy(_ bytes: [UInt8]) throws(FerryError) {
    let policy = try JSONValue.read(bytes, what: "policy")
    let (old, new) = (
      "arn:aws:cloudfront::111111111111:distribution/E1",
      "arn:aws:cloudfront::222222222222:distribution/E2"
    )
    let grants = Grants(
      source: "111111111111", target: "222222222222",
      successors: [old: new, "E1OAI": "E2OAI"], identities: ["0123abcd": "E1OAI"])
    for service in [PolicyStatements.Service.bucket, .key] {
      guard
        let edit = grants.edit(
          policy, service: service, resource: "r", region: "us-east-1", part: "p")
      else { continue }
      var statements = edit.statements
      let added = try? PolicyDocument.edited(policy, by: statements)
      statements.remove = edit.old
      statements.add += edit.rest
      guard let after = try? PolicyDocument.edited(added, by: statements) else { continue }
      precondition(
        PolicyDocument.holds(edit.statements, in: after), "what a policy was given is not in it")
    }
  }
  /// Words of a command line and of files: names, times, spans, addresses, windows.
  static func texts(_ bytes: [UInt8]) throws(FerryError) {
    let text = text(bytes)
    if let date = Timestamp.read(text) { _ = Timestamp.text(date) }
    _ = Settings.seconds(text)
    _ = DNSServer(text)
    _ = ARN(text)
    _ = Plan.isName(text)
    _ = safe(text)
    _ = printable(text)
    _ = jsonSafe(text)
    _ = shellWord(text)
    _ = markdown(text)
    let words = text.split(separator: "\n", maxSplits: 3).map(String.init)
    if let window = try? ChangeWindow(
      timeZone: words.first ?? "", allow: Array(words.dropFirst().prefix(1)),
      freeze: Array(words.dropFirst(2)), leadSeconds: 0)
    {
      _ = window.nextOpening(after: Date(timeIntervalSince1970: 1_795_514_400))
    }
    _ = try DomainName(text)
  }
}

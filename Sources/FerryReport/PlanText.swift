import FerryCore
import Foundation

/// A plan as an operator reads it on a terminal.
public enum PlanText {
  public static func render(_ plan: Plan) -> String {
    var out = "\(safe(plan.name)): \(plan.steps.count) step\(plan.steps.count == 1 ? "" : "s")"
    let accounts = plan.accounts.sorted { $0.key < $1.key }
      .map { ["default", $0.value].contains($0.key) ? $0.value : "\($0.key) \($0.value)" }
    if !accounts.isEmpty { out += " in \(accounts.map { safe($0) }.joined(separator: ", "))" }
    out += ", made \(Timestamp.text(plan.createdAt))\n"
    if let endpoint = plan.observed.endpoint { out += "endpoint: \(safe(endpoint)), not AWS\n" }
    out += "\n"
    for (index, step) in plan.steps.enumerated() {
      out += "\(pad(index + 1, 3)). \(safe(step.title))\n"
      if let unless = step.unless {
        out += "       not once \(safe(unless)) has been done, which cannot be taken back\n"
      }
      for edit in step.action.edits {
        out += "       \(safe(edit.path)): \(value(edit.from)) -> \(value(edit.to))\n"
      }
      for line in changes(step.action) { out += "       \(line)\n" }
      if case .external(let it) = step.action {
        out += "       \(safe(it.says))\n"
        for command in it.commands { out += "       run   \(safe(command, limit: 1000))\n" }
      }
      for check in step.checks { out += "       then  \(describe(check))\n" }
      if let wait = step.wait, wait.seconds > 0 { out += "       wait  \(span(wait.seconds))\n" }
      if let gate = step.gate { out += "       gate  \(safe(gate.reason))\n" }
      out +=
        "       undo  \(step.inverse.map(undo) ?? (step.action == .observe ? "nothing to undo" : "cannot be undone"))\n"
    }
    out += "\ntakes about \(span(plan.schedule.criticalPathSeconds))"
    out +=
      plan.schedule.exposureSeconds == 0
      ? "; no viewer should see an error\n"
      : "; viewers may see errors for \(span(plan.schedule.exposureSeconds))\n"
    out += plan.pointOfNoReturn.map { "point of no return: \(safe($0))\n" } ?? ""
    for debt in plan.debts { out += "owed: \(safe(debt))\n" }
    for note in plan.notes { out += "note: \(safe(note))\n" }
    for risk in plan.risks {
      out +=
        "risk[\(safe(risk.code))]\(risk.accepted ? " (accepted)" : " (accept with --accept-risk)"): \(safe(risk.text))\n"
    }
    return out
  }
  static func pad(_ number: Int, _ width: Int) -> String {
    let text = "\(number)"
    return String(repeating: " ", count: max(0, width - text.count)) + text
  }
  /// A reference to a step's output as a person reads it: what it stands for when nothing was made anew.
  static func plain(_ text: String) -> String {
    var out = ""
    var rest = text[...]
    while let open = rest.range(of: "${"), let close = rest[open.upperBound...].firstIndex(of: "}")
    {
      let inside = rest[open.upperBound..<close]
      out += rest[..<open.lowerBound]
      let otherwise = inside.range(of: ":-").map { inside[$0.upperBound...] } ?? ""
      // `create-distribution-e1.id`: by the step's name a person finds it.
      let maker = inside.prefix { $0 != "." }
      out += otherwise.isEmpty ? "<made by \(maker)>" : "\(otherwise) or its successor"
      rest = rest[rest.index(after: close)...]
    }
    return safe(out + rest)
  }
  static func value(_ text: String?) -> String {
    text.map { $0.isEmpty ? "(empty)" : plain($0) } ?? "(absent)"
  }

  static func describe(_ check: Step.Check) -> String {
    let resource = plain(check.distribution ?? check.policy ?? "")
    switch check.type {
    case .deployed:
      return
        "wait until \(resource) is Deployed (usually \(span(check.typicalSeconds ?? 300)), \(span(check.limitSeconds ?? 5400)) at most)"
    case .config:
      return "read back: \(resource) \(safe(check.path ?? "")) is \(value(check.value))"
    case .absent: return "read back: \(resource) is gone"
    case .authoritative:
      return
        "every authoritative server of \(safe(check.zone?.text ?? "")) answers \(check.records.map(some) ?? "what the step makes")"
    case .unchanged:
      return
        "read back: \(resource) is still \(value(check.value))\(check.modified.map { ", last modified \(safe($0))" } ?? "")"
    case .stackHolds: return "stack \(safe(check.stack ?? "")) holds \(resource)"
    case .stackReleased: return "stack \(safe(check.stack ?? "")) holds \(resource) no more"
    case .alias: return "read back: \(resource) holds the alias \(value(check.value))"
    case .idle:
      return "CloudWatch counts no request at \(resource) for \(span(check.quietSeconds ?? 0))"
    case .errorRate:
      return
        "CloudWatch's 5xx rate of \(resource) is at most \(ErrorRateGate.points(check.maxErrorRateIncrease ?? 0)) points above that of \(plain(check.against ?? "")), and its 4xx rate at most \(ErrorRateGate.points(check.maxClientErrorRateIncrease ?? PromotionTerms.clientIncrease)), over \(span(check.windowSeconds ?? 0)) with \(check.minRequests ?? 0) requests at least at each"
    case .recursive: return "no resolver still has \(some(check.records ?? []))"
    case .serving:
      return
        "\(plain(check.url ?? "")) is served\(check.at.map { " at \(plain($0))" } ?? "")\(marker(check))\(header(check))"
    case .health:
      return
        "\(safe(check.url ?? "")) answers \(check.status ?? 200)\(marker(check))\(header(check))"
    }
  }
  static func undo(_ action: Action) -> String {
    switch action {
    case .updateConfig(let id, let set), .updatePolicy(let id, let set):
      "\(plain(id)) "
        + set.map { "\(safe($0.path)) back to \(value($0.to))" }.joined(separator: ", ")
    case .setEnabled(let id, _, let to): "\(to ? "enable" : "disable") \(plain(id)) again"
    case .createDistribution: "create it again from its image, under a new id"
    case .deleteDistribution(let id): "delete \(plain(id))"
    case .createPolicy: "create it again from its image, under a new id"
    case .deletePolicy(let id): "delete \(plain(id))"
    case .replace(_, let change):
      "\(safe(change.name.text)) \(safe(change.rrtype.rawValue)) back to \(record(change.to))"
    case .batch(_, let changes): "\(changes.count) RRsets back as they were"
    case .create(let draft): "create \(safe(draft.kind.rawValue)) \(plain(draft.name)) again"
    case .delete(let kind, let id): "delete \(safe(kind.rawValue)) \(plain(id))"
    case .moveAlias(let alias, let from, let to):
      "move \(safe(alias)) from \(plain(from)) back to \(plain(to))"
    case .promote(let id, let staging): "promote \(plain(staging)) to \(plain(id))"
    case .restoreConfig(let id, _, let members):
      "\(members.map { safe($0) }.joined(separator: ", ")) of \(plain(id)) back as before"
    case .editStatements(let edit):
      "the policy of \(plain(edit.resource)) without what was added and with what was removed"
    case .external(let it): safe(it.says)
    case .observe: "nothing to undo"
    }
  }
  /// What a wait is counted from, in words.
  static func origin(_ from: String) -> String {
    switch from {
    case "last-authoritative-change": "the last authoritative server's change"
    case "write": "the write"
    default: safe(from)
    }
  }
  static func describe(_ failure: Step.OnFailure) -> String {
    switch failure {
    case .hold: "the run holds there"
    case .rollBack: "the run takes everything back by itself and exits 6"
    }
  }
  /// Seconds from deciding to undo right after the step until all is as it was: as scheduled, else one
  /// inverse after the other; nil when nothing is known or something cannot be taken back.
  static func rollbackSeconds(_ step: Step, _ plan: Plan) -> Int? {
    if let point = plan.schedule.rollback?.first(where: { $0.step == step.id }) {
      return point.seconds
    }
    guard let index = plan.steps.firstIndex(where: { $0.id == step.id }) else { return nil }
    var sum = 0
    for step in plan.steps[...index] where step.action != .observe {
      guard step.inverse != nil, let seconds = step.rollbackSeconds else { return nil }
      sum += min(max(0, seconds), 1 << 32)
    }
    return sum
  }
  /// How long the way back from a step takes, and when the windows allow its first write.
  static func wayBack(_ step: Step, _ plan: Plan, _ times: (Date) -> String) -> [String] {
    let points = (plan.schedule.rollback ?? []).filter { $0.step == step.id }
    if points.isEmpty {
      return rollbackSeconds(step, plan).map { ["undo from here takes \(span($0))"] } ?? []
    }
    return points.prefix(6).map { point in
      let allowed =
        switch point.nextAllowed {
        case nil: "no window ever allows it"
        case let next? where next <= point.from: "allowed at once"
        case let next?: "no window allows it before \(times(next))"
        }
      return
        "undo from here, decided \(times(point.from)): takes \(span(point.seconds)), \(allowed)"
    }
  }
  private static func header(_ check: Step.Check) -> String {
    guard let policy = check.policy else { return "" }
    let status = check.type == .serving ? check.status.map { " and answers \($0)" } ?? "" : ""
    return "\(status) to who sends the header of policy \(plain(policy))"
  }
  private static func marker(_ check: Step.Check) -> String {
    guard let marker = check.marker, let value = check.value else { return "" }
    return ", with \(safe(marker)): \(safe(value))"
  }
  /// At most this many RRsets of one change are written out.
  static let shownMax = 20
  static func changes(_ action: Action) -> [String] {
    guard let changes = action.dns?.changes else { return [] }
    let shown = changes.prefix(shownMax).map {
      "\(safe($0.name.text)) \(safe($0.rrtype.rawValue)): \(record($0.from)) -> \(record($0.to))"
    }
    return shown + (changes.count > shownMax ? ["and \(changes.count - shownMax) more"] : [])
  }
  private static func some(_ records: [RecordState]) -> String {
    let shown = records.prefix(3).map {
      "\(safe($0.name.text)) \(safe($0.rrtype.rawValue)) \(record($0.value))"
    }
    return shown.joined(separator: ", ")
      + (records.count > 3 ? " and \(records.count - 3) more" : "")
  }
  static func record(_ value: RecordValue?) -> String {
    guard let value else { return "(absent)" }
    if let alias = value.alias { return "alias of \(plain(alias.dnsName.text))" }
    return value.data.map { plain($0) }.joined(separator: ", ")
      + (value.ttl.map { " (TTL \($0))" } ?? "")
  }
}

import FerryCore
import Foundation

/// A cutover as the planner makes one: a day's TTL lowered on Thursday, flipped on Tuesday, baked, restored.
public enum CutoverExample {
  public static let www = DomainName(wire: "www.example.com.")
  public static let zone = DomainName(wire: "example.com.")
  static let old = "d111111abcdef8.cloudfront.net."
  static let new = "d222222abcdef8.cloudfront.net."
  static func time(_ text: String) -> Date { Timestamp.read(text) ?? .distantPast }
  static func value(_ ttl: Int, _ target: String) -> RecordValue { .init(ttl: ttl, data: [target]) }
  static let key = RecordKey(www, .cname)

  public static func windows() throws -> [String: ChangeWindow] {
    [
      "dns": try ChangeWindow(
        timeZone: "Europe/London", allow: ["Tue,Thu 10:00-12:00"],
        freeze: ["2026-12-18/2027-01-04"], leadSeconds: 172_800)
    ]
  }
  public static let zones = [
    ZoneSettings(name: zone, provider: .route53, zoneID: "Z0EXAMPLE", account: "source")
  ]
  public static let resolvers = ["127.0.0.1:5300", "https://dns.example/dns-query"]
    .compactMap { DNSServer($0) }

  static func step(
    _ id: String, _ title: String, _ from: RecordValue, _ to: RecordValue, _ earliest: String,
    _ latest: String?, wait: [(String, Int, String)], gone: RecordValue?, rollback: Int?
  ) -> Step {
    let change = RecordChange(key, from: from, to: to)
    var seen = Step.Check(.authoritative, typicalSeconds: 30, limitSeconds: 1800)
    seen.zone = zone
    seen.records = [RecordState(key, to)]
    var checks = [seen]
    if let gone {
      var drained = Step.Check(.recursive, limitSeconds: 1800)
      drained.zone = zone
      drained.records = [RecordState(key, gone)]
      checks.append(drained)
    }
    var step = Step(
      id: id, title: title, account: "111111111111", action: .replace(zone: zone, change),
      expects: .init(records: [RecordState(key, from)]), window: "dns",
      wait: .init(
        from: "last-authoritative-change", seconds: wait.map(\.1).reduce(0, +),
        terms: wait.map { .init(term: $0.0, seconds: $0.1, source: $0.2) }),
      checks: checks, inverse: .replace(zone: zone, change.inverse), rollbackSeconds: rollback)
    step.earliest = time(earliest)
    step.latest = latest.map(time)
    return step
  }

  public static let plan: Plan = {
    let day = value(86_400, old)
    let lowered = value(60, old)
    let flipped = value(60, new)
    let restored = value(86_400, new)
    let lowWait = [
      ("low TTL", 60, "cutover.ttl"), ("margin", 60, "cutover.margin"),
      ("clients", 120, "cutover.clientHold"),
    ]
    var flip = step(
      "flip-www", "Point www.example.com. at \(new)", lowered, flipped, "2026-12-15T10:00:00Z",
      "2026-12-15T11:51:00Z", wait: lowWait, gone: lowered, rollback: 270)
    flip.gate = .init(reason: "the change board approves the flip (CHG-4711)")
    var bake = Step(
      id: "bake-www", title: "Watch www.example.com. for 15 min on the new target", account: nil,
      action: .observe, window: nil,
      wait: .init(
        from: "write", seconds: 900,
        terms: [.init(term: "bake", seconds: 900, source: "cutover.bake")]))
    bake.onFailure = .rollBack
    bake.earliest = time("2026-12-15T10:04:30Z")
    bake.rollbackSeconds = 270
    var health = Step.Check(.health)
    health.url = "https://www.example.com/healthz"
    health.status = 200
    health.marker = "x-distribution"
    health.value = "E2TARGET"
    var serving = Step.Check(.serving)
    serving.url = "https://www.example.com/healthz"
    serving.at = "d222222abcdef8.cloudfront.net"
    serving.marker = "x-distribution"
    serving.value = "E2TARGET"
    bake.checks = [serving, health]
    let start = time("2026-12-10T10:00:00Z")
    var plan = Plan(
      name: "www-example-com", capability: "cutover", createdAt: time("2026-12-07T09:00:00Z"),
      tool: "edgeferry 0.1.0", accounts: ["source": "111111111111", "target": "222222222222"],
      observed: .init(inventoryDigest: "sha256:none", probes: [probe]),
      steps: [
        step(
          "lower-ttl-www", "Lower the TTL of www.example.com. CNAME from 86400 s to 60 s", day,
          lowered, "2026-12-10T10:00:00Z", "2026-12-10T12:00:00Z",
          wait: [
            ("old TTL", 86_400, "authoritative 4 of 4"), ("margin", 3600, "cutover.margin"),
          ], gone: nil, rollback: 270),
        flip, bake,
        step(
          "restore-ttl-www", "Restore the TTL of www.example.com. CNAME from 60 s to 86400 s",
          flipped, restored, "2026-12-15T10:19:30Z", nil, wait: [], gone: nil, rollback: 90_150),
      ],
      schedule: .init(
        start: start, end: time("2026-12-15T10:20:00Z"), criticalPathSeconds: 433_200,
        exposureSeconds: 0),
      debts: ["restore-ttl-www"],
      risks: [
        .init(
          code: "rollback-outside-window",
          text:
            "if the flip is found wrong after Tue 15 Dec 12:00 Europe/London, the next allowed rollback is Thu 17 Dec 10:00",
          accepted: true)
      ],
      notes: [
        "the old target must keep answering for 24 h after the flip (stale answers, RFC 8767)"
      ],
      permissions: [
        "route53:ChangeResourceRecordSets", "route53:GetChange", "route53:ListResourceRecordSets",
      ])
    plan.schedule.trafficShare = [
      (0, 1), (30, 0.9375), (60, 0.75), (90, 0.5), (120, 0.25), (150, 0.0625), (180, 0),
    ].map { .init(seconds: $0.0, old: $0.1) }
    plan.schedule.allClear = time("2026-12-15T10:04:30Z")
    plan.schedule.retire = time("2026-12-16T10:04:30Z")
    func point(_ step: String, _ from: String, _ seconds: Int, _ next: String?)
      -> Plan.RollbackPoint
    {
      .init(step: step, from: time(from), seconds: seconds, nextAllowed: next.map(time))
    }
    plan.schedule.rollback = [
      point("lower-ttl-www", "2026-12-10T10:00:00Z", 270, "2026-12-10T10:00:00Z"),
      point("lower-ttl-www", "2026-12-10T12:00:00Z", 270, "2026-12-15T10:00:00Z"),
      point("flip-www", "2026-12-15T10:00:00Z", 270, "2026-12-15T10:00:00Z"),
      point("bake-www", "2026-12-15T10:04:30Z", 270, "2026-12-15T10:04:30Z"),
      point("restore-ttl-www", "2026-12-15T10:19:30Z", 90_150, "2026-12-15T10:19:30Z"),
      point("restore-ttl-www", "2026-12-15T12:00:00Z", 90_150, "2026-12-17T10:00:00Z"),
    ]
    return plan.sealed
  }()

  public static let rollback: Plan = {
    var plan = Self.plan
    plan.name = "www-example-com.rollback"
    plan.steps = plan.steps.reversed().compactMap { step in
      guard let inverse = step.inverse, let change = inverse.dns?.changes.first,
        let from = change.from, let to = change.to
      else { return nil }
      var out = Self.step(
        "undo-\(step.id)", "Take back: \(step.title)", from, to, "2026-12-10T10:00:00Z", nil,
        wait: [("TTL", from.ttl ?? 0, "as served"), ("margin", 60, "cutover.margin")], gone: from,
        rollback: nil)
      out.earliest = nil
      out.inverse = nil
      out.undoes = step.id
      return out
    }
    plan.schedule.trafficShare = nil
    plan.schedule.rollback = nil
    plan.debts = []
    plan.risks = []
    plan.rollbackOf = Self.plan.digest
    return plan.sealed
  }()

  static let probe: ProbedName = {
    let answer = ProbedName.RRset(name: www, type: .cname, ttl: 86_400, data: [old])
    let servers = (1...4).map { index in
      ProbedName.Server(
        name: DomainName(wire: "ns\(index).example.com."), address: "192.0.2.\(index):53",
        authoritative: true, rcode: .noError, answers: [answer], soaSerial: 2_026_112_301,
        rttMilliseconds: 11.4 + Double(index), verdict: .ok)
    }
    return ProbedName(
      name: www, zone: zone, servers: servers,
      chain: [
        .init(name: www, zone: zone, type: .cname, ttl: 86_400, target: DomainName(wire: old))
      ],
      negativeTTL: 900,
      dnssec: .init(state: .signed, earliestExpiration: time("2027-01-06T00:00:00Z")),
      recursives: [
        .init(
          address: "127.0.0.1:5300", rcode: .noError, answers: [answer], remainingTTL: 41_004,
          clamp: nil, verdict: "ok"),
        .init(
          address: "https://dns.example/dns-query", rcode: .noError,
          answers: [.init(name: www, type: .cname, ttl: 21_600, data: [old])], remainingTTL: 21_600,
          clamp: "cap 21600", verdict: "ok"),
      ],
      verdict: "ok",
      because: ["4 of 4 authoritative servers agree", "no resolver denies the name"],
      soa: .init(refresh: 7200, retry: 900, expire: 1_209_600, minimum: 900))
  }()
}

extension HostileText {
  /// The corpus, several texts in one, for what takes long to make; the long one apart.
  public static let groups: [String] = {
    let texts = all.map(\.text).filter { $0.count < 500 }
    return stride(from: 0, to: texts.count, by: 16).map {
      texts[$0..<min($0 + 16, texts.count)].joined(separator: " ")
    } + all.map(\.text).filter { $0.count >= 500 }
  }()
  /// A sealed cutover plan with the text in every field that a reader does not refuse.
  public static func cutover(_ name: String, _ text: String) -> Plan {
    var plan = CutoverExample.plan
    let foreign = DomainName(wire: text)
    let key = RecordKey(foreign, RRType(rawValue: text))
    let value = RecordValue(ttl: 60, data: [text])
    let alias = RecordValue(alias: .init(hostedZoneId: text, dnsName: foreign))
    let change = RecordChange(key, from: value, to: alias)
    plan.name = name
    plan.tool = text
    plan.accounts = [text: text]
    plan.observed.endpoint = text
    let answer = ProbedName.RRset(name: foreign, type: key.rrtype, ttl: 60, data: [text])
    plan.observed.probes = [
      ProbedName(
        name: foreign, zone: foreign,
        servers: [
          .init(name: foreign, address: text, rcode: .noError, answers: [answer], verdict: .lame)
        ],
        chain: [.init(name: foreign, zone: foreign, type: .cname, ttl: 1, target: foreign)],
        recursives: [.init(address: text, answers: [answer], clamp: text, verdict: text)],
        verdict: text, because: [text, text])
    ]
    plan.methods = [
      .init(
        alias: text, chosen: text, order: text,
        considered: [.init(method: text, possible: false, reasons: [text])])
    ]
    for index in plan.steps.indices {
      var step = plan.steps[index]
      step.title = text
      step.account = text
      step.window = text
      step.gate = .init(reason: text)
      step.wait = .init(
        from: text, seconds: 60, terms: [.init(term: text, seconds: 60, source: text)])
      if step.action != .observe {
        step.action =
          index == 0
          ? .replace(zone: foreign, change) : .batch(zone: foreign, changes: [change, change])
        step.inverse = .replace(zone: foreign, change.inverse)
      }
      for kind in [Step.Check.Kind.authoritative, .recursive, .serving, .health] {
        var check = Step.Check(kind, value: text)
        check.zone = foreign
        check.records = [RecordState(key, value)]
        check.url = text
        check.at = text
        check.marker = text
        step.checks.append(check)
      }
      plan.steps[index] = step
    }
    plan.pointOfNoReturn = text
    plan.debts = [text]
    plan.risks = [
      .init(code: text, text: text, accepted: false), .init(code: text, text: text, accepted: true),
    ]
    plan.notes = [text]
    plan.permissions = [text]
    return plan.sealed
  }
}

import Foundation

@testable import Cutover
@testable import FerryCommand
@testable import FerryCore

/// Observations as the tests arrange them.
enum Scene {
  static let now = Date(timeIntervalSince1970: 1_796_634_000)  // 2026-12-07T09:00:00Z, a Monday
  static let old = "d111111abcdef8.cloudfront.net."
  static let new = "d222222abcdef8.cloudfront.net."

  static func time(_ text: String) -> Date { Timestamp.read(text) ?? .distantPast }
  static func name(_ text: String) -> DomainName { DomainName(wire: text) }
  static func alias(_ target: String) -> RecordValue {
    RecordValue(
      alias: .init(
        hostedZoneId: RecordValue.Alias.cloudFrontZone, dnsName: DomainName(wire: target)))
  }

  /// One name with the same answer on so many servers.
  static func records(
    _ current: [RRType: RecordValue], at text: String = "www.example.com.",
    to target: String = Scene.new, zone: String = "example.com.",
    provider: ZoneSettings.Provider = .route53, servers: Int = 4,
    edit: (inout ProbedName) -> Void = { _ in }
  ) -> CutoverObservation {
    let name = DomainName(wire: text)
    let answers = current.sorted { $0.key < $1.key }.map { type, value in
      ProbedName.RRset(
        name: name, type: type, ttl: value.ttl ?? 60,
        data: value.alias == nil ? value.data : ["192.0.2.1"])
    }
    var probe = ProbedName(
      name: name, zone: DomainName(wire: zone),
      servers: (1...servers).map {
        .init(
          name: nil, address: "192.0.2.\($0):53", authoritative: true, rcode: .noError,
          answers: answers, soaSerial: 1, verdict: .ok)
      }, negativeTTL: 900, dnssec: .init(state: .insecure), verdict: "ok",
      soa: .init(refresh: 7200, retry: 900, expire: 1_209_600, minimum: 86_400))
    edit(&probe)
    return CutoverObservation(
      zone: ZoneSettings(name: DomainName(wire: zone), provider: provider, zoneID: "Z1"),
      account: provider == .route53 ? "111111111111" : nil, current: current, probe: probe,
      target: DomainName(wire: target))
  }
  static func cname(
    _ ttl: Int = 3600, _ text: String = "www.example.com.", to target: String = Scene.new,
    provider: ZoneSettings.Provider = .route53, edit: (inout ProbedName) -> Void = { _ in }
  ) -> CutoverObservation {
    records(
      [.cname: RecordValue(ttl: ttl, data: [old])], at: text, to: target, provider: provider,
      edit: edit)
  }

  static func input(
    window: ChangeWindow? = nil, start: Date? = nil, accept: Set<String> = [],
    health: HealthPolicy? = nil, form: CutoverInput.Form? = nil,
    edit: (inout CutoverPolicy) -> Void = { _ in }
  ) -> CutoverInput {
    var policy = CutoverPolicy()
    edit(&policy)
    return CutoverInput(
      name: "www-example-com", accounts: ["source": "111111111111"], createdAt: now, start: start,
      tool: "edgeferry test", policy: policy, window: window, health: health, form: form,
      acceptedRisks: accept)
  }
  static let tuesdays = try? ChangeWindow(
    timeZone: "Europe/London", allow: ["Tue,Thu 10:00-12:00"], freeze: [])
}

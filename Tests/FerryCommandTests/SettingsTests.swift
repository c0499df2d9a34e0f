import FerryCore
import Foundation
import Testing

@testable import FerryCommand

struct SettingsTests {
  /// The example of the design, whole.
  static let example = """
    version: 1
    accounts:
      source: { profile: old-prod }
      target: { profile: new-prod, roleArn: "arn:aws:iam::222222222222:role/edgeferry" }
    zones:
      example.com: { provider: route53, zoneId: Z0EXAMPLE, account: source }
      example.net: { provider: rfc2136, server: "127.0.0.1:5301", nameservers: ["127.0.0.1:5301", "127.0.0.2:5301"],
                     tsig: { name: edgeferry-key., algorithm: hmac-sha256, secretFile: tsig.secret } }
      example.org: { provider: manual }
    resolvers: ["127.0.0.1:5300", "https://dns.example/dns-query"]
    windows:
      dns: { timeZone: Europe/London, allow: ["Tue,Thu 10:00-12:00"], freeze: ["2026-12-18/2027-01-04"], leadTime: 48h }
      cloudfront: { timeZone: UTC, allow: ["Mon..Fri 08:00-18:00"] }
    regions: [us-east-1]
    polling: { deployed: 20s, authoritative: 10s, rounds: 3 }
    cutover: { ttl: 60, propagation: 30s, margin: { percent: 10, minimum: 60s, maximum: 1h }, resolverFloor: 60s, resolverCap: 7d, clientHold: 120s, staleHold: 1d, bake: 15m, restoreTTL: true }
    health: { url: "https://{name}/healthz", expectStatus: 200, marker: { header: x-distribution } }
    edge: { port: 443, caFile: null }
    migrate: { keepSource: 24h }
    promote: { window: 10m, minRequests: 100, maxErrorRateIncrease: 1.0, maxClientErrorRateIncrease: 2.5 }
    orphans: { idleAfter: 30d }
    rehearsal: advised
    sweep: { grace: 14d, maxDeletions: 5, maxPercent: 30,
              keep: { ids: [], tags: { protect: "true" } } }
    """

  @Test func `zones, resolvers, cutover and health are read as the design has them`() throws {
    let settings = try Settings.read(Self.example, named: "edgeferry.yaml")
    #expect(
      settings.zones.map(\.name.text).sorted() == ["example.com.", "example.net.", "example.org."])
    let update = try #require(settings.zones.first { $0.provider == .rfc2136 })
    #expect(update.server?.description == "127.0.0.1:5301")
    #expect(update.nameservers.map(\.address) == ["127.0.0.1", "127.0.0.2"])
    #expect(update.tsig?.secretFile == "tsig.secret")
    #expect(settings.zones.first { $0.provider == .route53 }?.zoneID == "Z0EXAMPLE")
    #expect(settings.resolvers?.map(\.transport) == [.udp, .https])
    // The design's example holds the built-in values.
    #expect(settings.cutover == CutoverPolicy())
    #expect(
      settings.health
        == HealthPolicy(
          url: "https://{name}/healthz", expectStatus: 200, marker: "x-distribution",
          onFailure: .hold))
    #expect(settings.edgePort == 443)
    #expect(settings.edgeCAFile == nil)
    #expect(try Settings.read("version: 1", named: "x").resolvers == nil)
  }

  @Test(arguments: [
    "zones: { \"not a name\": { provider: manual } }",
    "zones: { example.com: { provider: bind } }",
    "zones: { example.com: { provider: rfc2136 } }",
    "zones: { example.com: { provider: rfc2136, server: ns1.example.com } }",
    "zones: { example.com: { provider: rfc2136, server: 127.0.0.1, tsig: { name: k } } }",
    "zones: { example.com: { provider: rfc2136, server: 127.0.0.1, tsig: { name: k, algorithm: hmac-md5, secretFile: s } } }",
    "resolvers: [dns.example]", "cutover: { ttl: 0 }", "cutover: { ttl: 2147483648 }",
    "cutover: { margin: { minimum: 2h, maximum: 1h } }", "polling: { rounds: 0 }",
    "cutover: { resolverFloor: 8d }", "health: { url: \"http://{name}/\" }",
    "health: { url: \"https://{name}/\", onFailure: panic }", "edge: { port: 0 }",
  ]) func `what DNS cannot mean is refused with its line`(text: String) {
    #expect {
      _ = try Settings.read("version: 1\n" + text, named: "edgeferry.yaml")
    } throws: {
      let error = $0 as? FerryError
      return error?.exit == .usage && error?.what.contains("(line 2)") == true
    }
  }

  @Test func `every key of the design is understood`() throws {
    let settings = try Settings.read(Self.example, named: "edgeferry.yaml")
    #expect(settings.accounts.map(\.name) == ["source", "target"])
    #expect(settings.accounts[1].roleARN == "arn:aws:iam::222222222222:role/edgeferry")
    #expect(settings.regions == ["us-east-1"])
    #expect(settings.deployedPollSeconds == 20)
    #expect(settings.idleAfterSeconds == 30 * 86_400)
    #expect(settings.windows["dns"]?.leadSeconds == 48 * 3600)
    #expect(settings.promotion.maxErrorRateIncrease == 1)
    #expect(settings.promotion.maxClientErrorRateIncrease == 2.5)
    #expect(try Settings.read("version: 1", named: "s").promotion == PromotionTerms())
    #expect(PromotionTerms().maxClientErrorRateIncrease == 5)
  }
  @Test(arguments: ["maxErrorRateIncrease: 101", "maxClientErrorRateIncrease: -1"])
  func `an increase is 0 to 100 points`(text: String) {
    let error = #expect(throws: FerryError.self) {
      try Settings.read("promote: { \(text) }", named: "s")
    }
    #expect(error?.code == "bad-settings" && error?.exit == .usage)
  }

  @Test(arguments: example.split(separator: "\n").indices)
  func `a misspelt key is an error that names its line`(_ index: Int) throws {
    var lines = Self.example.split(separator: "\n").map(String.init)
    guard let colon = lines[index].firstIndex(of: ":") else { return }
    guard !lines[index].trimmingCharacters(in: .whitespaces).hasPrefix("example."),
      !lines[index].contains("source:"), !lines[index].contains("target:")
    else { return }
    lines[index].insert(contentsOf: "x", at: colon)
    let text = lines.joined(separator: "\n")
    let error = #expect(throws: FerryError.self) { try Settings.read(text, named: "s.yaml") }
    #expect(error?.exit == .usage)
    #expect(error?.what.contains("line") == true)
  }

  @Test(arguments: [
    "health: { url: \"https://user:canary-pw@health.example/\" }",
    "resolvers: [\"https://canary-pw@dns.example/dns-query\"]",
    "zones: { example.net: { server: \"tcp://a:canary-pw@127.0.0.1:53\" } }",
  ])
  func `a password in a URL is refused and not repeated`(_ text: String) {
    let error = #expect(throws: FerryError.self) { try Settings.read(text, named: "s.yaml") }
    #expect(error?.code == "bad-settings")
    #expect(error.map { "\($0)" }?.contains("canary-pw") == false)
  }

  @Test func `an empty file is the built-in settings`() throws {
    #expect(try Settings.read("", named: "s").deployedPollSeconds == 20)
  }

  @Test(arguments: [
    ("20s", 20.0), ("15m", 900), ("48h", 172_800), ("14d", 1_209_600), ("7", 7), ("0.5s", 0.5),
  ])
  func `spans are read`(_ text: String, _ seconds: Double) {
    #expect(Settings.seconds(text) == seconds)
  }
  @Test(arguments: ["", "s", "-1s", "1w", "1e9d", "soon", "1 s", "inf"])
  func `what is no span is refused`(_ text: String) { #expect(Settings.seconds(text) == nil) }

  @Test(arguments: [
    "sweep: { grace: 14 }", "sweep: { grace: \"14\" }", "orphans: { idleAfter: 30 }",
    "migrate: { keepSource: 1.5 }", "windows: { dns: { leadTime: 2 } }",
  ])
  func `a number that may be meant as days needs its unit`(_ text: String) throws {
    let error = #expect(throws: FerryError.self) {
      try Settings.read("version: 1\n\(text)\n", named: "s")
    }
    #expect(error?.code == "bad-settings" && error?.exit == .usage)
    #expect(
      error.map { "\($0)" }?.contains("must have a unit") == true, "\(String(describing: error))")
    #expect(
      try Settings.read("version: 1\nsweep: { grace: 0 }\n", named: "s").sweep.graceSeconds == 0)
  }

  @Test func `global options before the command are moved behind it`() {
    #expect(
      Entry.hoisted(["--output", "json", "--quiet", "orphans", "discover", "--fail-on", "gaps"])
        == ["orphans", "discover", "--fail-on", "gaps", "--output", "json", "--quiet"])
    #expect(Entry.hoisted(["--version"]) == ["--version"])
    #expect(Entry.hoisted(["show", "x"]) == ["show", "x"])
  }

  @Test func `the rollback plan stands beside its plan`() {
    #expect(Context.rollbackPath(of: "plans/x.plan.json") == "plans/x.rollback.plan.json")
    #expect(Context.rollbackPath(of: "out.json") == "out.rollback.plan.json")
    #expect(Context.rollbackPath(of: "out") == "out.rollback.plan.json")
  }

  @Test(arguments: [
    "regions: &a [eu-west-1]\nresolvers: *a\n", "? &k x\n: *k\n", "regions: [&a x, *a]\n",
    "version: &v 1\nregions: [\"*\"]\n",
  ])
  func `anchors and aliases are refused with the line, before anything is filled in`(_ text: String)
  {
    let error = #expect(throws: FerryError.self) { try Settings.read(text, named: "e.yaml") }
    #expect(error?.code == "bad-settings" && error?.why.contains("line 1 has an anchor") == true)
  }
  @Test func `signs of anchors and aliases within texts are texts`() throws {
    let settings = try Settings.read(
      """
      # *a &b
      sweep: { keep: { ids: ["E*", "*x"], tags: { team: a&b *c, "*": "&d", x: y } } }
      health: { url: "https://{name}/a?b=*&c=d" }
      """, named: "e.yaml")
    #expect(settings.sweep.keepIDs == ["E*", "*x"])
    #expect(settings.sweep.keepTags == ["team": "a&b *c", "*": "&d", "x": "y"])
    #expect(settings.health?.url == "https://{name}/a?b=*&c=d")
  }
  @Test(arguments: [
    "signatures: {}", "signatures: { keys: [] }", "signatures: { required: 2, keys: [a] }",
    "signatures: { required: 0, keys: [a] }", "signatures: { required: 1.5, keys: [a] }",
    "signatures: { keys: a }", "signatures: { keyz: [a] }",
  ])
  func `signatures that nobody could give, or all could do without, are refused`(_ text: String) {
    let error = #expect(throws: FerryError.self) { try Settings.read(text, named: "e.yaml") }
    #expect(error?.code == "bad-settings" && error?.exit == .usage)
  }
  @Test func `one signature is wanted unless more are`() throws {
    #expect(try Settings.read("version: 1", named: "e").signatures.required == 0)
    let one = try Settings.read("signatures: { keys: [a, b] }", named: "e").signatures
    #expect(one.required == 1 && one.keys == ["a", "b"])
    #expect(
      try Settings.read("signatures: { required: 2, keys: [a, b] }", named: "e").signatures.required
        == 2)
  }
}

import FerryCode
import FerryCore
import Foundation
import Yams

/// `edgeferry.yaml`: who, where and when; never a secret, only where to read one.
///
/// Unknown keys and values of the wrong kind are errors with their line, in every section: one misspelt
/// key never passes silently.
public struct Settings: Sendable {
  public struct Account: Equatable, Sendable {
    public var name: String
    public var profile: String?
    public var roleARN: String?
    /// What the role's trust policy asks for.
    public var externalID: String?
    public init(
      name: String, profile: String? = nil, roleARN: String? = nil, externalID: String? = nil
    ) {
      self.name = name
      self.profile = profile
      self.roleARN = roleARN
      self.externalID = externalID
    }
  }
  public var accounts: [Account] = []
  public var windows: [String: ChangeWindow] = [:]
  /// Where stacks are looked for, besides the profile's region.
  public var regions: [String] = []
  public var deployedPollSeconds = 20.0
  public var zones: [ZoneSettings] = []
  /// Recursive vantage points; nil for those of the system.
  public var resolvers: [DNSServer]?
  public var cutover = CutoverPolicy()
  public var health: HealthPolicy?
  /// Where serving proofs connect.
  public var edgePort: UInt16 = 443
  public var edgeCAFile: String?
  public var idleAfterSeconds = 30 * 86_400
  /// How long a moved distribution must have had no request before it is disabled.
  public var keepSourceSeconds = 86_400
  /// Whether a plan that was never rehearsed may not be applied.
  public var requiresRehearsal = false
  package var promotion = PromotionTerms()
  package var signatures = SignatureRules()
  package var sweep = SweepRules()
  package var organization: OrganizationScope?
  package var notify: NotifySettings?
  /// The file that it was read from, or nil for the built-in settings.
  public var path: String?
  /// The whole document, for plugins.
  public var document: JSONValue = [:]

  public init() {}

  /// - Parameter what: the file's name, for errors.
  /// - Throws: `.badInput` (64) with the line for YAML that cannot be read, an unknown key, or a value
  ///   of the wrong kind.
  public static func read(_ text: String, named what: String) throws(FerryError) -> Settings {
    let reader = SettingsReader(file: what)
    guard let root = try reader.root(text) else { return Settings() }
    return try reader.settings(root)
  }

  /// `20s`, `15m`, `48h`, `14d`, or plain seconds.
  public static func seconds(_ text: String) -> Double? {
    let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
    guard let last = text.last else { return nil }
    let (digits, unit) = units[last].map { (String(text.dropLast()), $0) } ?? (text, 1)
    guard let value = Double(digits), value >= 0, value.isFinite, value < 1e9,
      digits.allSatisfy({ $0.isNumber || $0 == "." })
    else { return nil }
    return value * unit
  }
}

/// Walks the YAML tree with line numbers at hand.
struct SettingsReader {
  var file: String
  /// What is read, for errors.
  var what = "the settings"
  var code = "bad-settings"
  var page = "docs/settings.md"

  /// What a key may hold; `named` is a map whose keys are the user's own names.
  indirect enum Kind: Sendable {
    /// `days` is a span whose bare number might be meant as days.
    case text, number, flag, span, days, texts
    case map([String: Kind])
    case named(Kind)
  }

  static let shape: [String: Kind] = [
    "version": .number,
    "accounts": .named(.map(["profile": .text, "roleArn": .text, "externalId": .text])),
    "zones": .named(
      .map([
        "provider": .text, "zoneId": .text, "account": .text, "server": .text,
        "nameservers": .texts,
        "tsig": .map(["name": .text, "algorithm": .text, "secretFile": .text]),
      ])),
    "resolvers": .texts,
    "windows": .named(
      .map(["timeZone": .text, "allow": .texts, "freeze": .texts, "leadTime": .days])),
    "regions": .texts,
    "polling": .map(["deployed": .span, "authoritative": .span, "rounds": .number]),
    "cutover": .map([
      "ttl": .number, "propagation": .span,
      "margin": .map(["percent": .number, "minimum": .span, "maximum": .span]),
      "resolverFloor": .span, "resolverCap": .span, "clientHold": .span, "staleHold": .span,
      "bake": .span, "restoreTTL": .flag, "acceptRisks": .texts,
    ]),
    "health": .map([
      "url": .text, "expectStatus": .number, "marker": .map(["header": .text]),
      "onFailure": .text,
    ]),
    "edge": .map(["port": .number, "caFile": .text]),
    "migrate": .map(["keepSource": .days]),
    "promote": .map([
      "window": .span, "minRequests": .number, "maxErrorRateIncrease": .number,
      "maxClientErrorRateIncrease": .number,
    ]),
    "orphans": .map(["idleAfter": .days]),
    "rehearsal": .text,
    "signatures": .map(["required": .number, "keys": .texts]),
    "sweep": .map([
      "grace": .days, "maxDeletions": .number, "maxPercent": .number,
      "keep": .map(["ids": .texts, "stacks": .texts, "tags": .named(.text)]),
      "organization": .map([
        "account": .text, "roleName": .text, "externalId": .text, "units": .texts,
        "statuses": .texts, "skip": .texts,
      ]),
      "notify": .map([
        "hook": .text, "webhook": .text, "secretFile": .text, "always": .flag,
      ]),
    ]),
  ]

  func refuse(_ why: String, at node: Node?) -> FerryError {
    let line = node?.mark.map { " (line \($0.line))" } ?? ""
    return .badInput(
      FerryError.Code(rawValue: code), what: "could not read \(what) \(file)\(line)", why: why,
      next: "correct the file; the keys are listed in \(page)")
  }

  func root(_ text: String) throws(FerryError) -> Node? {
    do throws(YAMLText.Fault) {
      return try YAMLText.compose(text)
    } catch {
      throw refuse(error.why, at: nil)
    }
  }

  func settings(_ root: Node) throws(FerryError) -> Settings {
    try check(root, .map(Self.shape), at: "")
    var out = Settings()
    out.document = Self.json(root)
    if let version = root["version"], version.int != 1 {
      throw refuse("version \(version.string ?? "?") is not 1", at: version)
    }
    for (name, account) in pairs(root["accounts"]) {
      out.accounts.append(
        .init(
          name: name, profile: account["profile"]?.string, roleARN: account["roleArn"]?.string,
          externalID: account["externalId"]?.string))
    }
    for (name, window) in pairs(root["windows"]) {
      guard ["dns", "cloudfront"].contains(name) else {
        throw refuse(
          "windows are \"dns\" and \"cloudfront\", not \(name.debugDescription)", at: window)
      }
      do {
        out.windows[name] = try ChangeWindow(
          timeZone: window["timeZone"]?.string ?? "UTC", allow: texts(window["allow"]),
          freeze: texts(window["freeze"]), leadSeconds: Int(span(window["leadTime"]) ?? 0))
      } catch {
        throw refuse("\(error.what): \(error.why)", at: window)
      }
    }
    out.regions = texts(root["regions"])
    for (name, zone) in pairs(root["zones"]) { out.zones.append(try self.zone(name, zone)) }
    if root["resolvers"] != nil { out.resolvers = try servers(root["resolvers"], "resolvers") }
    out.cutover = try cutover(root)
    if let health = root["health"] { out.health = try self.health(health) }
    if let port = root["edge"]?["port"] {
      guard let number = port.int.flatMap(UInt16.init(exactly:)), number > 0 else {
        throw refuse("edge.port is 1 to 65535", at: port)
      }
      out.edgePort = number
    }
    out.edgeCAFile = root["edge"]?["caFile"].flatMap { $0.null == nil ? $0.string : nil }
    if let seconds = span(root["polling"]?["deployed"]) { out.deployedPollSeconds = seconds }
    if let seconds = span(root["migrate"]?["keepSource"]) { out.keepSourceSeconds = Int(seconds) }
    if let seconds = span(root["orphans"]?["idleAfter"]) { out.idleAfterSeconds = Int(seconds) }
    if let promote = root["promote"] { out.promotion = try promotion(promote) }
    if let signatures = root["signatures"] { out.signatures = try self.signatures(signatures) }
    if let sweep = root["sweep"] {
      out.sweep = try self.sweep(sweep)
      out.organization = try organization(sweep["organization"], accounts: out.accounts)
      out.notify = try notify(sweep["notify"])
    }
    if let rehearsal = root["rehearsal"] {
      guard ["advised", "required"].contains(rehearsal.string ?? "") else {
        throw refuse("rehearsal is \"advised\" or \"required\"", at: rehearsal)
      }
      out.requiresRehearsal = rehearsal.string == "required"
    }
    return out
  }

  private func promotion(_ node: Node) throws(FerryError) -> PromotionTerms {
    var out = PromotionTerms()
    if let seconds = span(node["window"]) {
      // CloudWatch keeps points of one minute for 15 days.
      guard (60...86_400).contains(seconds) else {
        throw refuse("promote.window is 1m to 1d", at: node["window"] ?? node)
      }
      out.windowSeconds = Int(seconds)
    }
    if let it = node["minRequests"] {
      guard let number = it.int, number > 0 else {
        throw refuse("promote.minRequests is a whole number above 0", at: it)
      }
      out.minRequests = number
    }
    func points(_ key: String) throws(FerryError) -> Double? {
      guard let it = node[key] else { return nil }
      guard let number = it.float, (0...100).contains(number) else {
        throw refuse("promote.\(key) is 0 to 100, in percentage points", at: it)
      }
      return number
    }
    out.maxErrorRateIncrease = try points("maxErrorRateIncrease") ?? out.maxErrorRateIncrease
    out.maxClientErrorRateIncrease =
      try points("maxClientErrorRateIncrease") ?? out.maxClientErrorRateIncrease
    return out
  }

  func check(_ node: Node, _ kind: Kind, at path: String) throws(FerryError) {
    let place = path.isEmpty ? "the document" : path
    switch kind {
    case .text:
      guard let scalar = node.scalar else { throw refuse("\(place) must be text", at: node) }
      try checkHoldsNoPassword(scalar.string, place, node)
    case .number:
      guard node.float != nil else { throw refuse("\(place) must be a number", at: node) }
    case .flag:
      guard node.bool != nil else { throw refuse("\(place) must be true or false", at: node) }
    case .span:
      guard let text = node.string, Settings.seconds(text) != nil else {
        throw refuse("\(place) must be a span such as 20s, 15m, 48h or 14d", at: node)
      }
    case .days:
      try check(node, .span, at: path)
      guard let number = node.string.flatMap(Double.init), number != 0 else { return }
      throw refuse("\(place) must have a unit, as 20s, 15m, 48h or 14d", at: node)
    case .texts:
      guard let items = node.sequence, items.allSatisfy({ $0.scalar != nil }) else {
        throw refuse("\(place) must be a list of texts", at: node)
      }
      for item in items { try checkHoldsNoPassword(item.string ?? "", place, item) }
    case .map(let known):
      guard let mapping = node.mapping else { throw refuse("\(place) must be a mapping", at: node) }
      for (key, value) in mapping {
        let name = key.string ?? ""
        guard let inner = known[name] else {
          throw refuse(
            "unknown key \(name.debugDescription)\(path.isEmpty ? "" : " in \(path)"); known: "
              + known.keys.sorted().joined(separator: ", "), at: key)
        }
        if value.scalar != nil, value.null != nil { continue }
        try check(value, inner, at: path.isEmpty ? name : "\(path).\(name)")
      }
    case .named(let inner):
      guard let mapping = node.mapping else { throw refuse("\(place) must be a mapping", at: node) }
      for (key, value) in mapping { try check(value, inner, at: "\(path).\(key.string ?? "")") }
    }
  }
  /// The settings are handed to plugins and shown in errors; a URL in them has no user and no password.
  private func checkHoldsNoPassword(_ text: String, _ place: String, _ node: Node)
    throws(FerryError)
  {
    guard let rest = text.range(of: "://").map({ text[$0.upperBound...] }),
      rest.prefix(while: { !"/?#".contains($0) }).contains("@")
    else { return }
    throw refuse("\(place) must not hold a user or a password in its URL", at: node)
  }
  private static func json(_ node: Node) -> JSONValue {
    switch node {
    case .mapping(let mapping):
      var members: [String: JSONValue] = [:]
      for (key, value) in mapping { members[key.string ?? ""] = json(value) }
      return .object(members)
    case .sequence(let items): return .array(items.map(json))
    default:
      if node.null != nil { return .null }
      if let it = node.bool { return .bool(it) }
      if let it = node.int { return .int(Int64(it)) }
      return .string(node.string ?? "")
    }
  }
  func pairs(_ node: Node?) -> [(String, Node)] {
    node?.mapping?.compactMap { key, value in key.string.map { ($0, value) } } ?? []
  }
  func texts(_ node: Node?) -> [String] { node?.sequence?.compactMap(\.string) ?? [] }
  func span(_ node: Node?) -> Double? { node?.string.flatMap(Settings.seconds) }
}

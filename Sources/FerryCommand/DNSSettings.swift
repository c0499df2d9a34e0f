import FerryCore
import Foundation
import Yams

/// The sections of the settings that cutovers read: `zones`, `resolvers`, `polling`, `cutover` and `health`.
extension SettingsReader {
  func zone(_ given: String, _ node: Node) throws(FerryError) -> ZoneSettings {
    let name: DomainName
    do throws(FerryError) {
      name = try DomainName(given)
    } catch {
      throw refuse("zones: \(given.debugDescription) is no name: \(error.why)", at: node)
    }
    let text = node["provider"]?.string ?? ""
    guard let provider = ZoneSettings.Provider(rawValue: text) else {
      throw refuse(
        "zones.\(given).provider is route53, rfc2136 or manual, not \(text.debugDescription)",
        at: node["provider"] ?? node)
    }
    var out = ZoneSettings(name: name, provider: provider)
    out.zoneID = node["zoneId"]?.string
    out.account = node["account"]?.string
    out.nameservers = try servers(node["nameservers"], "zones.\(given).nameservers")
    if let server = node["server"] { out.server = try self.server(server, "zones.\(given).server") }
    if let tsig = node["tsig"] {
      guard let key = tsig["name"]?.string, let secret = tsig["secretFile"]?.string else {
        throw refuse("zones.\(given).tsig needs name and secretFile", at: tsig)
      }
      let algorithm = tsig["algorithm"]?.string ?? "hmac-sha256"
      guard ["hmac-sha256", "hmac-sha384", "hmac-sha512"].contains(algorithm) else {
        throw refuse(
          "zones.\(given).tsig.algorithm is hmac-sha256, hmac-sha384 or hmac-sha512 (RFC 8945 §6)",
          at: tsig["algorithm"])
      }
      out.tsig = .init(name: key, algorithm: algorithm, secretFile: secret)
    }
    if provider == .rfc2136, out.server == nil {
      throw refuse("zones.\(given) needs server: where updates are sent", at: node)
    }
    return out
  }

  func servers(_ node: Node?, _ place: String) throws(FerryError) -> [DNSServer] {
    var out: [DNSServer] = []
    for item in node?.sequence ?? [] { out.append(try server(item, place)) }
    return out
  }
  private func server(_ node: Node, _ place: String) throws(FerryError) -> DNSServer {
    guard let server = DNSServer(node.string ?? "") else {
      throw refuse(
        "\(place): \((node.string ?? "").debugDescription) is no server; write it as 192.0.2.1, 192.0.2.1:53, [2001:db8::1]:53, tls://192.0.2.1 or https://dns.example/dns-query",
        at: node)
    }
    return server
  }

  func cutover(_ root: Node) throws(FerryError) -> CutoverPolicy {
    var out = CutoverPolicy()
    let node = root["cutover"]
    func seconds(_ key: String, _ node: Node?) -> Int? {
      node?[key]?.string.flatMap(Settings.seconds).map { Int($0.rounded(.up)) }
    }
    if let ttl = node?["ttl"] {
      guard let value = ttl.int, (1...2_147_483_647).contains(value) else {
        throw refuse("cutover.ttl is 1 to 2147483647 seconds; 0 keeps nothing cached", at: ttl)
      }
      out.ttl = value
    }
    if let it = seconds("propagation", node) { out.propagationSeconds = it }
    if let percent = node?["margin"]?["percent"] {
      guard let value = percent.int, (0...1000).contains(value) else {
        throw refuse("cutover.margin.percent is 0 to 1000", at: percent)
      }
      out.margin.percent = value
    }
    if let it = seconds("minimum", node?["margin"]) { out.margin.minimumSeconds = it }
    if let it = seconds("maximum", node?["margin"]) { out.margin.maximumSeconds = it }
    guard out.margin.minimumSeconds <= out.margin.maximumSeconds else {
      throw refuse("cutover.margin.minimum is above its maximum", at: node?["margin"])
    }
    if let it = seconds("resolverFloor", node) { out.resolverFloorSeconds = it }
    if let it = seconds("resolverCap", node) { out.resolverCapSeconds = it }
    guard out.resolverFloorSeconds <= out.resolverCapSeconds else {
      throw refuse("cutover.resolverFloor is above resolverCap", at: node)
    }
    if let it = seconds("clientHold", node) { out.clientHoldSeconds = it }
    if let it = seconds("staleHold", node) { out.staleHoldSeconds = it }
    if let it = seconds("bake", node) { out.bakeSeconds = it }
    if let it = node?["restoreTTL"]?.bool { out.restoresTTL = it }
    out.acceptedRisks = node?["acceptRisks"]?.sequence?.compactMap(\.string) ?? []
    let polling = root["polling"]
    if let it = polling?["authoritative"]?.string.flatMap(Settings.seconds) {
      out.authoritativePollSeconds = it
    }
    if let rounds = polling?["rounds"] {
      guard let value = rounds.int, (1...100).contains(value) else {
        throw refuse("polling.rounds is 1 to 100", at: rounds)
      }
      out.rounds = value
    }
    return out
  }

  func health(_ node: Node) throws(FerryError) -> HealthPolicy {
    guard let url = node["url"]?.string, url.hasPrefix("https://") else {
      throw refuse("health.url must be an https URL; {name} stands for the name", at: node)
    }
    let status = node["expectStatus"]?.int ?? 200
    guard (100...599).contains(status) else {
      throw refuse("health.expectStatus is 100 to 599", at: node["expectStatus"])
    }
    let reaction = node["onFailure"]?.string ?? "hold"
    guard let onFailure = Step.OnFailure(rawValue: reaction) else {
      throw refuse("health.onFailure is hold or roll-back", at: node["onFailure"])
    }
    return HealthPolicy(
      url: url, expectStatus: status, marker: node["marker"]?["header"]?.string,
      onFailure: onFailure)
  }
}

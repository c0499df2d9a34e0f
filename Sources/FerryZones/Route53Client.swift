import FerryCloudFront
import FerryCore
import FerryDNS
import Foundation

/// Route 53's control plane over any transport: the calls that a change of records needs.
///
/// Every call throws `FerryError`; one that Route 53 refused carries `service` with its code.
/// - Source: Route 53 API Reference, version 2013-04-01.
public struct Route53Client: Sendable {
  public var transport: any ServiceTransport
  public init(_ transport: any ServiceTransport) { self.transport = transport }

  public struct HostedZone: Equatable, Sendable {
    /// Such as `Z0EXAMPLE`, without the path before it.
    public var id: String
    public var name: DomainName
    public var isPrivate: Bool
    public init(id: String, name: DomainName, isPrivate: Bool) {
      self.id = id
      self.name = name
      self.isPrivate = isPrivate
    }
    /// As a person tells zones of one name apart.
    var text: String { "\(id) (\(isPrivate ? "private" : "public"))" }
  }

  /// One record set as Route 53 has it.
  public struct RecordSet: Equatable, Sendable {
    public var key: RecordKey
    /// nil for what is more than one plain set or alias: weighted, latency, failover, geolocation, traffic policy.
    public var value: RecordValue?
    /// The `ResourceRecordSet` element as read, which a DELETE must repeat.
    public var element: XElement
  }

  public struct Change: Equatable, Sendable {
    public enum Action: String, Sendable {
      case create = "CREATE"
      case delete = "DELETE"
    }
    public var action: Action
    public var element: XElement
  }

  // MARK: Zones

  public func hostedZone(id: String) async throws(FerryError) -> HostedZone {
    let root = try await call("GetHostedZone", path: "/hostedzone/\(Self.bare(id))")
    guard let zone = root.first("HostedZone").flatMap(Self.zone) else {
      throw Self.unreadable("GetHostedZone", "it holds no HostedZone")
    }
    return zone
  }

  /// Every zone of exactly that name, public and private.
  public func hostedZones(named name: DomainName) async throws(FerryError) -> [HostedZone] {
    let operation = "ListHostedZonesByName"
    var zones: [HostedZone] = []
    var next: (name: String, id: String?)? = (Route53Name.encoded(name), nil)
    while let start = next {
      var query: [ServiceRequest.QueryItem] = [.init("dnsname", start.name)]
      if let id = start.id { query.append(.init("hostedzoneid", id)) }
      let root = try await call(operation, path: "/hostedzonesbyname", query: query)
      let page = (root.first("HostedZones")?.all("HostedZone") ?? []).compactMap(Self.zone)
      zones += page.filter { $0.name == name }
      next = nil
      // Zones of one name follow each other: past the last of them there is nothing to look for.
      guard root.text(at: "IsTruncated") == "true", page.last.map({ $0.name == name }) ?? true
      else {
        break
      }
      guard let nextName = root.text(at: "NextDNSName"), !nextName.isEmpty else {
        throw Self.unreadable(operation, "the list says it is truncated but names no next zone")
      }
      let nextID = root.text(at: "NextHostedZoneId").map(Self.bare)
      guard nextName != start.name || nextID != start.id else {
        throw Self.unreadable(operation, "the next page's start is this page's own")
      }
      if Route53Name.decoded(nextName) == name { next = (nextName, nextID) }
    }
    return zones
  }

  // MARK: Records

  /// The plain sets of those keys; a key that is missing has none.
  ///
  /// Reads from each name on until its last type, and takes what else is asked for from the same pages.
  /// - Throws: `routing-policy` (4) for a key that has weighted or other routed sets.
  public func records(_ keys: [RecordKey], zoneID: String) async throws(FerryError)
    -> [RecordKey: RecordSet]
  {
    var wanted: [DomainName: Set<RRType>] = [:]
    for key in keys { wanted[key.name, default: []].insert(key.rrtype) }
    var found: [RecordKey: RecordSet] = [:]
    func take(_ set: RecordSet) throws(FerryError) {
      guard wanted[set.key.name]?.contains(set.key.rrtype) == true else { return }
      guard set.value != nil else { throw Self.routed(set) }
      found[set.key] = set
    }
    // Reversed labels, so that neighbours share a page.
    var names = wanted.keys.sorted {
      $0.labels.reversed().map(String.init).lexicographicallyPrecedes(
        $1.labels.reversed().map(String.init))
    }[...]
    var known: Set<DomainName> = []
    while let name = names.popFirst() {
      if known.contains(name) { continue }
      var start: (name: String, type: String?, identifier: String?)? = (
        Route53Name.encoded(name), nil, nil
      )
      while let from = start {
        let page = try await page(
          zoneID, from: from, most: names.isEmpty ? 20 : 300)
        start = nil
        for set in page.sets { try take(set) }
        // Names follow each other whole; only the one that the next page begins with may go on there.
        known.formUnion(page.sets.map(\.key.name))
        guard let next = page.next else { continue }
        let nextName = Route53Name.decoded(next.name)
        known.remove(nextName)
        if nextName == name { start = next }
      }
      known.insert(name)
    }
    return found
  }

  private typealias Start = (name: String, type: String?, identifier: String?)
  private func page(_ zoneID: String, from: Start, most: Int) async throws(FerryError) -> (
    sets: [RecordSet], next: Start?
  ) {
    let operation = "ListResourceRecordSets"
    var query: [ServiceRequest.QueryItem] = [
      .init("maxitems", String(most)), .init("name", from.name),
    ]
    if let type = from.type { query.append(.init("type", type)) }
    if let identifier = from.identifier { query.append(.init("identifier", identifier)) }
    let root = try await call(
      operation, path: "/hostedzone/\(Self.bare(zoneID))/rrset", query: query)
    var sets: [RecordSet] = []
    for element in root.first("ResourceRecordSets")?.all("ResourceRecordSet") ?? [] {
      sets.append(try Self.recordSet(element))
    }
    guard root.text(at: "IsTruncated") == "true" else { return (sets, nil) }
    guard let name = root.text(at: "NextRecordName"), !name.isEmpty else {
      throw Self.unreadable(operation, "the list says it is truncated but names no next record")
    }
    let next: Start = (
      name, root.text(at: "NextRecordType"), root.text(at: "NextRecordIdentifier")
    )
    guard next.name != from.name || next.type != from.type || next.identifier != from.identifier
    else { throw Self.unreadable(operation, "the next page's start is this page's own") }
    return (sets, next)
  }

  /// Sends one atomic batch.
  ///
  /// - Parameter comment: at most 256 characters are kept.
  /// - Returns: the change's id, such as `C2682N5HXP0BZ4`.
  public func change(_ changes: [Change], zoneID: String, comment: String) async throws(FerryError)
    -> String
  {
    let operation = "ChangeResourceRecordSets"
    let batch = XElement(
      "ChangeBatch",
      [
        XElement("Comment", text: String(comment.prefix(256))),
        XElement(
          "Changes",
          changes.map {
            XElement("Change", [XElement("Action", text: $0.action.rawValue), $0.element])
          }),
      ])
    let body = XElement(
      "ChangeResourceRecordSetsRequest", attributes: [.init(name: "xmlns", value: Self.namespace)],
      nodes: [.element(batch)])
    let root = try await call(
      operation, method: "POST", path: "/hostedzone/\(Self.bare(zoneID))/rrset/", body: body)
    guard let id = root.text(at: "ChangeInfo/Id").map(Self.bare), !id.isEmpty else {
      throw Self.unreadable(operation, "it names no change")
    }
    return id
  }

  /// Whether a change has reached all of Route 53's servers; nil for one that it no longer knows.
  public func isInSync(change: String) async throws(FerryError) -> Bool? {
    do throws(FerryError) {
      let root = try await call("GetChange", path: "/change/\(Self.bare(change))")
      switch root.text(at: "ChangeInfo/Status") {
      case "INSYNC": return true
      case "PENDING": return false
      default: throw Self.unreadable("GetChange", "its status is neither PENDING nor INSYNC")
      }
    } catch {
      guard error.isService("NoSuchChange") else { throw error }
      return nil
    }
  }

  // MARK: The wire

  static let namespace = "https://route53.amazonaws.com/doc/2013-04-01/"

  private func call(
    _ operation: String, method: String = "GET", path: String,
    query: [ServiceRequest.QueryItem] = [], body: XElement? = nil
  ) async throws(FerryError) -> XElement {
    var request = ServiceRequest(
      .route53, operation, method: method, path: "/2013-04-01" + path, query: query)
    if let body {
      request.body = Array(("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + body.xml).utf8)
      request.headers["content-type"] = "text/xml"
    }
    let response = try await transport.send(request)
    if let refused = Self.refusedBatch(response, operation) { throw refused }
    do throws(FerryError) {
      return try XMLReader.read(accepted(response, operation: operation).body)
    } catch {
      guard error.exit == .denied else { throw error }
      var denied = error
      denied.next = "have the action route53:\(operation) allowed for this identity"
      throw denied
    }
  }
  /// A refused batch may come as a document of its own, which lists a message for each change.
  /// - Source: API Reference, ChangeResourceRecordSets, Errors and its example.
  private static func refusedBatch(_ response: ServiceResponse, _ operation: String) -> FerryError?
  {
    guard response.status == 400, let root = try? XMLReader.read(response.body),
      root.name == "InvalidChangeBatch"
    else { return nil }
    let said = (root.first("Messages")?.all("Message") ?? []).map(\.text)
    let message = said.isEmpty ? root.text(at: "Message") ?? "" : said.joined(separator: "; ")
    let requestID = root.text(at: "RequestId") ?? ""
    return FerryError(
      .serviceRefused, what: "\(operation) was refused",
      why: "InvalidChangeBatch (HTTP 400): \(message)",
      next: "see the message; request id \(requestID)",
      service: ServiceFailure(
        operation: operation, status: 400, code: "InvalidChangeBatch", message: message,
        requestID: requestID))
  }
  static func unreadable(_ operation: String, _ why: String) -> FerryError {
    FerryError(
      .unreadableAnswer, what: "could not read the answer to \(operation)", why: why,
      next: "run the command again; if it persists, check the endpoint and any proxy before it")
  }
  /// `/hostedzone/Z1` and `/change/C1` without the path.
  static func bare(_ id: String) -> String {
    percentEncoded(id.split(separator: "/").last.map(String.init) ?? "")
  }
  private static func zone(_ element: XElement) -> HostedZone? {
    guard let id = element.text(at: "Id"), let name = element.text(at: "Name"), !name.isEmpty else {
      return nil
    }
    return HostedZone(
      id: bare(id), name: Route53Name.decoded(name),
      isPrivate: element.text(at: "Config/PrivateZone") == "true")
  }
  private static func routed(_ set: RecordSet) -> FerryError {
    let parts = set.element.children.map(\.name).filter { !plainParts.contains($0) }
    return FerryError(
      "routing-policy", exit: .blocked,
      what: "could not use \(set.key.name) \(set.key.rrtype.rawValue)",
      why: "Route 53 routes it by a policy (\(parts.joined(separator: ", ")))",
      next:
        "edgeferry changes plain record sets and aliases; change routed ones with the tool that made them"
    )
  }
}

extension Route53Client {
  private static let plainParts: Set = ["Name", "Type", "TTL", "ResourceRecords", "AliasTarget"]

  static func recordSet(_ element: XElement) throws(FerryError) -> RecordSet {
    guard let name = element.text(at: "Name"), let type = element.text(at: "Type"), !name.isEmpty,
      !type.isEmpty
    else { throw unreadable("ListResourceRecordSets", "a record set without a name or type") }
    let key = RecordKey(Route53Name.decoded(name), RRType(rawValue: type))
    // A part that this build doesn't know may be a routing policy too. Empty ones say nothing.
    let isPlain = element.children.allSatisfy { plainParts.contains($0.name) || $0.nodes.isEmpty }
    guard isPlain else { return RecordSet(key: key, value: nil, element: element) }
    var element = element
    element.nodes.removeAll {
      if case .element(let it) = $0 { !plainParts.contains(it.name) } else { true }
    }
    if let alias = element.first("AliasTarget"), !alias.nodes.isEmpty {
      guard let zone = alias.text(at: "HostedZoneId"), let target = alias.text(at: "DNSName") else {
        throw unreadable("ListResourceRecordSets", "an alias without its target")
      }
      return RecordSet(
        key: key,
        value: RecordValue(
          alias: .init(
            hostedZoneId: zone, dnsName: Route53Name.decoded(target),
            evaluateTargetHealth: alias.text(at: "EvaluateTargetHealth")?.lowercased() == "true")),
        element: element)
    }
    guard let ttl = element.text(at: "TTL").flatMap({ Int($0) }), (0...2_147_483_647).contains(ttl)
    else { throw unreadable("ListResourceRecordSets", "\(name) \(type) has no TTL") }
    let values = (element.first("ResourceRecords")?.all("ResourceRecord") ?? []).compactMap {
      $0.text(at: "Value")
    }
    // What ldns cannot read as data of that type is compared as it stands.
    let data = values.map { (try? RecordData.canonical(key.rrtype, $0)) ?? $0 }
    return RecordSet(key: key, value: RecordValue(ttl: ttl, data: data), element: element)
  }

  /// A `ResourceRecordSet` for a value.
  static func element(_ key: RecordKey, _ value: RecordValue) -> XElement {
    var parts = [
      XElement("Name", text: Route53Name.encoded(key.name)),
      XElement("Type", text: key.rrtype.rawValue),
    ]
    if let alias = value.alias {
      parts.append(
        XElement(
          "AliasTarget",
          [
            XElement("HostedZoneId", text: alias.hostedZoneId),
            XElement("DNSName", text: Route53Name.encoded(alias.dnsName)),
            XElement("EvaluateTargetHealth", text: String(alias.evaluateTargetHealth)),
          ]))
    } else {
      parts.append(XElement("TTL", text: String(value.ttl ?? 0)))
      parts.append(
        XElement(
          "ResourceRecords",
          value.data.map { XElement("ResourceRecord", [XElement("Value", text: $0)]) }))
    }
    return XElement("ResourceRecordSet", parts)
  }
}

/// Names as Route 53 writes them: what is no letter, digit, `-` or `_` stands as `\ooo`, octal.
///
/// - Source: Route 53 Developer Guide, "DNS domain name format": `\052.example.com.` is `*.example.com.`.
enum Route53Name {
  static func encoded(_ name: DomainName) -> String {
    var out = ""
    for (index, label) in name.labels.enumerated() {
      // A wildcard goes out as people write it; it comes back as \052.
      if label == "*", index == 0 {
        out += "*."
        continue
      }
      for byte in octets(label) {
        switch byte {
        case 0x61...0x7A, 0x41...0x5A, 0x30...0x39, 0x2D, 0x5F:
          out.unicodeScalars.append(Unicode.Scalar(byte))
        default:
          let digits = String(byte, radix: 8)
          out += "\\" + String(repeating: "0", count: 3 - digits.count) + digits
        }
      }
      out += "."
    }
    return out.isEmpty ? "." : out
  }

  /// From Route 53's form; a backslash that begins no octal number stands for what follows it.
  static func decoded(_ text: String) -> DomainName {
    var out = ""
    let bytes = Array(text.utf8)
    var at = 0
    while at < bytes.count {
      var byte = bytes[at]
      var isDot = byte == 0x2E
      if byte == 0x5C, at + 1 < bytes.count {
        isDot = false
        let digits = bytes[(at + 1)..<min(at + 4, bytes.count)]
        if digits.count == 3, digits.allSatisfy({ (0x30...0x37).contains($0) }),
          let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
        {
          byte = value
          at += 3
        } else {
          byte = bytes[at + 1]
          at += 1
        }
      }
      at += 1
      if isDot {
        out += "."
      } else {
        out += presentation(byte)
      }
    }
    return DomainName(wire: out)
  }

  /// One octet of a label as names of ours have it.
  private static func presentation(_ byte: UInt8) -> String {
    switch byte {
    case 0x2E, 0x3B, 0x28, 0x29, 0x5C, 0x22: "\\" + String(Unicode.Scalar(byte))
    case 0x21...0x7E: String(Unicode.Scalar(byte))
    default:
      "\\" + String(repeating: "0", count: 3 - String(byte).count) + String(byte)
    }
  }
  private static func octets(_ label: Substring) -> [UInt8] {
    let bytes = Array(label.utf8)
    var out: [UInt8] = []
    var at = 0
    while at < bytes.count {
      guard bytes[at] == 0x5C, at + 1 < bytes.count else {
        out.append(bytes[at])
        at += 1
        continue
      }
      let digits = bytes[(at + 1)..<min(at + 4, bytes.count)]
      if digits.count == 3, let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 10) {
        out.append(value)
        at += 4
      } else {
        out.append(bytes[at + 1])
        at += 2
      }
    }
    return out
  }
}

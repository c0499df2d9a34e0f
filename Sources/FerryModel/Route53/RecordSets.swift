import FerryCore
import Foundation

/// Resource record sets: listed in pages, changed in batches that apply whole or not at all.
///
/// - Source: botocore 1.43.11 service model, Route 53 2013-04-01; Developer Guide "Quotas"; messages as quoted in
///   hashicorp/terraform #9732 and #18509, aws/aws-sdk-java #1996, aws/aws-cli #4687, cloudfoundry/bosh-bootloader
///   #310, kubernetes-sigs/external-dns #4241.
extension CloudFrontModel {
  // MARK: Listing

  func listRecordSets(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    let it = try zone(id, call)
    let limit = try limit(call, most: 300)
    let data = it.data
    var start = 0
    if let text = call.query("name"), !text.isEmpty {
      let name: DomainName
      do {
        name = try Route53.name(text)
      } catch {
        throw .invalidInput(error.text)
      }
      let type = RRType(rawValue: call.query("type") ?? "")
      start = data.index(of: ZoneData.place(RecordKey(name, type)))
    } else if call.query("type")?.isEmpty == false {
      throw .invalidInput("The parameter type needs the parameter name.")
    }
    let page = data.places[start...].prefix(limit)
    let next = data.places.dropFirst(start + page.count).first?.key
    var children = [
      XElement("ResourceRecordSets", page.compactMap { data[$0.key] }.map(Self.document)),
      XElement("IsTruncated", text: next == nil ? "false" : "true"),
    ]
    if let next {
      children.append(XElement("NextRecordName", text: Route53.escaped(next.name)))
      children.append(XElement("NextRecordType", text: next.rrtype.rawValue))
    }
    children.append(XElement("MaxItems", text: "\(limit)"))
    return Answer(
      body: XElement("ListResourceRecordSetsResponse", children), resource: it.id)
  }

  private static func document(_ it: ModelRecordSet) -> XElement {
    var children = [
      XElement("Name", text: Route53.escaped(it.name)), XElement("Type", text: it.type.rawValue),
    ]
    if let ttl = it.ttl { children.append(XElement("TTL", text: "\(ttl)")) }
    if let alias = it.alias {
      children.append(
        XElement(
          "AliasTarget",
          [
            XElement("HostedZoneId", text: alias.hostedZoneId),
            XElement("DNSName", text: Route53.escaped(alias.dnsName)),
            XElement("EvaluateTargetHealth", text: alias.evaluateTargetHealth ? "true" : "false"),
          ]))
    } else {
      children.append(
        XElement(
          "ResourceRecords",
          it.values.map { XElement("ResourceRecord", [XElement("Value", text: $0)]) }))
    }
    return XElement("ResourceRecordSet", children)
  }

  // MARK: Changing

  private enum Action: String {
    case create = "CREATE"
    case upsert = "UPSERT"
    case delete = "DELETE"
  }

  mutating func changeRecordSets(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    let root = try body(
      call, root: "ChangeResourceRecordSetsRequest", namespace: Route53.namespace)
    let it = try zone(id, call)
    let listed = root.at("ChangeBatch/Changes")?.all("Change") ?? []
    guard !listed.isEmpty else {
      throw .invalidInput(
        "Invalid XML ; cvc-complex-type.2.4.b: The content of element 'Changes' is not complete. One of '{\"\(Route53.namespace)\":Change}' is expected."
      )
    }
    var changes: [(action: Action, set: ModelRecordSet)] = []
    var problems: [String] = []
    for element in listed {
      guard let action = Action(rawValue: element.text(at: "Action") ?? "") else {
        throw .invalidInput(
          "Invalid XML ; cvc-enumeration-valid: Value '\(element.text(at: "Action") ?? "")' is not facet-valid with respect to enumeration '[CREATE, DELETE, UPSERT]'. It must be a value from the enumeration."
        )
      }
      do {
        changes.append((action, try Self.recordSet(element, action: action.rawValue)))
      } catch let wrong {
        switch wrong {
        case .refused(let refusal): throw refusal
        case .invalid(let text): problems.append(text)
        }
      }
    }
    try Self.withinLimits(changes)
    try settled(it, call)
    problems += Self.contradictions(changes.map { ($0.action != .delete, $0.set.key) })
    var data = it.data
    if problems.isEmpty {
      for (action, set) in changes {
        let found = refusals(action, set, data, it, now: call.now)
        problems += found
        guard found.isEmpty else { continue }
        if action == .delete { data.remove(set.key) } else { data.put(set) }
      }
      if problems.isEmpty {
        if data[RecordKey(it.name, .soa)] == nil {
          problems.append("A HostedZone must contain exactly one SOA record.")
        }
        if data[RecordKey(it.name, .ns)] == nil {
          problems.append("A HostedZone must contain at least one NS record for the zone itself.")
        }
      }
    }
    guard problems.isEmpty else { throw .invalidChangeBatch(problems) }
    guard data.count <= 10_000 else {
      throw .invalidChangeBatch(["Number of resource record sets in the hosted zone exceeds 10000."]
      )
    }
    publish(data, of: it.id, now: call.now)
    return Answer(
      body: XElement(
        "ChangeResourceRecordSetsResponse",
        [change(it.id, root.text(at: "ChangeBatch/Comment"), call)]), resource: it.id,
      effective: true)
  }

  /// At most 1,000 records and 32,000 characters of values; what an UPSERT holds counts twice.
  private static func withinLimits(_ changes: [(action: Action, set: ModelRecordSet)])
    throws(Refusal)
  {
    var records = 0
    var characters = 0
    for (action, set) in changes {
      let weight = action == .upsert ? 2 : 1
      records += weight * max(1, set.values.count)
      characters += weight * set.values.reduce(0) { $0 + $1.count }
    }
    guard records <= 1000 else {
      throw .invalidChangeBatch(["Number of records limit of 1000 exceeded."])
    }
    guard characters <= 32_000 else {
      throw .invalidChangeBatch(["Number of characters limit of 32000 exceeded."])
    }
  }

  /// Sets that a batch names more than once, other than a DELETE before one CREATE or UPSERT.
  private static func contradictions(_ changes: [(writes: Bool, key: RecordKey)]) -> [String] {
    var seen: [RecordKey: [Bool]] = [:]
    var out: [String] = []
    for (writes, key) in changes {
      let before = seen[key] ?? []
      if !(before.isEmpty || before == [false] && writes) {
        out.append(
          "The request contains an invalid set of changes for a resource record set '\(key.rrtype.rawValue) \(Route53.escaped(key.name))'"
        )
      }
      seen[key] = before + [writes]
    }
    return out
  }

  /// Why one change does not fit the zone as the changes before it left it.
  private func refusals(
    _ action: Action, _ set: ModelRecordSet, _ data: ZoneData, _ zone: ModelZone, now: Date
  ) -> [String] {
    let name = Route53.escaped(set.name)
    let type = set.type.rawValue
    let zoneName = Route53.escaped(zone.name)
    guard set.name.isWithin(zone.name) else {
      return ["RRSet with DNS name \(name) is not permitted in zone \(zoneName)"]
    }
    let found = data[set.key]
    if action == .delete {
      guard let found else {
        return [
          "Tried to delete resource record set [name='\(name)', type='\(type)'] but it was not found"
        ]
      }
      return found.matches(set)
        ? []
        : [
          "Tried to delete resource record set [name='\(name)', type='\(type)'] but the values provided do not match the current values"
        ]
    }
    if action == .create, found != nil {
      return [
        "Tried to create resource record set [name='\(name)', type='\(type)'] but it already exists"
      ]
    }
    if set.type == .cname, set.name == zone.name {
      return [
        "RRSet of type CNAME with DNS name \(name) is not permitted at apex in zone \(zoneName)"
      ]
    }
    if set.type == .soa, set.name != zone.name {
      return [
        "RRSet of type SOA with DNS name \(name) is only permitted at the apex of zone \(zoneName)"
      ]
    }
    let others = data.sets[set.name]?.keys.filter { $0 != set.type } ?? []
    if set.type == .cname, !others.isEmpty {
      return [
        "RRSet of type CNAME with DNS name \(name) is not permitted as it conflicts with other records with the same DNS name in zone \(zoneName)"
      ]
    }
    if others.contains(.cname) {
      return [
        "RRSet of type \(type) with DNS name \(name) is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone \(zoneName)"
      ]
    }
    guard let alias = set.alias else { return [] }
    return refusals(alias, set, data, zone)
  }

  private func refusals(
    _ alias: RecordValue.Alias, _ set: ModelRecordSet, _ data: ZoneData, _ zone: ModelZone
  ) -> [String] {
    let tried =
      "Tried to create an alias that targets \(Route53.escaped(alias.dnsName)), type \(set.type.rawValue) in zone \(alias.hostedZoneId), but "
    let outside = tried + "the alias target name does not lie within the target zone"
    let missing = tried + "that target was not found"
    if alias.hostedZoneId == RecordValue.Alias.cloudFrontZone {
      guard !zone.isPrivate else {
        return [tried + "an alias in a private hosted zone cannot target CloudFront"]
      }
      guard !alias.evaluateTargetHealth else {
        return [
          "EvaluateTargetHealth cannot be set to true when the alias target is a CloudFront distribution"
        ]
      }
      guard alias.dnsName.isWithin(Route53.cloudFrontName) else { return [outside, missing] }
      let types: [RRType] = [.a, .aaaa, .https]
      return types.contains(set.type) && knows(domainName: alias.dnsName.host) ? [] : [missing]
    }
    // Other services have zones of their own; the lab has CloudFront's alone, and the zone itself.
    guard alias.hostedZoneId == zone.id else { return [missing] }
    guard alias.dnsName.isWithin(zone.name) else { return [outside, missing] }
    let isThere = alias.dnsName != set.name && data[RecordKey(alias.dnsName, set.type)] != nil
    return isThere && ![.ns, .soa].contains(set.type) ? [] : [missing]
  }

  // MARK: Reading

  private enum Wrong: Error {
    case refused(Refusal)
    case invalid(String)
  }

  /// Members of a record set that choose among several with one name and type.
  private static let routing = [
    "SetIdentifier", "Weight", "Region", "GeoLocation", "Failover", "MultiValueAnswer",
    "HealthCheckId", "TrafficPolicyInstanceId", "CidrRoutingConfig", "GeoProximityLocation",
  ]

  private static func recordSet(_ change: XElement, action: String) throws(Wrong)
    -> ModelRecordSet
  {
    func refuse(_ text: String) -> Wrong { .refused(.invalidInput(text)) }
    guard let it = change.first("ResourceRecordSet") else {
      throw refuse(
        "Invalid XML ; cvc-complex-type.2.4.b: The content of element 'Change' is not complete.")
    }
    let given = it.text(at: "Name") ?? ""
    let type = it.text(at: "Type") ?? ""
    guard Route53.types.contains(type) else {
      throw refuse(
        "Invalid XML ; cvc-enumeration-valid: Value '\(type)' is not facet-valid with respect to enumeration '[SOA, A, TXT, NS, CNAME, MX, NAPTR, PTR, SRV, SPF, AAAA, CAA, DS, TLSA, SSHFP, SVCB, HTTPS]'. It must be a value from the enumeration."
      )
    }
    if let member = it.children.first(where: { routing.contains($0.name) }) {
      throw refuse("The lab serves simple records alone; it has no \(member.name).")
    }
    let name: DomainName
    do {
      name = try Route53.name(given)
    } catch {
      throw .invalid(error.text)
    }
    var out = ModelRecordSet(name: name, type: RRType(rawValue: type))
    let records = it.first("ResourceRecords")?.all("ResourceRecord").map {
      $0.text(at: "Value") ?? ""
    }
    let alias = it.first("AliasTarget")
    let hasPlain = it.first("TTL") != nil && records?.isEmpty == false
    guard (alias != nil) != hasPlain, alias == nil || it.first("TTL") == nil && records == nil
    else {
      let found =
        alias == nil ? "none" : "more than one"
      throw refuse(
        "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found \(found) in Change with [Action=\(action), Name=\(given), Type=\(type), SetIdentifier=null]"
      )
    }
    if let alias {
      guard let health = alias.text(at: "EvaluateTargetHealth"), ["true", "false"].contains(health)
      else {
        throw refuse(
          "Invalid XML ; cvc-complex-type.2.4.b: The content of element 'AliasTarget' is not complete. One of '{\"\(Route53.namespace)\":EvaluateTargetHealth}' is expected."
        )
      }
      do {
        out.alias = .init(
          hostedZoneId: Route53.bare(alias.text(at: "HostedZoneId") ?? ""),
          dnsName: try Route53.name(alias.text(at: "DNSName") ?? ""),
          evaluateTargetHealth: health == "true")
      } catch {
        throw .invalid(error.text)
      }
      return out
    }
    let text = it.text(at: "TTL") ?? ""
    guard let ttl = Int(text), (0...2_147_483_647).contains(ttl) else {
      throw refuse(
        "Invalid XML ; cvc-maxInclusive-valid: Value '\(text)' is not a TTL from 0 to 2147483647.")
    }
    out.ttl = ttl
    out.values = records ?? []
    if let problem = out.values.lazy.compactMap({ RecordData.problem($0, out.type) }).first {
      throw .invalid(problem)
    }
    if Set(out.values.map { RecordData.presentation($0, out.type) }).count < out.values.count {
      throw .invalid("Duplicate Resource Record: '\(out.values.joined(separator: ", "))'")
    }
    if [.cname, .soa].contains(out.type), out.values.count > 1 {
      throw .invalid(
        "RRSet of type \(type) with DNS name \(Route53.escaped(name)) has more than one resource record"
      )
    }
    return out
  }
}

extension Refusal {
  /// The service puts what it has to say about a batch into one list.
  static func invalidChangeBatch(_ messages: [String]) -> Refusal {
    var out = Refusal(
      400, "InvalidChangeBatch", "[" + messages.joined(separator: ", ") + "]")
    out.messages = messages
    return out
  }
}

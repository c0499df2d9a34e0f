import FerryCore
import Foundation

/// Hosted zones: made with an SOA and four name servers, read, listed, and deleted once nothing else is in them.
///
/// - Source: botocore 1.43.11 service model, Route 53 2013-04-01; Developer Guide "NS and SOA records that Amazon
///   Route 53 creates for a public hosted zone".
extension CloudFrontModel {
  /// How many name servers a zone has.
  public static let nameServerCount = 4

  private static func ownRecords(_ name: DomainName, _ servers: [DomainName]) -> [ModelRecordSet] {
    [
      ModelRecordSet(name: name, type: .ns, ttl: 172_800, values: servers.map(\.text)),
      ModelRecordSet(
        name: name, type: .soa, ttl: 900,
        values: [
          "\(servers[0].text) awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"
        ]),
    ]
  }

  /// Four names, one under each of the domains that AWS uses.
  private mutating func delegationSet() -> [DomainName] {
    let number = Int(random.next() % 512)
    return NameServerNames.domains.enumerated().map { index, domain in
      NameServerNames.name(number: number + 512 * index, domain: domain)
    }
  }

  mutating func insert(_ zone: ModelZone) {
    zones[zone.id] = zone
    if !zone.isPrivate { publicZones[zone.name, default: []].append(zone.id) }
  }

  /// Makes a zone with the records that it must have and those given.
  mutating func makeZone(
    id: String? = nil, name: DomainName, account: AccountID, callerReference: String,
    comment: String? = nil, isPrivate: Bool = false, vpcs: [ModelZone.VPC] = [],
    records: [ModelRecordSet] = [], at: Date
  ) -> ModelZone {
    // An inventory's own NS records say who its servers are.
    let given = records.first { $0.key == RecordKey(name, .ns) }?.values.map(DomainName.init(wire:))
    let servers = given?.count == Self.nameServerCount ? given ?? [] : delegationSet()
    var data = ZoneData()
    for it in Self.ownRecords(name, servers) + records { data.put(it) }
    let zone = ModelZone(
      id: id ?? "Z" + random.capitalID().dropFirst() + "LAB", account: account, name: name,
      callerReference: callerReference, comment: comment, isPrivate: isPrivate, vpcs: vpcs,
      nameServers: servers, versions: [.init(at: at, data: data)])
    insert(zone)
    return zone
  }

  /// Puts a new state of a zone on its way to the name servers.
  mutating func publish(_ data: ZoneData, of id: String, now: Date) {
    guard var zone = zones[id] else { return }
    zone.versions.append(.init(at: now, data: data))
    let longest = propagationSeconds + (nameServerLagSeconds.values.max() ?? 0)
    let settled = zone.versions.lastIndex { now >= $0.at + longest }
    if let settled, settled > 0 { zone.versions.removeFirst(settled) }
    zones[id] = zone
  }

  mutating func change(_ zone: String, _ comment: String?, _ call: Call) -> XElement {
    let made = ModelChange(
      id: "C" + random.capitalID().dropFirst() + "LAB", account: call.account, zone: zone,
      at: call.now, comment: comment)
    changes[made.id] = made
    return changeInfo(made, now: call.now)
  }
  func changeInfo(_ it: ModelChange, now: Date) -> XElement {
    let isThere = now >= it.at + propagationSeconds
    var children = [
      XElement("Id", text: "/change/\(it.id)"),
      XElement("Status", text: isThere ? "INSYNC" : "PENDING"),
      XElement("SubmittedAt", text: Self.timestamp(it.at)),
    ]
    if let comment = it.comment { children.append(XElement("Comment", text: comment)) }
    return XElement("ChangeInfo", children)
  }

  /// A zone of the caller's.
  func zone(_ id: String, _ call: Call) throws(Refusal) -> ModelZone {
    guard let it = zones[Route53.bare(id)], it.account == call.account else {
      throw Refusal(404, "NoSuchHostedZone", "No hosted zone found with ID: \(Route53.bare(id))")
    }
    return it
  }

  // MARK: Documents

  func document(_ it: ModelZone) -> XElement {
    var config: [XElement] = []
    if let comment = it.comment { config.append(XElement("Comment", text: comment)) }
    config.append(XElement("PrivateZone", text: it.isPrivate ? "true" : "false"))
    return XElement(
      "HostedZone",
      [
        XElement("Id", text: "/hostedzone/\(it.id)"),
        XElement("Name", text: Route53.escaped(it.name)),
        XElement("CallerReference", text: it.callerReference), XElement("Config", config),
        XElement("ResourceRecordSetCount", text: "\(it.data.count)"),
      ])
  }
  private func delegation(_ it: ModelZone) -> XElement {
    XElement(
      "DelegationSet",
      [XElement("NameServers", it.nameServers.map { XElement("NameServer", text: $0.host) })])
  }
  private func document(_ it: ModelZone.VPC) -> XElement {
    XElement(
      "VPC", [XElement("VPCRegion", text: it.region), XElement("VPCId", text: it.id)])
  }

  // MARK: Operations

  mutating func createZone(_ call: Call) throws(Refusal) -> Answer {
    let root = try body(call, root: "CreateHostedZoneRequest", namespace: Route53.namespace)
    let reference = root.text(at: "CallerReference") ?? ""
    guard (1...128).contains(reference.count) else {
      throw .invalidInput("The caller reference must have 1 to 128 characters.")
    }
    let name: DomainName
    do {
      name = try Route53.name(root.text(at: "Name") ?? "")
    } catch {
      throw Refusal(400, "InvalidDomainName", error.text)
    }
    guard !name.isWildcard, name.labels.count >= 2 else {
      throw Refusal(
        400, "InvalidDomainName", "\(name.text) is not a domain name that may be hosted")
    }
    guard root.first("DelegationSetId") == nil else {
      throw Refusal(
        400, "NoSuchDelegationSet", "The lab has no reusable delegation sets.")
    }
    guard
      !zones.values.contains(where: {
        $0.account == call.account && $0.callerReference == reference
      })
    else {
      throw Refusal(
        409, "HostedZoneAlreadyExists",
        "A hosted zone has already been created with the specified caller reference.")
    }
    let vpc = root.first("VPC").map {
      ModelZone.VPC(region: $0.text(at: "VPCRegion") ?? "", id: $0.text(at: "VPCId") ?? "")
    }
    if let vpc {
      guard vpc.id.hasPrefix("vpc-"), !vpc.region.isEmpty else {
        throw Refusal(400, "InvalidVPCId", "Invalid or missing VPC Id.")
      }
    }
    let config = root.first("HostedZoneConfig")
    guard vpc != nil || config?.text(at: "PrivateZone") != "true" else {
      throw .invalidInput(
        "When you're creating a private hosted zone (when you specify true for PrivateZone), you must also specify values for VPCId and VPCRegion."
      )
    }
    let it = makeZone(
      name: name, account: call.account, callerReference: reference,
      comment: config?.text(at: "Comment"), isPrivate: vpc != nil, vpcs: vpc.map { [$0] } ?? [],
      at: call.now)
    var children = [document(it), change(it.id, nil, call)]
    if it.isPrivate { children += it.vpcs.map(document) } else { children.append(delegation(it)) }
    return Answer(
      status: 201,
      headers: [
        "location": "https://route53.amazonaws.com/2013-04-01/hostedzone/\(it.id)"
      ],
      body: XElement("CreateHostedZoneResponse", children), resource: it.id, effective: true)
  }

  func getZone(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    let it = try zone(id, call)
    let more =
      it.isPrivate ? XElement("VPCs", it.vpcs.map(document)) : delegation(it)
    return Answer(body: XElement("GetHostedZoneResponse", [document(it), more]), resource: it.id)
  }

  mutating func updateZoneComment(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    let root = try body(
      call, root: "UpdateHostedZoneCommentRequest", namespace: Route53.namespace)
    var it = try zone(id, call)
    it.comment = root.text(at: "Comment")
    zones[it.id] = it
    return Answer(
      body: XElement("UpdateHostedZoneCommentResponse", [document(it)]), resource: it.id,
      effective: true)
  }

  mutating func deleteZone(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    let it = try zone(id, call)
    try settled(it, call)
    guard it.data.count <= 2 else {
      throw Refusal(
        400, "HostedZoneNotEmpty",
        "The specified hosted zone contains non-required resource record sets and so cannot be deleted."
      )
    }
    zones[it.id] = nil
    publicZones[it.name]?.removeAll { $0 == it.id }
    if publicZones[it.name]?.isEmpty == true { publicZones[it.name] = nil }
    return Answer(
      body: XElement("DeleteHostedZoneResponse", [change(it.id, nil, call)]), resource: it.id,
      effective: true)
  }

  /// Route 53 may refuse a change while an earlier one of the zone is under way.
  func settled(_ it: ModelZone, _ call: Call) throws(Refusal) {
    guard behaviours.refusesChangeWhilePending, let last = it.versions.last,
      call.now < last.at + propagationSeconds
    else { return }
    throw Refusal(
      400, "PriorRequestNotComplete",
      "The request was rejected because Route 53 was still processing a prior request.")
  }

  func countZones(_ call: Call) -> Answer {
    Answer(
      body: XElement(
        "GetHostedZoneCountResponse",
        [
          XElement(
            "HostedZoneCount",
            text: "\(zones.values.count { $0.account == call.account })")
        ]))
  }

  /// `maxitems`, and `most` where it is left out.
  func limit(_ call: Call, most: Int) throws(Refusal) -> Int {
    guard let text = call.query("maxitems"), !text.isEmpty else { return most }
    guard let limit = Int(text), limit >= 1 else {
      throw .invalidInput("The parameter maxitems must be a number from 1 on.")
    }
    return min(limit, most)
  }

  func listZones(_ call: Call) throws(Refusal) -> Answer {
    let limit = try limit(call, most: 100)
    var all = zones.values.filter { $0.account == call.account }.sorted { $0.id < $1.id }
    if call.query("hostedzonetype") == "PrivateHostedZone" { all = all.filter(\.isPrivate) }
    let marker = Route53.bare(call.query("marker") ?? "")
    guard marker.isEmpty || all.contains(where: { $0.id >= marker }) else {
      throw .invalidInput("The marker \(marker) is not valid.")
    }
    let rest = all.drop { $0.id < marker }
    let page = rest.prefix(limit)
    let next = rest.dropFirst(limit).first
    var children = [XElement("HostedZones", page.map(document))]
    if !marker.isEmpty { children.append(XElement("Marker", text: marker)) }
    children.append(XElement("IsTruncated", text: next == nil ? "false" : "true"))
    if let next { children.append(XElement("NextMarker", text: next.id)) }
    children.append(XElement("MaxItems", text: "\(limit)"))
    return Answer(body: XElement("ListHostedZonesResponse", children))
  }

  /// By name with the labels reversed, then by id; begins at the name given.
  func listZonesByName(_ call: Call) throws(Refusal) -> Answer {
    let limit = try limit(call, most: 100)
    let all = zones.values.filter { $0.account == call.account }.map {
      (place: ZoneData.reversed($0.name), zone: $0)
    }.sorted { ($0.place, $0.zone.id) < ($1.place, $1.zone.id) }
    var rest = all[...]
    var echo: [XElement] = []
    if let text = call.query("dnsname"), !text.isEmpty {
      let from: String
      do {
        from = ZoneData.reversed(try Route53.name(text))
      } catch {
        throw Refusal(400, "InvalidDomainName", error.text)
      }
      let id = Route53.bare(call.query("hostedzoneid") ?? "")
      rest = rest.drop { ($0.place, $0.zone.id) < (from, id) }
      echo.append(XElement("DNSName", text: text))
      if !id.isEmpty { echo.append(XElement("HostedZoneId", text: id)) }
    }
    let next = rest.dropFirst(limit).first?.zone
    var children = [XElement("HostedZones", rest.prefix(limit).map { document($0.zone) })] + echo
    children.append(XElement("IsTruncated", text: next == nil ? "false" : "true"))
    if let next {
      children.append(XElement("NextDNSName", text: Route53.escaped(next.name)))
      children.append(XElement("NextHostedZoneId", text: next.id))
    }
    children.append(XElement("MaxItems", text: "\(limit)"))
    return Answer(body: XElement("ListHostedZonesByNameResponse", children))
  }

  func getChange(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    guard let it = changes[Route53.bare(id)], it.account == call.account else {
      throw Refusal(
        404, "NoSuchChange", "Could not find resource with ID: \(Route53.bare(id))")
    }
    return Answer(
      body: XElement("GetChangeResponse", [changeInfo(it, now: call.now)]), resource: it.id)
  }

  /// The lab signs no zone.
  func getDNSSEC(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    let it = try zone(id, call)
    return Answer(
      body: XElement(
        "GetDNSSECResponse",
        [
          XElement("Status", [XElement("ServeSignature", text: "NOT_SIGNING")]),
          XElement("KeySigningKeys", []),
        ]), resource: it.id)
  }

  // MARK: Tags

  func listZoneTags(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    let it = try zone(id, call)
    let tags = it.tags.sorted { $0.key < $1.key }.map {
      XElement("Tag", [XElement("Key", text: $0.key), XElement("Value", text: $0.value)])
    }
    return Answer(
      body: XElement(
        "ListTagsForResourceResponse",
        [
          XElement(
            "ResourceTagSet",
            [
              XElement("ResourceType", text: "hostedzone"), XElement("ResourceId", text: it.id),
              XElement("Tags", tags),
            ])
        ]), resource: it.id)
  }

  mutating func changeZoneTags(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    let root = try body(
      call, root: "ChangeTagsForResourceRequest", namespace: Route53.namespace)
    var it = try zone(id, call)
    for key in root.first("RemoveTagKeys")?.all("Key") ?? [] { it.tags[key.text] = nil }
    for tag in root.first("AddTags")?.all("Tag") ?? [] {
      let key = tag.text(at: "Key") ?? ""
      guard (1...128).contains(key.count), !key.lowercased().hasPrefix("aws:") else {
        throw .invalidInput("The tag key \(key.debugDescription) is not valid.")
      }
      it.tags[key] = tag.text(at: "Value") ?? ""
    }
    guard it.tags.count <= 50 else { throw .invalidInput("A hosted zone has at most 50 tags.") }
    zones[it.id] = it
    return Answer(
      body: XElement("ChangeTagsForResourceResponse"), resource: it.id, effective: true)
  }
}

extension Refusal {
  static func invalidInput(_ message: String) -> Refusal { Refusal(400, "InvalidInput", message) }
}

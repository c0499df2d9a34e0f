import FerryCore
import Foundation

/// DNS of the lab's world as a pure function: a question, a server and a time give an answer.
///
/// Without RD a server answers for the public hosted zones, cloudfront.net and the name servers' domains, and
/// refuses the rest. With RD it also is root, top-level domains and resolver, and keeps nothing.
extension CloudFrontModel {
  /// The most CNAME records that are followed.
  static let linksMax = 8

  /// - Parameters:
  ///   - server: 0..<4, the name server asked.
  ///   - recursionDesired: RD of the query.
  /// - Returns: an answer with id 0.
  public func answer(
    _ key: RecordKey, recursionDesired: Bool, server: Int, now: Date
  ) -> DNSMessage {
    let at = Moment(server: server, now: now)
    var out = DNSMessage(id: 0, isResponse: true, question: key)
    out.recursionDesired = recursionDesired
    out.recursionAvailable = recursionDesired
    var name = key.name
    var seen: Set<DomainName> = []
    while true {
      guard seen.insert(name).inserted, seen.count <= Self.linksMax + 1 else {
        if recursionDesired { return failed(out) }
        return out
      }
      let here = RecordKey(name, key.rrtype)
      guard let zone = servedZone(here, at),
        recursionDesired || !zone.isParent || exists(name, in: zone)
      else {
        if seen.count == 1 { out.rcode = .refused }
        return out
      }
      if let cut = cut(here, in: zone) {
        // Whoever the zone hands over to is not in the lab: it would have been found.
        if recursionDesired { return failed(out) }
        if seen.count == 1 { refer(&out, to: cut, in: zone, at) }
        return out
      }
      if seen.count == 1 { out.isAuthoritative = !zone.isParent || !recursionDesired }
      guard let source = source(of: name, in: zone) else {
        out.rcode = .nxDomain
        out.authority = negativeSOA(zone, at)
        return out
      }
      let types = types(at: source, in: zone)
      if types.contains(.cname), ![.cname, "ANY"].contains(key.rrtype) {
        let link = records(RecordKey(source, .cname), in: zone, owner: name, at)
        if let target = link.first {
          out.answer.append(target)
          name = DomainName(wire: target.data)
          continue
        }
      }
      let wanted = key.rrtype == "ANY" ? types.sorted() : [key.rrtype]
      let found = wanted.flatMap { records(RecordKey(source, $0), in: zone, owner: name, at) }
      if found.isEmpty { out.authority = negativeSOA(zone, at) }
      out.answer += found
      return out
    }
  }

  private func failed(_ answer: DNSMessage) -> DNSMessage {
    var out = answer
    out.rcode = .servFail
    out.answer = []
    out.isAuthoritative = false
    return out
  }

  private func refer(_ out: inout DNSMessage, to cut: DomainName, in zone: ServedZone, _ at: Moment)
  {
    out.authority = records(RecordKey(cut, .ns), in: zone, owner: cut, at)
    for server in out.authority.map({ DomainName(wire: $0.data) }) where server.isWithin(zone.name)
    {
      for type in [RRType.a, .aaaa] {
        out.additional += records(RecordKey(server, type), in: zone, owner: server, at)
      }
    }
  }

  /// The text of the TXT records that a service of AWS finds at a name, in lower case.
  func txtValues(_ name: String, now: Date) -> [String] {
    let key = RecordKey(DomainName(wire: name), .txt)
    return Array(txtRecords[name] ?? [])
      + answer(key, recursionDesired: true, server: 0, now: now).answer.filter {
        $0.type == .txt
      }.map {
        RecordData.words($0.data).map { $0.dropFirst().dropLast() }.joined().lowercased()
      }
  }

  /// The domain name of the distribution that the lab's zones lead a name to, through CNAME and alias records;
  /// nil where they lead to none, or say nothing.
  func distribution(ledToBy name: String, now: Date) -> String? {
    let at = Moment(server: 0, now: now)
    var name = DomainName(wire: name)
    for _ in 0..<Self.linksMax {
      if knows(domainName: name.host) { return name.host.lowercased() }
      guard let zone = servedZone(RecordKey(name, .a), at), case .hosted(_, _, let data) = zone,
        cut(RecordKey(name, .a), in: zone) == nil, let source = source(of: name, in: zone)
      else { return nil }
      if let link = data[RecordKey(source, .cname)]?.values.first {
        name = DomainName(wire: RecordData.presentation(link, .cname))
        continue
      }
      let addresses = [RRType.a, .aaaa, .https].compactMap { data[RecordKey(source, $0)]?.alias }
      guard let alias = addresses.first else { return nil }
      name = alias.dnsName
    }
    return nil
  }

  /// The distribution with this name of its own, in any account.
  func distribution(domainName: String) -> ModelDistribution? {
    for account in accounts.values {
      if let id = account.domainNames[domainName] { return account.distributions[id] }
    }
    return nil
  }
}

extension CloudFrontModel {
  /// What the zone's first server would say, straight from the newest data.
  func testAnswer(_ call: Call) throws(Refusal) -> Answer {
    let zone = try zone(call.query("hostedzoneid") ?? "", call)
    guard !zone.isPrivate else {
      throw .invalidInput("TestDNSAnswer answers for public hosted zones alone.")
    }
    let key: RecordKey
    do {
      key = RecordKey(
        try Route53.name(call.query("recordname") ?? ""),
        RRType(rawValue: call.query("recordtype") ?? ""))
    } catch {
      throw .invalidInput(error.text)
    }
    guard key.name.isWithin(zone.name) else {
      throw .invalidInput("\(key.name) is not in zone \(zone.name)")
    }
    let settled = call.now + propagationSeconds + (nameServerLagSeconds.values.max() ?? 0)
    let reply = answer(key, recursionDesired: false, server: 0, now: settled)
    return Answer(
      body: XElement(
        "TestDNSAnswerResponse",
        [
          XElement("Nameserver", text: zone.nameServers.first?.host ?? ""),
          XElement("RecordName", text: Route53.escaped(key.name)),
          XElement("RecordType", text: key.rrtype.rawValue),
          XElement(
            "RecordData",
            reply.answer.map { XElement("RecordDataEntry", text: $0.data) }),
          XElement("ResponseCode", text: reply.rcode.text),
          XElement("Protocol", text: "UDP"),
        ]), resource: zone.id)
  }
}

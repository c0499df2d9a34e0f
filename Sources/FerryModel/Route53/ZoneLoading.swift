import FerryCore
import Foundation

/// Hosted zones of an inventory: `hostedZones[{id, name, private, comment, tags, records[…]}]`.
///
/// A record is `{name, type, ttl, data[]}` or `{name, type, alias: {hostedZoneId, dnsName}}`, or what the AWS CLI
/// prints (`{Name, Type, TTL, ResourceRecords[{Value}], AliasTarget}`). SOA and NS are made where they are left
/// out; every server has the zone at once.
extension CloudFrontModel {
  mutating func takeZones(
    _ document: JSONValue?, _ account: AccountID, _ place: String, now: Date
  ) throws(FerryError) {
    guard let given = document?["hostedZones"] else { return }
    guard let items = given.array else { throw Self.unloadable("\(place).hostedZones is no list") }
    var seen: Set<String> = []
    for (index, item) in items.enumerated() {
      let place = "\(place).hostedZones[\(index)]"
      let id = Route53.bare(item["id"]?.string ?? "")
      guard !id.isEmpty, id.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) }),
        seen.insert(id).inserted
      else { throw Self.unloadable("\(place).id \(id.debugDescription) is no id or given twice") }
      let name = try Self.loadedName(item["name"], "\(place).name")
      var records: [RecordKey: ModelRecordSet] = [:]
      for (number, record) in (item["records"]?.array ?? []).enumerated() {
        let set = try Self.loadedSet(record, "\(place).records[\(number)]")
        guard set.name.isWithin(name) else {
          throw Self.unloadable("\(place).records[\(number)] \(set.name) is not in \(name)")
        }
        guard records.updateValue(set, forKey: set.key) == nil else {
          throw Self.unloadable("\(place).records[\(number)] is given twice")
        }
      }
      if let old = zones.removeValue(forKey: id) { publicZones[old.name]?.removeAll { $0 == id } }
      let isPrivate = item["private"]?.bool ?? false
      var zone = makeZone(
        id: id, name: name, account: account, callerReference: "loaded-\(id)",
        comment: item["comment"]?.string, isPrivate: isPrivate,
        vpcs: isPrivate ? [.init(region: "us-east-1", id: "vpc-lab")] : [],
        records: Array(records.values), at: .distantPast)
      for (key, value) in item["tags"]?.object ?? [:] { zone.tags[key] = value.string ?? "" }
      zones[id] = zone
    }
  }

  private static func loadedName(_ value: JSONValue?, _ place: String) throws(FerryError)
    -> DomainName
  {
    do throws(Route53.NameProblem) {
      return try Route53.name(value?.string ?? "")
    } catch {
      throw unloadable("\(place): \(error.text)")
    }
  }

  private static func loadedSet(_ it: JSONValue, _ place: String) throws(FerryError)
    -> ModelRecordSet
  {
    func member(_ key: String) -> JSONValue? {
      it[key] ?? it[key == "ttl" ? "TTL" : key.prefix(1).uppercased() + key.dropFirst()]
    }
    let type = (member("type") ?? it["rrtype"])?.string?.uppercased() ?? ""
    guard Route53.types.contains(type) else {
      throw unloadable("\(place).type \(type.debugDescription) is no type of Route 53")
    }
    var out = ModelRecordSet(
      name: try loadedName(member("name"), "\(place).name"), type: RRType(rawValue: type))
    if let alias = it["alias"] ?? it["AliasTarget"] {
      out.alias = .init(
        hostedZoneId: Route53.bare(
          (alias["hostedZoneId"] ?? alias["HostedZoneId"])?.string
            ?? RecordValue.Alias.cloudFrontZone),
        dnsName: try loadedName(alias["dnsName"] ?? alias["DNSName"], "\(place).alias.dnsName"))
      return out
    }
    let values =
      (it["data"]?.array ?? it["ResourceRecords"]?.array?.map { $0["Value"] ?? .null })?
      .map { $0.string ?? "" } ?? []
    guard let ttl = member("ttl")?.int, (0...2_147_483_647).contains(ttl), !values.isEmpty else {
      throw unloadable("\(place) has neither ttl and data nor an alias")
    }
    if let problem = values.lazy.compactMap({ RecordData.problem($0, out.type) }).first {
      throw unloadable("\(place): \(problem)")
    }
    out.ttl = ttl
    out.values = values
    return out
  }

  /// The zones of an account, by id.
  public func zones(of account: AccountID) -> [ModelZone] {
    zones.values.filter { $0.account == account }.sorted { $0.id < $1.id }
  }
  /// Whether every name server has the newest state of the zone, as far as Route 53 says so.
  public func isInSync(_ zone: ModelZone, now: Date) -> Bool {
    zone.versions.last.map { now >= $0.at + propagationSeconds } ?? true
  }
}

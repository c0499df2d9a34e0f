import FerryCore
import Foundation

/// What an inventory brings besides distributions, policies, stacks and zones, as it stands: nothing of it is
/// judged, so that states can be loaded which the API would not let anybody create.
extension CloudFrontModel {
  mutating func takeEntities(
    _ document: JSONValue?, _ account: AccountID, _ place: String, now: Date
  ) throws(FerryError) {
    for kind in EntityKind.all {
      for it in try Self.items(document, kind.inventoryKey, place) {
        // Managed policies are there already.
        if Managed.entities[kind.name]?[it.id] != nil { continue }
        var made = ModelEntity(
          id: it.id, etag: version(it), lastModified: it.modified ?? now,
          config: kind.filled(try it.config(kind.config)))
        made.canonicalUser = it.value["s3CanonicalUserId"]?.string
        accounts[account]?.entities[kind.name, default: [:]][it.id] = made
      }
    }
    try takeStores(document, account, place, now: now)
    try takeFunctions(document, account, place, now: now)
    for it in try Self.items(document, "realtimeLogConfigs", place) {
      var config = try it.config("RealtimeLogConfig")
      let order = Shape.named("RealtimeLogConfig")?.order ?? []
      config.put(XElement("ARN", text: ModelLogConfig.arn(it.id, account)), order: order)
      config.put(XElement("Name", text: it.id), order: order)
      accounts[account]?.logConfigs[it.id] = ModelLogConfig(
        name: it.id, account: account, config: config)
    }
    for it in try Self.items(document, "certificates", place) {
      guard case .object(var described)? = it.value["config"] else {
        throw Self.unloadable("\(it.place).config is no certificate as ACM describes it")
      }
      described["CertificateArn"] = .string(it.id)
      accounts[account]?.certificates[it.id] = .object(described)
    }
    for it in try Self.items(document, "vpcOrigins", place) {
      let modified = it.modified ?? now
      var made = ModelVPCOrigin(
        id: it.id, account: account, etag: version(it), created: modified,
        lastModified: modified, config: try it.config("VpcOriginEndpointConfig"), tags: it.tags)
      made.loadedStatus = it.value["status"]?.string ?? "Deployed"
      made.sharedWith = Set(it.value["sharedWith"]?.array?.compactMap(\.string) ?? [])
      accounts[account]?.vpcOrigins[it.id] = made
    }
    for it in try Self.items(document, "monitoringSubscriptions", place) {
      guard var distribution = accounts[account]?.distributions[it.id] else {
        throw Self.unloadable("\(it.place).id \(it.id) is no distribution of the account")
      }
      distribution.monitoring = try it.config("MonitoringSubscription")
      accounts[account]?.put(distribution)
    }
  }

  private mutating func takeStores(
    _ document: JSONValue?, _ account: AccountID, _ place: String, now: Date
  ) throws(FerryError) {
    for it in try Self.items(document, "keyValueStores", place) {
      let described =
        it.hasConfig ? try it.config("KeyValueStore") : XElement("KeyValueStore")
      let arn = it.value["arn"]?.string ?? described.text(at: "ARN") ?? ""
      let id = arn.split(separator: "/").last.map(String.init)
      let modified = it.modified ?? now
      var made = ModelStore(
        name: it.id, id: id ?? described.text(at: "Id") ?? random.uuid(), account: account,
        comment: described.text(at: "Comment") ?? "", etag: version(it), created: modified,
        lastModified: modified, tags: it.tags, itemsETag: contentVersion(), itemsModified: modified)
      made.loadedStatus =
        it.value["status"]?.string ?? described.text(at: "Status") ?? "READY"
      for (key, value) in it.value["items"]?.object ?? [:] {
        guard let text = value.string else {
          throw Self.unloadable("\(it.place).items holds a value that is no text")
        }
        made.items[key] = text
      }
      accounts[account]?.stores[it.id] = made
    }
  }

  /// A function has an item for each stage; one of stage LIVE alone is what is being worked on too.
  private mutating func takeFunctions(
    _ document: JSONValue?, _ account: AccountID, _ place: String, now: Date
  ) throws(FerryError) {
    let items = try Self.items(document, "functions", place) {
      "\($0["stage"]?.string ?? "")/\($0["id"]?.string ?? "")"
    }
    // DEVELOPMENT comes first in the alphabet, and is not overwritten then.
    var worked: Set<String> = []
    for it in items.sorted(by: { $0.stage < $1.stage }) {
      guard ["", "DEVELOPMENT", "LIVE"].contains(it.stage),
        let code = Data(base64Encoded: it.value["code"]?.string ?? "")
      else { throw Self.unloadable("\(it.place) has no stage LIVE or DEVELOPMENT, or no code") }
      let stage = ModelFunction.Stage(
        etag: version(it), modified: it.modified ?? now, config: try it.config("FunctionConfig"),
        code: [UInt8](code))
      var made =
        accounts[account]?.functions[it.id]
        ?? ModelFunction(name: it.id, account: account, created: stage.modified, development: stage)
      made.tags = it.tags
      if it.stage == "DEVELOPMENT" {
        made.development = stage
        worked.insert(it.id)
      } else {
        made.live = stage
        if !worked.contains(it.id) {
          made.development = stage
          made.development.etag = random.capitalID()
        }
      }
      accounts[account]?.functions[it.id] = made
    }
  }

  // MARK: Items

  /// One item of an array: `{id, etag, lastModified, tags, config and/or configXML}`.
  private struct Item {
    var value: JSONValue
    var id: String
    var place: String

    var stage: String { value["stage"]?.string ?? "" }
    var modified: Date? { value["lastModified"]?.string.flatMap(Timestamp.read) }
    var tags: [String: String] {
      (value["tags"]?.object ?? [:]).compactMapValues(\.string)
    }
    var hasConfig: Bool { value["config"] != nil || value["configXML"] != nil }

    /// The XML wins over the JSON.
    func config(_ shape: String) throws(FerryError) -> XElement {
      var out: XElement
      if let text = value["configXML"]?.string {
        out = try XMLReader.read(text)
      } else {
        out = try Shape.xml(value["config"] ?? [:], shape: shape)
      }
      guard out.name == shape else { throw unloadable("\(place) holds no \(shape)") }
      out.attributes.removeAll { $0.name == "xmlns" }
      return out
    }
  }

  private mutating func version(_ it: Item) -> String {
    let given = it.value["etag"]?.string ?? ""
    return given.isEmpty ? random.capitalID() : given
  }

  /// The items of an array that may be left out, each with an id.
  /// - Parameter identity: what no two of them share.
  private static func items(
    _ document: JSONValue?, _ key: String, _ place: String,
    identity: (JSONValue) -> String = { $0["id"]?.string ?? "" }
  ) throws(FerryError) -> [Item] {
    guard let given = document?[key] else { return [] }
    let place = "\(place).\(key)"
    guard let values = given.array else { throw unloadable("\(place) is no list") }
    var seen: Set<String> = []
    var out: [Item] = []
    for (index, value) in values.enumerated() {
      let id = value["id"]?.string ?? ""
      guard !id.isEmpty, seen.insert(identity(value)).inserted else {
        throw unloadable("\(place)[\(index)].id \(id.debugDescription) is empty or given twice")
      }
      out.append(Item(value: value, id: id, place: "\(place)[\(index)]"))
    }
    return out
  }
}

import FerryCore
import Foundation

/// A key value store: what the control plane knows of it, and its contents.
struct ModelStore: Equatable, Sendable {
  var name: String
  var id: String
  var account: AccountID
  var comment: String
  /// The control plane's version; the contents have one of their own.
  var etag: String
  var created: Date
  var lastModified: Date
  var tags: [String: String] = [:]
  var items: [String: String] = [:]
  var itemsETag: String
  var itemsModified: Date
  /// Set by an inventory in place of what time says.
  var loadedStatus: String?

  var arn: String { "arn:aws:cloudfront::\(account):key-value-store/\(id)" }
  /// Bytes of every key and value.
  var sizeBytes: Int { items.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count } }
}

/// The control plane of key value stores.
/// - Source: botocore 1.43.11 service model; the runtime and the one store of a function from the Developer
///   Guide "Amazon CloudFront KeyValueStore". How many an account may have is not documented.
extension CloudFrontModel {
  /// `PROVISIONING` for the propagation time after it was made, then `READY`.
  func storeStatus(_ it: ModelStore, now: Date) -> String {
    it.loadedStatus
      ?? (now >= it.created + propagationSeconds ? "READY" : "PROVISIONING")
  }

  private func store(_ name: String, _ call: Call) throws(Refusal) -> ModelStore {
    guard let it = accounts[call.account]?.stores[name] else {
      throw Refusal(404, "EntityNotFound", "The key value store was not found.")
    }
    return it
  }

  private func element(_ it: ModelStore, now: Date) -> XElement {
    XElement(
      "KeyValueStore",
      [
        XElement("Name", text: it.name), XElement("Id", text: it.id),
        XElement("Comment", text: it.comment), XElement("ARN", text: it.arn),
        XElement("Status", text: storeStatus(it, now: now)),
        XElement("LastModifiedTime", text: Self.timestamp(it.lastModified)),
      ])
  }

  mutating func contentVersion() -> String { "KV" + random.capitalID().dropFirst() }

  mutating func createStore(_ call: Call) throws(Refusal) -> Answer {
    let root = try body(call, root: "CreateKeyValueStoreRequest")
    let name = root.text(at: "Name") ?? ""
    let allowed = name.allSatisfy {
      $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_")
    }
    guard (1...64).contains(name.count), allowed else {
      throw .invalidArgument("The parameter Name is not valid.")
    }
    let comment = root.text(at: "Comment") ?? ""
    guard comment.count <= 128 else {
      throw .invalidArgument("The parameter Comment is longer than 128 characters.")
    }
    guard root.first("ImportSource") == nil else {
      throw Refusal(400, "UnsupportedOperation", "The lab has no S3 to import from.")
    }
    guard accounts[call.account]?.stores[name] == nil else {
      throw Refusal(
        409, "EntityAlreadyExists", "A key value store with this name already exists.")
    }
    guard (accounts[call.account]?.stores.count ?? 0) < limit(.keyValueStores, of: call.account)
    else {
      throw Refusal(
        400, "EntityLimitExceeded", "You have reached the maximum number of key value stores.")
    }
    let it = ModelStore(
      name: name, id: random.uuid(), account: call.account, comment: comment,
      etag: random.capitalID(), created: call.now, lastModified: call.now,
      tags: try Self.tags(root.first("Tags")), itemsETag: contentVersion(),
      itemsModified: call.now)
    accounts[call.account]?.stores[name] = it
    return Answer(
      status: 201,
      headers: [
        "etag": it.etag,
        "location": "https://cloudfront.amazonaws.com/2020-05-31/key-value-store/\(name)",
      ], body: element(it, now: call.now), resource: name, effective: true)
  }

  func describeStore(_ name: String, _ call: Call) throws(Refusal) -> Answer {
    let it = try store(name, call)
    return Answer(headers: ["etag": it.etag], body: element(it, now: call.now))
  }

  mutating func updateStore(_ name: String, _ call: Call) throws(Refusal) -> Answer {
    let root = try body(call, root: "UpdateKeyValueStoreRequest")
    var it = try store(name, call)
    try ifMatch(call, [it.etag])
    guard let comment = root.text(at: "Comment"), comment.count <= 128 else {
      throw .invalidArgument("The parameter Comment is not valid.")
    }
    it.comment = comment
    it.etag = random.capitalID()
    it.lastModified = call.now
    accounts[call.account]?.stores[name] = it
    return Answer(
      headers: ["etag": it.etag], body: element(it, now: call.now), effective: true)
  }

  mutating func deleteStore(_ name: String, _ call: Call) throws(Refusal) -> Answer {
    let it = try store(name, call)
    try ifMatch(call, [it.etag])
    let isUsed = accounts[call.account]?.functions.values.contains { function in
      [function.development, function.live].contains {
        $0.map { Self.stores(of: $0.config).contains(it.arn) } == true
      }
    }
    guard isUsed != true else {
      throw Refusal(
        409, "CannotDeleteEntityWhileInUse",
        "The key value store is associated with a function and cannot be deleted.")
    }
    accounts[call.account]?.stores[name] = nil
    return Answer(status: 204, effective: true)
  }

  func listStores(_ call: Call) throws(Refusal) -> Answer {
    let status = call.query("Status") ?? ""
    guard ["", "PROVISIONING", "READY"].contains(status) else {
      throw .invalidArgument("The parameter Status must be PROVISIONING or READY.")
    }
    let all = accounts[call.account]?.stores ?? [:]
    let kept = all.filter { status.isEmpty || storeStatus($0.value, now: call.now) == status }
    return list(
      "KeyValueStoreList", kept.keys.sorted(), truncates: false, try paging(call)
    ) { name in kept[name].map { element($0, now: call.now) } }
  }

  // MARK: Functions

  static func stores(of config: XElement) -> [String] {
    config.at("KeyValueStoreAssociations/Items")?.children
      .compactMap { $0.text(at: "KeyValueStoreARN") } ?? []
  }

  /// A function names one store of its own account at most, a ready one, and needs the newer runtime for it.
  func storesExist(_ config: XElement, _ call: Call) throws(Refusal) {
    let named = Self.stores(of: config)
    guard let arn = named.first else { return }
    guard named.count == 1 else {
      throw .invalidArgument("A function can be associated with one key value store.")
    }
    guard config.text(at: "Runtime") == "cloudfront-js-2.0" else {
      throw .invalidArgument("Key value stores need the runtime cloudfront-js-2.0.")
    }
    let it = accounts[call.account]?.stores.values.first { $0.arn == arn }
    guard let it, storeStatus(it, now: call.now) == "READY" else {
      throw .invalidArgument(
        "The key value store \(arn) does not exist in this account or is not ready.")
    }
  }
}

import FerryCore
import Foundation

/// The contents of key value stores: the service `cloudfront-keyvaluestore`, whose protocol is rest-json.
///
/// A stale `If-Match` answers ConflictException, the one code of the API model that fits; AWS's own is not
/// documented.
/// - Source: botocore 1.43.11 service model, CloudFront KeyValueStore 2022-07-26; sizes from the Developer Guide
///   "File format for key-value pairs" and the service's quotas.
extension CloudFrontModel {
  static let keyBytesMax = 512
  static let valueBytesMax = 1024
  static let storeBytesMax = 5 << 20
  static let keysOfUpdateMax = 50

  mutating func keyValues(_ route: Route, _ arn: String, _ call: Call) throws(Refusal) -> Answer {
    guard Self.account(ofARN: arn) == call.account else {
      throw Refusal(403, "AccessDeniedException", "Access denied to the key value store.")
    }
    guard let it = accounts[call.account]?.stores.values.first(where: { $0.arn == arn }) else {
      throw Refusal(404, "ResourceNotFoundException", "The key value store was not found.")
    }
    let key = call.request.path.split(separator: "/").dropFirst(3).first
      .map { percentDecoded(String($0)) }
    if route.operation == "DescribeKeyValueStore" { return describe(it, now: call.now) }
    guard storeStatus(it, now: call.now) == "READY" else {
      throw Refusal(409, "ConflictException", "The key value store is not ready.")
    }
    switch (route.operation, key) {
    case ("ListKeys", _): return try listKeys(it, call)
    case ("GetKey", let key?): return try getKey(key, it)
    case ("PutKey", let key?):
      let value = try json(call)["Value"]?.string
      guard let value else { throw Self.invalid("Value is required.") }
      return try change(it, puts: [(key, value)], deletes: [], call)
    case ("DeleteKey", let key?): return try change(it, puts: [], deletes: [key], call)
    case ("UpdateKeys", _): return try updateKeys(it, call)
    default: throw .unknownOperation(call.request)
    }
  }

  private static func invalid(_ message: String) -> Refusal {
    Refusal(400, "ValidationException", message)
  }
  private func json(_ call: Call) throws(Refusal) -> JSONValue {
    do {
      return try JSONValue.read(call.request.body, what: "request")
    } catch {
      throw Self.invalid("The body is no JSON: \(error.why)")
    }
  }
  private func answer(_ value: JSONValue, etag: String? = nil, effective: Bool = false) -> Answer {
    var headers = ["content-type": "application/json"]
    headers["etag"] = etag
    return Answer(headers: headers, raw: Array(value.canonical.utf8), effective: effective)
  }
  private func counts(_ it: ModelStore) -> [String: JSONValue] {
    [
      "ItemCount": .int(Int64(it.items.count)), "TotalSizeInBytes": .int(Int64(it.sizeBytes)),
    ]
  }

  private func describe(_ it: ModelStore, now: Date) -> Answer {
    var out = counts(it)
    out["KvsARN"] = .string(it.arn)
    out["Created"] = .double(it.created.timeIntervalSince1970.rounded(.down))
    out["LastModified"] = .double(it.itemsModified.timeIntervalSince1970.rounded(.down))
    out["Status"] = .string(storeStatus(it, now: now))
    return answer(.object(out), etag: it.itemsETag)
  }

  /// The token is the last key of the page before.
  private func listKeys(_ it: ModelStore, _ call: Call) throws(Refusal) -> Answer {
    let limit = call.query("MaxResults").map { Int($0) } ?? 10
    guard let limit, (1...50).contains(limit) else {
      throw Self.invalid("MaxResults must be between 1 and 50.")
    }
    let token = call.query("NextToken") ?? ""
    let (page, next) = Self.page(it.items.keys.sorted(), (token, limit))
    var out: [String: JSONValue] = [
      "Items": .array(
        page.map { ["Key": .string($0), "Value": .string(it.items[$0] ?? "")] })
    ]
    if let next { out["NextToken"] = .string(next) }
    return answer(.object(out))
  }

  private func getKey(_ key: String, _ it: ModelStore) throws(Refusal) -> Answer {
    guard let value = it.items[key] else {
      throw Refusal(404, "ResourceNotFoundException", "Key not found.")
    }
    var out = counts(it)
    out["Key"] = .string(key)
    out["Value"] = .string(value)
    return answer(.object(out))
  }

  private mutating func updateKeys(_ it: ModelStore, _ call: Call) throws(Refusal) -> Answer {
    let root = try json(call)
    var puts: [(String, String)] = []
    for item in root["Puts"]?.array ?? [] {
      guard let key = item["Key"]?.string, let value = item["Value"]?.string else {
        throw Self.invalid("Each of Puts needs Key and Value.")
      }
      puts.append((key, value))
    }
    var deletes: [String] = []
    for item in root["Deletes"]?.array ?? [] {
      guard let key = item["Key"]?.string else { throw Self.invalid("Each of Deletes needs Key.") }
      deletes.append(key)
    }
    let keys = puts.map(\.0) + deletes
    guard !keys.isEmpty, Set(keys).count == keys.count else {
      throw Self.invalid("An update names one key or more, and each of them once.")
    }
    guard keys.count <= Self.keysOfUpdateMax else {
      throw Self.invalid("An update holds at most \(Self.keysOfUpdateMax) keys.")
    }
    return try change(it, puts: puts, deletes: deletes, call)
  }

  /// All of it or none.
  private mutating func change(
    _ old: ModelStore, puts: [(key: String, value: String)], deletes: [String], _ call: Call
  ) throws(Refusal) -> Answer {
    guard let version = call.request.headers["if-match"], !version.isEmpty else {
      throw Self.invalid("If-Match is required.")
    }
    guard version == old.itemsETag else {
      throw Refusal(409, "ConflictException", "The version is not the newest one.")
    }
    var it = old
    for (key, value) in puts {
      guard (1...Self.keyBytesMax).contains(key.utf8.count) else {
        throw Self.invalid("A key has 1 to \(Self.keyBytesMax) bytes.")
      }
      guard value.utf8.count <= Self.valueBytesMax else {
        throw Self.invalid("A value has at most \(Self.valueBytesMax) bytes.")
      }
      it.items[key] = value
    }
    for key in deletes {
      guard it.items.removeValue(forKey: key) != nil else {
        throw Refusal(404, "ResourceNotFoundException", "Key not found.")
      }
    }
    guard it.sizeBytes <= Self.storeBytesMax else {
      throw Refusal(402, "ServiceQuotaExceededException", "The key value store is full.")
    }
    it.itemsETag = contentVersion()
    it.itemsModified = call.now
    accounts[it.account]?.stores[it.name] = it
    var out = answer(.object(counts(it)), etag: it.itemsETag, effective: true)
    out.resource = it.arn
    return out
  }
}

extension Refusal {
  /// - Source: Smithy, AWS restJson1 protocol, "Operation error serialization".
  func restJSON(requestID: String) -> ServiceResponse {
    let body: JSONValue = ["Message": .string(message)]
    return ServiceResponse(
      status: status,
      headers: [
        "content-type": "application/json", "x-amzn-errortype": code,
        "x-amzn-requestid": requestID,
      ], body: Array(body.canonical.utf8))
  }
}

import FerryCore

/// Deliveries of standard logs (v2) that edgeferry makes: each is known by its source's name and the ARN of its
/// destination, `NAME/ARN`.
///
/// - Source: botocore 1.43.11, logs 2014-03-28: PutDeliverySource keeps a source that is there; a source has one delivery
///   to each destination.
extension LogDeliveryClient {
  /// What is written of a delivery, from what the three lists say: `{source, delivery}` of an inventory.
  ///
  /// - Returns: nil when it does not say what is delivered where.
  public static func document(of json: JSONValue?) -> XElement? {
    guard let delivery = json?["delivery"], let source = json?["source"],
      let to = delivery["deliveryDestinationArn"]?.string, let what = source["logType"]?.string
    else { return nil }
    return document(
      source, type: what, delivery: delivery, more: [XElement("DestinationArn", text: to)])
  }
  private static func document(
    _ source: JSONValue, type: String, delivery: JSONValue? = nil, more: [XElement] = []
  ) -> XElement {
    var nodes = [
      XElement("ResourceArn", text: source["resourceArns"]?.array?.first?.string ?? ""),
      XElement("LogType", text: type),
    ]
    nodes += more
    let fields = delivery?["recordFields"]?.array?.compactMap(\.string) ?? []
    if !fields.isEmpty {
      nodes.append(XElement("RecordFields", fields.map { XElement("Field", text: $0) }))
    }
    if let text = delivery?["fieldDelimiter"]?.string, !text.isEmpty {
      nodes.append(XElement("FieldDelimiter", text: text))
    }
    if let bucket = delivery?["s3DeliveryConfiguration"] {
      if let path = bucket["suffixPath"]?.string, !path.isEmpty {
        nodes.append(XElement("SuffixPath", text: path))
      }
      if bucket["enableHiveCompatiblePath"]?.bool == true {
        nodes.append(XElement("HiveCompatiblePath", text: "true"))
      }
    }
    return XElement("LogDelivery", nodes)
  }

  /// - Returns: nil when there is neither delivery nor source, or the source has others. One without any delivery has a
  ///   document without `DestinationArn`.
  public func find(_ name: String) async throws(FerryError) -> Inventory.Resource? {
    guard let (sourceName, destination) = Self.parts(name) else { return nil }
    let source: JSONValue
    do throws(FerryError) {
      let answer = try await ask("GetDeliverySource", ["name": .string(sourceName)])
      source = answer["deliverySource"] ?? .null
    } catch {
      guard error.isService("ResourceNotFoundException") else { throw error }
      return nil
    }
    let all = try await deliveries(from: sourceName)
    let delivery = all.first { $0["deliveryDestinationArn"]?.string == destination }
    guard delivery != nil || all.isEmpty else { return nil }
    return Inventory.Resource(
      .logDelivery, id: name, name: sourceName, arn: delivery?["arn"]?.string,
      document: delivery.flatMap { Self.document(of: ["source": source, "delivery": $0]) }
        ?? Self.document(source, type: source["logType"]?.string ?? ""))
  }

  /// A create that is repeated goes on where the first one ended.
  /// - Parameter config: as `document(of:)` has it.
  public func create(_ name: String, config: XElement) async throws(FerryError)
    -> Inventory.Resource
  {
    guard let (source, destination) = Self.parts(name) else { throw Self.unnamed(name) }
    _ = try await ask(
      "PutDeliverySource",
      [
        "name": .string(source), "resourceArn": .string(config.text(at: "ResourceArn") ?? ""),
        "logType": .string(config.text(at: "LogType") ?? ""),
      ])
    var members: [String: JSONValue] = [
      "deliverySourceName": .string(source), "deliveryDestinationArn": .string(destination),
    ]
    if let fields = config.first("RecordFields")?.children {
      members["recordFields"] = .array(fields.map { .string($0.text) })
    }
    members["fieldDelimiter"] = config.text(at: "FieldDelimiter").map(JSONValue.string)
    var bucket: [String: JSONValue] = [:]
    bucket["suffixPath"] = config.text(at: "SuffixPath").map(JSONValue.string)
    bucket["enableHiveCompatiblePath"] = config.text(at: "HiveCompatiblePath").map {
      .bool($0 == "true")
    }
    if !bucket.isEmpty { members["s3DeliveryConfiguration"] = .object(bucket) }
    do throws(FerryError) {
      _ = try await ask("CreateDelivery", members)
    } catch {
      // Made already, by an attempt whose answer was lost.
      let isThere =
        error.isService("ConflictException")
        ? try await find(name)?.document?.first("DestinationArn") != nil : false
      guard isThere else {
        // What was refused leaves no source behind.
        if error.service != nil { try? await delete(name) }
        throw error
      }
    }
    guard let made = try await find(name) else {
      throw CloudFrontClient.unreadable("GetDeliverySource", "\(source) was made and is not there")
    }
    return made
  }

  /// The delivery, and its source when nothing else is delivered from it. What is gone counts as done.
  public func delete(_ name: String) async throws(FerryError) {
    guard let (source, destination) = Self.parts(name) else { throw Self.unnamed(name) }
    let all = try await deliveries(from: source)
    var calls: [(operation: String, key: String, value: String)] = []
    for it in all where it["deliveryDestinationArn"]?.string == destination {
      calls.append(("DeleteDelivery", "id", it["id"]?.string ?? ""))
    }
    if calls.count == all.count { calls.append(("DeleteDeliverySource", "name", source)) }
    for call in calls {
      do throws(FerryError) {
        // The answer has no body.
        try await send(call.operation, [call.key: .string(call.value)])
      } catch {
        guard error.isService("ResourceNotFoundException") else { throw error }
      }
    }
  }

  private func deliveries(from source: String) async throws(FerryError) -> [JSONValue] {
    try await jsonPages(
      transport, .logs, target: "Logs_20140328", "DescribeDeliveries", list: "deliveries",
      region: "us-east-1"
    ).filter { $0["deliverySourceName"]?.string == source }
  }
  private func ask(_ operation: String, _ input: [String: JSONValue]) async throws(FerryError)
    -> JSONValue
  {
    try jsonDocument(try await send(operation, input), operation: operation)
  }
  @discardableResult
  private func send(_ operation: String, _ input: [String: JSONValue]) async throws(FerryError)
    -> ServiceResponse
  {
    let request = ServiceRequest(
      .logs, operation, region: "us-east-1", method: "POST", path: "/",
      headers: [
        "content-type": "application/x-amz-json-1.1", "x-amz-target": "Logs_20140328.\(operation)",
      ], body: Array(JSONValue.object(input).canonical.utf8))
    return try accepted(try await transport.send(request), operation: operation)
  }
  private static func parts(_ name: String) -> (source: String, destination: String)? {
    guard let slash = name.firstIndex(of: "/") else { return nil }
    return (String(name[..<slash]), String(name[name.index(after: slash)...]))
  }
  private static func unnamed(_ name: String) -> FerryError {
    .badInput(
      "bad-plan", what: "could not work on the log delivery \(name.debugDescription)",
      why: "its name is not SOURCE/DESTINATION-ARN", next: "plan again")
  }
}

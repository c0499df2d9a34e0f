import FerryCore
import Foundation

/// A CloudFront function: one version being worked on and, once published, one that serves.
struct ModelFunction: Equatable, Sendable {
  struct Stage: Equatable, Sendable {
    var etag: String
    var modified: Date
    /// `FunctionConfig` as it was sent.
    var config: XElement
    var code: [UInt8]
  }
  var name: String
  var account: AccountID
  var created: Date
  var tags: [String: String] = [:]
  var development: Stage
  var live: Stage?

  var arn: String { "arn:aws:cloudfront::\(account):function/\(name)" }
  func stage(_ name: String) -> Stage? { name == "LIVE" ? live : development }
}

extension CloudFrontModel {
  /// - Source: Developer Guide "Quotas".
  static let functionBytesMax = 10_240

  func function(arn: String, account: AccountID) -> ModelFunction? {
    accounts[account]?.functions.values.first { $0.arn == arn }
  }
  private func function(_ name: String, _ call: Call) throws(Refusal) -> ModelFunction {
    guard let it = accounts[call.account]?.functions[name] else {
      throw Refusal(404, "NoSuchFunctionExists", "The function does not exist.")
    }
    return it
  }
  private func stage(_ call: Call) throws(Refusal) -> String {
    let stage = call.query("Stage") ?? ""
    guard ["", "DEVELOPMENT", "LIVE"].contains(stage) else {
      throw .invalidArgument("The parameter Stage must be DEVELOPMENT or LIVE.")
    }
    return stage
  }

  private func summary(_ it: ModelFunction, _ stage: String) -> XElement? {
    guard let version = it.stage(stage) else { return nil }
    let isUsed = !users("Function", it.arn, account: it.account).isEmpty
    let status =
      stage == "LIVE"
      ? isUsed ? "DEPLOYED" : "UNASSOCIATED"
      : it.live?.code == version.code && it.live?.config == version.config
        ? "UNASSOCIATED" : "UNPUBLISHED"
    return XElement(
      "FunctionSummary",
      [
        XElement("Name", text: it.name), XElement("Status", text: status), version.config,
        XElement(
          "FunctionMetadata",
          [
            XElement("FunctionARN", text: it.arn), XElement("Stage", text: stage),
            XElement("CreatedTime", text: Self.timestamp(it.created)),
            XElement("LastModifiedTime", text: Self.timestamp(version.modified)),
          ]),
      ])
  }

  /// The config and code of a create or an update.
  private mutating func version(_ root: XElement, _ call: Call) throws(Refusal)
    -> ModelFunction.Stage
  {
    guard let config = root.first("FunctionConfig"), let text = root.text(at: "FunctionCode") else {
      throw .malformed("FunctionConfig and FunctionCode are required.")
    }
    try Validation.check(config, shape: "FunctionConfig")
    guard ["cloudfront-js-1.0", "cloudfront-js-2.0"].contains(config.text(at: "Runtime") ?? "")
    else { throw .invalidArgument("The parameter Runtime is not valid.") }
    try storesExist(config, call)
    guard let code = Data(base64Encoded: text, options: .ignoreUnknownCharacters), !code.isEmpty
    else { throw .invalidArgument("The parameter FunctionCode is not valid.") }
    guard code.count <= Self.functionBytesMax else {
      throw Refusal(
        413, "FunctionSizeLimitExceeded", "The function is too large. The maximum is 10 KB.")
    }
    return .init(
      etag: random.capitalID(), modified: call.now, config: config, code: [UInt8](code))
  }

  mutating func createFunction(_ call: Call) throws(Refusal) -> Answer {
    let root = try body(call, root: "CreateFunctionRequest")
    let name = root.text(at: "Name") ?? ""
    let allowed = name.allSatisfy {
      $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_")
    }
    guard (1...64).contains(name.count), allowed else {
      throw .invalidArgument("The parameter Name is not valid.")
    }
    let tags = try Self.tags(root.first("Tags"))
    let it = ModelFunction(
      name: name, account: call.account, created: call.now, tags: tags,
      development: try version(root, call))
    let known = accounts[call.account]?.functions ?? [:]
    guard known[name] == nil else {
      throw Refusal(409, "FunctionAlreadyExists", "A function with the same name already exists.")
    }
    guard known.count < limit(.functions, of: call.account) else {
      throw Refusal(400, "TooManyFunctions", "You have reached the maximum number of functions.")
    }
    accounts[call.account]?.functions[name] = it
    return Answer(
      status: 201,
      headers: [
        "etag": it.development.etag,
        "location": "https://cloudfront.amazonaws.com/2020-05-31/function/\(name)",
      ], body: summary(it, "DEVELOPMENT"), resource: name, effective: true)
  }

  func describeFunction(_ name: String, _ call: Call) throws(Refusal) -> Answer {
    let it = try function(name, call)
    let stage = try stage(call)
    guard let version = it.stage(stage) else {
      throw Refusal(404, "NoSuchFunctionExists", "The function is not published.")
    }
    return Answer(
      headers: ["etag": version.etag], body: summary(it, stage.isEmpty ? "DEVELOPMENT" : stage))
  }

  /// The code itself: the one reply that is no XML.
  func getFunction(_ name: String, _ call: Call) throws(Refusal) -> Answer {
    guard let version = try function(name, call).stage(try stage(call)) else {
      throw Refusal(404, "NoSuchFunctionExists", "The function is not published.")
    }
    return Answer(
      headers: ["etag": version.etag, "content-type": "application/octet-stream"],
      raw: version.code)
  }

  /// The API model spells the header of the new version `ETtag`.
  mutating func updateFunction(_ name: String, _ call: Call) throws(Refusal) -> Answer {
    let root = try body(call, root: "UpdateFunctionRequest")
    var it = try function(name, call)
    try ifMatch(call, [it.development.etag])
    it.development = try version(root, call)
    accounts[call.account]?.functions[name] = it
    return Answer(
      headers: ["ettag": it.development.etag], body: summary(it, "DEVELOPMENT"), effective: true)
  }

  mutating func publishFunction(_ name: String, _ call: Call) throws(Refusal) -> Answer {
    var it = try function(name, call)
    try ifMatch(call, [it.development.etag])
    var version = it.development
    version.etag = random.capitalID()
    version.modified = call.now
    it.live = version
    accounts[call.account]?.functions[name] = it
    return Answer(body: summary(it, "LIVE"), effective: true)
  }

  mutating func deleteFunction(_ name: String, _ call: Call) throws(Refusal) -> Answer {
    let it = try function(name, call)
    try ifMatch(call, [it.development.etag])
    guard users("Function", it.arn, account: call.account).isEmpty else {
      throw Refusal(
        409, "FunctionInUse",
        "Cannot delete the function because it's attached to one or more cache behaviors.")
    }
    accounts[call.account]?.functions[name] = nil
    return Answer(status: 204, effective: true)
  }

  /// Each stage is an item of its own unless one is asked for.
  func listFunctions(_ call: Call) throws(Refusal) -> Answer {
    let stage = try stage(call)
    let functions = accounts[call.account]?.functions ?? [:]
    let keys = functions.values.flatMap { it in
      (stage.isEmpty ? ["DEVELOPMENT", "LIVE"] : [stage]).filter { it.stage($0) != nil }
        .map { "\(it.name)/\($0)" }
    }
    return list("FunctionList", keys.sorted(), truncates: false, try paging(call)) { key in
      let parts = key.split(separator: "/").map(String.init)
      return functions[parts[0]].flatMap { summary($0, parts[1]) }
    }
  }
}

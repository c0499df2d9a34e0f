import FerryCore
import Foundation

/// A real-time log configuration; it has no version.
struct ModelLogConfig: Equatable, Sendable {
  var name: String
  var account: AccountID
  /// `RealtimeLogConfig` with its ARN and Name; without `xmlns`.
  var config: XElement

  var arn: String { Self.arn(name, account) }
  static func arn(_ name: String, _ account: AccountID) -> String {
    "arn:aws:cloudfront::\(account):realtime-log-config/\(name)"
  }
}

/// Real-time log configurations, known by name or ARN.
/// - Source: botocore 1.43.11 service model.
extension CloudFrontModel {
  /// The one that a document names; ARNs of other accounts are nobody's business.
  private func named(_ root: XElement, _ call: Call) throws(Refusal) -> ModelLogConfig {
    let name = root.text(at: "Name") ?? ""
    let arn = root.text(at: "ARN") ?? ""
    guard !name.isEmpty || !arn.isEmpty else {
      throw .invalidArgument("Name either Name or ARN.")
    }
    if let owner = Self.account(ofARN: arn), owner != call.account {
      throw .accessDenied("The real-time log configuration belongs to another account.")
    }
    let found = accounts[call.account]?.logConfigs.values.first {
      (arn.isEmpty || $0.arn == arn) && (name.isEmpty || $0.name == name)
    }
    guard let found else {
      throw Refusal(
        404, "NoSuchRealtimeLogConfig", "The real-time log configuration does not exist.")
    }
    return found
  }

  /// What a distribution names has to be there, and its own account's.
  func logConfigExists(_ arn: String, account: AccountID) throws(Refusal) {
    if let owner = Self.account(ofARN: arn), owner != account {
      throw Refusal(
        401, "RealtimeLogConfigOwnerMismatch",
        "The specified real-time log configuration belongs to a different Amazon Web Services account."
      )
    }
    guard accounts[account]?.logConfigs.values.contains(where: { $0.arn == arn }) == true else {
      throw Refusal(
        404, "NoSuchRealtimeLogConfig", "The real-time log configuration does not exist.")
    }
  }

  /// The members of a create or an update under this name; an update replaces them all.
  private func made(_ root: XElement, name: String, _ call: Call) throws(Refusal) -> ModelLogConfig
  {
    var config = XElement(
      "RealtimeLogConfig",
      [
        XElement("ARN", text: ModelLogConfig.arn(name, call.account)),
        XElement("Name", text: name),
      ])
    for member in ["SamplingRate", "EndPoints", "Fields"] {
      guard let child = root.first(member) else {
        throw .invalidArgument("The parameter \(member) is required.")
      }
      config.nodes.append(.element(child))
    }
    try Validation.check(config, shape: "RealtimeLogConfig")
    guard let rate = Int(config.text(at: "SamplingRate") ?? ""), (1...100).contains(rate) else {
      throw .invalidArgument("The parameter SamplingRate must be between 1 and 100.")
    }
    let endPoints = config.first("EndPoints")?.children ?? []
    guard endPoints.count == 1, endPoints[0].text(at: "StreamType") == "Kinesis" else {
      throw .invalidArgument("The parameter EndPoints must hold one of type Kinesis.")
    }
    for member in ["RoleARN", "StreamARN"] {
      let arn = endPoints[0].text(at: "KinesisStreamConfig/\(member)") ?? ""
      let owner = Self.account(ofARN: arn)
      guard owner != nil, owner == call.account || !behaviours.refusesForeignARNs else {
        throw .invalidArgument("The parameter \(member) is not one of this account.")
      }
    }
    guard config.first("Fields")?.children.isEmpty == false else {
      throw .invalidArgument("The parameter Fields must name a field.")
    }
    return ModelLogConfig(name: name, account: call.account, config: config)
  }

  private func answer(_ it: ModelLogConfig, _ root: String, status: Int = 200, changed: Bool)
    -> Answer
  {
    Answer(
      status: status, body: XElement(root, [it.config]), resource: it.name, effective: changed)
  }

  mutating func createLogConfig(_ call: Call) throws(Refusal) -> Answer {
    let root = try body(call, root: "CreateRealtimeLogConfigRequest")
    let name = root.text(at: "Name") ?? ""
    let allowed = name.allSatisfy {
      $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_")
    }
    guard !name.isEmpty, allowed else { throw .invalidArgument("The parameter Name is not valid.") }
    let it = try made(root, name: name, call)
    let known = accounts[call.account]?.logConfigs ?? [:]
    guard known[name] == nil else {
      throw Refusal(
        409, "RealtimeLogConfigAlreadyExists",
        "A real-time log configuration with this name already exists.")
    }
    guard known.count < limit(.realtimeLogConfigs, of: call.account) else {
      throw Refusal(
        400, "TooManyRealtimeLogConfigs",
        "You have reached the maximum number of real-time log configurations.")
    }
    accounts[call.account]?.logConfigs[name] = it
    return answer(it, "CreateRealtimeLogConfigResult", status: 201, changed: true)
  }

  func getLogConfig(_ call: Call) throws(Refusal) -> Answer {
    let it = try named(body(call, root: "GetRealtimeLogConfigRequest"), call)
    return answer(it, "GetRealtimeLogConfigResult", changed: false)
  }

  mutating func updateLogConfig(_ call: Call) throws(Refusal) -> Answer {
    let root = try body(call, root: "UpdateRealtimeLogConfigRequest")
    let it = try made(root, name: try named(root, call).name, call)
    accounts[call.account]?.logConfigs[it.name] = it
    return answer(it, "UpdateRealtimeLogConfigResult", changed: true)
  }

  mutating func deleteLogConfig(_ call: Call) throws(Refusal) -> Answer {
    let it = try named(body(call, root: "DeleteRealtimeLogConfigRequest"), call)
    guard users("RealtimeLogConfig", it.arn, account: call.account).isEmpty else {
      throw Refusal(
        400, "RealtimeLogConfigInUse",
        "Cannot delete the real-time log configuration because it's attached to one or more cache behaviors."
      )
    }
    accounts[call.account]?.logConfigs[it.name] = nil
    return Answer(status: 204, resource: it.name, effective: true)
  }

  /// The one list without a Quantity.
  func listLogConfigs(_ call: Call) throws(Refusal) -> Answer {
    let all = accounts[call.account]?.logConfigs ?? [:]
    var out = list(
      "RealtimeLogConfigs", all.keys.sorted(), truncates: true, try paging(call)
    ) { name in
      all[name].map { XElement("member", attributes: [], nodes: $0.config.nodes) }
    }
    out.body?.remove("Quantity")
    return out
  }
}

/// Deliveries of standard logs (v2). The lab keeps none, and says so to who asks.
/// - Source: botocore 1.43.11, logs 2014-03-28 (json 1.1).
extension CloudFrontModel {
  func logDeliveries(_ operation: String, _ call: Call) throws(Refusal) -> Answer {
    switch operation {
    case "DescribeDeliverySources": answer(["deliverySources": []])
    case "DescribeDeliveries": answer(["deliveries": []])
    case "DescribeDeliveryDestinations": answer(["deliveryDestinations": []])
    default: throw .unknownOperation(call.request)
    }
  }
}

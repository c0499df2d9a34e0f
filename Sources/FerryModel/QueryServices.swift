import FerryCore
import Foundation

/// STS, CloudFormation and CloudWatch: the query protocol, a form in and XML out.
extension CloudFrontModel {
  static let stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"
  static let cloudFormationNamespace = "http://cloudformation.amazonaws.com/doc/2010-05-15/"

  /// The form's fields; a GET carries them in the query.
  static func form(_ request: ServiceRequest) -> [String: String] {
    var out: [String: String] = [:]
    for item in request.query { out[item.name] = item.value ?? "" }
    for pair in String(decoding: request.body, as: UTF8.self).split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      func decoded(_ text: Substring) -> String {
        let blanks = text.map { $0 == "+" ? " " : $0 }
        return String(blanks).removingPercentEncoding ?? String(text)
      }
      out[decoded(parts[0])] = parts.count == 2 ? decoded(parts[1]) : ""
    }
    return out
  }

  func answer(
    _ action: String, _ result: [XElement], namespace: String, requestID: String
  ) -> Answer {
    Answer(
      body: XElement(
        "\(action)Response", attributes: [.init(name: "xmlns", value: namespace)],
        nodes: [
          .element(XElement("\(action)Result", result)),
          .element(
            XElement("ResponseMetadata", [XElement("RequestId", text: requestID)])),
        ]))
  }

  // MARK: STS

  mutating func sts(_ form: [String: String], _ call: Call, requestID: String) throws(Refusal)
    -> Answer
  {
    switch form["Action"] {
    case "GetCallerIdentity":
      return answer(
        "GetCallerIdentity",
        [
          XElement("Arn", text: call.callerARN), XElement("UserId", text: "AIDALAB\(call.account)"),
          XElement("Account", text: call.account),
        ], namespace: Self.stsNamespace, requestID: requestID)
    case "AssumeRole": return try assumeRole(form, call, requestID: requestID)
    default: throw .unknownOperation(call.request)
    }
  }

  private mutating func assumeRole(_ form: [String: String], _ call: Call, requestID: String)
    throws(Refusal) -> Answer
  {
    let roleARN = form["RoleArn"] ?? ""
    let session = form["RoleSessionName"] ?? ""
    let duration = Int(form["DurationSeconds"] ?? "3600") ?? 0
    guard (2...64).contains(session.count), (900...43_200).contains(duration) else {
      throw Refusal(
        400, "ValidationError", "1 validation error detected in RoleSessionName or DurationSeconds")
    }
    let parts = roleARN.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 6, parts[0] == "arn", parts[2] == "iam", parts[5].hasPrefix("role/") else {
      throw Refusal(400, "ValidationError", "\(roleARN) is invalid")
    }
    guard accounts[parts[4]] != nil else {
      throw .accessDenied(
        "User: \(call.callerARN) is not authorized to perform: sts:AssumeRole on resource: \(roleARN)"
      )
    }
    let role = parts[5].split(separator: "/").last.map(String.init) ?? ""
    let credential = ModelCredential(
      accessKeyID: random.accessKeyID(prefix: "ASIA"), secretAccessKey: random.secret(),
      sessionToken: random.secret(120), account: parts[4],
      arn: "arn:aws:sts::\(parts[4]):assumed-role/\(role)/\(session)",
      expires: call.now.addingTimeInterval(Double(duration)))
    credentials[credential.accessKeyID] = credential
    return answer(
      "AssumeRole",
      [
        XElement(
          "Credentials",
          [
            XElement("AccessKeyId", text: credential.accessKeyID),
            XElement("SecretAccessKey", text: credential.secretAccessKey),
            XElement("SessionToken", text: credential.sessionToken ?? ""),
            XElement(
              "Expiration", text: Timestamp.text(credential.expires ?? call.now)),
          ]),
        XElement(
          "AssumedRoleUser",
          [
            XElement("AssumedRoleId", text: "AROALAB\(parts[4]):\(session)"),
            XElement("Arn", text: credential.arn),
          ]),
      ], namespace: Self.stsNamespace, requestID: requestID)
  }

  // MARK: CloudFormation

  func cloudFormation(_ form: [String: String], _ call: Call, requestID: String) throws(Refusal)
    -> Answer
  {
    let action = form["Action"] ?? ""
    let region = call.request.region ?? "us-east-1"
    let stacks = (accounts[call.account]?.stacks ?? []).filter { $0.region == region }
    let result: [XElement]
    switch action {
    case "ListStacks": result = try listStacks(form, stacks)
    case "DescribeStacks": result = try describeStacks(form, stacks)
    case "DescribeStackResources": result = try describeResources(form, stacks)
    case "ListStackResources": result = try listResources(form, stacks)
    default: throw .unknownOperation(call.request)
    }
    var out = answer(
      action, result, namespace: Self.cloudFormationNamespace, requestID: requestID)
    out.resource = form["StackName"] ?? form["PhysicalResourceId"] ?? ""
    return out
  }

  private static func invalid(_ message: String) -> Refusal {
    Refusal(400, "ValidationError", message)
  }

  /// A live stack by name or id; a deleted one by its full id only.
  /// - Source: API reference of DescribeStacks.
  private func stack(_ name: String, in stacks: [ModelStack]) throws(Refusal) -> ModelStack {
    let found = stacks.first { $0.id == name } ?? stacks.first { $0.name == name && !$0.isDeleted }
    guard let found else { throw Self.invalid("Stack with id \(name) does not exist") }
    return found
  }

  /// 100 a page; the token is the number of items before it.
  private func page<Item>(_ items: [Item], _ form: [String: String]) throws(Refusal)
    -> (items: ArraySlice<Item>, next: [XElement])
  {
    let token = form["NextToken"].flatMap { $0.isEmpty ? nil : $0 }
    guard let start = token == nil ? 0 : Int(token ?? ""), (0...items.count).contains(start) else {
      throw Self.invalid("The specified token is not valid")
    }
    let end = min(start + 100, items.count)
    return (items[start..<end], end < items.count ? [XElement("NextToken", text: "\(end)")] : [])
  }

  private func listStacks(_ form: [String: String], _ stacks: [ModelStack]) throws(Refusal)
    -> [XElement]
  {
    let wanted = Set(
      form.filter { $0.key.hasPrefix("StackStatusFilter.member.") }.map(\.value))
    let kept = stacks.filter { wanted.isEmpty || wanted.contains($0.status) }
    let (items, next) = try page(kept, form)
    let members = items.map {
      XElement(
        "member",
        [
          XElement("StackId", text: $0.id), XElement("StackName", text: $0.name),
          XElement("CreationTime", text: Self.timestamp($0.created)),
          XElement("StackStatus", text: $0.status),
        ])
    }
    return [XElement("StackSummaries", members)] + next
  }

  private func describeStacks(_ form: [String: String], _ stacks: [ModelStack]) throws(Refusal)
    -> [XElement]
  {
    let found: [ModelStack]
    if let name = form["StackName"], !name.isEmpty {
      found = [try stack(name, in: stacks)]
    } else {
      found = stacks.filter { !$0.isDeleted }
    }
    let (items, next) = try page(found, form)
    let members = items.map {
      XElement(
        "member",
        [
          XElement("StackId", text: $0.id), XElement("StackName", text: $0.name),
          XElement("CreationTime", text: Self.timestamp($0.created)),
          XElement("StackStatus", text: $0.status),
          XElement("DisableRollback", text: "false"),
        ])
    }
    return [XElement("Stacks", members)] + next
  }

  private func describeResources(_ form: [String: String], _ stacks: [ModelStack])
    throws(Refusal) -> [XElement]
  {
    let found: ModelStack
    if let name = form["StackName"], !name.isEmpty {
      found = try stack(name, in: stacks)
    } else if let physical = form["PhysicalResourceId"], !physical.isEmpty {
      let owner = stacks.first {
        (behaviours.findsDeletedStackByPhysicalID || !$0.isDeleted)
          && $0.resources.contains { $0.physicalID == physical }
      }
      guard let owner else { throw Self.invalid("Stack for \(physical) does not exist") }
      found = owner
    } else {
      throw Self.invalid("Either StackName or PhysicalResourceId must be specified")
    }
    let logical = form["LogicalResourceId"]
    let members = found.resources.filter { logical == nil || $0.logicalID == logical }.map {
      resource in
      XElement(
        "member",
        [
          XElement("StackName", text: found.name), XElement("StackId", text: found.id),
          XElement("LogicalResourceId", text: resource.logicalID),
          XElement("PhysicalResourceId", text: resource.physicalID),
          XElement("ResourceType", text: resource.type),
          XElement("Timestamp", text: Self.timestamp(found.created)),
          XElement("ResourceStatus", text: resource.status),
        ])
    }
    return [XElement("StackResources", members)]
  }

  private func listResources(_ form: [String: String], _ stacks: [ModelStack]) throws(Refusal)
    -> [XElement]
  {
    guard let name = form["StackName"], !name.isEmpty else {
      throw Self.invalid("StackName is required")
    }
    let found = try stack(name, in: stacks)
    let (items, next) = try page(found.resources, form)
    let members = items.map {
      XElement(
        "member",
        [
          XElement("LogicalResourceId", text: $0.logicalID),
          XElement("PhysicalResourceId", text: $0.physicalID),
          XElement("ResourceType", text: $0.type),
          XElement("LastUpdatedTimestamp", text: Self.timestamp(found.created)),
          XElement("ResourceStatus", text: $0.status),
        ])
    }
    return [XElement("StackResourceSummaries", members)] + next
  }
}

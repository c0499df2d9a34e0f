import FerryCore
import Foundation

/// CloudFormation as far as CloudFront's things go: stacks with their templates, and change sets that retain, import and
/// let go. No property of anything live is ever changed by one.
///
/// - Source: botocore 1.43.11, cloudformation 2010-05-15 (query).
extension CloudFrontModel {
  mutating func cloudFormation(_ form: [String: String], _ call: Call, requestID: String)
    throws(Refusal) -> Answer
  {
    let action = form["Action"] ?? ""
    let region = call.request.region ?? "us-east-1"
    for index in (accounts[call.account]?.stacks ?? []).indices {
      accounts[call.account]?.stacks[index].settle(call.now)
    }
    let stacks = (accounts[call.account]?.stacks ?? []).filter { $0.region == region }
    var isEffective = false
    let result: [XElement]
    switch action {
    case "GetTemplate":
      let found = try stack(form["StackName"] ?? "", in: stacks)
      result = [XElement("TemplateBody", text: found.template.canonical)]
    case "ValidateTemplate": result = try validate(form)
    case "DescribeChangeSet": result = try describeChangeSet(form, stacks)
    case "CreateChangeSet":
      result = try createChangeSet(form, call, region)
      isEffective = true
    case "ExecuteChangeSet":
      try executeChangeSet(form, call, region)
      (result, isEffective) = ([], true)
    case "DeleteChangeSet":
      try deleteChangeSet(form, call, region)
      result = []
    case "DeleteStack":
      try deleteStack(form, call, region)
      (result, isEffective) = ([], true)
    case "ListStacks": result = try listStacks(form, stacks)
    case "DescribeStacks": result = try describeStacks(form, stacks)
    case "DescribeStackResources": result = try describeResources(form, stacks)
    case "ListStackResources": result = try listResources(form, stacks)
    default: throw .unknownOperation(call.request)
    }
    var out = answer(
      action, result, namespace: Self.cloudFormationNamespace, requestID: requestID)
    out.resource = form["StackName"] ?? form["PhysicalResourceId"] ?? ""
    out.effective = isEffective
    return out
  }

  static func invalidStack(_ message: String) -> Refusal {
    Refusal(400, "ValidationError", message)
  }

  /// A live stack by name or id; a deleted one by its full id only.
  /// - Source: API reference of DescribeStacks.
  func stack(_ name: String, in stacks: [ModelStack]) throws(Refusal) -> ModelStack {
    let found = stacks.first { $0.id == name } ?? stacks.first { $0.name == name && !$0.isDeleted }
    guard let found else { throw Self.invalidStack("Stack with id \(name) does not exist") }
    return found
  }

  /// 100 a page; the token is the number of items before it.
  private func page<Item>(_ items: [Item], _ form: [String: String]) throws(Refusal)
    -> (items: ArraySlice<Item>, next: [XElement])
  {
    let token = form["NextToken"].flatMap { $0.isEmpty ? nil : $0 }
    guard let start = token == nil ? 0 : Int(token ?? ""), (0...items.count).contains(start) else {
      throw Self.invalidStack("The specified token is not valid")
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
      guard let owner else { throw Self.invalidStack("Stack for \(physical) does not exist") }
      found = owner
    } else {
      throw Self.invalidStack("Either StackName or PhysicalResourceId must be specified")
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
      throw Self.invalidStack("StackName is required")
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

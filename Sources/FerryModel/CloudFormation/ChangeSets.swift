import FerryCore
import Foundation

/// Change sets: what they would do, and their doing it.
extension CloudFrontModel {
  /// Types that come and go without anything live.
  private static let empty: Set = [
    "AWS::CloudFormation::WaitConditionHandle", "AWS::CDK::Metadata",
  ]

  // MARK: Making one

  func validate(_ form: [String: String]) throws(Refusal) -> [XElement] {
    let template = try Self.template(form["TemplateBody"] ?? "")
    let parameters = (template["Parameters"]?.object ?? [:]).keys.sorted().map {
      XElement("member", [XElement("ParameterKey", text: $0)])
    }
    return [XElement("Parameters", parameters)]
  }
  private static func template(_ text: String) throws(Refusal) -> JSONValue {
    let found: JSONValue
    do {
      found = try JSONValue.read(Array(text.utf8), what: "template")
    } catch {
      throw invalidStack("Template format error: the lab reads templates in JSON. \(error.why)")
    }
    guard found["Resources"]?.object?.isEmpty == false else {
      throw invalidStack("Template format error: At least one Resources member must be defined.")
    }
    for (id, resource) in found["Resources"]?.object ?? [:] where resource["Type"]?.string == nil {
      throw invalidStack(
        "Template format error: [/Resources/\(id)] Every Resources object must contain a Type member."
      )
    }
    return found
  }
  /// `Prefix.member.N.Rest` by N.
  private static func members(_ form: [String: String], _ prefix: String) -> [[String: String]] {
    var out: [Int: [String: String]] = [:]
    for (key, value) in form where key.hasPrefix(prefix + ".member.") {
      let parts = key.dropFirst(prefix.count + 8).split(separator: ".", maxSplits: 1)
      guard parts.count == 2, let number = Int(parts[0]) else { continue }
      out[number, default: [:]][String(parts[1])] = value
    }
    return out.sorted { $0.key < $1.key }.map(\.value)
  }

  mutating func createChangeSet(_ form: [String: String], _ call: Call, _ region: String)
    throws(Refusal) -> [XElement]
  {
    let name = form["ChangeSetName"] ?? ""
    let isImport = form["ChangeSetType"] == "IMPORT"
    let template = try Self.template(form["TemplateBody"] ?? "")
    let stackName = form["StackName"] ?? ""
    var imports: [String: String] = [:]
    for it in Self.members(form, "ResourcesToImport") {
      imports[it["LogicalResourceId"] ?? ""] = it["ResourceIdentifier.entry.1.value"]
    }
    let given = Self.members(form, "Parameters").compactMap { $0["ParameterKey"] }
    for (key, parameter) in template["Parameters"]?.object ?? [:]
    where parameter["Default"] == nil && !given.contains(key) {
      throw Self.invalidStack("Parameters: [\(key)] must have values")
    }
    let own = (accounts[call.account]?.stacks ?? []).filter { $0.region == region }
    var stack: ModelStack
    if let found = try? self.stack(stackName, in: own) {
      stack = found
    } else {
      guard isImport else { throw Self.invalidStack("Stack [\(stackName)] does not exist") }
      stack = ModelStack(
        id: "arn:aws:cloudformation:\(region):\(call.account):stack/\(stackName)/\(random.uuid())",
        name: stackName, region: region, status: "REVIEW_IN_PROGRESS", created: call.now,
        resources: [], template: ["Resources": [:]])
    }
    guard stack.settles == nil else {
      throw Self.invalidStack(
        "Stack:\(stack.id) is in \(stack.status) state and can not be updated.")
    }
    guard !stack.changeSets.contains(where: { $0.name == name }) else {
      throw Refusal(400, "AlreadyExistsException", "ChangeSet \(name) already exists")
    }
    let account = accounts[call.account] ?? Account()
    let changes = StackChange.between(stack, template, imports: imports) {
      Self.resolved($0, stack, account)
    }
    if isImport {
      try checkImport(stack, template, imports, changes, call, own)
    } else if let odd = changes.first(where: { $0.action == "Add" && !Self.empty.contains($0.type) }
    ) {
      throw Self.invalidStack("The lab makes no \(odd.type) (\(odd.logicalID)) by a stack.")
    }
    let isNothing =
      changes.allSatisfy(\.isAttributesAlone)
      && stack.template["Outputs"] == template["Outputs"]
    let made = ModelChangeSet(
      id: "arn:aws:cloudformation:\(region):\(call.account):changeSet/\(name)/\(random.uuid())",
      name: name, isImport: isImport, template: template, imports: imports,
      status: isNothing ? "FAILED" : "CREATE_COMPLETE",
      reason: isNothing
        ? "The submitted information didn't contain changes. Submit different information to create a change set."
        : nil, changes: changes)
    stack.changeSets.append(made)
    put(stack, call.account)
    return [XElement("Id", text: made.id), XElement("StackId", text: stack.id)]
  }
  private mutating func put(_ stack: ModelStack, _ account: AccountID) {
    accounts[account]?.stacks.removeAll { $0.id == stack.id }
    accounts[account]?.stacks.append(stack)
  }

  /// - Source: reference facts on CloudFront, section 6.1; CloudFormation User Guide, "Bringing existing resources into
  ///   CloudFormation management".
  private func checkImport(
    _ stack: ModelStack, _ template: JSONValue, _ imports: [String: String],
    _ changes: [StackChange], _ call: Call, _ stacks: [ModelStack]
  ) throws(Refusal) {
    guard stack.template["Outputs"] == template["Outputs"] || stack.status == "REVIEW_IN_PROGRESS"
    else {
      throw Self.invalidStack("As part of the import operation, you cannot modify or add [Outputs]")
    }
    for change in changes where change.action != "Import" {
      throw Self.invalidStack(
        "As part of the import operation, you cannot modify, add or remove resources: [\(change.logicalID)]"
      )
    }
    let resources = template["Resources"]?.object ?? [:]
    for (id, named) in imports.sorted(by: { $0.key < $1.key }) {
      guard let resource = resources[id] else {
        throw Self.invalidStack("Resources [\(id)] to import are not in the template.")
      }
      guard resource["DeletionPolicy"] != nil else {
        throw Self.invalidStack(
          "Resources to import [\(id)] must have a DeletionPolicy attribute specified in the template."
        )
      }
      let type = resource["Type"]?.string ?? ""
      if type.hasSuffix("::ContinuousDeploymentPolicy"), !behaviours.importsPolicies {
        throw Self.invalidStack("ResourceTypes [\(type)] are not supported for Import")
      }
      let owner = stacks.first { it in
        !it.isDeleted && it.id != stack.id
          && it.resources.contains { $0.physicalID == named && $0.type == type }
      }
      if let owner {
        throw Self.invalidStack(
          "Resource \(named) of type \(type) already exists in stack \(owner.id)")
      }
      let account = accounts[call.account] ?? Account()
      let isThere =
        switch type.split(separator: ":").last {
        case "Distribution": account.distributions[named] != nil
        case "ContinuousDeploymentPolicy": account.policies[named] != nil
        default: true
        }
      guard isThere else {
        throw Self.invalidStack(
          "Resource of type '\(type)' with identifier '\(named)' was not found.")
      }
    }
  }

  /// A value with `Ref` and `Fn::GetAtt` to the stack's resources worked out.
  private static func resolved(_ value: JSONValue, _ stack: ModelStack, _ account: Account)
    -> JSONValue
  {
    func physical(_ id: String) -> String? {
      stack.resources.first { $0.logicalID == id }?.physicalID
    }
    switch value {
    case .array(let items): return .array(items.map { resolved($0, stack, account) })
    case .object(let members):
      if members.count == 1, let id = members["Ref"]?.string, let found = physical(id) {
        return .string(found)
      }
      if members.count == 1, let parts = members["Fn::GetAtt"]?.array?.compactMap(\.string),
        parts.count == 2, parts[1] == "DomainName", let found = physical(parts[0]),
        let it = account.distributions[found]
      {
        return .string(it.domainName)
      }
      return .object(members.mapValues { resolved($0, stack, account) })
    default: return value
    }
  }

  // MARK: Telling and doing

  private func changeSet(_ form: [String: String], _ stacks: [ModelStack])
    throws(Refusal) -> (stack: ModelStack, it: ModelChangeSet)
  {
    let name = form["ChangeSetName"] ?? ""
    let found = try stack(form["StackName"] ?? "", in: stacks)
    guard let it = found.changeSets.first(where: { $0.name == name || $0.id == name }) else {
      throw Refusal(404, "ChangeSetNotFound", "ChangeSet [\(name)] does not exist")
    }
    return (found, it)
  }
  func describeChangeSet(_ form: [String: String], _ stacks: [ModelStack]) throws(Refusal)
    -> [XElement]
  {
    let (stack, it) = try changeSet(form, stacks)
    var out = [
      XElement("ChangeSetName", text: it.name), XElement("ChangeSetId", text: it.id),
      XElement("StackId", text: stack.id), XElement("StackName", text: stack.name),
      XElement("Status", text: it.status),
      XElement(
        "ExecutionStatus", text: it.status == "FAILED" ? "UNAVAILABLE" : "AVAILABLE"),
      XElement("Changes", it.changes.map(\.element)),
    ]
    if let reason = it.reason { out.append(XElement("StatusReason", text: reason)) }
    return out
  }
  /// One that is not there is no error, as long as its stack is.
  mutating func deleteChangeSet(_ form: [String: String], _ call: Call, _ region: String)
    throws(Refusal)
  {
    let own = (accounts[call.account]?.stacks ?? []).filter { $0.region == region }
    var found = try stack(form["StackName"] ?? "", in: own)
    found.changeSets.removeAll { [$0.name, $0.id].contains(form["ChangeSetName"] ?? "") }
    put(found, call.account)
  }

  mutating func executeChangeSet(_ form: [String: String], _ call: Call, _ region: String)
    throws(Refusal)
  {
    let own = (accounts[call.account]?.stacks ?? []).filter { $0.region == region }
    let (found, it) = try changeSet(form, own)
    guard it.status == "CREATE_COMPLETE" else {
      throw Refusal(
        400, "InvalidChangeSetStatus",
        "ChangeSet [\(it.id)] cannot be executed in its current status of [\(it.status)]")
    }
    var stack = found
    let kind = it.isImport ? "IMPORT" : "UPDATE"
    stack.status = "\(kind)_IN_PROGRESS"
    // Properties of what is live are nobody's to change here.
    if it.changes.contains(where: { $0.scope.contains("Properties") }) {
      stack.settles = (call.now + propagationSeconds, "UPDATE_ROLLBACK_COMPLETE")
    } else {
      stack.settles = (call.now + propagationSeconds, "\(kind)_COMPLETE")
      stack.template = it.template
      for change in it.changes { apply(change, to: &stack, call.account) }
    }
    stack.changeSets = []
    stack.settle(call.now)
    put(stack, call.account)
  }
  private mutating func apply(
    _ change: StackChange, to stack: inout ModelStack, _ account: AccountID
  ) {
    switch change.action {
    case "Import":
      stack.resources.append(
        .init(
          logicalID: change.logicalID, type: change.type, physicalID: change.physicalID,
          status: "IMPORT_COMPLETE"))
    case "Add":
      stack.resources.append(
        .init(
          logicalID: change.logicalID, type: change.type,
          physicalID: "https://cloudformation-waitcondition.example/\(random.uuid())",
          status: "CREATE_COMPLETE"))
    case "Remove":
      stack.resources.removeAll { $0.logicalID == change.logicalID }
      if change.policyAction != "Retain" { destroy(change.type, change.physicalID, account) }
    default:
      for index in stack.resources.indices
      where stack.resources[index].logicalID == change.logicalID {
        stack.resources[index].status = "UPDATE_COMPLETE"
      }
    }
  }
  /// What a stack does to what it does not retain: it is gone from CloudFront.
  private mutating func destroy(_ type: String, _ id: String, _ account: AccountID) {
    switch type.split(separator: ":").last {
    case "Distribution": accounts[account]?.distributions[id] = nil
    case "ContinuousDeploymentPolicy": accounts[account]?.policies[id] = nil
    default: break
    }
  }

  mutating func deleteStack(_ form: [String: String], _ call: Call, _ region: String)
    throws(Refusal)
  {
    let own = (accounts[call.account]?.stacks ?? []).filter { $0.region == region }
    // Deleting what is not there is no error.
    guard var found = try? stack(form["StackName"] ?? "", in: own), !found.isDeleted else { return }
    for index in found.resources.indices {
      let it = found.resources[index]
      let policy = found.template["Resources"]?[it.logicalID]?["DeletionPolicy"]?.string
      if policy == "Retain" {
        found.resources[index].status = "DELETE_SKIPPED"
      } else {
        destroy(it.type, it.physicalID, call.account)
        found.resources[index].status = "DELETE_COMPLETE"
      }
    }
    found.status = "DELETE_IN_PROGRESS"
    found.settles = (call.now + propagationSeconds, "DELETE_COMPLETE")
    found.settle(call.now)
    put(found, call.account)
  }
}

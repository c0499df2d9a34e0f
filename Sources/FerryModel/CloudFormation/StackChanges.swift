import FerryCore

/// A change set of a stack.
struct ModelChangeSet: Equatable, Sendable {
  var id: String
  var name: String
  var isImport: Bool
  var template: JSONValue
  /// Logical id to what the resource is imported by.
  var imports: [String: String]
  var status: String
  var reason: String?
  var changes: [StackChange]
}

/// What a change set does to one resource.
struct StackChange: Equatable, Sendable {
  var action: String
  var logicalID: String
  var physicalID: String
  var type: String
  var scope: [String] = []
  /// What becomes of a resource that is removed.
  var policyAction: String?

  var element: XElement {
    var members = [
      XElement("Action", text: action), XElement("LogicalResourceId", text: logicalID),
      XElement("PhysicalResourceId", text: physicalID), XElement("ResourceType", text: type),
      XElement("Scope", scope.map { XElement("member", text: $0) }),
    ]
    if action == "Modify" { members.append(XElement("Replacement", text: "False")) }
    if let policyAction { members.append(XElement("PolicyAction", text: policyAction)) }
    return XElement(
      "member", [XElement("Type", text: "Resource"), XElement("ResourceChange", members)])
  }

  /// How two templates of a stack differ, resource by resource.
  ///
  /// - Parameter resolved: a template's value with the references to the stack's resources worked out, since what counts is
  ///   what a property says and not how.
  static func between(
    _ stack: ModelStack, _ template: JSONValue, imports: [String: String],
    resolved: (JSONValue) -> JSONValue
  ) -> [StackChange] {
    let old = stack.template["Resources"]?.object ?? [:]
    let new = template["Resources"]?.object ?? [:]
    func physical(_ id: String) -> String {
      stack.resources.first { $0.logicalID == id }?.physicalID ?? ""
    }
    var out: [StackChange] = []
    for (id, resource) in new.sorted(by: { $0.key < $1.key }) {
      let type = resource["Type"]?.string ?? ""
      guard let before = old[id] else {
        out.append(
          StackChange(
            action: imports[id] == nil ? "Add" : "Import", logicalID: id,
            physicalID: imports[id] ?? "", type: type))
        continue
      }
      var scope: [String] = []
      if resolved(before["Properties"] ?? [:]) != resolved(resource["Properties"] ?? [:]) {
        scope.append("Properties")
      }
      for name in ["Metadata", "DeletionPolicy", "UpdateReplacePolicy"]
      where before[name] != resource[name] { scope.append(name) }
      guard !scope.isEmpty else { continue }
      out.append(
        StackChange(
          action: "Modify", logicalID: id, physicalID: physical(id), type: type, scope: scope))
    }
    for (id, resource) in old.sorted(by: { $0.key < $1.key }) where new[id] == nil {
      let isRetained = ["Retain", "RetainExceptOnCreate"].contains(
        resource["DeletionPolicy"]?.string)
      out.append(
        StackChange(
          action: "Remove", logicalID: id, physicalID: physical(id),
          type: resource["Type"]?.string ?? "", policyAction: isRetained ? "Retain" : "Delete"))
    }
    return out
  }

  /// Attributes alone make no change set run.
  var isAttributesAlone: Bool {
    action == "Modify" && Set(scope).isSubset(of: ["DeletionPolicy", "UpdateReplacePolicy"])
  }
}

/// What another tool or a person does: said in words, as commands to type, and, where the runner may do it itself when it
/// is told to, as commands that it runs.
public struct External: Codable, Equatable, Sendable {
  public var says: String
  /// For a person, a shell line each.
  public var commands: [String]
  /// In order, each after the one before has ended as it should. Run again from the first after a crash.
  public var tools: [ToolCommand]?
  /// Asked first, and again until what it proves holds: nothing that a run before this one has started is still under way.
  public var settled: ToolCommand?
  /// Ends as it should when the goal holds already; it changes nothing.
  public var done: ToolCommand?
  public init(says: String, commands: [String]) {
    self.says = says
    self.commands = commands
  }
  public init(says: String, tools: [ToolCommand], settled: ToolCommand? = nil, done: ToolCommand?) {
    self.says = says
    self.tools = tools
    self.settled = settled
    self.done = done
    commands = tools.flatMap { tool in
      [tool.line] + [tool.proves.map { "# must say: \($0.says)" }].compactMap { $0 }
    }
  }
}

extension Plan {
  /// Whether `--run-commands` has something to run.
  public var runsTools: Bool {
    steps.contains { step in
      if case .external(let it) = step.action { it.tools != nil } else { false }
    }
  }
}

/// A command of another tool as it is run: no shell reads it.
public struct ToolCommand: Codable, Equatable, Sendable {
  /// The program and its arguments. Paths are relative to the workspace, where it runs.
  public var arguments: [String]
  public var environment: [String: String]?
  /// Exit codes that are good; nil for 0 alone.
  public var exits: [Int]?
  /// What its stdout, JSON, has to say.
  public var proves: ToolProof?
  /// Files that it reads, and their SHA-256 when they were planned with: another content is not what was approved.
  public var files: [String: String]?
  public init(
    _ arguments: [String], environment: [String: String]? = nil, exits: [Int]? = nil,
    proves: ToolProof? = nil, files: [String: String]? = nil
  ) {
    self.arguments = arguments
    self.environment = environment
    self.exits = exits
    self.proves = proves
    self.files = files
  }
  /// Whether it only looks: a plan of Terraform, a description or a wait of the AWS CLI.
  public var onlyReads: Bool {
    let words = arguments.dropFirst().filter { !$0.hasPrefix("-") }
    switch arguments.first {
    case "terraform": return ["plan", "show"].contains(words.first ?? "")
    case "aws":
      let verb = words.dropFirst().first ?? ""
      return ["wait", "describe-", "get-", "list-"].contains { verb.hasPrefix($0) }
    default: return false
    }
  }
  /// Whether it changes nothing that anybody uses: it only looks, or makes what a later command carries out.
  public var onlyPrepares: Bool {
    let words = arguments.dropFirst().filter { !$0.hasPrefix("-") }
    return onlyReads || (arguments.first == "terraform" && words.first == "init")
      || (arguments.first == "aws"
        && ["create-change-set", "delete-change-set"].contains(words.dropFirst().first ?? ""))
  }
  /// As one would type it.
  public var line: String {
    ((environment ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\(Self.word($0.value))" }
      + arguments.map(Self.word)).joined(separator: " ")
  }
  private static func word(_ text: String) -> String {
    let isPlain =
      !text.isEmpty
      && text.unicodeScalars.allSatisfy {
        $0.isASCII
          && ($0.properties.isAlphabetic || ("0"..."9").contains($0)
            || "-_./:=,@%+".unicodeScalars.contains($0))
      }
    return isPlain ? text : "'\(text.replacing("'", with: "'\\''"))'"
  }
}

/// What a tool's JSON must say before the run goes on.
public struct ToolProof: Codable, Equatable, Sendable {
  public enum Kind: String, Codable, Sendable {
    /// `terraform show -json PLAN`: each of `only` is imported as it stands, and nothing else happens.
    case terraformImports = "terraform.imports-only"
    /// The same: each of `only` leaves the state and stays live, and nothing else happens.
    case terraformForgets = "terraform.forgets-only"
    /// `describe-change-set`: nothing but attributes and metadata of `only` change; nothing is replaced.
    case stackRetains = "cloudformation.modifies-only"
    /// The same: each of `only` is imported, and nothing else happens.
    case stackImports = "cloudformation.imports-only"
    /// The same: each of `only` leaves the stack and stays live, and nothing else happens.
    case stackReleases = "cloudformation.releases-only"
    /// `describe-stacks`: nothing is under way in the one stack.
    case stackSettled = "cloudformation.settled"
    /// `get-template`: the stack has one of `templates`.
    case stackTemplate = "cloudformation.template"
    /// `list-stack-resources`: the stack has none of `only`.
    case stackLacks = "cloudformation.lacks"
  }
  public var kind: Kind
  /// Terraform addresses, or logical ids; none where it is about a stack as a whole.
  public var only: [String]
  /// Besides: logical ids of empty resources that may come and go, or Terraform addresses that are in the state already.
  public var also: [String]?
  /// `sha256:` of templates: of the canonical JSON (RFC 8785), or of the text of one in YAML.
  public var templates: [String]?
  public init(
    _ kind: Kind, only: [String] = [], also: [String]? = nil, templates: [String]? = nil
  ) {
    self.kind = kind
    self.only = only.sorted()
    self.also = also
    self.templates = templates
  }

  /// What it must say, in words.
  public var says: String {
    let names = only.joined(separator: ", ")
    return switch kind {
    case .terraformImports:
      "imports of \(names) as they stand, and nothing else\(also.map { "; \($0.joined(separator: ", ")) may be there, unchanged" } ?? "")"
    case .terraformForgets: "forgets \(names), and does nothing else"
    case .stackRetains:
      "changes of attributes and metadata of \(names) alone, no replacement\(also.map { "; \($0.joined(separator: ", ")) may come and go" } ?? "")"
    case .stackImports: "imports of \(names), and nothing else"
    case .stackReleases:
      "removes \(names), all retained, and does nothing else\(also.map { "; \($0.joined(separator: ", ")) may come and go" } ?? "")"
    case .stackSettled: "nothing is under way in the stack"
    case .stackTemplate: "the stack has the template of this step"
    case .stackLacks: "the stack has none of \(names)"
    }
  }

  /// What speaks against it, a line each; none when it holds.
  ///
  /// - Parameter again: a run before this one has started the step, and may have done what this one is to prove.
  /// - Source: Terraform, "JSON Output Format", plan representation; CloudFormation API, DescribeChangeSet, DescribeStacks,
  ///   GetTemplate, ListStackResources.
  public func objections(_ json: JSONValue, again: Bool = false) -> [String] {
    switch kind {
    case .terraformImports, .terraformForgets: terraform(json, again: again)
    case .stackRetains, .stackImports, .stackReleases: changeSet(json)
    case .stackSettled: settled(json)
    case .stackTemplate: template(json)
    case .stackLacks: held(json)
    }
  }

  private func settled(_ json: JSONValue) -> [String] {
    guard let stacks = json["Stacks"]?.array, stacks.count == 1,
      let status = stacks[0]["StackStatus"]?.string
    else { return ["it is no description of one stack"] }
    // A stack that only has a change set to be looked at waits for nothing.
    return status.hasSuffix("_IN_PROGRESS") && status != "REVIEW_IN_PROGRESS"
      ? ["the stack is \(status)"] : []
  }
  private func held(_ json: JSONValue) -> [String] {
    guard let resources = json["StackResourceSummaries"]?.array else {
      return ["it is no list of a stack's resources"]
    }
    return resources.compactMap { it in
      let (id, status) = (it["LogicalResourceId"]?.string ?? "", it["ResourceStatus"]?.string ?? "")
      let isGone = ["DELETE_SKIPPED", "DELETE_COMPLETE"].contains(status)
      return only.contains(id) && !isGone ? "\(id): \(status)" : nil
    }
  }
  private func template(_ json: JSONValue) -> [String] {
    guard let body = json["TemplateBody"] else { return ["it is no template of a stack"] }
    // The AWS CLI tells a template in JSON as such, and any other as its text.
    let digest = Digest.tagged(body.string ?? body.canonical)
    return templates?.contains(digest) == true ? [] : ["the stack has another template (\(digest))"]
  }

  private func terraform(_ json: JSONValue, again: Bool) -> [String] {
    guard let version = json["format_version"]?.string, version.hasPrefix("1.") else {
      return ["it is no plan of Terraform in JSON, format 1"]
    }
    if json["errored"] == true { return ["the plan ended in an error"] }
    var out: [String] = []
    var seen: Set<String> = []
    for change in json["resource_changes"]?.array ?? [] where change["mode"] != "data" {
      let address = change["address"]?.string ?? "?"
      let actions = (change["change"]?["actions"]?.array ?? []).compactMap(\.string)
      let isWanted = only.contains(address)
      let said = "\(address): \(actions.joined(separator: " then "))"
      switch kind {
      case .terraformForgets:
        if actions == ["no-op"] { continue }
        guard isWanted, actions == ["forget"] else {
          out.append(said)
          continue
        }
      default:
        let isImport = change["change"]?["importing"]?["id"]?.string != nil
        // A value that only becomes sensitive is an update to Terraform, of nothing.
        let isNothing =
          actions == ["no-op"]
          || (actions == ["update"] && change["change"]?["before"] == change["change"]?["after"])
        if isNothing, !isImport, also?.contains(address) == true { continue }
        guard isNothing, isImport || isWanted else {
          out.append(isNothing && !isWanted ? "\(address): in the state already" : said)
          continue
        }
      }
      seen.insert(address)
    }
    // What neither the state nor the code has is not in a plan.
    let isForgotten =
      again && kind == .terraformForgets
      ? { (address: String) in
        !(json["resource_changes"]?.array ?? []).contains { $0["address"]?.string == address }
      } : { _ in false }
    out += only.filter { !seen.contains($0) && !isForgotten($0) }.map { "\($0): not in the plan" }
    for (name, change) in (json["output_changes"]?.object ?? [:]).sorted(by: { $0.key < $1.key })
    where change["actions"] != ["no-op"] {
      out.append("output \(name) changes")
    }
    return out
  }

  private func changeSet(_ json: JSONValue) -> [String] {
    guard let changes = json["Changes"]?.array, let status = json["Status"]?.string else {
      return ["it is no description of a change set"]
    }
    guard status == "CREATE_COMPLETE" else {
      return ["the change set is \(status): \(json["StatusReason"]?.string ?? "no reason given")"]
    }
    var out: [String] = []
    // A page more would hide what it does.
    if json["NextToken"]?.string != nil { out.append("it has more changes than one page") }
    var seen: Set<String> = []
    for entry in changes {
      let change = entry["ResourceChange"] ?? .null
      let id = change["LogicalResourceId"]?.string ?? "?"
      let action = change["Action"]?.string ?? "?"
      if also?.contains(id) == true, ["Add", "Remove"].contains(action) { continue }
      let replacement = change["Replacement"]?.string ?? "False"
      var isGood = only.contains(id) && replacement == "False"
      switch kind {
      case .stackImports: isGood = isGood && action == "Import"
      case .stackReleases:
        let policy = change["PolicyAction"]?.string
        isGood = isGood && action == "Remove" && (policy == nil || policy == "Retain")
      default:
        let scopes = (change["Scope"]?.array ?? []).compactMap(\.string)
        isGood =
          isGood && action == "Modify"
          && Set(scopes).isSubset(of: [
            "Metadata", "DeletionPolicy", "UpdateReplacePolicy", "UpdatePolicy", "CreationPolicy",
          ])
      }
      guard isGood else {
        let policy = change["PolicyAction"]?.string.map { ", \($0)" } ?? ""
        out.append("\(id): \(action), replacement \(replacement)\(policy)")
        continue
      }
      seen.insert(id)
    }
    if kind != .stackRetains {
      out += only.filter { !seen.contains($0) }.map { "\($0): not in the change set" }
    }
    return out
  }
}

/// What another tool or a person does: said in words, as commands to type, and, where the runner may do it itself when it
/// is told to, as commands that it runs.
public struct External: Codable, Equatable, Sendable {
  public var says: String
  /// For a person, a shell line each.
  public var commands: [String]
  /// In order, each after the one before has ended as it should. Run again from the first after a crash.
  public var tools: [ToolCommand]?
  /// Ends as it should when the goal holds already; it changes nothing.
  public var done: ToolCommand?
  public init(says: String, commands: [String]) {
    self.says = says
    self.commands = commands
  }
  public init(says: String, tools: [ToolCommand], done: ToolCommand?) {
    self.says = says
    self.tools = tools
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
  }
  public var kind: Kind
  /// Terraform addresses, or logical ids.
  public var only: [String]
  /// Besides: logical ids of empty resources that may come and go, or Terraform addresses that are in the state already.
  public var also: [String]?
  public init(_ kind: Kind, only: [String], also: [String]? = nil) {
    self.kind = kind
    self.only = only.sorted()
    self.also = also
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
    }
  }

  /// What speaks against it, a line each; none when it holds.
  ///
  /// - Source: Terraform, "JSON Output Format", plan representation; CloudFormation API, DescribeChangeSet.
  public func objections(_ json: JSONValue) -> [String] {
    switch kind {
    case .terraformImports, .terraformForgets: terraform(json)
    case .stackRetains, .stackImports, .stackReleases: changeSet(json)
    }
  }

  private func terraform(_ json: JSONValue) -> [String] {
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
    out += only.filter { !seen.contains($0) }.map { "\($0): not in the plan" }
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

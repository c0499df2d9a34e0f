import FerryCore

/// What `terraform show -json` says of a saved plan, as far as it is about CloudFront.
///
/// - Source: Terraform's documentation, "JSON Output Format", format 1.
package struct TerraformPlan: Sendable {
  private struct Change: Sendable {
    package var type: ResourceType
    package var address: String
    package var actions: [String]
    /// As it is, refreshed; as the code has it.
    package var before: JSONValue
    package var after: JSONValue
    package var replacePaths: [String]
    package var id: String? { before["id"]?.string }
  }
  private var changes: [Change] = []
  /// What differs from the state that the plan began with, whatever the code says.
  private var drifts: [Change] = []
  private let name: String

  /// - Throws: `.badInput` (64) `bad-terraform-plan` for what is no whole plan in format 1.
  package init(_ bytes: [UInt8], named name: String) throws(FerryError) {
    self.name = name
    let root = try TerraformFile.json(
      bytes, what: "plan", named: name, code: "bad-terraform-plan",
      next:
        "terraform show -json \(name) > plan.json, in the folder of its code; then give plan.json")
    func refuse(_ why: String) -> FerryError {
      .badInput(
        "bad-terraform-plan", what: "could not use the plan \(name)", why: why,
        next: "terraform plan -out=plan; terraform show -json plan > \(name)")
    }
    guard root["format_version"]?.string?.hasPrefix("1.") == true else {
      throw refuse("it is not what `terraform show -json` says of a plan, in format 1")
    }
    guard let found = root["resource_changes"]?.array else { throw refuse("it plans nothing") }
    guard root["errored"] != true else { throw refuse("the plan ended in an error") }
    changes = found.compactMap(Self.change)
    drifts = (root["resource_drift"]?.array ?? []).compactMap(Self.change)
  }

  private static func change(_ it: JSONValue) -> Change? {
    guard it["mode"] == "managed", it["deposed"] == nil,
      let type = ResourceType.named(it["type"]?.string ?? ""), let change = it["change"]
    else { return nil }
    let paths = (change["replace_paths"]?.array ?? []).map { path in
      (path.array ?? []).map { $0.string ?? $0.canonical }.joined(separator: "/")
    }
    return Change(
      type: type, address: it["address"]?.string ?? "",
      actions: (change["actions"]?.array ?? []).compactMap(\.string),
      before: change["before"] ?? .null,
      after: (change["after"] ?? .null).marking(change["after_unknown"]), replacePaths: paths)
  }

  /// What the plan says of each of the subjects that it holds.
  /// - Throws: `not-in-plan` (1) for a distribution or policy asked for that it does not hold; `plan-stale` (5) for one that
  ///   changed since.
  package func facts(of subjects: [Subject], asked: [String], etags: [String: String])
    throws(FerryError) -> [DriftFacts]
  {
    var out: [DriftFacts] = []
    for it in subjects {
      let kind = it.resource.kind
      func has(_ change: Change) -> Bool {
        change.type.kind == kind && (change.id == it.importID || change.id == it.id)
      }
      let found = changes.filter(has)
      if found.isEmpty, [.distribution, .continuousDeploymentPolicy].contains(kind),
        asked.contains(it.id)
      {
        throw FerryError(
          "not-in-plan", what: "could not check \(kind.rawValue) \(it.id)",
          why: "the plan \(name) neither holds nor imports it",
          next: "plan in the folder whose state has it: edgeferry handover detect \(it.id)")
      }
      for change in found {
        if kind == .distribution, let planned = change.before["etag"]?.string,
          let live = etags[it.id], planned != live
        {
          throw FerryError(
            "plan-stale", exit: .stale, what: "could not check distribution \(it.id)",
            why: "it changed since the plan \(name) was made (\(planned) is now \(live))",
            next: "plan again, without -refresh=false")
        }
        let drift = drifts.first { $0.address == change.address }
        out.append(Self.facts(change, drift, id: it.id))
      }
    }
    return out
  }

  private static func facts(_ change: Change, _ drift: Change?, id: String) -> DriftFacts {
    var out = DriftFacts(kind: change.type.kind, id: id, address: change.address)
    if change.actions.contains("delete") {
      out.replaces =
        !change.actions.contains("create")
        ? ["the plan deletes it"]
        : change.replacePaths.isEmpty
          ? ["the plan makes another in its place"]
          : change.replacePaths.map { "\($0) makes the plan put another in its place" }
    }
    guard change.after.object != nil else { return out }
    out.differences = differences(code: change.after, live: change.before, change.type)
    // What changed outside and the code does not write: it ignores it, or says nothing of it.
    guard let drift, drift.after.object != nil else { return out }
    for var it in differences(code: drift.before, live: drift.after, change.type)
    where !out.differences.contains(where: { $0.path == it.path }) {
      it.reason = nil
      out.differences.append(it)
    }
    return out
  }

  private static func differences(code: JSONValue, live: JSONValue, _ type: ResourceType)
    -> [DriftFacts.Difference]
  {
    var out = DriftFacts.between(
      code: document(code, type.arguments), live: document(live, type.arguments))
    for index in out.indices where out[index].code?.isMarked == true {
      out[index].code = nil
      out[index].reason = "its value is known only after an apply"
    }
    let codes = strangers(code, type.arguments)
    for (path, value) in strangers(live, type.arguments).sorted(by: { $0.key < $1.key }) {
      guard let said = codes[path], said != value, !said.contains(JSONValue.mark.canonical) else {
        continue
      }
      // What it says may be a secret.
      out.append(
        .init(path: path, reason: "the plan changes an argument that edgeferry does not know"))
    }
    return out
  }

  /// CloudFront's document of a resource's values.
  package static func document(_ values: JSONValue, _ arguments: [TerraformArgument]) -> JSONValue {
    struct Nothing: Codec.Reading {
      package func value(of reference: String) -> JSONValue? { nil }
      package func content(of path: String) -> String? { nil }
    }
    return Codec.read(block(values, arguments), arguments, with: Nothing())
  }
  private static func block(_ values: JSONValue, _ arguments: [TerraformArgument]) -> HCLBlock {
    var out = HCLBlock("")
    for it in arguments {
      // With the provider's default tags.
      let value = it.name == "tags" ? values["tags_all"] ?? values["tags"] : values[it.name]
      guard let value, value != .null else { continue }
      switch it.form {
      case .block(let inside), .blocks(let inside):
        for item in value.array ?? [] {
          var inner = block(item, inside)
          inner.type = it.name
          out.blocks.append(inner)
        }
      case .list:
        let items = (value.array ?? [value]).map(plain)
        out.attributes.append(.init(key: it.name, value: .list(items)))
      default: out.attributes.append(.init(key: it.name, value: plain(value)))
      }
    }
    return out
  }
  private static func plain(_ value: JSONValue) -> HCLValue {
    switch value {
    case .string(let it): .string(it)
    case .bool(let it): .bool(it)
    case .int(let it): .number(String(it))
    case .double(let it): .number("\(it)")
    case .array(let items): .list(items.map(plain))
    case .object(let members):
      .map(members.sorted { $0.key < $1.key }.map { .init(key: $0.key, value: plain($0.value)) })
    case .null: .string("")
    }
  }

  /// Terraform's own, which are no part of what is live; computed values that follow what is compared.
  private static let ignored: Set = [
    "retain_on_delete", "wait_for_deployment", "publish", "name_prefix", "skip_destroy", "timeouts",
    "tags", "tags_all", "etag", "live_stage_etag", "last_modified_time", "status",
    "in_progress_validation_batches", "trusted_key_groups", "trusted_signers", "caller_reference",
  ]
  /// Values of the attributes that the table does not have, by their path without places.
  private static func strangers(
    _ values: JSONValue, _ arguments: [TerraformArgument], under prefix: String = ""
  ) -> [String: [String]] {
    var out: [String: [String]] = [:]
    for (name, value) in values.object ?? [:] where value != .null {
      guard let it = arguments.first(where: { $0.name == name }) else {
        if !prefix.isEmpty || !ignored.contains(name) { out[prefix + name] = [value.canonical] }
        continue
      }
      guard case .block(let inside) = it.form.asBlock else { continue }
      for item in value.array ?? [] {
        for (path, found) in strangers(item, inside, under: "\(prefix)\(name)/") {
          out[path, default: []] += found
        }
      }
    }
    return out.mapValues { $0.sorted() }
  }
}

extension TerraformArgument.Form {
  /// One block or several.
  fileprivate var asBlock: Self {
    if case .blocks(let inside) = self { .block(inside) } else { self }
  }
}

extension JSONValue {
  /// Stands for a value that is known only after an apply; no text of CloudFront's has a NUL.
  fileprivate static let mark: JSONValue = "\u{0}unknown"
  fileprivate var isMarked: Bool { self == Self.mark || array?.contains(Self.mark) == true }
  /// With a mark at every place that `after_unknown` names.
  fileprivate func marking(_ unknown: JSONValue?) -> JSONValue {
    switch unknown {
    case .bool(true): return Self.mark
    case .object(let names):
      guard case .object(var members) = self else { return self }
      for (name, inner) in names {
        let value = (members[name] ?? .null).marking(inner)
        if value != .null { members[name] = value }
      }
      return .object(members)
    case .array(let places):
      guard case .array(let items) = self else { return self }
      return .array(
        items.enumerated().map { $1.marking($0 < places.count ? places[$0] : nil) })
    default: return self
    }
  }
}

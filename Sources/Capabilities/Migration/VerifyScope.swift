import FerryCore
import FerryRun

/// What a verification compares, and what it takes as meant.
struct VerifyScope {
  var pairs: [Comparison.Pair]
  var intent = Comparison.Intent()
  /// The aliases that the plan moves in DNS; nil without a plan.
  var names: Set<String>?
  /// The account that each side is in; nil when it is to be found.
  var accounts: (source: AccountID, target: AccountID)?
  /// What the plan calls them; empty without a plan.
  var accountNames: [String] = []

  init(_ pair: Comparison.Pair) { pairs = [pair] }

  /// From a plan and what its steps made.
  ///
  /// - Parameter image: a config by its digest, as the plan or the state database has it.
  /// - Throws: `bad-plan` (64) for a plan that makes no distribution, `not-created` (4) when a step has not run.
  init(_ plan: Plan, _ state: RunState, image: (String) throws(FerryError) -> XElement?)
    throws(FerryError)
  {
    pairs = []
    var target: AccountID?
    var primaries: [String: String] = [:]
    for step in plan.steps {
      guard case .createDistribution(_, let edits, _, _) = step.action,
        let source = Self.sourceID(step)
      else { continue }
      guard let made = state.steps[step.id]?.outputs["id"], !made.isEmpty else {
        throw FerryError(
          "not-created", exit: .blocked, what: "could not verify plan \(plan.name)",
          why: "its step \(step.id) has not been done, so there is no copy of \(source) to compare",
          next: "apply the plan first, with the same --state")
      }
      pairs.append(.init(source: source, target: made))
      primaries[source.lowercased()] = source
      target = step.account
      learn(edits)
    }
    guard !pairs.isEmpty, let target else {
      throw .badInput(
        "bad-plan", what: "could not verify plan \(plan.name)", why: "it makes no distribution",
        next: "give a plan of `edgeferry migrate plan`, or --source-id and --target-id")
    }
    accounts = (plan.accounts.values.first { $0 != target } ?? target, target)
    accountNames = plan.accounts.keys.sorted()
    let aliases = Set((plan.methods ?? []).map { $0.alias.lowercased() })
    intent.aliases = aliases
    var names: Set<String> = []
    for step in plan.steps {
      switch step.action {
      case .create(let draft): learn(draft.set)
      case .setEnabled(let id, true, false): intent.disabled.insert(id)
      case .updateConfig(_, let edits):
        for edit in edits where edit.path.hasPrefix("Aliases/Items") {
          if let name = edit.to?.lowercased(), name.hasPrefix("*.") { intent.bridges.insert(name) }
        }
      case .createPolicy(let digest, _):
        let owner = primaries[String(step.id.dropFirst("create-policy-".count))]
        if let owner { intent.detached[owner] = try image(digest) }
      case .replace, .batch:
        for change in step.action.dns?.changes ?? [] where aliases.contains(change.name.host) {
          names.insert(change.name.host)
        }
      default: break
      }
    }
    self.names = names
  }

  /// What the plan writes instead of the source's texts; what refers to its own steps is compared by content.
  private mutating func learn(_ edits: [ConfigEdit]) {
    for edit in edits {
      if edit.path == Comparison.iamCertificate, let id = edit.from, edit.to == nil {
        intent.successors[id] = edits.first { $0.path == Comparison.acmCertificate }?.to
      }
      guard let from = edit.from, let to = edit.to, !from.isEmpty, !to.isEmpty, !to.contains("${"),
        !edit.path.hasPrefix("Aliases"), edit.path != "CallerReference"
      else { continue }
      intent.successors[from] = to
    }
  }
  /// The id as the title spells it; the step's own id has it in lower case.
  private static func sourceID(_ step: Step) -> String? {
    let stem = "create-distribution-"
    guard step.id.hasPrefix(stem) else { return nil }
    let id = String(step.id.dropFirst(stem.count))
    let words = step.title.split { !$0.isLetter && !$0.isNumber }.map(String.init)
    return words.first { $0.lowercased() == id } ?? id.uppercased()
  }
}

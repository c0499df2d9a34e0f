import FerryCommand
import FerryCore
import FerryRun

/// What one identity needs, and how to become it.
struct Need: Sendable {
  /// nil for an account of a plan: whose credentials those are is found when they are asked.
  var signer: Settings.Account?
  var grants: AccountGrants
  var partition = "aws"
}

/// What a command or a plan needs, by account.
struct Declared {
  var context: Context

  /// - Parameter words: a command, such as `sweep run`, with `--apply` where it takes that.
  /// - Throws: `.badInput` (64) for words that are no command, or one that needs a plan to say what it does.
  func needs(of given: [String]) throws(FerryError) -> (needs: [Need], name: String) {
    let words = given.first == "edgeferry" ? Array(given.dropFirst()) : given
    guard let found = CommandTree.find(words.filter { $0 != "--apply" }) else {
      throw Self.refused(
        words, "there is no such command built in", "name one of `edgeferry --help`, or a --plan")
    }
    guard found.rest.isEmpty else {
      throw Self.refused(
        words, "\(found.rest.joined(separator: " ").debugDescription) is not of it",
        "name a command without its arguments, such as `edgeferry permissions orphans discover`")
    }
    guard let command = found.command as? any FerryCommand.Type else {
      let verbs = found.command.configuration.subcommands.map { $0._commandName }
      throw Self.refused(
        words, "it has verbs of its own", "name one of them: \(verbs.joined(separator: ", "))")
    }
    let uses = command.uses
    guard !uses.followsPlan else {
      throw Self.refused(
        words, "it does what its plan says",
        "name the plan: `edgeferry permissions --plan PLAN`")
    }
    let applies = words.contains("--apply")
    guard !applies || !uses.applying.isEmpty else {
      throw Self.refused(words, "it takes no --apply", "leave that out")
    }
    return (try needs(of: uses, applies: applies), words.joined(separator: " "))
  }
  private static func refused(_ words: [String], _ why: String, _ next: String) -> FerryError {
    .badInput(
      "bad-usage",
      what: "could not tell what \(words.joined(separator: " ").debugDescription) needs", why: why,
      next: next)
  }

  func needs(of uses: AWSUse, applies: Bool) throws(FerryError) -> [Need] {
    var out: [Need] = []
    let isMove = !uses.source.isEmpty || !uses.target.isEmpty
    let places = try context.accounts(named: [])
    let sides: [Settings.Account]
    if isMove, places.contains(where: { $0.name == "source" }),
      places.contains(where: { $0.name == "target" })
    {
      sides = places.filter { ["source", "target"].contains($0.name) }
    } else {
      sides = places
    }
    let organization = uses.organization.isEmpty ? nil : context.settings.organization
    var lister: Settings.Account?
    if let organization {
      if let name = organization.account {
        lister = try context.accounts(named: [name])[0]
      } else {
        lister = current
      }
    }
    for account in lister.map({ [$0] }) ?? sides {
      var actions = uses.actions
      if account.name != "target" || !isMove { actions.formUnion(uses.source) }
      if account.name != "source" || !isMove { actions.formUnion(uses.target) }
      if applies { actions.formUnion(uses.applying) }
      if organization != nil { actions.formUnion(uses.organization) }
      guard !actions.isEmpty else { continue }
      add(actions, of: account, to: &out)
    }
    if let organization, let lister {
      // Every member account has a role of that name, which does there what the lister does at home.
      var member = uses.actions
      if applies { member.formUnion(uses.applying) }
      let place = GrantPlace(account: "*", partition: partition(of: lister))
      out.append(
        Need(
          signer: nil,
          grants: AccountGrants(
            account: "*", grants: place.all(of: member))))
      let role = place.arn("iam", "role/\(organization.roleName)")
      insert([Grant("sts:AssumeRole", on: role)], of: lister, to: &out)
    }
    for account in sides
    where account.roleARN != nil && out.contains(where: { $0.signer == account }) {
      // Whoever assumes the role, before it does.
      var base = account
      base.name = account.profile.map { "profile \($0)" } ?? "default"
      base.roleARN = nil
      base.externalID = nil
      insert([Grant("sts:AssumeRole", on: account.roleARN ?? "*")], of: base, to: &out)
    }
    if S3Place.isOne(context.statePath) {
      let grants = uses.grants(
        state: try S3Place(context.statePath), in: partition(of: current))
      if !grants.isEmpty { insert(grants, of: current, to: &out) }
    }
    if out.isEmpty {
      out.append(Need(signer: current, grants: AccountGrants(account: label(current))))
    }
    return out
  }
  /// What the credentials at hand are, whatever accounts the settings name: they open the state.
  private var current: Settings.Account {
    .init(name: "default", profile: context.options.profile, roleARN: context.options.roleARN)
  }

  func needs(of plan: Plan) throws(FerryError) -> [Need] {
    let known = ARN(context.options.roleARN ?? "")?.partition ?? "aws"
    var out = plan.grants(zones: context.settings.zones, partition: known).map {
      Need(signer: nil, grants: $0, partition: known)
    }
    if S3Place.isOne(context.statePath) {
      let grants = AWSUse(state: .writes).grants(
        state: try S3Place(context.statePath), in: known)
      insert(grants, of: current, to: &out)
    }
    return out
  }

  // MARK: Adding

  private func label(_ account: Settings.Account) -> String {
    if let arn = ARN(account.roleARN ?? "") { return arn.account }
    return account.name == "default" ? "*" : account.name
  }
  private func partition(of account: Settings.Account) -> String {
    ARN(account.roleARN ?? "")?.partition ?? "aws"
  }
  private func add(_ actions: Set<String>, of account: Settings.Account, to out: inout [Need]) {
    let number = ARN(account.roleARN ?? "")?.account
    let place = GrantPlace(account: number ?? "*", partition: partition(of: account))
    insert(place.all(of: actions), of: account, to: &out)
  }
  private func insert(_ grants: Set<Grant>, of account: Settings.Account, to out: inout [Need]) {
    if let index = out.firstIndex(where: { it in
      it.signer == account
        || it.signer.map { $0.name == account.name && $0.roleARN == account.roleARN } ?? false
    }) {
      out[index].grants.grants.formUnion(grants)
      return
    }
    out.append(
      Need(
        signer: account, grants: AccountGrants(account: label(account), grants: grants),
        partition: partition(of: account)))
  }
}

import ArgumentParser
import FerryCloudFront
import FerryCommand
import FerryCore
import FerryReport

/// `edgeferry permissions`: the least that a command or a plan needs, whether it is there, and a ticket for it.
public struct PermissionsCommand: FerryCommand {
  public static let uses = AWSUse(PolicySimulation.actions)
  public static let configuration = CommandConfiguration(
    commandName: "permissions",
    abstract:
      "Print the least-privilege IAM policies of a command or a plan; check or request them.",
    discussion: """
      Reading and writing apart, for each account. Nothing is asked of AWS unless --check is given: then IAM says what \
      the identities at hand may do (iam:SimulatePrincipalPolicy), and it exits 77 when something is denied.

      Example: edgeferry permissions orphans discover
      Example: edgeferry permissions --plan www-example-com --check
      """)
  @Argument(
    parsing: .allUnrecognized,
    help: "A command without its arguments, such as orphans discover; sweep run takes --apply.")
  var command: [String] = []
  @Option(help: "A plan file, or the name of a plan under plans/, instead of a command.")
  var plan: String?
  @Flag(help: "Ask IAM whether the identities at hand may do it.") var check = false
  @Flag(help: "Write the request for whoever holds the rights, as Markdown.") var ticket = false
  @OptionGroup public var global: GlobalOptions
  public init() {}

  public func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
    try formats(.text, .json, .markdown)
    guard (plan == nil) != command.isEmpty else {
      throw .badInput(
        "bad-usage", what: "could not tell whose permissions to print",
        why: command.isEmpty
          ? "neither a command nor a plan is given" : "both a command and a plan are",
        next: "give one of them, such as `edgeferry permissions orphans discover`")
    }
    if ticket, global.output == .json {
      throw .badInput(
        "bad-usage", what: "could not write a ticket as JSON", why: "it is Markdown for a person",
        next: "leave --output away")
    }
    let declared = Declared(context: context)
    let subject: Subject
    var needs: [Need]
    if let plan {
      let (found, path) = try context.plan(plan)
      subject = .plan(found, path: path)
      needs = try declared.needs(of: found)
    } else {
      let (found, name) = try declared.needs(of: command)
      subject = .command(name)
      needs = found
    }
    var checks: [Preflight.Check] = []
    if check { (needs, checks) = try await Preflight(context: context).run(needs) }
    let accounts = Self.merged(needs)
    if ticket {
      try context.answer(try self.ticket(subject, accounts, checks, context))
    } else if global.output == .json {
      try context.answer(
        FerryJSON.document(
          PermissionsReport(accounts: accounts, checks: checks, notes: subject.notes)))
    } else {
      try context.answer(
        PermissionsText.plain(
          subject.title, accounts, check ? checks : nil, notes: subject.notes))
    }
    return checks.contains { $0.decision == .denied } ? .denied : .done
  }

  /// One entry for each account, in order.
  static func merged(_ needs: [Need]) -> [AccountGrants] {
    var out: [AccountGrants] = []
    for need in needs {
      if let index = out.firstIndex(where: { $0.account == need.grants.account }) {
        out[index].grants.formUnion(need.grants.grants)
      } else {
        out.append(need.grants)
      }
    }
    return out.sorted { $0.account < $1.account }
  }

  private func ticket(
    _ subject: Subject, _ accounts: [AccountGrants], _ checks: [Preflight.Check],
    _ context: Context
  ) throws(FerryError) -> String {
    let denied = checks.filter { $0.decision == .denied }.map {
      PermissionTicket.Denied(account: $0.account, action: $0.action, resource: $0.resource)
    }
    switch subject {
    case .command(let name):
      return PermissionTicket(accounts: accounts, denied: denied).render(
        command: name, at: context.planningTime)
    case .plan(let plan, let path):
      let rollbackPath = Context.rollbackPath(of: path)
      let rollback = plan.rollbackOf == nil ? try? context.plan(rollbackPath).plan : nil
      return PermissionTicket(accounts: accounts, denied: denied).render(
        plan, path: path, rollback: rollback.map { ($0, rollbackPath) }, site: context.site,
        at: context.planningTime)
    }
  }
}

/// Whose permissions they are.
enum Subject {
  case command(String)
  // Boxed: laid out beside a String, memcheck sees its tag read from bytes that nobody set.
  indirect case plan(Plan, path: String)
  var title: String {
    switch self {
    case .command(let name): "edgeferry \(name)"
    case .plan(let plan, _): "plan \(plan.name)"
    }
  }
  /// What is needed besides, and not listed.
  var notes: [String] {
    switch self {
    case .command: []
    case .plan(let plan, _): plan.unlistedNeeds
    }
  }
}

/// `edgeferry.permissions/1`
struct PermissionsReport: Encodable {
  struct Account: Encodable {
    var account: String
    var read: JSONValue
    var write: JSONValue
  }
  var schema = "edgeferry.permissions/1"
  var accounts: [Account]
  var checks: [Preflight.Check]
  /// What is needed besides, and not listed.
  var notes: [String]
  init(accounts: [AccountGrants], checks: [Preflight.Check], notes: [String]) {
    self.notes = notes
    self.accounts = accounts.map { .init(account: $0.account, read: $0.read, write: $0.write) }
    self.checks = checks
  }
}

enum PermissionsText {
  static func plain(
    _ title: String, _ accounts: [AccountGrants], _ checks: [Preflight.Check]?, notes: [String]
  ) -> String {
    var out = ""
    for it in accounts {
      for (what, grants, document) in [
        ("read", it.grants.filter(\.isRead), it.read),
        ("write", it.grants.filter { !$0.isRead }, it.write),
      ] {
        let account =
          it.account == "*" ? "the account of the credentials" : "account \(safe(it.account))"
        out += "# \(safe(title)): \(what), \(account)\n"
        out += grants.isEmpty ? "# nothing\n\n" : FerryJSON.document(document) + "\n"
      }
    }
    for note in notes { out += "# note: \(safe(note, limit: 1000))\n\n" }
    guard let checks else {
      while out.hasSuffix("\n\n") { out.removeLast() }
      return out
    }
    var rows = [["DECISION", "ACCOUNT", "ACTION", "RESOURCE"]]
    rows += checks.map {
      [$0.decision.rawValue, safe($0.account), safe($0.action), safe($0.resource)]
    }
    func count(_ decision: PolicySimulation.Decision) -> Int {
      checks.count { $0.decision == decision }
    }
    return out + table(rows)
      + "\(count(.allowed)) allowed, \(count(.denied)) denied, \(count(.unknown)) unknown\n"
  }
}

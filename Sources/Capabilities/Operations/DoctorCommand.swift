import ArgumentParser
import FerryCommand
import FerryCore
import FerryReport

/// `edgeferry doctor`: who am I, what is reachable, what is missing; never writes.
public struct DoctorCommand: FerryCommand {
  public static let uses = AWSUse(Doctor.actions, state: .reads)
  public static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract:
      "Look at credentials, endpoints, clock, DNS, state, settings and quotas; never writes.",
    discussion: """
      Each problem comes with what to do next. Ends with 0 when nothing failed, else with 1, or with 77 when all that \
      failed was denied.

      Example: edgeferry doctor
      """)
  @Option(help: "An account of the settings (repeatable; default: all).") var account: [String] = []
  @OptionGroup public var global: GlobalOptions
  public init() {}

  public func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
    try formats(.text, .json)
    let accounts = try context.accounts(named: account)
    let checks = await Doctor(context: context).checks(accounts)
    guard !Task.isCancelled else { throw .interruptedWhileReading }
    try context.answer(
      global.output == .json
        ? FerryJSON.document(DoctorReport(checks: checks)) : DoctorReport(checks: checks).text)
    return DoctorReport.exit(checks)
  }
}

/// `edgeferry.doctor/1`
struct DoctorReport: Encodable {
  struct Check: Encodable, Equatable, Sendable {
    enum State: String, Encodable, Sendable { case ok, warning, failed, unknown }
    var name: String
    var account: String?
    var state: State
    var says: String
    var next: String?
    /// Whether it failed for want of permission.
    var isDenied = false

    init(
      _ name: String, account: String? = nil, _ state: State, _ says: String, next: String? = nil
    ) {
      self.name = name
      self.account = account
      self.state = state
      self.says = says
      self.next = next
    }
    /// What an error keeps from being looked at.
    init(_ name: String, account: String? = nil, _ state: State = .failed, error: FerryError) {
      self.init(name, account: account, state, "\(error.what): \(error.why)", next: error.next)
      isDenied = error.exit == .denied
    }
    private enum Key: String, CodingKey { case name, account, state, says, next }
    func encode(to encoder: any Encoder) throws {
      var box = encoder.container(keyedBy: Key.self)
      try box.encode(name, forKey: .name)
      try box.encodeIfPresent(account, forKey: .account)
      try box.encode(state, forKey: .state)
      try box.encode(says, forKey: .says)
      try box.encode(next, forKey: .next)
    }
  }
  var schema = "edgeferry.doctor/1"
  var checks: [Check]

  static func exit(_ checks: [Check]) -> FerryCore.ExitCode {
    let failed = checks.filter { $0.state == .failed }
    if failed.isEmpty { return .done }
    return failed.allSatisfy(\.isDenied) ? .denied : .failed
  }
  var text: String {
    var out = ""
    for it in checks {
      out += "\(it.state.rawValue.padding(to: 8))\(it.name)"
      out += (it.account.map { " \(safe($0))" } ?? "") + ": \(safe(it.says))\n"
      if it.state != .ok, let next = it.next { out += "        next: \(safe(next))\n" }
    }
    func count(_ state: Check.State) -> Int { checks.count { $0.state == state } }
    return out
      + "\(count(.ok)) ok, \(count(.warning)) warnings, \(count(.failed)) failed, \(count(.unknown)) unknown\n"
  }
}

extension String {
  fileprivate func padding(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
}

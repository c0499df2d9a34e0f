import FerryCore

/// What is due, of all accounts, as one plan that a person reads now and applies later.
enum SweepPlan {
  /// - Parameter selected: `CODE:ID` by account; what is no orphan any more is left out.
  /// - Returns: nil when nothing of it is left.
  static func plan(
    _ inventory: Inventory, selected: [AccountID: [String]], idleAfterSeconds: Int,
    input: PlanningInput
  ) throws(FerryError) -> PlanPair? {
    var report = Discovery.discover(inventory, idleAfterSeconds: idleAfterSeconds)
    report.findings.removeAll { finding in
      finding.verdict != .orphan
        || selected[finding.account]?.contains("\(finding.code):\(finding.resource.id)") != true
    }
    return report.findings.isEmpty
      ? nil
      : try RemovalPlanner.plan(
        inventory, report, selection: [], keepStaging: false, input: input)
  }
}

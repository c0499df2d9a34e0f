import Foundation

/// What the target's edge said before the flip, as blocks, risks and notes of the plan.
extension CutoverPlanner {
  /// - Throws: exit 4 where viewers would get errors, unless that is accepted by its code.
  mutating func judgeServing() throws(FerryError) {
    for place in observations.indices
    where input.targetDistribution != nil || observations[place].serving != nil {
      let it = observations[place]
      var found: [ServingFinding] = []
      if let target = input.targetDistribution {
        found += target.findings(for: it.name, target: it.target, source: it.currentTarget)
      }
      if let scene = it.serving {
        found += scene.findings(
          now: input.createdAt, until: schedule.end, expectStatus: input.health?.expectStatus)
      }
      for finding in found {
        switch finding.weight {
        case .note: notes.append(finding.text)
        case .risk: addRisk(finding)
        case .block:
          guard accepted(finding.code) else {
            throw FerryError(
              FerryError.Code(rawValue: finding.code), exit: .blocked,
              what: "could not plan \(it.name)", why: finding.text,
              next: "mend the target first, or accept it with --accept-risk \(finding.code)")
          }
          addRisk(finding)
        }
      }
    }
  }
  private mutating func addRisk(_ finding: ServingFinding) {
    if !risks.contains(where: { $0.text == finding.text }) { risk(finding.code, finding.text) }
  }
}

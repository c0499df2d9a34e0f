import FerryCore

/// Findings as an operator reads them: by account, the severest first.
package enum FindingsText {
  package static func render(_ report: FindingsReport) -> String {
    var out = ""
    for account in report.accounts {
      let findings = report.findings.filter { $0.account == account }
      let orphans = Set(findings.filter { $0.verdict == .orphan }.map(\.resource)).count
      let unknown = Set(findings.filter { $0.verdict == .unknown }.map(\.resource)).count
      out +=
        "account \(safe(account)): \(findings.count) finding\(findings.count == 1 ? "" : "s"), \(orphans) orphan\(orphans == 1 ? "" : "s")"
      out += unknown == 0 ? "\n" : ", \(unknown) unknown\n"
      for finding in findings {
        out +=
          "\n  \(finding.severity.rawValue)  \(finding.code)  \(safe(finding.resource.id))  \(finding.verdict.rawValue)\n"
        for evidence in finding.evidence {
          out += "      \(safe(evidence.says)) (\(safe(evidence.call)))\n"
        }
        for related in finding.related {
          out += "      \(related.role.rawValue): \(safe(related.id))\n"
        }
        switch finding.owner.kind {
        case .none: break
        case .unknown: out += "      owner: unknown\n"
        case .cloudformation: out += "      owner: stack \(safe(finding.owner.id))\n"
        case .terraform: out += "      owner: Terraform state \(safe(finding.owner.id))\n"
        }
        for gap in finding.overturnedBy { out += "      could be overturned by \(safe(gap))\n" }
      }
      if !findings.isEmpty { out += "\n" }
      for quota in report.quotas where quota.account == account {
        out += "  \(quota.what): \(quota.used) of \(quota.limit)"
        out += quota.reclaimable == 0 ? "\n" : ", \(quota.reclaimable) reclaimable\n"
      }
    }
    if report.findings.contains(where: { $0.verdict == .orphan }) {
      out += "next: edgeferry orphans plan\n"
    }
    return out
  }
  package static func markdown(_ report: FindingsReport) -> String {
    var out =
      "| severity | code | resource | verdict | evidence |\n| --- | --- | --- | --- | --- |\n"
    for finding in report.findings {
      let says = finding.evidence.map { FerryReport.markdown($0.says) }.joined(separator: "; ")
      out +=
        "| \(finding.severity.rawValue) | `\(finding.code)` | \(FerryReport.markdown(finding.resource.id)) (\(FerryReport.markdown(finding.account))) | \(finding.verdict.rawValue) | \(says) |\n"
    }
    return out
  }
}

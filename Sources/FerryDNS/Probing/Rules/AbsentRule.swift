import FerryCore

/// Every server says that there is no such record.
struct AbsentRule: NameRule {
  func judge(_ it: NameEvidence) -> Judgement? {
    guard it.move == nil, it.known.allSatisfy({ $0.answers.isEmpty }) else { return nil }
    let isNoName = it.known.allSatisfy { $0.rcode == .nxDomain }
    return Judgement(
      .absent,
      "\(it.known.count) of \(it.known.count) servers say that "
        + (isNoName ? "the name does not exist" : "the name has no CNAME, A, AAAA or HTTPS record"))
  }
}

import FerryCore

/// Signatures that do not hold: validating resolvers answer SERVFAIL, whatever the servers say.
struct BogusRule: NameRule {
  func judge(_ it: NameEvidence) -> Judgement? {
    if it.probed.dnssec.state == .bogus {
      return Judgement(
        .bogus,
        because: ["DNSSEC: the signatures that the servers give do not hold"]
          + it.probed.recursives.compactMap { resolver in
            resolver.extendedErrors.map { "resolver \(resolver.address) says \($0.words)" }
          })
    }
    guard let resolver = it.probed.recursives.first(where: { $0.verdict == "bogus" }) else {
      return nil
    }
    return Judgement(
      .bogus,
      "DNSSEC: resolver \(resolver.address) refuses the answer, and gives it when asked not to validate"
        + resolver.extendedErrors.added
    )
  }
}

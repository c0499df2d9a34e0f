import FerryCore
import FerryDNS

extension CutoverVerdict.Name {
  /// What DNS and what is served say of one move.
  package init(_ it: LookedMove, _ serving: ServingVerdict) {
    let because = (it.judgement.because + it.notes).map { "DNS: " + $0 }
    self.init(
      name: it.name, dns: it.judgement.verdict.ofMove, serving: serving.serving,
      because: because + serving.because.map { "serving: " + $0 })
  }
}

extension Judgement.Verdict {
  /// A lame server may serve the old answer again: for a move that is unknown.
  package var ofMove: CutoverVerdict.DNS {
    switch self {
    case .changed: .changed
    case .notYet, .absent: .notYet
    case .disagree: .disagree
    case .splitByFamily: .splitByFamily
    case .overriddenByView: .overriddenByView
    case .bogus: .bogus
    case .negativeCached: .negativeCached
    case .ok, .lame, .unknown: .unknown
    }
  }
}

extension FerryError {
  package static let interruptedWhileReading = FerryError(
    "interrupted", exit: .interrupted, what: "the work was interrupted",
    why: "a signal ended it", next: "run the same command again; nothing was written")
}

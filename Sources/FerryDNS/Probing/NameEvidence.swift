import FerryCore

/// Where a name shall have gone.
public struct NameMove: Equatable, Sendable {
  public var name: DomainName
  public var target: DomainName
  public var source: DomainName?
  /// What the target's and the source's own names resolve to: an alias record answers with addresses alone.
  public var targetAddresses: Set<String> = []
  public var sourceAddresses: Set<String> = []
  public init(name: DomainName, target: DomainName, source: DomainName? = nil) {
    self.name = name
    self.target = target
    self.source = source
  }
}

/// What the rules judge: a name as observed and, to verify a move, where it should be.
public struct NameEvidence: Sendable {
  public var probed: ProbedName
  public var move: NameMove?
  public init(_ probed: ProbedName, move: NameMove? = nil) {
    self.probed = probed
    self.move = move
  }

  /// Whose answer it is.
  public enum Side: Equatable, Sendable {
    case target, source, absent
    /// Neither: somebody else's change, or a view of its own.
    case other
    /// Addresses that cannot be told apart.
    case unclear(because: String)
  }

  /// The servers whose answer is known.
  var known: [ProbedName.Server] { probed.servers.filter { $0.verdict == .ok } }
  var unknown: [ProbedName.Server] { probed.servers.filter { $0.verdict != .ok } }

  /// - Returns: nil when no move is judged.
  func side(of answers: [ProbedName.RRset]) -> Side? {
    guard let move else { return nil }
    if answers.isEmpty { return .absent }
    let side =
      answers.target.map { self.side(ofTarget: $0, move) }
      ?? self.side(ofAddresses: answers, move)
    // What an HTTPS record in alias mode says goes before A and AAAA in the clients that ask for it.
    guard side == .target, let alias = answers[.https]?.data.compactMap(Self.aliasTarget).first
    else { return side }
    return alias == move.target ? .target : alias == move.source ? .source : .other
  }
  private func side(ofTarget target: DomainName, _ move: NameMove) -> Side {
    if target == move.target { return .target }
    if target == move.source { return .source }
    // The name may lead there over names of its own.
    guard probed.chain.first?.target == target else { return .other }
    if probed.chain.contains(where: { $0.target == move.target }) { return .target }
    if let source = move.source, probed.chain.contains(where: { $0.target == source }) {
      return .source
    }
    return .other
  }
  private func side(ofAddresses answers: [ProbedName.RRset], _ move: NameMove) -> Side {
    let addresses = Set(answers.filter { $0.type == .a || $0.type == .aaaa }.flatMap(\.data))
    guard !addresses.isEmpty else { return .other }
    guard !move.targetAddresses.isEmpty else {
      return .unclear(
        because: "the name has addresses, and those of \(move.target) are not known")
    }
    // A CDN gives a few of its many addresses at a time: one in common is enough.
    switch (
      addresses.isDisjoint(with: move.targetAddresses),
      addresses.isDisjoint(with: move.sourceAddresses)
    ) {
    case (false, true): return .target
    case (true, false): return .source
    case (false, false):
      return .unclear(
        because: "source and target have the same addresses; DNS cannot tell them apart")
    case (true, true): return .other
    }
  }
  /// `0 target.` of an HTTPS record in alias mode; nil for service mode and for `0 .` (RFC 9460 §2.4.2, §2.5).
  private static func aliasTarget(_ data: String) -> DomainName? {
    let words = data.split(separator: " ")
    guard words.count >= 2, words[0] == "0", words[1] != "." else { return nil }
    return DomainName(wire: String(words[1]))
  }
}

extension ProbedName.Server {
  /// `ns1.example.com. (192.0.2.1:53)`, for a person.
  var words: String {
    guard let name else { return address }
    return address.isEmpty ? name.text : "\(name) (\(address))"
  }
  var isIPv6: Bool { address.hasPrefix("[") || address.hasPrefix("tls://[") }
  /// Its state, with what it says of it itself.
  var says: String { verdict.rawValue + extendedErrors.added }
}

extension [ExtendedDNSError]? {
  /// `; it says DNSSEC Bogus (6): …` behind what it explains; empty for none.
  var added: String { map { "; it says \($0.words)" } ?? "" }
}

/// What a rule found out, and from what.
public struct Judgement: Equatable, Sendable {
  /// One vocabulary for `probe` and `verify`.
  public enum Verdict: String, Sendable {
    case ok, absent, changed
    case notYet = "not-yet"
    case disagree
    case splitByFamily = "split-by-family"
    case overriddenByView = "overridden-by-view"
    case bogus, lame
    case negativeCached = "negative-cached"
    case unknown
  }
  public var verdict: Verdict
  public var because: [String]
  public init(_ verdict: Verdict, because: [String]) {
    self.verdict = verdict
    self.because = because
  }
  init(_ verdict: Verdict, _ because: String) { self.init(verdict, because: [because]) }
}

/// One rule: it judges and asks nobody.
protocol NameRule: Sendable {
  /// - Returns: nil when the rule has nothing to say.
  func judge(_ it: NameEvidence) -> Judgement?
}

extension NameEvidence {
  /// From what settles the question to what is left when nothing speaks against it.
  private static let rules: [any NameRule] = [
    BogusRule(), UnansweredRule(), SplitByFamilyRule(), DisagreeRule(), NotYetRule(), SilentRule(),
    LameRule(), AbsentRule(), UnclearRule(), ViewRule(), NegativeCachedRule(), OldCopyRule(),
  ]
  public var verdict: Judgement {
    for rule in Self.rules {
      if let finding = rule.judge(self) { return finding }
    }
    return SettledRule().judged(self)
  }
}

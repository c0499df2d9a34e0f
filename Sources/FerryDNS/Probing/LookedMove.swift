import FerryCore

/// What became of one move in DNS, judged.
public struct LookedMove: Sendable {
  public internal(set) var name: DomainName
  public var target: DomainName
  /// Where it pointed before: as given, else the first other target that a server still answers.
  public var source: DomainName?
  public var judgement: Judgement
  /// What else was seen on the way.
  public var notes: [String]
  /// Servers answer, and all of them that there is no such name.
  public var isAbsent: Bool
  /// What was judged; nil where other names gave the same picture.
  var evidence: NameEvidence?

  public init(_ it: NameEvidence) {
    name = it.probed.name
    target = it.move?.target ?? it.probed.name
    judgement = it.verdict
    notes = it.probed.because
    evidence = it
    let (known, target) = (it.known, self.target)
    let seen = known.flatMap(\.answers).filter { $0.type == .cname && $0.name == it.probed.name }
      .flatMap(\.data).map(DomainName.init(wire:)).first { $0 != target }
    source = it.move?.source ?? seen
    isAbsent = !known.isEmpty && known.allSatisfy(\.answers.isEmpty)
  }
}

import Foundation

/// Who serves a name, deduced from looks through normal resolution.
public struct ServingVerdict: Codable, Equatable, Sendable {
  public var serving: CutoverVerdict.Serving
  public var because: [String]
  public init(_ serving: CutoverVerdict.Serving, because: [String]) {
    self.serving = serving
    self.because = because
  }
}

extension ServingScene {
  /// What one look proves.
  enum Proof: Equatable {
    case target
    case source
    case neither(because: String)
    /// Nothing was learned of who serves.
    case open(because: String)
  }

  /// - Parameters:
  ///   - looks: the name asked through normal resolution, several times; each address at least once.
  ///   - expectStatus: what a healthy answer has; nil takes any that is not an edge's or a server's error.
  public func verdict(through looks: [ServingLook], expectStatus: Int?, now: Date) -> ServingVerdict
  {
    guard let tell else {
      return ServingVerdict(
        .unknown,
        because: [whyIndistinct] + looks.prefix(1).map { "\($0.peer): \(Self.text($0))" })
    }
    // A try that got no answer is outweighed by another at the same address; a closed address is not.
    let answered = Set(looks.filter { $0.status != nil || $0.certificate != nil }.map(\.peer))
    var groups: [(proof: Proof, peers: [String], count: Int)] = []
    for look in looks {
      if look.status == nil, look.certificate == nil, answered.contains(look.peer) { continue }
      let proof = proof(look, tell, expectStatus: expectStatus)
      if let index = groups.firstIndex(where: { $0.proof == proof }) {
        groups[index].count += 1
        if !groups[index].peers.contains(look.peer) { groups[index].peers.append(look.peer) }
      } else {
        groups.append((proof, [look.peer], 1))
      }
    }
    let total = groups.reduce(0) { $0 + $1.count }
    var because = groups.map { group in
      let peers = group.peers.filter { !$0.isEmpty }
      let place =
        peers.isEmpty
        ? "" : " (\(peers.prefix(4).joined(separator: ", "))\(peers.count > 4 ? ", …" : ""))"
      return "\(group.count) of \(total) looks\(place): \(text(group.proof, tell))"
    }
    because += certificateNotes(looks, now: now)
    return ServingVerdict(Self.serving(groups.map(\.proof)), because: because)
  }

  private static func serving(_ proofs: [Proof]) -> CutoverVerdict.Serving {
    var target = false
    var source = false
    var neither = false
    var open = false
    for proof in proofs {
      switch proof {
      case .target: target = true
      case .source: source = true
      case .neither: neither = true
      case .open: open = true
      }
    }
    switch (target, source, neither) {
    case (true, true, _), (true, _, true), (_, true, true): return .mixed
    // Every address must have answered before one side is said to serve.
    case (true, false, false): return open ? .unknown : .target
    case (false, true, false): return open ? .unknown : .source
    case (false, false, true): return open ? .unknown : .neither
    case (false, false, false): return .unknown
    }
  }

  private func proof(_ look: ServingLook, _ tell: Tell, expectStatus: Int?) -> Proof {
    guard look.failure == nil, let status = look.status else {
      let why = look.failure ?? "no answer"
      // A handshake that no viewer would accept serves nobody.
      return look.certificate == nil ? .open(because: why) : .neither(because: why)
    }
    let isServed: Bool
    if let expectStatus {
      isServed = status == expectStatus
    } else {
      isServed = status < 500 && status != 421
    }
    let wanted = expectStatus.map { ", not \($0)" } ?? ""
    switch tell {
    case .marker(let source, let target):
      let header = marker ?? "marker"
      guard let value = look.marker else {
        // CloudFront's own 403 and 421 come from no distribution.
        return .neither(because: "status \(status) without \(header)")
      }
      guard isServed else {
        return .neither(because: "status \(status)\(wanted), with \(header) \(value)")
      }
      if target.contains(value) { return .target }
      if source.contains(value) { return .source }
      return source.isEmpty
        ? .open(because: "\(header) \(value), which is not the target's; the source's is not known")
        : .neither(because: "\(header) \(value), which is neither's")
    case .certificate(let source, let target):
      guard isServed, status != 403 || expectStatus == 403 else {
        return .neither(because: "status \(status)\(wanted)")
      }
      let print = look.certificate?.fingerprint ?? ""
      if target.contains(print) { return .target }
      if source.contains(print) { return .source }
      return .open(because: "a certificate that neither side showed before")
    case .cloudFront(let isTarget):
      guard isServed, status != 403 || expectStatus == 403 else {
        return .neither(because: "status \(status)\(wanted)")
      }
      guard let it = look.isCloudFront else { return .open(because: "no headers") }
      return it == isTarget ? .target : .source
    }
  }

  private func text(_ proof: Proof, _ tell: Tell) -> String {
    switch proof {
    case .neither(let why), .open(let why): return why
    case .target, .source:
      let isTarget = proof == .target
      let side = isTarget ? "the target's" : "the source's"
      switch tell {
      case .marker(let source, let target):
        let values = (isTarget ? target : source).sorted().joined(separator: " or ")
        return "\(marker ?? "marker") \(values), \(side)"
      case .certificate: return "\(side) certificate, which the other side does not have"
      case .cloudFront(let targetIs):
        return (isTarget == targetIs ? "CloudFront answers" : "it is not CloudFront that answers")
          + ", as on \(isTarget ? "the target" : "the source") alone"
      }
    }
  }
  private static func text(_ look: ServingLook) -> String {
    look.failure ?? "status \(look.status.map(String.init) ?? "?")"
  }
  private var whyIndistinct: String {
    let header = marker ?? "a marker header"
    let target = self.target.markers
    if let source, !target.values.isEmpty, !source.markers.values.isDisjoint(with: target.values) {
      return
        "source and target cannot be told apart: both answer \(header) \(target.values.sorted().joined(separator: ", "))"
    }
    let failures = (self.target.own + self.target.forName).filter { $0.failure != nil }
    if let look = failures.first, target.values.isEmpty {
      return "the target could not be asked: \(Self.text(look))"
    }
    return source == nil
      ? "the target does not answer \(header), and the source is not known"
      : "nothing tells source and target apart: neither \(header), certificate nor CloudFront's own headers"
  }

  /// The worst certificate of the looks, and the versions that answered.
  private func certificateNotes(_ looks: [ServingLook], now: Date) -> [String] {
    var out: [String] = []
    let good = looks.filter { $0.failure == nil }
    if let first = good.compactMap({ $0.certificate?.notAfter }).min() {
      let days = Int((first.timeIntervalSince(now) / 86_400).rounded(.down))
      out.append(
        "the certificate covers \(name.host), is trusted and has \(days) d left"
          + (days < Self.daysMin ? ": renew it" : ""))
    }
    let versions = Set(good.compactMap(\.httpVersion)).sorted()
    let far = Set(looks.flatMap { $0.notAsked ?? [] }).sorted()
    if !far.isEmpty {
      out.append("not asked, since this machine has no route there: \(far.joined(separator: ", "))")
    }
    if !versions.isEmpty { out.append("HTTP/\(versions.joined(separator: " and HTTP/"))") }
    return out
  }
}

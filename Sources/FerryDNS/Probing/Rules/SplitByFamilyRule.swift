import FerryCore

/// IPv4 and IPv6 users are sent to different sides: by the servers' addresses, or by the records.
struct SplitByFamilyRule: NameRule {
  func judge(_ it: NameEvidence) -> Judgement? {
    byServers(it) ?? byRecords(it)
  }

  /// All servers on IPv4 say one thing, all on IPv6 another.
  private func byServers(_ it: NameEvidence) -> Judgement? {
    let four = it.known.filter { !$0.isIPv6 }
    let six = it.known.filter(\.isIPv6)
    guard let ofFour = four.first?.answers, let ofSix = six.first?.answers,
      four.allSatisfy({ $0.answers.holdsSame(as: ofFour) }),
      six.allSatisfy({ $0.answers.holdsSame(as: ofSix) }), !ofFour.holdsSame(as: ofSix)
    else { return nil }
    return Judgement(
      .splitByFamily,
      because: [
        "all \(four.count) servers on IPv4 answer \(ofFour.words)",
        "all \(six.count) servers on IPv6 answer \(ofSix.words)",
      ])
  }

  /// The A records have moved and the AAAA records have not, or the other way round.
  private func byRecords(_ it: NameEvidence) -> Judgement? {
    for server in it.known {
      guard let a = server.answers[.a], let aaaa = server.answers[.aaaa],
        let ofA = it.side(of: [a]), let ofAAAA = it.side(of: [aaaa]),
        [ofA, ofAAAA].contains(.target),
        [ofA, ofAAAA].contains(where: { $0 == .source || $0 == .other })
      else { continue }
      return Judgement(
        .splitByFamily,
        "\(server.words): A is \(a.data.joined(separator: " ")), AAAA is \(aaaa.data.joined(separator: " ")); only the \(ofA == .target ? "A" : "AAAA") records are the target's"
      )
    }
    return nil
  }
}

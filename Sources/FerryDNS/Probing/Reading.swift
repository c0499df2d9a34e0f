import FerryCore

/// What one outcome of an authoritative server is worth, before anything is compared.
enum Reading: Equatable {
  /// An authoritative answer or denial.
  case answer(DNSMessage, milliseconds: Double)
  /// The server handed the question on to the servers of a zone further down.
  case referral(DNSMessage, to: DomainName)
  /// Nothing that may count.
  case failed(ProbedName.Server.Verdict, because: String, rcode: RCode?, milliseconds: Double?)

  /// - Parameters:
  ///   - name: what was asked about.
  ///   - zone: the zone that the server should hold; a referral at or above it is a lame answer.
  /// - Source: RFC 2181 §5.4.1 (authority), RFC 1912 §2.8 (lame), facts 9.2.
  static func of(_ outcome: DNSOutcome, about name: DomainName, in zone: DomainName?) -> Reading {
    switch outcome {
    case .silent(let because):
      return .failed(.timeout, because: because, rcode: nil, milliseconds: nil)
    case .forged(let because):
      return .failed(.forged, because: because, rcode: nil, milliseconds: nil)
    case .reply(let message, let milliseconds):
      func failed(_ verdict: ProbedName.Server.Verdict, _ because: String) -> Reading {
        .failed(verdict, because: because, rcode: message.rcode, milliseconds: milliseconds)
      }
      switch message.rcode {
      case .noError, .nxDomain: break
      case .refused: return failed(.refused, "it refuses to answer for the name")
      case .servFail: return failed(.servfail, "it answers SERVFAIL")
      case .notAuth: return failed(.lame, "it says that it does not hold the zone (NOTAUTH)")
      default: return failed(.unknown, "it answers \(message.rcode.text)")
      }
      guard !message.isTruncated else {
        return failed(.unknown, "its answer is cut off even over TCP")
      }
      if message.isAuthoritative { return .answer(message, milliseconds: milliseconds) }
      let below = message.authority.first { record in
        record.type == .ns && name.isWithin(record.name)
          && zone.map { record.name != $0 && record.name.isWithin($0) } ?? true
      }
      if let below, message.rcode == .noError, !message.answer.contains(where: { $0.name == name })
      {
        return .referral(message, to: below.name)
      }
      return failed(.lame, "its answer is not authoritative (AA is 0)")
    }
  }
}

extension DNSMessage {
  /// The wire TTL of the SOA that makes this a negative answer, seconds; nil for a positive one or without SOA.
  ///
  /// - Source: RFC 2308 §5. The wire TTL and not min(TTL, MINIMUM): BIND trusts it (facts F2.9).
  func negativeTTL(of key: RecordKey) -> UInt32? {
    guard !answer.contains(where: { $0.name == key.name }) else { return nil }
    return authority.first { $0.type == .soa }?.ttl
  }
  /// RFC 8914 §4.4 and §4.20: answered from what has expired.
  var isStale: Bool {
    edns?.extendedErrors.contains {
      $0.code == ExtendedDNSError.staleAnswer || $0.code == ExtendedDNSError.staleNXDomainAnswer
    } ?? false
  }
}

extension [DNSOutcome] {
  /// What the replies say of themselves, each once; nil for nothing.
  var extendedErrors: [ExtendedDNSError]? {
    var out: [ExtendedDNSError] = []
    for case .reply(let message, _) in self {
      for error in message.edns?.extendedErrors ?? []
      where out.count < ExtendedDNSError.countMax && !out.contains(error) {
        out.append(error)
      }
    }
    return out.isEmpty ? nil : out
  }
}

import FerryCore

/// What one name server does wrong on purpose.
struct DNSFault: Equatable, Sendable {
  enum Kind: Equatable, Sendable {
    case refuse, servfail, silent
    /// Not authoritative: it points to the root.
    case lame
    /// Authoritative for data that nobody set.
    case lie
    /// Whole answers over TCP alone.
    case truncate
    case wrongID
    case slow(seconds: Double)
  }
  /// 1...4.
  var server: Int
  var does: Kind
  /// After so many answers it is over.
  var times: Int?

  static let kinds: [String: Kind] = [
    "refuse": .refuse, "servfail": .servfail, "silent": .silent, "lame": .lame, "lie": .lie,
    "truncate": .truncate, "wrong-id": .wrongID,
  ]
}

extension DNSFault.Kind {
  var delaySeconds: Double { if case .slow(let seconds) = self { seconds } else { 0 } }

  func damage(_ out: inout DNSMessage, _ key: RecordKey, isTCP: Bool) {
    func empty(_ rcode: RCode) {
      out.rcode = rcode
      out.isAuthoritative = false
      out.answer = []
      out.authority = []
      out.additional = []
    }
    switch self {
    case .refuse: empty(.refused)
    case .servfail: empty(.servFail)
    case .lame:
      empty(.noError)
      out.authority = [DNSRecord(.root, .ns, ttl: 3600, "a.lab-servers.net.")]
    case .lie:
      out.answer = out.answer.map { record in
        var lie = record
        switch record.type {
        case .a: lie.data = "192.0.2.66"
        case .aaaa: lie.data = "2001:db8::66"
        case .cname: lie.data = "lie.example.net."
        case .txt: lie.data = "\"lie\""
        default: break
        }
        return lie
      }
    case .truncate: if !isTCP { out.isTruncated = true }
    case .silent, .wrongID, .slow: break
    }
  }
}

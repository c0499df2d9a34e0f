import FerryCore

/// What one server answers about the CNAME at a name, as small as it can be: of ten thousand names on four servers
/// nearly every answer is the first kind, and none of those needs a message of its own.
enum AliasAnswer: Sendable {
  /// With authority, whole, NOERROR: one CNAME without a signature and nothing else in the answer section.
  case alias(to: DomainName, ttl: UInt32, milliseconds: Double)
  case other(DNSOutcome)

  /// The same as an answer to `query`, which wanted the answer section alone.
  func outcome(to query: DNSQuery) -> DNSOutcome {
    switch self {
    case .other(let outcome): return outcome
    case .alias(let target, let ttl, let milliseconds):
      var message = DNSMessage(id: 0, isResponse: true, question: query.key)
      message.isAuthoritative = true
      message.answer = [DNSRecord(query.key.name, .cname, ttl: ttl, target.text)]
      return .reply(message, milliseconds: milliseconds)
    }
  }
  /// Whatever the transport, the same answer is the same value.
  init(_ outcome: DNSOutcome, to query: DNSQuery) {
    self = .other(outcome)
    guard case .reply(let message, let milliseconds) = outcome, query.key.rrtype == .cname,
      message.isAuthoritative, !message.isTruncated, message.rcode == .noError,
      message.answer.count == 1, let record = message.answer.first, record.type == .cname,
      record.name == query.key.name
    else { return }
    self = .alias(
      to: DomainName(wire: record.data), ttl: record.ttl, milliseconds: milliseconds)
  }
}

/// Reads that one kind of answer straight off the octets. Whatever is in any way unusual it leaves to ldns.
struct AliasReader {
  /// Most names lead to the same few targets.
  private var last: DomainName = .root

  /// - Parameters:
  ///   - reply: a message whose header and question are known to be ours.
  ///   - questionEnd: behind the type and class of the question.
  /// - Returns: nil for all that only a full reading can judge, what is malformed included.
  mutating func read(_ reply: UnsafeBufferPointer<UInt8>, questionEnd: Int) -> (
    target: DomainName, ttl: UInt32
  )? {
    func short(_ at: Int) -> Int { Int(reply[at]) << 8 | Int(reply[at + 1]) }
    // AA and no TC; NOERROR; one question for a CNAME; one answer.
    guard let frame = WireFrame(reply), frame.tsigStart == nil, frame.questionCount == 1,
      frame.question.upperBound + 4 == questionEnd, frame.questionType == 5,
      frame.questionClass == 1, reply[2] & 0x06 == 0x04, reply[3] & 0x0F == 0, short(6) == 1
    else { return nil }
    // The walk above saw that each record lies within the message. The owner is the question's name.
    let start = questionEnd
    guard short(start) == 0xC00C, short(start + 2) == 5, short(start + 4) == 1 else { return nil }
    let ttl = UInt32(short(start + 6)) << 16 | UInt32(short(start + 8))
    let data = start + 12
    var at = data + short(start + 10)
    guard WireFrame.nameEnd(reply, data) == at else { return nil }
    let authorities = short(8)
    for index in 0..<(authorities + short(10)) {
      let owner = at
      guard let end = WireFrame.nameEnd(reply, owner) else { return nil }
      let size = short(end + 8)
      at = end + 10 + size
      switch (short(end), short(end + 2)) {
      case (1, 1): guard size == 4 else { return nil }
      case (28, 1): guard size == 16 else { return nil }
      case (2, 1): guard WireFrame.nameEnd(reply, end + 10) == at else { return nil }
      case (41, _):
        // With the upper bits of the rcode it may be an error.
        guard index >= authorities, end == owner + 1, reply[end + 4] == 0 else { return nil }
      default: return nil
      }
    }
    guard let target = name(reply, data) else { return nil }
    return (target, ttl)
  }

  /// A name that is in bounds, in lower case; nil for the root and for what holds more than letters, digits, - and _.
  private mutating func name(_ reply: UnsafeBufferPointer<UInt8>, _ start: Int) -> DomainName? {
    let known = last
    let found: DomainName? = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) {
      out -> DomainName? in
      var count = 0
      var at = start
      while true {
        let size = Int(reply[at])
        if size == 0 { break }
        if size >= 0xC0 {
          at = (size & 0x3F) << 8 | Int(reply[at + 1])
          continue
        }
        guard count + size + 1 < out.count else { return nil }
        for index in (at + 1)...(at + size) {
          var byte = reply[index]
          if (0x41...0x5A).contains(byte) { byte += 32 }
          guard
            (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2D
              || byte == 0x5F
          else { return nil }
          out[count] = byte
          count += 1
        }
        out[count] = 0x2E
        count += 1
        at += size + 1
      }
      guard count > 0 else { return nil }
      let text = UnsafeBufferPointer(rebasing: UnsafeBufferPointer(out)[..<count])
      let isKnown = known.text.utf8.withContiguousStorageIfAvailable {
        $0.count == count && $0.elementsEqual(text)
      }
      if isKnown == true { return known }
      return DomainName(wire: String(decoding: text, as: UTF8.self))
    }
    if let found { last = found }
    return found
  }
}

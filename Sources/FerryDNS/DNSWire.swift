import CLDNS
import FerryCore
import Foundation

/// DNS messages to octets and back, through ldns; no pointer leaves this file.
public enum DNSWire {
  /// A message as it goes onto the wire, names compressed.
  ///
  /// - Throws: `bad-record` (64) when a name or the data of a record cannot be written; `bad-message` when the
  ///   whole has more than 65,535 octets.
  public static func encode(_ message: DNSMessage) throws(FerryError) -> [UInt8] {
    let packet = try OwnedPacket()
    packet.setHeader(of: message)
    if let question = message.question {
      try packet.push(question: question)
    }
    for (section, records) in [
      (LDNS_SECTION_ANSWER, message.answer), (LDNS_SECTION_AUTHORITY, message.authority),
      (LDNS_SECTION_ADDITIONAL, message.additional),
    ] {
      for record in records { try packet.push(record, to: section) }
    }
    if let edns = message.edns { packet.set(edns, rcode: message.rcode) }
    return try packet.octets()
  }

  /// An answer in which id and question stand as the query spelled them, upper case and all.
  ///
  /// Who asks with random case accepts no other answer.
  public static func encode(_ answer: DNSMessage, echoing query: [UInt8]) throws(FerryError)
    -> [UInt8]
  {
    var octets = try encode(answer)
    guard let frame = WireFrame(query), let own = WireFrame(octets) else { return octets }
    octets[0] = query[0]
    octets[1] = query[1]
    if frame.question.count == own.question.count {
      octets.replaceSubrange(own.question, with: query[frame.question])
    }
    return octets
  }

  /// A message of class IN from the wire. A question of another class is nil.
  ///
  /// - Throws: `unreadable-answer` for octets that are no message, and for answers of another class.
  public static func decode(_ octets: [UInt8]) throws(FerryError) -> DNSMessage {
    try octets.withUnsafeBufferPointer { (whole) throws(FerryError) in try decode(whole) }
  }
  /// - Parameter query: what the message is known to answer, so that the question need not be read.
  static func decode(_ octets: UnsafeBufferPointer<UInt8>, to query: DNSQuery? = nil)
    throws(FerryError) -> DNSMessage
  {
    guard let frame = WireFrame(octets) else {
      throw unreadable("it is cut off, or its counts, lengths or name pointers are wrong")
    }
    let packet = try OwnedPacket(parsing: octets)
    return try packet.message(frame, query)
  }

  /// An update as it goes onto the wire, unsigned.
  ///
  /// - Throws: `bad-record` (64) for names, data and TTLs that cannot be written; `bad-message` above 65,535 octets.
  public static func encode(_ update: DNSUpdate, id: UInt16) throws(FerryError) -> [UInt8] {
    let packet = try OwnedPacket()
    packet.setHeader(of: DNSMessage(id: id, isResponse: false, opcode: 5, question: nil))
    try packet.push(question: RecordKey(update.zone, .soa))
    for need in update.prerequisites {
      let section = LDNS_SECTION_ANSWER
      switch need {
      case .holds(let key, let data):
        for text in data {
          try packet.push(DNSRecord(key.name, key.rrtype, ttl: 0, text), to: section)
        }
      case .exists(let key): try packet.push(bare: key, LDNS_RR_CLASS_ANY, to: section)
      case .absent(let key): try packet.push(bare: key, LDNS_RR_CLASS_NONE, to: section)
      case .unused(let name):
        try packet.push(bare: RecordKey(name, "ANY"), LDNS_RR_CLASS_NONE, to: section)
      }
    }
    for change in update.changes {
      let section = LDNS_SECTION_AUTHORITY
      switch change {
      case .add(let key, let ttl, let data):
        guard let seconds = Int32(exactly: ttl), seconds >= 0 else {
          throw RecordData.refuse(key.rrtype, data, "its TTL is not 0...2147483647 (RFC 2181 §8)")
        }
        try packet.push(DNSRecord(key.name, key.rrtype, ttl: UInt32(seconds), data), to: section)
      case .remove(let key, let data):
        try packet.push(
          DNSRecord(key.name, key.rrtype, ttl: 0, data), LDNS_RR_CLASS_NONE, to: section)
      case .removeAll(let key): try packet.push(bare: key, LDNS_RR_CLASS_ANY, to: section)
      }
    }
    return try packet.octets()
  }

  /// A name uncompressed; nil for text that is no name.
  static func octets(of name: DomainName) -> [UInt8]? {
    if name == .root { return [0] }
    var out: [UInt8] = []
    out.reserveCapacity(name.text.utf8.count + 1)
    var start = 0
    out.append(0)
    var text = name.text.utf8.makeIterator()
    while var octet = text.next() {
      if octet == UInt8(ascii: ".") {
        let size = out.count - start - 1
        guard size > 0, size < 64 else { return nil }
        out[start] = UInt8(size)
        start = out.count
        out.append(0)
        continue
      }
      if octet == UInt8(ascii: "\\") {
        guard let first = text.next() else { return nil }
        if (0x30...0x39).contains(first) {
          guard let second = text.next(), let third = text.next(),
            let value = UInt8(String(decoding: [first, second, third], as: UTF8.self))
          else { return nil }
          octet = value
        } else {
          octet = first
        }
      }
      out.append(octet)
    }
    return start == out.count - 1 && out.count <= 255 ? out : nil
  }

  static func unreadable(_ why: String) -> FerryError {
    FerryError(
      .unreadableAnswer, what: "could not read a DNS message", why: why,
      next: "ask the server with dig, or capture its answer")
  }
}

/// What a walk over the octets shows before ldns sees them: sections in bounds, names that end.
struct WireFrame {
  /// The octets of the first question without its type and class; empty without a question.
  var question: Range<Int> = 12..<12
  var questionType: UInt16 = 0
  var questionClass: UInt16 = 0
  var questionCount: Int
  /// Where the TSIG record begins, which must be the last one.
  var tsigStart: Int?

  init?(_ octets: [UInt8]) {
    guard let frame = octets.withUnsafeBufferPointer({ WireFrame($0) }) else { return nil }
    self = frame
  }
  /// nil for what no reader should touch.
  init?(_ octets: UnsafeBufferPointer<UInt8>) {
    guard octets.count >= 12, octets.count <= 65_535 else { return nil }
    func short(_ at: Int) -> Int { Int(octets[at]) << 8 | Int(octets[at + 1]) }
    questionCount = short(4)
    let records = short(6) + short(8) + short(10)
    var at = 12
    for index in 0..<questionCount {
      guard let end = Self.nameEnd(octets, at), end + 4 <= octets.count else { return nil }
      if index == 0 {
        question = at..<end
        questionType = UInt16(short(end))
        questionClass = UInt16(short(end + 2))
      }
      at = end + 4
    }
    var sawOptions = false
    for _ in 0..<records {
      let start = at
      guard tsigStart == nil, let end = Self.nameEnd(octets, at), end + 10 <= octets.count else {
        return nil
      }
      let type = short(end)
      at = end + 10 + short(end + 8)
      guard at <= octets.count else { return nil }
      if type == 41 {
        guard !sawOptions else { return nil }
        sawOptions = true
      }
      if type == 250 { tsigStart = start }
    }
    // Octets after the last record belong to nobody.
    guard at == octets.count else { return nil }
  }

  /// The end of the name at `start`; nil when it leaves the message, points forward or is too long.
  static func nameEnd(_ octets: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int? {
    var at = start
    var end: Int?
    var length = 0
    var limit = start
    while at < octets.count {
      let size = Int(octets[at])
      if size == 0 { return length + 1 <= 255 ? end ?? at + 1 : nil }
      if size >= 0xC0 {
        guard at + 1 < octets.count else { return nil }
        let target = (size & 0x3F) << 8 | Int(octets[at + 1])
        if end == nil { end = at + 2 }
        // A pointer leads to an earlier place each time, so the walk ends.
        guard target < limit, target >= 12 else { return nil }
        limit = target
        at = target
        continue
      }
      guard size < 0x40 else { return nil }
      length += size + 1
      guard length < 255 else { return nil }
      at += size + 1
    }
    return nil
  }
}

/// Owns one packet and frees it once; the pointer never leaves this file.
private struct OwnedPacket: ~Copyable {
  private let raw: UnsafeMutablePointer<ldns_pkt>

  init() throws(FerryError) {
    guard let packet = ldns_pkt_new() else { preconditionFailure("ldns has no memory") }
    raw = packet
  }
  init(parsing octets: UnsafeBufferPointer<UInt8>) throws(FerryError) {
    var packet: UnsafeMutablePointer<ldns_pkt>?
    let status = ldns_wire2pkt(&packet, octets.baseAddress, octets.count)
    guard status == LDNS_STATUS_OK, let packet else {
      throw DNSWire.unreadable(String(cString: ldns_get_errorstr_by_id(status)))
    }
    raw = packet
  }
  deinit { ldns_pkt_free(raw) }

  // MARK: writing

  func setHeader(of message: DNSMessage) {
    ldns_pkt_set_id(raw, message.id)
    ldns_pkt_set_qr(raw, message.isResponse ? 1 : 0)
    ldns_pkt_set_opcode(raw, ldns_pkt_opcode(UInt32(message.opcode & 15)))
    ldns_pkt_set_aa(raw, message.isAuthoritative ? 1 : 0)
    ldns_pkt_set_tc(raw, message.isTruncated ? 1 : 0)
    ldns_pkt_set_rd(raw, message.recursionDesired ? 1 : 0)
    ldns_pkt_set_ra(raw, message.recursionAvailable ? 1 : 0)
    ldns_pkt_set_ad(raw, message.authenticData ? 1 : 0)
    ldns_pkt_set_cd(raw, message.checkingDisabled ? 1 : 0)
    ldns_pkt_set_rcode(raw, UInt8(message.rcode.rawValue & 15))
  }
  func push(question: RecordKey) throws(FerryError) {
    try push(bare: question, LDNS_RR_CLASS_IN, to: LDNS_SECTION_QUESTION)
  }
  /// A record without TTL and data, as questions and updates have them.
  func push(bare key: RecordKey, _ type: ldns_rr_class, to section: ldns_pkt_section)
    throws(FerryError)
  {
    guard let record = ldns_rr_new() else { preconditionFailure("ldns has no memory") }
    let code = ldns_get_rr_type_by_name(key.rrtype.rawValue)
    guard let owner = ldns_dname_new_frm_str(key.name.text), code.rawValue != 0 else {
      ldns_rr_free(record)
      throw RecordData.refuse(key.rrtype, key.name.text, "its name or its type is none")
    }
    ldns_rr_set_owner(record, owner)
    ldns_rr_set_type(record, code)
    ldns_rr_set_class(record, type)
    ldns_rr_set_ttl(record, 0)
    ldns_rr_set_question(record, section == LDNS_SECTION_QUESTION ? 1 : 0)
    ldns_pkt_push_rr(raw, section, record)
  }
  func push(
    _ record: DNSRecord, _ type: ldns_rr_class = LDNS_RR_CLASS_IN, to section: ldns_pkt_section
  ) throws(FerryError) {
    let parsed = try OwnedRecord(record.type, record.data, owner: record.name)
    ldns_pkt_push_rr(raw, section, parsed.take(ttl: record.ttl, type))
  }
  func set(_ edns: DNSMessage.EDNS, rcode: RCode) {
    ldns_pkt_set_edns_udp_size(raw, max(512, edns.udpSize))
    ldns_pkt_set_edns_do(raw, edns.dnssecOK ? 1 : 0)
    ldns_pkt_set_edns_extended_rcode(raw, UInt8(truncatingIfNeeded: rcode.rawValue >> 4))
    let options = DNSOptions.octets(edns)
    guard !options.isEmpty else { return }
    ldns_pkt_set_edns_data(
      raw, ldns_rdf_new_frm_data(LDNS_RDF_TYPE_UNKNOWN, options.count, options))
  }
  func octets() throws(FerryError) -> [UInt8] {
    var out: UnsafeMutablePointer<UInt8>?
    var count = 0
    let status = ldns_pkt2wire(&out, raw, &count)
    defer { free(out) }
    guard status == LDNS_STATUS_OK, let out, count <= 65_535 else {
      throw FerryError(
        "bad-message", what: "could not write a DNS message",
        why: "it has more than 65,535 octets", next: "send fewer records at once")
    }
    return Array(UnsafeBufferPointer(start: out, count: count))
  }

  // MARK: reading

  func message(_ frame: WireFrame, _ query: DNSQuery?) throws(FerryError) -> DNSMessage {
    let extended = ldns_pkt_edns(raw) != 0 ? UInt16(ldns_pkt_edns_extended_rcode(raw)) << 4 : 0
    var message = DNSMessage(
      id: ldns_pkt_id(raw), isResponse: ldns_pkt_qr(raw) != 0,
      opcode: UInt8(truncatingIfNeeded: ldns_pkt_get_opcode(raw).rawValue),
      rcode: RCode(rawValue: extended | UInt16(ldns_pkt_get_rcode(raw).rawValue)), question: nil)
    message.isAuthoritative = ldns_pkt_aa(raw) != 0
    message.isTruncated = ldns_pkt_tc(raw) != 0
    message.recursionDesired = ldns_pkt_rd(raw) != 0
    message.recursionAvailable = ldns_pkt_ra(raw) != 0
    message.authenticData = ldns_pkt_ad(raw) != 0
    message.checkingDisabled = ldns_pkt_cd(raw) != 0
    if let query {
      message.question = query.key
    } else if frame.questionCount == 1, frame.questionClass == 1,
      let record = ldns_rr_list_rr(ldns_pkt_question(raw), 0)
    {
      message.question = RecordKey(
        DomainName(wire: text(ldns_rdf2str(ldns_rr_owner(record)))),
        RRType(rawValue: text(ldns_rr_type2str(ldns_rr_get_type(record)))))
    }
    message.answer = try records(ldns_pkt_answer(raw), message.opcode)
    if query?.answersAlone != true || message.answer.isEmpty {
      message.authority = try records(ldns_pkt_authority(raw), message.opcode)
      message.additional = try records(ldns_pkt_additional(raw), message.opcode)
    }
    if ldns_pkt_edns(raw) != 0 {
      var edns = DNSMessage.EDNS(
        udpSize: ldns_pkt_edns_udp_size(raw), dnssecOK: ldns_pkt_edns_do(raw) != 0)
      if let data = ldns_pkt_edns_data(raw), let start = ldns_rdf_data(data) {
        DNSOptions.read(
          UnsafeRawBufferPointer(start: start, count: ldns_rdf_size(data)), into: &edns)
      }
      message.edns = edns
    }
    return message
  }
  /// Records of class IN. Updates hold records of class ANY and NONE too, which are no data.
  private func records(_ list: UnsafeMutablePointer<ldns_rr_list>?, _ opcode: UInt8)
    throws(FerryError) -> [DNSRecord]
  {
    let count = ldns_rr_list_rr_count(list)
    guard count > 0 else { return [] }
    var out: [DNSRecord] = []
    out.reserveCapacity(count)
    for index in 0..<count {
      guard let record = ldns_rr_list_rr(list, index) else { continue }
      guard ldns_rr_get_class(record) == LDNS_RR_CLASS_IN else {
        guard opcode != 0 else { throw DNSWire.unreadable("it has a record of another class") }
        continue
      }
      guard let read = DNSRecord(reading: record) else {
        throw DNSWire.unreadable("the data of a record cannot be read")
      }
      out.append(read)
    }
    return out
  }
}

/// Takes ldns's string over as ours.
private func text(_ raw: UnsafeMutablePointer<CChar>?) -> String {
  guard let raw else { return "" }
  defer { free(raw) }
  return String(cString: raw)
}

extension DNSRecord {
  /// nil when ldns cannot print it.
  fileprivate init?(reading record: UnsafeMutablePointer<ldns_rr>) {
    if let plain = Self.plain(record) {
      self = plain
      return
    }
    self.init(printing: record)
  }
  /// A CNAME or NS of plain names, which is nearly every answer, without printing it first.
  private static func plain(_ record: UnsafeMutablePointer<ldns_rr>) -> DNSRecord? {
    let type: RRType
    switch ldns_rr_get_type(record) {
    case LDNS_RR_TYPE_CNAME: type = .cname
    case LDNS_RR_TYPE_NS: type = .ns
    default: return nil
    }
    guard ldns_rr_rd_count(record) == 1, let owner = plainName(ldns_rr_owner(record)),
      let data = plainName(ldns_rr_rdf(record, 0))
    else { return nil }
    return DNSRecord(DomainName(wire: owner), type, ttl: ldns_rr_ttl(record), data)
  }
  /// In lower case; nil for the root and for what holds more than letters, digits, - and _.
  private static func plainName(_ field: UnsafeMutablePointer<ldns_rdf>?) -> String? {
    guard let field, ldns_rdf_get_type(field) == LDNS_RDF_TYPE_DNAME,
      let start = ldns_rdf_data(field)
    else { return nil }
    let octets = UnsafeBufferPointer(start: start, count: ldns_rdf_size(field))
    guard octets.count > 2 else { return nil }
    var isPlain = true
    // Each length becomes the dot behind the label before it.
    let text = String(unsafeUninitializedCapacity: octets.count - 1) { out in
      var at = 0
      while at < octets.count {
        let size = Int(octets[at])
        if at > 0 { out[at - 1] = 0x2E }
        if size == 0, at == octets.count - 1 { return octets.count - 1 }
        guard size > 0, size < 64, at + size < octets.count else { break }
        for index in (at + 1)...(at + size) {
          var byte = octets[index]
          if (0x41...0x5A).contains(byte) { byte += 32 }
          guard
            (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2D
              || byte == 0x5F
          else {
            isPlain = false
            return 0
          }
          out[index - 1] = byte
        }
        at += size + 1
      }
      isPlain = false
      return 0
    }
    return isPlain ? text : nil
  }
  private init?(printing record: UnsafeMutablePointer<ldns_rr>) {
    // Names inside the data in lower case; those of new types too, unlike DNSSEC's canonical form.
    for index in 0..<ldns_rr_rd_count(record) {
      let field = ldns_rr_rdf(record, index)
      if ldns_rdf_get_type(field) == LDNS_RDF_TYPE_DNAME { ldns_dname2canonical(field) }
    }
    // Owner, TTL, class and type, each with a tab behind it, then the data.
    guard let raw = cl_record_text(record) else { return nil }
    defer { free(raw) }
    let line = UnsafeMutableBufferPointer(
      start: UnsafeMutableRawPointer(raw).assumingMemoryBound(to: UInt8.self), count: strlen(raw))
    var ownerEnd = 0
    while ownerEnd < line.count, line[ownerEnd] != 0x09 {
      // Servers answer in the case of the question, which is random.
      if (0x41...0x5A).contains(line[ownerEnd]) { line[ownerEnd] += 32 }
      ownerEnd += 1
    }
    var typeStart = ownerEnd
    var start = ownerEnd
    var tabs = 0
    while start < line.count, tabs < 4 {
      if line[start] == 0x09 {
        tabs += 1
        if tabs == 3 { typeStart = start + 1 }
      }
      start += 1
    }
    var end = line.count
    while end > start, line[end - 1] == 0x0A || line[end - 1] == 0x20 { end -= 1 }
    guard tabs == 4, end > start else { return nil }
    func text(_ range: Range<Int>) -> String {
      String(decoding: UnsafeBufferPointer(rebasing: line[range]), as: UTF8.self)
    }
    var data = text(start..<end)
    if line[start..<end].contains(0x09) {
      data = data.replacingOccurrences(of: "\t", with: "\\009")
    }
    self.init(
      DomainName(wire: text(0..<ownerEnd)),
      RRType.known(ldns_rr_get_type(record)) ?? RRType(rawValue: text(typeStart..<(start - 1))),
      ttl: ldns_rr_ttl(record), data)
  }
}

extension RRType {
  /// Without a detour through text.
  fileprivate static func known(_ code: ldns_rr_type) -> RRType? {
    switch code {
    case LDNS_RR_TYPE_A: .a
    case LDNS_RR_TYPE_NS: .ns
    case LDNS_RR_TYPE_CNAME: .cname
    case LDNS_RR_TYPE_SOA: .soa
    case LDNS_RR_TYPE_AAAA: .aaaa
    case LDNS_RR_TYPE_RRSIG: .rrsig
    default: nil
    }
  }
}

/// One record made from text, freed once unless a packet takes it.
private final class OwnedRecord {
  private var raw: UnsafeMutablePointer<ldns_rr>?

  init(_ type: RRType, _ data: String, owner: DomainName) throws(FerryError) {
    guard !data.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 }) else {
      throw RecordData.refuse(type, data, "it holds a control character")
    }
    // Names in Unicode stand alone in their record; inside other data they would be octets.
    let isName = [RRType.cname, .ns, "PTR", "DNAME"].contains(type)
    let ascii =
      isName && data.utf8.contains { $0 >= 0x80 }
      ? try DomainName(data.trimmingCharacters(in: .whitespaces)).text : data
    let line = ". 0 IN \(type.rawValue) \(ascii)"
    let status = ldns_rr_new_frm_str(&raw, line, 0, nil, nil)
    guard status == LDNS_STATUS_OK, raw != nil else {
      throw RecordData.refuse(type, data, String(cString: ldns_get_errorstr_by_id(status)))
    }
    guard owner != .root else { return }
    guard let name = ldns_dname_new_frm_str(owner.text) else {
      throw RecordData.refuse(type, owner.text, "its owner is no domain name")
    }
    ldns_rdf_deep_free(ldns_rr_owner(raw))
    ldns_rr_set_owner(raw, name)
  }
  deinit { ldns_rr_free(raw) }

  func take(ttl: UInt32, _ type: ldns_rr_class) -> UnsafeMutablePointer<ldns_rr>? {
    defer { raw = nil }
    ldns_rr_set_class(raw, type)
    ldns_rr_set_ttl(raw, ttl)
    return raw
  }
  func read() -> DNSRecord? { raw.flatMap { DNSRecord(reading: $0) } }
}

/// The data of records as text that compares equal, wherever it was read.
public enum RecordData {
  /// The data as `DNSWire.decode` would give it: `Foo.Example` of a CNAME becomes `foo.example.`.
  ///
  /// Names without a dot at the end are absolute; names in Unicode become A-labels.
  /// - Throws: `bad-record` (64) when it is no data of that type.
  public static func canonical(_ type: RRType, _ text: String) throws(FerryError) -> String {
    guard let record = try OwnedRecord(type, text, owner: .root).read(), record.type == type else {
      throw refuse(type, text, "ldns cannot print it")
    }
    return record.data
  }
  static func refuse(_ type: RRType, _ data: String, _ why: String) -> FerryError {
    .badInput(
      "bad-record", what: "could not read \(data.debugDescription) as the data of \(type.rawValue)",
      why: why, next: "write it as a zone file would")
  }
}

/// The options inside an OPT record that edgeferry sends and reads.
enum DNSOptions {
  private static let nsid: UInt16 = 3
  private static let extendedError: UInt16 = 15
  /// Of an extended error's text, octets; nobody reads more in a table.
  private static let textMax = 256

  static func octets(_ edns: DNSMessage.EDNS) -> [UInt8] {
    var out: [UInt8] = []
    func append(_ code: UInt16, _ data: [UInt8]) {
      let count = UInt16(truncatingIfNeeded: data.count)
      out += [UInt8(code >> 8), UInt8(code & 255), UInt8(count >> 8), UInt8(count & 255)] + data
    }
    // An empty one asks for the server's.
    if let hex = edns.nsid { append(nsid, octets(hex: hex)) }
    for error in edns.extendedErrors {
      append(
        extendedError,
        [UInt8(error.code >> 8), UInt8(error.code & 255)] + error.text.utf8.prefix(textMax))
    }
    return out
  }
  static func read(_ octets: UnsafeRawBufferPointer, into edns: inout DNSMessage.EDNS) {
    var at = 0
    func short(_ at: Int) -> UInt16 { UInt16(octets[at]) << 8 | UInt16(octets[at + 1]) }
    while at + 4 <= octets.count {
      let code = short(at)
      let end = at + 4 + Int(short(at + 2))
      guard end <= octets.count else { return }
      if code == nsid {
        let digits = Array("0123456789abcdef".utf8)
        edns.nsid = String(
          decoding: octets[(at + 4)..<end].flatMap {
            [digits[Int($0 >> 4)], digits[Int($0 & 15)]]
          },
          as: UTF8.self)
      } else if code == extendedError, end - at >= 6 {
        guard edns.extendedErrors.count < ExtendedDNSError.countMax else { return }
        edns.extendedErrors.append(
          ExtendedDNSError(short(at + 4), text: text(octets[(at + 6)..<end])))
      }
      at = end
    }
  }
  /// UTF-8, repaired where it is none and cut; it may end in a NUL (RFC 8914 §2).
  private static func text(_ octets: Slice<UnsafeRawBufferPointer>) -> String {
    var octets = octets.prefix(textMax)
    while octets.last == 0 { octets.removeLast() }
    return String(decoding: octets, as: UTF8.self)
  }
  private static func octets(hex: String) -> [UInt8] {
    let digits = hex.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
    return stride(from: 0, to: digits.count - 1, by: 2).map {
      UInt8(digits[$0] << 4 | digits[$0 + 1])
    }
  }
}

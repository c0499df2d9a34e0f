/// Reads XML that came from the network or a file: no DTD, no entity but the five of XML itself.
public struct XMLReader {
  /// Limits are enforced before memory is taken.
  public struct Limits: Sendable {
    public var bytes = 16 << 20
    public var depth = 64
    public var nodes = 1_000_000
    public init() {}
  }

  /// What of a long list is wanted: at that depth (the root's is 1) the elements of those names alone. The rest
  /// is read as strictly, and not kept.
  public struct Selection: Sendable {
    public var depth: Int
    public var names: Set<String>
    public init(depth: Int, names: Set<String>) {
      self.depth = depth
      self.names = names
    }
  }

  private let bytes: [UInt8]
  private let limits: Limits
  private let selection: Selection?
  private var at = 0
  private var nodeCount = 0

  /// - Throws: `.unreadableAnswer` naming the byte where reading stopped.
  public static func read(
    _ bytes: [UInt8], limits: Limits = Limits(), selection: Selection? = nil
  ) throws(FerryError) -> XElement {
    guard bytes.count <= limits.bytes else {
      throw FerryError(
        .unreadableAnswer, what: "could not read XML",
        why: "it has \(bytes.count) bytes; the limit is \(limits.bytes)",
        next: "check what answered: CloudFront's answers are far smaller")
    }
    // One pass up front makes every slice below valid UTF-8.
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw FerryError(
        .unreadableAnswer, what: "could not read XML", why: "it is not valid UTF-8",
        next: "check what answered")
    }
    var reader = XMLReader(bytes: bytes, limits: limits, selection: selection)
    return try reader.document()
  }
  public static func read(_ text: String) throws(FerryError) -> XElement {
    try read(Array(text.utf8))
  }

  private init(bytes: [UInt8], limits: Limits, selection: Selection?) {
    self.bytes = bytes
    self.limits = limits
    self.selection = selection
  }

  private func fail(_ why: String) -> FerryError {
    FerryError(
      .unreadableAnswer, what: "could not read XML", why: "\(why) at byte \(at)",
      next: "check what answered, or the file if one was given")
  }

  private mutating func document() throws(FerryError) -> XElement {
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { at = 3 }
    try misc()
    guard peek == UInt8(ascii: "<") else { throw fail("no root element") }
    let root = try element(depth: 1, isKept: true)
    try misc()
    guard at == bytes.count else { throw fail("text after the root element") }
    return root
  }

  private var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

  private func looking(at text: StaticString) -> Bool {
    let count = text.utf8CodeUnitCount
    guard at + count <= bytes.count else { return false }
    return text.withUTF8Buffer { buffer in
      for index in 0..<count where bytes[at + index] != buffer[index] { return false }
      return true
    }
  }
  private mutating func skip(past text: StaticString) throws(FerryError) {
    while at < bytes.count {
      if looking(at: text) {
        at += text.utf8CodeUnitCount
        return
      }
      at += 1
    }
    throw fail("the document ends inside a comment or instruction")
  }
  private mutating func blanks() {
    while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
  }
  private mutating func misc() throws(FerryError) {
    while true {
      blanks()
      if looking(at: "<?") {
        try skip(past: "?>")
      } else if looking(at: "<!--") {
        try skip(past: "-->")
      } else if looking(at: "<!") {
        throw fail("a DTD, which is never accepted,")
      } else {
        return
      }
    }
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x61...0x7A, 0x41...0x5A, 0x30...0x39, 0x5F, 0x3A, 0x2D, 0x2E, 0x80...0xFF: true
    default: false
    }
  }
  private mutating func name() throws(FerryError) -> Range<Int> {
    let start = at
    while let byte = peek, Self.isNameByte(byte) { at += 1 }
    guard at > start, !(0x30...0x39).contains(bytes[start]), bytes[start] != 0x2D,
      bytes[start] != 0x2E
    else { throw fail("a name was expected") }
    return start..<at
  }
  private func string(_ range: Range<Int>) -> String {
    String(decoding: bytes[range], as: UTF8.self)
  }

  private mutating func count() throws(FerryError) {
    nodeCount += 1
    guard nodeCount <= limits.nodes else { throw fail("more than \(limits.nodes) nodes") }
  }

  private mutating func element(depth: Int, isKept parentIsKept: Bool) throws(FerryError)
    -> XElement
  {
    guard depth <= limits.depth else { throw fail("nested deeper than \(limits.depth)") }
    try count()
    at += 1
    let opening = try name()
    var isKept = parentIsKept
    if isKept, let selection, depth == selection.depth {
      isKept = selection.names.contains(string(opening))
    }
    var out = XElement(isKept ? string(opening) : "")
    while true {
      let before = at
      blanks()
      guard let byte = peek else { throw fail("the document ends inside a tag") }
      if byte == UInt8(ascii: ">") {
        at += 1
        break
      }
      if byte == UInt8(ascii: "/") {
        at += 1
        guard peek == UInt8(ascii: ">") else { throw fail("'>' was expected") }
        at += 1
        return out
      }
      guard at > before else { throw fail("a blank was expected before an attribute") }
      try count()
      let key = string(try name())
      blanks()
      guard peek == UInt8(ascii: "=") else { throw fail("'=' was expected") }
      at += 1
      blanks()
      guard let quote = peek, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else {
        throw fail("a quoted value was expected")
      }
      at += 1
      let value = try text(until: quote, isKept: true)
      guard peek == quote else { throw fail("the document ends inside a value") }
      at += 1
      guard !out.attributes.contains(where: { $0.name == key }) else {
        throw fail("attribute \(key) given twice")
      }
      out.attributes.append(.init(name: key, value: value))
    }
    while true {
      guard let byte = peek else {
        throw fail("the document ends inside <\(string(opening))>")
      }
      if byte != UInt8(ascii: "<") {
        try count()
        add(try text(until: UInt8(ascii: "<"), isKept: isKept), to: &out)
      } else if looking(at: "</") {
        at += 2
        let closing = try name()
        guard bytes[closing].elementsEqual(bytes[opening]) else {
          throw fail("</\(string(closing))> closes <\(string(opening))>")
        }
        blanks()
        guard peek == UInt8(ascii: ">") else { throw fail("'>' was expected") }
        at += 1
        return out
      } else if looking(at: "<!--") {
        try skip(past: "-->")
      } else if looking(at: "<![CDATA[") {
        at += 9
        let start = at
        try skip(past: "]]>")
        if isKept { add(string(start..<(at - 3)), to: &out) }
      } else if looking(at: "<?") {
        try skip(past: "?>")
      } else if looking(at: "<!") {
        throw fail("a DTD, which is never accepted,")
      } else {
        let child = try element(depth: depth + 1, isKept: isKept)
        // Growing from one place at a time would move a long element's children five times.
        if isKept, child.name != "" {
          if out.nodes.isEmpty { out.nodes.reserveCapacity(8) }
          out.nodes.append(.element(child))
        }
      }
    }
  }
  private func add(_ text: String, to element: inout XElement) {
    guard !text.isEmpty else { return }
    if case .text(let before) = element.nodes.last {
      element.nodes[element.nodes.count - 1] = .text(before + text)
    } else {
      element.nodes.append(.text(text))
    }
  }

  /// - Parameter isKept: false reads the text as strictly and gives back an empty one.
  private mutating func text(until stop: UInt8, isKept: Bool) throws(FerryError) -> String {
    let start = at
    var plain = true
    while let byte = peek, byte != stop {
      if byte == UInt8(ascii: "&") || byte == 0x0D { plain = false }
      at += 1
    }
    if plain { return isKept ? string(start..<at) : "" }
    let end = at
    at = start
    var out: [UInt8] = []
    out.reserveCapacity(end - start)
    while at < end {
      let byte = bytes[at]
      if byte == 0x0D {
        out.append(0x0A)
        at += 1
        if at < end, bytes[at] == 0x0A { at += 1 }
      } else if byte == UInt8(ascii: "&") {
        out += Array(String(try reference(before: end)).utf8)
      } else {
        out.append(byte)
        at += 1
      }
    }
    return isKept ? String(decoding: out, as: UTF8.self) : ""
  }

  private mutating func reference(before end: Int) throws(FerryError) -> Character {
    guard let close = bytes[at..<min(end, at + 12)].firstIndex(of: UInt8(ascii: ";")) else {
      throw fail("'&' without an entity")
    }
    let body = String(decoding: bytes[(at + 1)..<close], as: UTF8.self)
    let scalar: Unicode.Scalar?
    switch body {
    case "amp": scalar = "&"
    case "lt": scalar = "<"
    case "gt": scalar = ">"
    case "quot": scalar = "\""
    case "apos": scalar = "'"
    default:
      if body.hasPrefix("#x") {
        scalar = UInt32(body.dropFirst(2), radix: 16).flatMap(Unicode.Scalar.init)
      } else if body.hasPrefix("#") {
        scalar = UInt32(body.dropFirst(), radix: 10).flatMap(Unicode.Scalar.init)
      } else {
        scalar = nil
      }
    }
    guard let scalar, scalar.value != 0 else { throw fail("unknown entity &\(body);") }
    at = close + 1
    return Character(scalar)
  }
}

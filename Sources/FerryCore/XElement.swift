/// One XML element as it was read: attributes, children and text survive a read-change-write.
///
/// Semantic equality ignores white space between elements, comments and the order of attributes;
/// `<a/>` equals `<a></a>`.
public struct XElement: Hashable, Sendable {
  public enum Node: Hashable, Sendable {
    case element(XElement)
    case text(String)
  }
  public struct Attribute: Hashable, Sendable {
    public var name: String
    public var value: String
    public init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  public var name: String
  public var attributes: [Attribute]
  public var nodes: [Node]

  public init(_ name: String, attributes: [Attribute] = [], nodes: [Node] = []) {
    self.name = name
    self.attributes = attributes
    self.nodes = nodes
  }
  public init(_ name: String, text: String) {
    self.init(name, nodes: text.isEmpty ? [] : [.text(text)])
  }
  public init(_ name: String, _ children: [XElement]) {
    self.init(name, nodes: children.map(Node.element))
  }

  /// The child elements, in document order.
  public var children: [XElement] {
    nodes.compactMap { if case .element(let it) = $0 { it } else { nil } }
  }
  /// The element's own text, joined.
  public var text: String {
    get {
      if nodes.count == 1, case .text(let whole) = nodes[0] { return whole }
      var out = ""
      for case .text(let piece) in nodes { out += piece }
      return out
    }
    set { nodes = newValue.isEmpty ? [] : [.text(newValue)] }
  }
  /// Whether an element of that name stands anywhere below.
  public func contains(_ name: String) -> Bool {
    for case .element(let it) in nodes where it.name == name || it.contains(name) { return true }
    return false
  }
  public func first(_ name: String) -> XElement? {
    for case .element(let it) in nodes where it.name == name { return it }
    return nil
  }
  public func all(_ name: String) -> [XElement] { children.filter { $0.name == name } }
  /// The descendant at a path of names such as `"Aliases/Items"`; the first match at each level.
  public func at(_ path: String) -> XElement? {
    path.utf8.contains(Self.slash) ? at(path.utf8[...]) : first(path)
  }
  private static let slash = UInt8(ascii: "/")
  private func at(_ path: Substring.UTF8View) -> XElement? {
    let path = path.drop { $0 == Self.slash }
    let name = path.prefix { $0 != Self.slash }
    guard !name.isEmpty else { return self }
    return first(String(Substring(name)))?.at(path[name.endIndex...])
  }
  /// The text at a path, or nil when an element of the path is absent.
  public func text(at path: String) -> String? { at(path)?.text }

  /// Replaces the first child of that name, keeping its place, or inserts it where `order` says.
  public mutating func put(_ child: XElement, order: [String] = []) {
    for (index, node) in nodes.enumerated() {
      if case .element(let it) = node, it.name == child.name {
        nodes[index] = .element(child)
        return
      }
    }
    guard let rank = order.firstIndex(of: child.name) else {
      nodes.append(.element(child))
      return
    }
    // Before the first known element that belongs after it; unknown ones stay where they are.
    let place = nodes.firstIndex { node in
      guard case .element(let it) = node, let other = order.firstIndex(of: it.name) else {
        return false
      }
      return other > rank
    }
    nodes.insert(.element(child), at: place ?? nodes.endIndex)
  }
  public mutating func remove(_ name: String) {
    nodes.removeAll { if case .element(let it) = $0 { it.name == name } else { false } }
  }

  /// The same meaning in one form: blanks between elements, comments and `xmlns` gone, attributes sorted.
  public var canonical: XElement {
    let hasElements = nodes.contains { if case .element = $0 { true } else { false } }
    var out = XElement(name)
    out.attributes = attributes.filter { $0.name != "xmlns" }.sorted { $0.name < $1.name }
    var pending = ""
    func flush() {
      let blank = pending.allSatisfy(\.isWhitespace)
      if !pending.isEmpty && !(hasElements && blank) { out.nodes.append(.text(pending)) }
      pending = ""
    }
    for node in nodes {
      switch node {
      case .text(let piece): pending += piece
      case .element(let it):
        flush()
        out.nodes.append(.element(it.canonical))
      }
    }
    flush()
    return out
  }
  public func means(_ other: XElement) -> Bool { canonical == other.canonical }
}

// MARK: Writing

extension XElement {
  /// The document as UTF-8 text, without an XML declaration.
  public var xml: String { String(decoding: xmlBytes, as: UTF8.self) }
  public var xmlBytes: [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(4096)
    write(into: &out)
    return out
  }

  private func write(into out: inout [UInt8]) {
    out.append(UInt8(ascii: "<"))
    out.append(contentsOf: name.utf8)
    for attribute in attributes { attribute.write(into: &out) }
    if nodes.isEmpty {
      out.append(UInt8(ascii: "/"))
      out.append(UInt8(ascii: ">"))
      return
    }
    out.append(UInt8(ascii: ">"))
    for node in nodes {
      switch node {
      case .element(let it): it.write(into: &out)
      case .text(let text): Self.escape(text, quotes: false, into: &out)
      }
    }
    out.append(UInt8(ascii: "<"))
    out.append(UInt8(ascii: "/"))
    out.append(contentsOf: name.utf8)
    out.append(UInt8(ascii: ">"))
  }

  static func escape(_ text: String, quotes: Bool, into out: inout [UInt8]) {
    var text = text
    text.withUTF8 { bytes in
      var start = 0
      for (index, byte) in bytes.enumerated() {
        let entity: StaticString
        switch byte {
        case UInt8(ascii: "&"): entity = "&amp;"
        case UInt8(ascii: "<"): entity = "&lt;"
        case UInt8(ascii: ">"): entity = "&gt;"
        case 0x0D: entity = "&#13;"
        case UInt8(ascii: "\"") where quotes: entity = "&quot;"
        case 0x0A where quotes: entity = "&#10;"
        case 0x09 where quotes: entity = "&#9;"
        default: continue
        }
        out.append(contentsOf: bytes[start..<index])
        entity.withUTF8Buffer { out.append(contentsOf: $0) }
        start = index + 1
      }
      out.append(contentsOf: bytes[start...])
    }
  }
}

extension XElement.Attribute {
  /// With the blank before it.
  func write(into out: inout [UInt8]) {
    out.append(UInt8(ascii: " "))
    out.append(contentsOf: name.utf8)
    out.append(contentsOf: "=\"".utf8)
    XElement.escape(value, quotes: true, into: &out)
    out.append(UInt8(ascii: "\""))
  }
}

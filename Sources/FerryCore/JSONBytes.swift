/// JSON text put together as bytes, for documents too large or too many for an encoder.
///
/// Keys are sorted and slashes are not escaped, as `FerryJSON.encoder` writes them.
public struct JSONBytes: Sendable {
  public var bytes: [UInt8] = []
  public init() {}

  public mutating func raw(_ text: StaticString) {
    text.withUTF8Buffer { bytes.append(contentsOf: $0) }
  }
  public mutating func string(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    var text = text
    text.withUTF8 { escape($0) }
    bytes.append(UInt8(ascii: "\""))
  }
  /// A string that is there as UTF-8 already.
  mutating func string(_ text: [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    text.withUnsafeBufferPointer { escape($0) }
    bytes.append(UInt8(ascii: "\""))
  }
  private mutating func escape(_ text: UnsafeBufferPointer<UInt8>) {
    var start = 0
    for (index, byte) in text.enumerated() {
      let plain = byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
      if plain { continue }
      bytes.append(contentsOf: text[start..<index])
      start = index + 1
      bytes.append(UInt8(ascii: "\\"))
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
      case 0x08: bytes.append(UInt8(ascii: "b"))
      case 0x09: bytes.append(UInt8(ascii: "t"))
      case 0x0A: bytes.append(UInt8(ascii: "n"))
      case 0x0C: bytes.append(UInt8(ascii: "f"))
      case 0x0D: bytes.append(UInt8(ascii: "r"))
      default:
        let digits: StaticString = "0123456789abcdef"
        raw("u00")
        digits.withUTF8Buffer {
          bytes.append($0[Int(byte >> 4)])
          bytes.append($0[Int(byte & 15)])
        }
      }
    }
    bytes.append(contentsOf: text[start...])
  }

  /// A config in the AWS CLI's JSON shape: what `Shape.json` says, without the tree between.
  mutating func config(_ element: XElement, as kind: Shape.Kind?) {
    switch kind {
    case .structure(let name): members(of: element, shape: Shape.named(name))
    case .list(_, let of):
      raw("[")
      var isFirst = true
      for case .element(let child) in element.nodes {
        if !isFirst { raw(",") }
        isFirst = false
        config(child, as: of)
      }
      raw("]")
    case .boolean:
      switch element.text {
      case "true": raw("true")
      case "false": raw("false")
      default: string(element.text)
      }
    case .string, .timestamp: string(element.text)
    case .integer:
      if let number = Int64(element.text) {
        bytes.append(contentsOf: String(number).utf8)
      } else {
        string(element.text)
      }
    case .float, nil: bytes.append(contentsOf: Shape.decode(element, as: kind).canonical.utf8)
    }
  }
  private mutating func members(of element: XElement, shape: Shape?) {
    var places: [(name: String, index: Int)] = []
    places.reserveCapacity(element.nodes.count)
    for (index, node) in element.nodes.enumerated() {
      if case .element(let child) = node { places.append((child.name, index)) }
    }
    places.sort { $0.name == $1.name ? $0.index < $1.index : $0.name < $1.name }
    raw("{")
    var isFirst = true
    for (place, entry) in places.enumerated() {
      // Of two members with one name the last counts.
      if place + 1 < places.count, places[place + 1].name == entry.name { continue }
      guard case .element(let child) = element.nodes[entry.index] else { continue }
      if !isFirst { raw(",") }
      isFirst = false
      string(entry.name)
      raw(":")
      config(child, as: shape?.member(entry.name)?.kind)
    }
    raw("}")
  }
}

extension Inventory.Distribution {
  /// One distribution of an inventory file, as `encode(to:)` writes it.
  public func write(into out: inout JSONBytes) {
    out.raw("{\"arn\":")
    out.string(arn)
    out.raw(",\"config\":")
    out.config(config, as: .structure("DistributionConfig"))
    out.raw(",\"configXML\":")
    out.string(config.xmlBytes)
    out.raw(",\"domainName\":")
    out.string(domainName)
    out.raw(",\"etag\":")
    out.string(etag)
    out.raw(",\"id\":")
    out.string(id)
    out.raw(",\"lastModified\":")
    out.string(lastModified)
    out.raw(",\"status\":")
    out.string(status)
    out.raw(",\"tags\":{")
    for (index, key) in tags.keys.sorted().enumerated() {
      if index > 0 { out.raw(",") }
      out.string(key)
      out.raw(":")
      out.string(tags[key] ?? "")
    }
    out.raw("}}")
  }
}

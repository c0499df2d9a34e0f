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
    raw("{")
    withUnsafeTemporaryAllocation(of: Place.self, capacity: element.nodes.count) { places in
      var count = 0
      for (index, node) in element.nodes.enumerated() {
        guard case .element(let child) = node else { continue }
        let place = Place(prefix: Self.prefix(child.name), index: index)
        // Sorted as they come; of two members with one name the last counts.
        var at = count
        while at > 0, Self.isBefore(place, places[at - 1], in: element) {
          places[at] = places[at - 1]
          at -= 1
        }
        if at > 0, !Self.isBefore(places[at - 1], place, in: element) {
          places[at - 1] = place
          while at < count {
            places[at] = places[at + 1]
            at += 1
          }
        } else {
          places[at] = place
          count += 1
        }
      }
      for (position, place) in places.prefix(count).enumerated() {
        guard case .element(let child) = element.nodes[place.index] else { continue }
        if position > 0 { raw(",") }
        string(child.name)
        raw(":")
        config(child, as: shape?.member(child.name)?.kind)
      }
    }
    raw("}")
  }
  /// A member by the first eight bytes of its name, which tell nearly all apart.
  private struct Place {
    var prefix: UInt64
    var index: Int
  }
  private static func prefix(_ name: String) -> UInt64 {
    var out: UInt64 = 0
    var shift: UInt64 = 64
    for byte in name.utf8.prefix(8) {
      shift -= 8
      out |= UInt64(byte) << shift
    }
    return out
  }
  private static func isBefore(_ one: Place, _ other: Place, in element: XElement) -> Bool {
    if one.prefix != other.prefix { return one.prefix < other.prefix }
    guard case .element(let left) = element.nodes[one.index],
      case .element(let right) = element.nodes[other.index]
    else { return false }
    return left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
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

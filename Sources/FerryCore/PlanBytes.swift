/// A plan's canonical JSON (RFC 8785), written straight from its RRsets: a plan of 10,000 names has tens of
/// thousands of them, which no encoder needs to see.
extension Plan {
  /// Steps of more changes than this are written without a tree.
  private static let changesMax = 20
  /// Plans of more changes than this are files of one line.
  private static let prettyMax = 2000

  /// - Returns: what `JSONValue.of(self).canonical` says.
  public var canonicalBytes: [UInt8] { canonicalParts.bytes }
  /// The plan with its digest, and its canonical JSON with a line end; written once, the digest put in afterwards.
  public var sealedBytes: (plan: Plan, bytes: [UInt8]) {
    var plan = self
    plan.digest = Self.noDigest
    var (bytes, member) = plan.canonicalParts
    plan.digest =
      "sha256:"
      + Digest.hex(Digest.sha256(of: [bytes[..<member.lowerBound], bytes[member.upperBound...]]))
    // `"digest":"…",`
    let text = Array(plan.digest.utf8)
    let start = member.upperBound - 2 - text.count
    bytes.replaceSubrange(start..<(start + text.count), with: text)
    bytes.append(0x0A)
    return (plan, bytes)
  }
  private static let noDigest = "sha256:" + String(repeating: "0", count: 64)

  /// - Returns: and where the digest's member stands, the comma behind it included.
  private var canonicalParts: (bytes: [UInt8], digest: Range<Int>) {
    var rest = self
    var bulky: Set<Int> = []
    for (index, step) in steps.enumerated()
    where (step.action.dns?.changes.count ?? 0) > Self.changesMax {
      bulky.insert(index)
      rest.steps[index].action = .observe
      if step.inverse != nil { rest.steps[index].inverse = .observe }
      rest.steps[index].expects.records = nil
      for check in step.checks.indices { rest.steps[index].checks[check].records = nil }
    }
    guard case .object(let members) = JSONValue.of(rest) else { return ([], 0..<0) }
    var out = JSONBytes()
    out.bytes.reserveCapacity(
      bulky.reduce(0) { $0 + (steps[$1].action.dns?.changes.count ?? 0) } * 500)
    var digest = 0..<0
    out.object(members) { key, value, out in
      if key == "digest" {
        let start = out.bytes.count - "\"digest\":".utf8.count
        out.value(value)
        digest = start..<(out.bytes.count + 1)
        return true
      }
      guard key == "steps", let written = value.array else { return false }
      out.list(Array(written.enumerated())) { item, out in
        guard bulky.contains(item.offset), case .object(let members) = item.element else {
          return out.value(item.element)
        }
        out.step(steps[item.offset], members)
      }
      return true
    }
    return (out.bytes, digest)
  }

  /// The file's bytes: pretty where a person may read it, one line where it is too much for that.
  /// - Parameter canonical: the canonical JSON with its line end, where it is at hand.
  public func fileBytes(_ canonical: [UInt8]? = nil) -> [UInt8] {
    let changes = steps.reduce(0) { $0 + ($1.action.dns?.changes.count ?? 0) }
    guard changes > Self.prettyMax else { return Array(FerryJSON.document(self).utf8) }
    return canonical ?? canonicalBytes + [0x0A]
  }
}

extension JSONBytes {
  mutating func value(_ value: JSONValue) { bytes.append(contentsOf: value.canonical.utf8) }
  mutating func list<T>(_ items: [T], _ write: (T, inout JSONBytes) -> Void) {
    raw("[")
    for (index, item) in items.enumerated() {
      if index > 0 { raw(",") }
      write(item, &self)
    }
    raw("]")
  }
  /// - Parameter write: writes the value of that key itself and returns true, or leaves it.
  mutating func object(
    _ members: [String: JSONValue], _ write: (String, JSONValue, inout JSONBytes) -> Bool
  ) {
    raw("{")
    let keys = members.keys.sorted { $0.utf16.lexicographicallyPrecedes($1.utf16) }
    for (index, key) in keys.enumerated() {
      if index > 0 { raw(",") }
      string(key)
      raw(":")
      let value = members[key] ?? .null
      if !write(key, value, &self) { self.value(value) }
    }
    raw("}")
  }

  /// A step whose RRsets were taken out of `members`.
  mutating func step(_ step: Step, _ members: [String: JSONValue]) {
    object(members) { key, value, out in
      switch (key, value) {
      case ("action", _): out.action(step.action)
      case ("inverse", .object): if let it = step.inverse { out.action(it) }
      case ("expects", .object(let inner)): out.holder(inner, of: step.expects.records)
      case ("checks", .array(let checks)):
        out.list(Array(zip(checks, step.checks))) { pair, out in
          guard case .object(let inner) = pair.0 else { return out.value(pair.0) }
          out.holder(inner, of: pair.1.records)
        }
      default: return false
      }
      return true
    }
  }
  private mutating func holder(_ members: [String: JSONValue], of records: [RecordState]?) {
    var members = members
    if records != nil { members["records"] = .null }
    object(members) { key, _, out in
      guard key == "records", let records else { return false }
      out.list(records) { record, out in
        out.raw("{\"name\":")
        out.string(record.name.text)
        out.raw(",\"rrtype\":")
        out.string(record.rrtype.rawValue)
        out.raw(",\"value\":")
        out.record(record.value)
        out.raw("}")
      }
      return true
    }
  }
  private mutating func action(_ action: Action) {
    switch action {
    case .replace(let zone, let change):
      raw("{")
      members(of: change)
      raw(",\"type\":\"dns.replace\",\"zone\":")
      string(zone.text)
      raw("}")
    case .batch(let zone, let changes):
      raw("{\"changes\":")
      list(changes) { change, out in
        out.raw("{")
        out.members(of: change)
        out.raw("}")
      }
      raw(",\"type\":\"dns.batch\",\"zone\":")
      string(zone.text)
      raw("}")
    default: value(JSONValue.of(action))
    }
  }
  private mutating func members(of change: RecordChange) {
    raw("\"from\":")
    record(change.from)
    raw(",\"name\":")
    string(change.name.text)
    raw(",\"rrtype\":")
    string(change.rrtype.rawValue)
    raw(",\"to\":")
    record(change.to)
  }
  private mutating func record(_ value: RecordValue?) {
    guard let value else { return raw("null") }
    if value.alias != nil { return self.value(JSONValue.of(value)) }
    raw("{\"data\":")
    list(value.data) { $1.string($0) }
    if let ttl = value.ttl {
      raw(",\"ttl\":")
      bytes.append(contentsOf: String(ttl).utf8)
    }
    raw("}")
  }
}

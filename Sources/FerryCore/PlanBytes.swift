/// A plan's canonical JSON (RFC 8785), written straight from its RRsets: a plan of 10,000 names has tens of
/// thousands of them, which no encoder needs to see. What a plan and its rollback plan have in common is one text.
public struct PlanBytes: Equatable, Sendable {
  /// The text of an action and of its inverse.
  struct Texts: Equatable, Sendable {
    var action: [UInt8]
    var inverse: [UInt8]
  }
  private struct Insert: Equatable, Sendable {
    /// Where in the frame it stands.
    var place: Int
    var text: [UInt8]
  }
  /// All but the inserts.
  private var frame: [UInt8] = []
  private var inserts: [Insert] = []
  /// By the step's id.
  private var texts: [String: Texts] = [:]
  /// Where the digest's member stands in the frame, the comma behind it included.
  private var digest = 0..<0

  /// The document's pieces, one after the other.
  public var pieces: [ArraySlice<UInt8>] {
    var out: [ArraySlice<UInt8>] = []
    out.reserveCapacity(2 * inserts.count + 1)
    var start = 0
    for insert in inserts {
      out.append(frame[start..<insert.place])
      out.append(insert.text[...])
      start = insert.place
    }
    out.append(frame[start...])
    return out
  }
  /// In one piece.
  public var joined: [UInt8] { Array(pieces.joined()) }

  /// Puts the plan's digest and a line end in.
  /// - Returns: `sha256:…` of the document without that member.
  fileprivate mutating func seal() -> String {
    // The digest stands before the steps, so all of it is in the first piece.
    var parts = pieces
    let first = parts.removeFirst()
    let text =
      "sha256:"
      + Digest.hex(
        Digest.sha256(of: [first[..<digest.lowerBound], first[digest.upperBound...]] + parts))
    parts = []
    // `"digest":"…",`
    let start = digest.upperBound - 2 - text.utf8.count
    frame.replaceSubrange(start..<(start + text.utf8.count), with: text.utf8)
    frame.append(0x0A)
    return text
  }

  /// - Parameter other: the plan that this one undoes, and its bytes.
  fileprivate init(_ plan: Plan, sharing other: (plan: Plan, bytes: PlanBytes)?) {
    var rest = plan
    var bulky: [Int: Texts] = [:]
    for (index, step) in plan.steps.enumerated()
    where (step.action.dns?.changes.count ?? 0) > Plan.changesMax {
      rest.steps[index].action = .observe
      if step.inverse != nil { rest.steps[index].inverse = .observe }
      rest.steps[index].expects.records = nil
      for check in step.checks.indices { rest.steps[index].checks[check].records = nil }
      let own = Self.undone(step, in: other) ?? JSONBytes.texts(of: step)
      bulky[index] = own
      texts[step.id] = own
    }
    guard case .object(let members) = JSONValue.of(rest) else { return }
    var out = JSONBytes()
    out.object(members) { key, value, out in
      if key == "digest" {
        let start = out.bytes.count - "\"digest\":".utf8.count
        out.value(value)
        digest = start..<(out.bytes.count + 1)
        return true
      }
      guard key == "steps", let written = value.array else { return false }
      out.list(Array(written.enumerated())) { item, out in
        guard let own = bulky[item.offset], case .object(let members) = item.element else {
          return out.value(item.element)
        }
        out.step(plan.steps[item.offset], members) { isInverse, place in
          inserts.append(Insert(place: place, text: isInverse ? own.inverse : own.action))
        }
      }
      return true
    }
    frame = out.bytes
  }
  /// What was written of the step that this one undoes, the other way round; nil where it is not its inverse.
  private static func undone(_ step: Step, in other: (plan: Plan, bytes: PlanBytes)?) -> Texts? {
    guard let other, let id = step.undoes, let texts = other.bytes.texts[id],
      let original = other.plan.steps.first(where: { $0.id == id }),
      original.inverse == step.action, step.inverse == original.action
    else { return nil }
    return Texts(action: texts.inverse, inverse: texts.action)
  }
}

extension Plan {
  /// Steps of more changes than this are written without a tree.
  fileprivate static let changesMax = 20
  /// Plans of more changes than this are files of one line.
  private static let prettyMax = 2000

  /// - Returns: what `JSONValue.of(self).canonical` says.
  public var canonicalBytes: [UInt8] { PlanBytes(self, sharing: nil).joined }
  /// The plan with its digest, and its canonical JSON with a line end; written once, the digest put in afterwards.
  public var sealedBytes: (plan: Plan, bytes: PlanBytes) { sealedBytes(sharing: nil) }
  /// - Parameter other: the plan that this one undoes, as it was sealed; what both say is kept once.
  public func sealedBytes(sharing other: (plan: Plan, bytes: PlanBytes)?)
    -> (plan: Plan, bytes: PlanBytes)
  {
    var plan = self
    plan.digest = Self.noDigest
    var bytes = PlanBytes(plan, sharing: other)
    plan.digest = bytes.seal()
    return (plan, bytes)
  }
  private static let noDigest = "sha256:" + String(repeating: "0", count: 64)

  /// The file's pieces: pretty where a person may read it, one line where it is too much for that.
  /// - Parameter canonical: the canonical JSON with its line end, where it is at hand.
  public func filePieces(_ canonical: PlanBytes? = nil) -> [ArraySlice<UInt8>] {
    let changes = steps.reduce(0) { $0 + ($1.action.dns?.changes.count ?? 0) }
    guard changes > Self.prettyMax else { return [Array(FerryJSON.document(self).utf8)[...]] }
    return canonical?.pieces ?? [canonicalBytes[...], [0x0A]]
  }
}

extension JSONBytes {
  mutating func value(_ value: JSONValue) { value.write(into: &self) }
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
    let keys = members.keys.sorted { one, other in
      // Of ASCII, bytes are UTF-16's order too, and what `<` compares.
      one.utf8.count == one.utf16.count && other.utf8.count == other.utf16.count
        ? one < other : one.utf16.lexicographicallyPrecedes(other.utf16)
    }
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
  /// - Parameter action: learns where its action goes, or its inverse (true).
  mutating func step(
    _ step: Step, _ members: [String: JSONValue], action: (Bool, Int) -> Void
  ) {
    object(members) { key, value, out in
      switch (key, value) {
      case ("action", _): action(false, out.bytes.count)
      case ("inverse", .object): action(true, out.bytes.count)
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

  /// Both in one pass where the inverse is the changes the other way round.
  static func texts(of step: Step) -> PlanBytes.Texts {
    guard case .batch(let zone, let changes) = step.action else {
      return .init(action: text(of: step.action), inverse: step.inverse.map(text(of:)) ?? [])
    }
    guard case .batch(zone, let inverse)? = step.inverse, isInverse(inverse, of: changes) else {
      return .init(
        action: text(of: changes, in: zone, undoneToo: false).action,
        inverse: step.inverse.map(text(of:)) ?? [])
    }
    return text(of: changes, in: zone, undoneToo: true)
  }
  private static func text(of action: Action) -> [UInt8] {
    if case .batch(let zone, let changes) = action {
      return text(of: changes, in: zone, undoneToo: false).action
    }
    return Array(JSONValue.of(action).canonical.utf8)
  }
  private static func isInverse(_ back: [RecordChange], of changes: [RecordChange]) -> Bool {
    guard back.count == changes.count else { return false }
    return changes.indices.allSatisfy {
      back[$0].name == changes[$0].name && back[$0].rrtype == changes[$0].rrtype
        && back[$0].from == changes[$0].to && back[$0].to == changes[$0].from
    }
  }
  private static func text(of changes: [RecordChange], in zone: DomainName, undoneToo: Bool)
    -> PlanBytes.Texts
  {
    var action = JSONBytes()
    var inverse = JSONBytes()
    var from = Written()
    var to = Written()
    var key = JSONBytes()
    for place in changes.indices {
      from.set(changes[place].from)
      to.set(changes[place].to)
      key.bytes.removeAll(keepingCapacity: true)
      key.raw(",\"name\":")
      key.string(changes[place].name.text)
      key.raw(",\"rrtype\":")
      key.string(changes[place].rrtype.rawValue)
      key.raw(",\"to\":")
      if place == 0 {
        let size = (from.out.bytes.count + key.bytes.count + to.out.bytes.count + 16)
        action.bytes.reserveCapacity(changes.count * size)
        if undoneToo { inverse.bytes.reserveCapacity(changes.count * size) }
      }
      action.change(place, from.out.bytes, key.bytes, to.out.bytes)
      if undoneToo { inverse.change(place, to.out.bytes, key.bytes, from.out.bytes) }
    }
    action.close(zone)
    if undoneToo { inverse.close(zone) }
    return .init(action: action.bytes, inverse: inverse.bytes)
  }
  private mutating func change(_ place: Int, _ from: [UInt8], _ key: [UInt8], _ to: [UInt8]) {
    if place == 0 { raw("{\"changes\":[{\"from\":") } else { raw(",{\"from\":") }
    bytes.append(contentsOf: from)
    bytes.append(contentsOf: key)
    bytes.append(contentsOf: to)
    raw("}")
  }
  private mutating func close(_ zone: DomainName) {
    raw("],\"type\":\"dns.batch\",\"zone\":")
    string(zone.text)
    raw("}")
  }
  /// The text of the value that was set last: names in a row often have the same.
  private struct Written {
    private var value: RecordValue?
    private(set) var out = JSONBytes()
    mutating func set(_ new: RecordValue?) {
      guard out.bytes.isEmpty || new != value else { return }
      value = new
      out.bytes.removeAll(keepingCapacity: true)
      out.record(new)
    }
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

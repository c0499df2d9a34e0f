/// One field of a full-config write: the path, what was there when the plan was made, what is wanted.
///
/// A path is element names separated by `/`, with `[n]` (from 0) for the nth element of one name:
/// `StagingDistributionDnsNames/Items/DnsName[0]`. A nil value means the element is absent.
public struct ConfigEdit: Codable, Equatable, Sendable {
  public var path: String
  public var from: String?
  public var to: String?
  public init(path: String, from: String?, to: String?) {
    self.path = path
    self.from = from
    self.to = to
  }
}

/// A difference between two configs, as a person reads it.
public struct ConfigDifference: Codable, Equatable, Sendable {
  public var path: String
  public var planned: String?
  public var found: String?
  public init(path: String, planned: String?, found: String?) {
    self.path = path
    self.planned = planned
    self.found = found
  }
}

extension XElement {
  /// The text at an edit's path, or nil when the element is absent.
  public func value(at path: String) -> String? {
    var here = self
    for part in path.split(separator: "/") {
      let (name, index) = Self.step(part)
      let matches = here.all(name)
      guard index < matches.count else { return nil }
      here = matches[index]
    }
    return here.text
  }

  /// Sets the text of one element and touches nothing else; inserts it at the schema's place when absent.
  public mutating func set(_ value: String?, at path: String, shape: String) {
    set(value, at: path.split(separator: "/")[...], shape: Shape.named(shape))
  }
  private mutating func set(_ value: String?, at parts: ArraySlice<Substring>, shape: Shape?) {
    guard let part = parts.first else {
      text = value ?? ""
      return
    }
    let (name, index) = Self.step(part)
    var seen = 0
    for (position, node) in nodes.enumerated() {
      guard case .element(var child) = node, child.name == name else { continue }
      if seen == index {
        if parts.count == 1, value == nil {
          nodes.remove(at: position)
        } else {
          child.set(value, at: parts.dropFirst(), shape: Self.inner(shape, name))
          nodes[position] = .element(child)
        }
        return
      }
      seen += 1
    }
    guard value != nil else { return }
    var child = XElement(name)
    child.set(value, at: parts.dropFirst(), shape: Self.inner(shape, name))
    if index == 0 {
      put(child, order: shape?.order ?? [])
    } else {
      nodes.append(.element(child))
    }
  }
  private static func inner(_ shape: Shape?, _ name: String) -> Shape? {
    switch shape?.member(name)?.kind {
    case .structure(let inner): Shape.named(inner)
    default: nil
    }
  }
  private static func step(_ part: Substring) -> (String, Int) {
    guard part.hasSuffix("]"), let open = part.lastIndex(of: "["),
      let index = Int(part[part.index(after: open)...].dropLast())
    else { return (String(part), 0) }
    return (String(part[..<open]), index)
  }

  public func edited(_ edits: [ConfigEdit], shape: String) -> XElement {
    var out = self
    for edit in edits { out.set(edit.to, at: edit.path, shape: shape) }
    return out
  }
  /// Whether every edit's wanted value is in place; an absent element equals an empty one.
  public func holds(_ edits: [ConfigEdit]) -> Bool {
    edits.allSatisfy { (value(at: $0.path) ?? "") == ($0.to ?? "") }
  }

  /// What differs from `self` (the planned) to `found`, leaf by leaf, in document order.
  public func differences(to found: XElement) -> [ConfigDifference] {
    var out: [ConfigDifference] = []
    let (left, right) = Self.withoutCommon(self, found)
    Self.compare(left.digestForm, right.digestForm, path: "", into: &out)
    return out
  }
  /// Both without the children that are the same and the only ones of their name: most of a config, most of the time.
  private static func withoutCommon(_ one: XElement, _ other: XElement) -> (XElement, XElement) {
    guard one.name == other.name, one.name != "OriginCustomHeader" else { return (one, other) }
    func only(_ name: String, _ element: XElement) -> XElement? {
      var found: XElement?
      for case .element(let it) in element.nodes where it.name == name {
        if found != nil { return nil }
        found = it
      }
      return found
    }
    var common: Set<String> = []
    for case .element(let it) in one.nodes {
      if let mine = only(it.name, one), mine == only(it.name, other) { common.insert(it.name) }
    }
    func rest(_ element: XElement) -> XElement {
      guard !element.children.isEmpty else { return element }
      var out = element
      out.nodes.removeAll {
        switch $0 {
        case .element(let it): common.contains(it.name)
        case .text(let piece): piece.allSatisfy(\.isWhitespace)
        }
      }
      return out
    }
    // With no children left they would be compared as text.
    let (left, right) = (rest(one), rest(other))
    return left.children.isEmpty && right.children.isEmpty ? (one, other) : (left, right)
  }
  private static func compare(
    _ planned: XElement?, _ found: XElement?, path: String, into out: inout [ConfigDifference]
  ) {
    if planned == found { return }
    let names = ((planned?.children ?? []) + (found?.children ?? [])).map(\.name)
    if names.isEmpty {
      out.append(ConfigDifference(path: path, planned: planned?.text, found: found?.text))
      return
    }
    var done: Set<String> = []
    for name in names where done.insert(name).inserted {
      let left = planned?.all(name) ?? []
      let right = found?.all(name) ?? []
      for index in 0..<max(left.count, right.count) {
        let suffix = max(left.count, right.count) > 1 ? "[\(index)]" : ""
        compare(
          index < left.count ? left[index] : nil, index < right.count ? right[index] : nil,
          path: (path.isEmpty ? "" : path + "/") + name + suffix, into: &out)
      }
    }
  }

  /// Origin header values replaced by their SHA-256: they are often secrets shared with the origin.
  ///
  /// A value that already has that form is left, so that redaction is idempotent.
  public var redacted: XElement {
    var out = self
    if name == "OriginCustomHeader", let value = first("HeaderValue")?.text, !value.isEmpty,
      !Self.isDigest(value)
    {
      out.put(XElement("HeaderValue", text: Digest.tagged(value)))
      return out
    }
    for (index, node) in out.nodes.enumerated() {
      if case .element(let child) = node { out.nodes[index] = .element(child.redacted) }
    }
    return out
  }
  /// Whether any origin header carries a value, in clear or redacted.
  public var holdsSecrets: Bool {
    if name == "OriginCustomHeader" { return !(first("HeaderValue")?.text ?? "").isEmpty }
    return children.contains { $0.holdsSecrets }
  }
  /// Whether some origin header's value is only a digest, so that the config cannot be sent back.
  public var isRedacted: Bool {
    if name == "OriginCustomHeader" { return Self.isDigest(first("HeaderValue")?.text ?? "") }
    return children.contains { $0.isRedacted }
  }
  static func isDigest(_ text: String) -> Bool {
    text.hasPrefix("sha256:") && text.count == 71
  }

  /// The form that digests are taken over: canonical, redacted, empty leaves gone.
  ///
  /// Get may show an empty element that was never sent, so `<Comment/>` and no Comment are one.
  public var digestForm: XElement {
    func pruned(_ element: XElement) -> XElement {
      var out = element
      out.nodes = element.nodes.compactMap { node in
        guard case .element(let child) = node else { return node }
        let inner = pruned(child)
        return inner.nodes.isEmpty ? nil : .element(inner)
      }
      return out
    }
    return pruned(canonical.redacted)
  }
  /// `sha256:…` of a config's meaning; equal for the redacted and the clear form.
  public var configDigest: String {
    var out: [UInt8] = []
    out.reserveCapacity(4096)
    _ = writeDigestForm(into: &out, isRoot: true)
    return Digest.tagged(out)
  }
  /// Appends what `digestForm.xml` is, without making that form: polls take a digest at each turn.
  ///
  /// - Returns: whether anything was appended; an empty leaf leaves nothing.
  private func writeDigestForm(
    into out: inout [UInt8], redacts: Bool = true, isRoot: Bool = false
  ) -> Bool {
    let begin = out.count
    out.append(UInt8(ascii: "<"))
    out.append(contentsOf: name.utf8)
    if !attributes.isEmpty {
      for attribute in attributes.filter({ $0.name != "xmlns" }).sorted(by: { $0.name < $1.name }) {
        attribute.write(into: &out)
      }
    }
    let head = out.count
    out.append(UInt8(ascii: ">"))
    let value =
      redacts && name == "OriginCustomHeader" ? first("HeaderValue")?.canonical.text ?? "" : ""
    let isSecret = !value.isEmpty && !Self.isDigest(value)
    var isClear = isSecret
    let hasElements = nodes.contains { if case .element = $0 { true } else { false } }
    var pending = ""
    var isEmpty = true
    func flush(_ out: inout [UInt8]) {
      guard !pending.isEmpty else { return }
      if !(hasElements && pending.allSatisfy(\.isWhitespace)) {
        Self.escape(pending, quotes: false, into: &out)
        isEmpty = false
      }
      pending = ""
    }
    for node in nodes {
      switch node {
      case .text(let piece): pending += piece
      case .element(var it):
        flush(&out)
        if isClear, it.name == "HeaderValue" {
          isClear = false
          it = XElement("HeaderValue", text: Digest.tagged(value))
        }
        if it.writeDigestForm(into: &out, redacts: redacts && !isSecret) { isEmpty = false }
      }
    }
    flush(&out)
    if isEmpty {
      guard isRoot else {
        out.removeSubrange(begin...)
        return false
      }
      out.removeSubrange(head...)
      out.append(contentsOf: "/>".utf8)
      return true
    }
    out.append(contentsOf: "</".utf8)
    out.append(contentsOf: name.utf8)
    out.append(UInt8(ascii: ">"))
    return true
  }
}

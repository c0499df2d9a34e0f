import FerryCore

/// One property of a type of CloudFormation's and the member of CloudFront's document that it stands for.
///
/// The same table writes templates and reads them back, so nothing can be written one way and understood another.
package struct StackProperty: Sendable {
  package indirect enum Form: Sendable {
    case scalar
    /// A number here, a string to CloudFront.
    case numeral
    /// Strings or numbers, without the count that CloudFront has beside them.
    case list
    /// The same in an object with `Items`, with `Quantity` where counted.
    case wrapped(counted: Bool)
    case items([StackProperty])
    case wrappedItems([StackProperty], counted: Bool)
    case object([StackProperty])
    /// The same on both sides.
    case raw
    /// A map here and there, written as a list of Key and Value.
    case tags
    /// A value that only a parameter may have; its name is that of the member.
    case secret(namedBy: String)
  }
  package var name: String
  /// Names of members with slashes; empty for the document itself.
  package var path: String
  package var form: Form
  package var names: ResourceKind?
  /// Written even where it is empty.
  package var always = false
  /// The flag that is true exactly where something is written.
  package var switched: String?

  package static func value(_ name: String, _ path: String? = nil, names: ResourceKind? = nil)
    -> StackProperty
  {
    .init(name: name, path: path ?? name, form: .scalar, names: names)
  }
  package static func list(
    _ name: String, _ path: String? = nil, names: ResourceKind? = nil, switched: String? = nil,
    always: Bool = false
  ) -> StackProperty {
    .init(
      name: name, path: path ?? name, form: .list, names: names, always: always,
      switched: switched)
  }
  package static func items(_ name: String, _ path: String? = nil, _ inside: [StackProperty])
    -> StackProperty
  {
    .init(name: name, path: path ?? name, form: .items(inside))
  }
  package static func object(
    _ name: String, _ path: String, always: Bool = false, switched: String? = nil,
    _ inside: [StackProperty]
  ) -> StackProperty {
    .init(name: name, path: path, form: .object(inside), always: always, switched: switched)
  }
  package static func object(
    _ name: String, always: Bool = false, switched: String? = nil, _ inside: [StackProperty]
  ) -> StackProperty {
    object(name, name, always: always, switched: switched, inside)
  }
}

/// Writes documents as properties and reads properties as documents, by one table.
package enum StackCodec {
  package protocol Writing: AnyObject {
    /// What stands for a thing of the template by what names it; nil for one that is not in it.
    func reference(_ kind: ResourceKind, _ value: String) -> JSONValue?
    func parameter(_ header: String, _ secret: String) -> JSONValue
  }
  /// A value with the functions in it worked out.
  package protocol Reading: AnyObject {
    /// nil where nobody can know before it runs.
    func value(_ written: JSONValue) -> JSONValue?
    /// A path of the document that was not understood.
    func isUnknown(_ path: String)
    /// What stands there then; nil for nothing.
    var mark: JSONValue? { get }
  }

  // MARK: Writing

  package static func write(_ document: JSONValue, _ table: [StackProperty], with code: any Writing)
    -> JSONValue
  {
    var out: [String: JSONValue] = [:]
    for it in table {
      guard let found = document.at(it.path), found != .null else { continue }
      if let flag = it.switched, found.at(flag) != true { continue }
      if let value = written(found, it, document, with: code) { out[it.name] = value }
    }
    return .object(out)
  }
  private static func written(
    _ found: JSONValue, _ it: StackProperty, _ document: JSONValue, with code: any Writing
  ) -> JSONValue? {
    func scalar(_ value: JSONValue) -> JSONValue {
      guard let kind = it.names, let text = value.string else { return value }
      return code.reference(kind, text) ?? value
    }
    func counted(_ items: [JSONValue], _ isCounted: Bool) -> JSONValue? {
      guard it.always || !items.isEmpty else { return nil }
      return isCounted
        ? ["Quantity": .int(Int64(items.count)), "Items": .array(items)]
        : ["Items": .array(items)]
    }
    switch it.form {
    case .scalar: return found == "" && !it.always ? nil : scalar(found)
    case .numeral:
      guard let text = found.string else { return found }
      return text.isEmpty ? nil : Int64(text).map(JSONValue.int) ?? found
    case .list:
      let items = found.items.map(scalar)
      return items.isEmpty && !it.always ? nil : .array(items)
    case .wrapped(let isCounted): return counted(found.items.map(scalar), isCounted)
    case .items(let inside):
      let items = found.items.map { write($0, inside, with: code) }
      return items.isEmpty && !it.always ? nil : .array(items)
    case .wrappedItems(let inside, let isCounted):
      return counted(found.items.map { write($0, inside, with: code) }, isCounted)
    case .object(let inside):
      let value = write(found, inside, with: code)
      return value.object?.isEmpty == true && !it.always ? nil : value
    case .raw: return found.isBlank ? nil : found
    case .tags:
      let tags = (found.object ?? [:]).sorted { $0.key < $1.key }.map { key, value -> JSONValue in
        ["Key": .string(key), "Value": value]
      }
      return tags.isEmpty ? nil : .array(tags)
    case .secret(let header):
      return code.parameter(document[header]?.string ?? "", found.string ?? "")
    }
  }

  // MARK: Reading

  package static func read(
    _ written: JSONValue, _ table: [StackProperty], with code: any Reading, at place: String = ""
  ) -> JSONValue {
    var out = JSONValue.object([:])
    for it in table {
      guard let raw = written[it.name] else { continue }
      let path = [place, it.path].filter { !$0.isEmpty }.joined(separator: "/")
      guard let value = code.value(raw), value != .null else {
        code.isUnknown(path)
        if let mark = code.mark, !it.path.isEmpty { out = out.setting(mark, at: it.path) }
        continue
      }
      var read = plain(value, it, with: code, at: path)
      if let flag = it.switched, case .object = read { read = read.setting(true, at: flag) }
      out = out.setting(read, at: it.path)
    }
    return out
  }
  private static func plain(
    _ value: JSONValue, _ it: StackProperty, with code: any Reading, at path: String
  ) -> JSONValue {
    func known(_ items: [JSONValue]) -> [JSONValue] {
      items.compactMap { item in
        let found = code.value(item)
        if found == nil { code.isUnknown(path) }
        return found ?? code.mark
      }
    }
    func objects(_ items: [JSONValue], _ inside: [StackProperty]) -> JSONValue {
      [
        "Items": .array(
          known(items).enumerated().map {
            read($1, inside, with: code, at: "\(path)[\($0)]")
          })
      ]
    }
    switch it.form {
    case .scalar, .raw, .secret: return value
    case .numeral:
      if case .int(let number) = value { return .string(String(number)) }
      return value
    case .list, .wrapped:
      var out: JSONValue = ["Items": .array(known(value.items))]
      if it.switched != nil, case .object(var members) = out {
        members["Enabled"] = .bool(!value.items.isEmpty)
        out = .object(members)
      }
      return out
    case .items(let inside), .wrappedItems(let inside, _): return objects(value.items, inside)
    case .object(let inside): return read(value, inside, with: code, at: path)
    case .tags:
      let pairs = known(value.items).compactMap { tag -> (String, JSONValue)? in
        guard let key = tag["Key"].flatMap(code.value)?.string else { return nil }
        return (key, tag["Value"].flatMap(code.value) ?? .null)
      }
      return .object(Dictionary(pairs) { $1 })
    }
  }
}

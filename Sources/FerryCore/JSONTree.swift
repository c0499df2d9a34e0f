import Foundation

/// The JSON of a value as a tree, without a text between: what `FerryJSON.encoder` writes and a reader makes of it.
///
/// Whole numbers are integers, times are texts, and a value that writes nothing is an empty object.
final class JSONTree {
  private var leaf: JSONValue?
  private var members: [String: JSONValue]?
  private var items: [JSONValue]?
  /// Containers within containers are finished after they were put in.
  private var nested: [(key: String?, index: Int, tree: JSONTree)] = []

  /// - Throws: what the value itself throws.
  static func value(of it: some Encodable) throws -> JSONValue { try wrapped(it) }

  fileprivate var value: JSONValue {
    for it in nested {
      if let key = it.key {
        members?[key] = it.tree.value
      } else {
        items?[it.index] = it.tree.value
      }
    }
    if let leaf { return leaf }
    if let items { return .array(items) }
    return .object(members ?? [:])
  }
  fileprivate static func wrapped<T: Encodable>(_ it: T) throws -> JSONValue {
    if T.self == String.self, let text = it as? String { return .string(text) }
    if T.self == JSONValue.self, let json = it as? JSONValue { return json }
    if T.self == Date.self, let date = it as? Date { return .string(Timestamp.text(date)) }
    if T.self == Data.self, let data = it as? Data { return .string(data.base64EncodedString()) }
    if T.self == URL.self, let url = it as? URL { return .string(url.absoluteString) }
    let tree = JSONTree()
    try it.encode(to: JSONTreeEncoder(tree: tree))
    return tree.value
  }
  fileprivate static func number(_ it: some BinaryInteger) -> JSONValue {
    Int64(exactly: it).map(JSONValue.int) ?? .double(Double(it))
  }
  fileprivate static func number(_ it: Double) throws -> JSONValue {
    guard it.isFinite else {
      throw EncodingError.invalidValue(
        it, .init(codingPath: [], debugDescription: "JSON has no such number"))
    }
    return Int64(exactly: it).map(JSONValue.int) ?? .double(it)
  }

  fileprivate func set(_ it: JSONValue) { leaf = it }
  fileprivate func beginObject() { if members == nil { members = [:] } }
  fileprivate func beginArray() { if items == nil { items = [] } }
  fileprivate var count: Int { items?.count ?? 0 }
  fileprivate func put(_ it: JSONValue, _ key: String) { members?[key] = it }
  fileprivate func append(_ it: JSONValue) { items?.append(it) }
  fileprivate func child(_ key: String?) -> JSONTree {
    let tree = JSONTree()
    nested.append((key, count, tree))
    if let key { put(.null, key) } else { append(.null) }
    return tree
  }
}

private struct JSONTreeEncoder: Encoder {
  let tree: JSONTree
  var codingPath: [any CodingKey] { [] }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    tree.beginObject()
    return KeyedEncodingContainer(Members<Key>(tree: tree))
  }
  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    tree.beginArray()
    return Items(tree: tree)
  }
  func singleValueContainer() -> any SingleValueEncodingContainer { Leaf(tree: tree) }

  struct Members<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let tree: JSONTree
    var codingPath: [any CodingKey] { [] }
    func encodeNil(forKey key: Key) { tree.put(.null, key.stringValue) }
    func encode(_ it: Bool, forKey key: Key) { tree.put(.bool(it), key.stringValue) }
    func encode(_ it: String, forKey key: Key) { tree.put(.string(it), key.stringValue) }
    func encode(_ it: Int, forKey key: Key) { tree.put(JSONTree.number(it), key.stringValue) }
    func encode<T: Encodable>(_ it: T, forKey key: Key) throws {
      tree.put(try JSONTree.wrapped(it), key.stringValue)
    }
    func nestedContainer<Inner: CodingKey>(keyedBy type: Inner.Type, forKey key: Key)
      -> KeyedEncodingContainer<Inner>
    {
      JSONTreeEncoder(tree: tree.child(key.stringValue)).container(keyedBy: type)
    }
    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
      JSONTreeEncoder(tree: tree.child(key.stringValue)).unkeyedContainer()
    }
    func superEncoder() -> any Encoder { JSONTreeEncoder(tree: tree.child("super")) }
    func superEncoder(forKey key: Key) -> any Encoder {
      JSONTreeEncoder(tree: tree.child(key.stringValue))
    }
  }
  struct Items: UnkeyedEncodingContainer {
    let tree: JSONTree
    var codingPath: [any CodingKey] { [] }
    var count: Int { tree.count }
    func encodeNil() { tree.append(.null) }
    func encode<T: Encodable>(_ it: T) throws { tree.append(try JSONTree.wrapped(it)) }
    func nestedContainer<Inner: CodingKey>(keyedBy type: Inner.Type)
      -> KeyedEncodingContainer<Inner>
    {
      JSONTreeEncoder(tree: tree.child(nil)).container(keyedBy: type)
    }
    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
      JSONTreeEncoder(tree: tree.child(nil)).unkeyedContainer()
    }
    func superEncoder() -> any Encoder { JSONTreeEncoder(tree: tree.child(nil)) }
  }
  /// The standard library's numbers and texts end here.
  struct Leaf: SingleValueEncodingContainer {
    let tree: JSONTree
    var codingPath: [any CodingKey] { [] }
    func encodeNil() { tree.set(.null) }
    func encode(_ it: Bool) { tree.set(.bool(it)) }
    func encode(_ it: String) { tree.set(.string(it)) }
    func encode(_ it: Double) throws { tree.set(try JSONTree.number(it)) }
    func encode(_ it: Float) throws { tree.set(try JSONTree.number(Double("\(it)") ?? Double(it))) }
    func encode(_ it: Int) { tree.set(JSONTree.number(it)) }
    func encode(_ it: Int8) { tree.set(JSONTree.number(it)) }
    func encode(_ it: Int16) { tree.set(JSONTree.number(it)) }
    func encode(_ it: Int32) { tree.set(JSONTree.number(it)) }
    func encode(_ it: Int64) { tree.set(JSONTree.number(it)) }
    func encode(_ it: UInt) { tree.set(JSONTree.number(it)) }
    func encode(_ it: UInt8) { tree.set(JSONTree.number(it)) }
    func encode(_ it: UInt16) { tree.set(JSONTree.number(it)) }
    func encode(_ it: UInt32) { tree.set(JSONTree.number(it)) }
    func encode(_ it: UInt64) { tree.set(JSONTree.number(it)) }
    func encode<T: Encodable>(_ it: T) throws { tree.set(try JSONTree.wrapped(it)) }
  }
}

import FerryCore
import Foundation

/// How a value is stored as an object: with its own digest, in a form that has a version.
enum SealedObject {
  static let form = "edgeferry.object/1"

  static func seal(_ value: some Encodable) -> [UInt8] {
    let content = JSONValue.of(value)
    let sealed: JSONValue = [
      "schema": .string(form), "digest": .string(Digest.tagged(content.canonical)),
      "content": content,
    ]
    return Array(sealed.canonical.utf8)
  }

  /// - Throws: `state-damaged` (1) for what does not match its digest, `state-newer` (64) for another form.
  static func open<T: Decodable>(_ bytes: [UInt8], as type: T.Type, key: String, in place: String)
    throws(FerryError) -> T
  {
    guard let sealed = try? JSONValue.read(bytes, what: "object"),
      let schema = sealed["schema"]?.string, schema.hasPrefix("edgeferry.object/")
    else { throw StateContent.damaged(place, "\(key) is no object of a state") }
    guard schema == form else {
      throw FerryError(
        "state-newer", exit: .usage, what: "could not use the state \(place)",
        why: "a newer edgeferry wrote \(key) (\(schema); this one knows \(form))",
        next: "use that edgeferry, or another --state")
    }
    guard let content = sealed["content"],
      sealed["digest"]?.string == Digest.tagged(content.canonical),
      let value = try? content.decoded(type, what: "object")
    else { throw StateContent.damaged(place, "\(key) does not match its own digest") }
    return value
  }
}

/// What the journal of a shared state holds under one number.
struct JournalSegment: Codable, Equatable, Sendable {
  var row: JournalRow
  /// Of the lease that it was written under; nil for what any operator may say, such as a hold.
  var generation: Int64?
  /// Tells two writers of the same words apart.
  var writer: String
}

struct ImageObject: Codable, Equatable, Sendable {
  /// Of the config by its meaning; the object's own is of every byte.
  var digest: String
  var xml: String
}

struct LedgerObject: Codable, Equatable, Sendable {
  var name: String
  var revision: Int64
  var writer: String
  var document: JSONValue
}

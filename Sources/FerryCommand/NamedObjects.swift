import FerryCloudFront
import FerryCore
import Foundation

/// `s3://bucket/key`: one object that a person named.
package struct ObjectPlace: Equatable, Sendable {
  var bucket: String
  var key: String

  package static func isOne(_ text: String) -> Bool { text.lowercased().hasPrefix("s3:") }

  /// - Throws: `bad-object` (64). Keys may be what other tools write, `env:/prod/terraform.tfstate` among them, but
  ///   for what a proxy or a signature could take for another key.
  init(_ text: String) throws(FerryError) {
    func refuse(_ why: String) -> FerryError {
      .badInput(
        "bad-object", what: "could not read \(text.debugDescription)", why: why,
        next: "write it as s3://bucket/key")
    }
    guard text.hasPrefix("s3://") else { throw refuse("it does not begin with s3://") }
    let parts = text.dropFirst(5).split(
      separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    let name = parts[0]
    guard (3...63).contains(name.utf8.count),
      name.utf8.allSatisfy({
        (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || "-.".utf8.contains($0)
      })
    else { throw refuse("\(String(name).debugDescription) is no name of a bucket") }
    let rest = parts.count > 1 ? parts[1] : ""
    guard (1...1024).contains(rest.utf8.count),
      rest.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }),
      rest.split(separator: "/", omittingEmptySubsequences: false).allSatisfy({
        !$0.isEmpty && $0 != "." && $0 != ".."
      })
    else { throw refuse("\(String(rest).debugDescription) is no key of an object") }
    bucket = String(name)
    key = String(rest)
  }
}

extension Context {
  /// The actions that reading an object of S3 needs.
  package static let objectActions = ["s3:GetObject"]
  /// Whether a place is meant as an object of S3.
  package static func isObject(_ place: String) -> Bool { ObjectPlace.isOne(place) }

  /// A file of this machine or an object `s3://bucket/key`, whole within a limit. An object is read with the current
  /// credentials, whatever accounts the settings name.
  package func bytes(
    at place: String, what: String, limit: Int = 256 << 20
  ) async throws(FerryError) -> [UInt8] {
    guard ObjectPlace.isOne(place) else {
      return try Files.read(place, what: what, limit: limit)
    }
    let object = try ObjectPlace(place)
    let session = try stateSession()
    let client = ObjectClient(
      session.transport, bucket: object.bucket, region: session.regionName)
    do throws(FerryError) {
      if let found = try await client.get(object.key, limitBytes: limit) { return found.bytes }
    } catch {
      var out = error
      out.what = "could not read \(what) \(place)"
      if error.exit == .denied { out.next = "have s3:GetObject allowed for this identity" }
      if error.code == "no-bucket" { out.next = "correct the name of the bucket" }
      throw out
    }
    throw .badInput(
      "no-such-file", what: "could not read \(what) \(place)",
      why: "the bucket has no object of that key", next: "check the key")
  }
}

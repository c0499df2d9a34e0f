import FerryCore
import Foundation

/// What is stored under a digest is believed only when it matches it.
enum StateContent {
  static func damaged(_ place: String, _ why: String) -> FerryError {
    FerryError(
      "state-damaged", what: "could not use the state \(place)", why: why,
      next: "restore it from a copy (edgeferry state import), or move it away and plan again")
  }
  static func check(image xml: String, _ digest: String, in place: String) throws(FerryError) {
    guard (try? XMLReader.read(xml).configDigest) == digest else {
      throw StateContent.damaged(
        place, "the saved config \(digest) does not match its own digest")
    }
  }
  /// Whether values of origin headers are digests, so that it cannot be sent back.
  static func isRedacted(_ xml: String) -> Bool { xml.contains("<HeaderValue>sha256:") }

  static func plan(_ bytes: [UInt8], _ digest: String, in place: String) throws(FerryError) -> Plan
  {
    guard let plan = try? Plan.read(bytes, named: ""), plan.digest == digest else {
      throw StateContent.damaged(place, "the saved plan \(digest) does not match its own digest")
    }
    return plan
  }
  static func ledger(_ text: String, _ digest: String, named name: String, in place: String)
    throws(FerryError) -> JSONValue
  {
    guard Digest.tagged(text) == digest,
      let document = try? JSONValue.read(Array(text.utf8), what: "ledger")
    else {
      throw StateContent.damaged(place, "the ledger \(name) does not match its own digest")
    }
    return document
  }
}

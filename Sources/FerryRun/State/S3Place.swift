import FerryCore

/// `s3://bucket/prefix`: where a shared state is.
public struct S3Place: Equatable, Sendable {
  public var bucket: String
  /// Without slashes at its ends; may be empty.
  public var prefix: String

  /// Whether a state's name is meant as one.
  public static func isOne(_ text: String) -> Bool { text.lowercased().hasPrefix("s3:") }

  /// - Throws: `bad-state` (64). The prefix is held to characters that no URL, signature or proxy writes in two
  ///   ways.
  public init(_ text: String) throws(FerryError) {
    func refuse(_ why: String) -> FerryError {
      .badInput(
        "bad-state", what: "could not open the state \(text)", why: why,
        next: "write it as s3://bucket/prefix")
    }
    guard text.hasPrefix("s3://") else { throw refuse("it does not begin with s3://") }
    let parts = text.dropFirst(5).split(
      separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    let name = parts[0]
    func isPlain(_ byte: UInt8, _ others: String) -> Bool {
      (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || others.utf8.contains(byte)
    }
    guard (3...63).contains(name.utf8.count), name.utf8.allSatisfy({ isPlain($0, "-.") }) else {
      throw refuse("\(String(name).debugDescription) is no name of a bucket")
    }
    var rest = parts.count > 1 ? parts[1] : ""
    if rest.hasSuffix("/") { rest = rest.dropLast() }
    let folders = rest.isEmpty ? [] : rest.split(separator: "/", omittingEmptySubsequences: false)
    for folder in folders {
      guard !folder.isEmpty, folder != ".", folder != "..", rest.utf8.count <= 512,
        folder.utf8.allSatisfy({ (0x41...0x5A).contains($0) || isPlain($0, "-._~") })
      else {
        throw refuse(
          "\(String(rest).debugDescription) is no prefix of letters, digits, -._~ and single slashes"
        )
      }
    }
    bucket = String(name)
    prefix = String(rest)
  }
  public var url: String { "s3://\(bucket)" + (prefix.isEmpty ? "" : "/\(prefix)") }
}

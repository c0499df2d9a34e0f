import Foundation

/// Who signed a plan: the file `NAME.plan.sig` beside it.
///
/// What a key signs is four lines, each with its newline: the schema, the plan's digest, `signedAt` and `by`.
/// The digest covers all of the plan (docs/plan-format.md).
public struct PlanSignatures: Codable, Equatable, Sendable {
  public static let schema = "edgeferry.signature/1"
  /// Files above this size are refused before they are parsed.
  public static let bytesMax = 1 << 20

  public struct Signature: Codable, Equatable, Sendable {
    /// `sha256:…` of the public key's SubjectPublicKeyInfo (DER).
    public var keyID: String
    /// Base64 of 64 bytes.
    public var signature: String
    /// UTC, whole seconds.
    public var signedAt: Date
    /// Who the signer said to be; signed, too.
    public var by: String

    enum CodingKeys: String, CodingKey {
      case keyID = "keyId"
      case signature, signedAt, by
    }
  }
  public var schema = PlanSignatures.schema
  public var planDigest: String
  public var signatures: [Signature]

  public init(planDigest: String, signatures: [Signature] = []) {
    self.planDigest = planDigest
    self.signatures = signatures
  }

  /// - Throws: `.badInput` (64) for another schema or a broken document.
  public static func read(_ bytes: [UInt8], named what: String) throws(FerryError) -> PlanSignatures
  {
    let document = try JSONValue.read(bytes, what: "signatures \(what)")
    try checkSchema(document, is: schema, what: "signatures \(what)")
    return try document.decoded(PlanSignatures.self, what: "signatures \(what)")
  }

  /// The bytes that are signed.
  public static func message(planDigest: String, signedAt: Date, by: String) -> [UInt8] {
    Array("\(schema)\n\(planDigest)\n\(Timestamp.text(signedAt))\n\(by)\n".utf8)
  }

  /// Adds a signature; an earlier one of the same key gives way to it.
  /// - Parameter by: who signs, one line of 1 to 200 bytes.
  /// - Throws: `bad-usage` (64) for another `by`.
  public mutating func sign(with key: borrowing SigningKey, by: String, at now: Date)
    throws(FerryError)
  {
    let isLine = by.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
    guard !by.isEmpty, by.utf8.count <= 200, isLine else {
      throw .badInput(
        "bad-usage", what: "could not sign", why: "--by is one line of 1 to 200 bytes",
        next: "give the signer's name or address")
    }
    let at = Date(timeIntervalSince1970: now.timeIntervalSince1970.rounded(.down))
    let id = key.verifying.id
    guard
      let bytes = key.sign(Self.message(planDigest: planDigest, signedAt: at, by: by))
    else {
      throw FerryError(
        "not-signed", what: "could not sign", why: "libcrypto did not", next: "try another key")
    }
    signatures.removeAll { $0.keyID == id }
    signatures.append(
      Signature(
        keyID: id, signature: Data(bytes).base64EncodedString(), signedAt: at, by: by))
  }
}

/// Whether a plan has the signatures that it needs: `edgeferry.signatures/1`.
public struct SignatureReport: Codable, Equatable, Sendable {
  public enum Verdict: String, Codable, Sendable {
    case valid
    /// Of a listed key, and not its signature of this plan.
    case invalid
    /// Of a key that is not listed.
    case unknownKey = "unknown-key"
    /// The file is about another plan, or about this one before it was made again.
    case otherPlan = "other-plan"
  }
  public struct Line: Codable, Equatable, Sendable {
    public var keyID: String
    public var by: String
    public var signedAt: Date
    public var verdict: Verdict

    enum CodingKeys: String, CodingKey {
      case keyID = "keyId"
      case by, signedAt, verdict
    }
  }
  public var plan: String
  public var digest: String
  /// How many listed keys have to have signed, and how many have.
  public var required: Int
  public var valid: Int
  public var signatures: [Line]

  public var isEnough: Bool { valid >= required }

  /// - Parameters:
  ///   - found: nil when there is no file.
  ///   - keys: those that count.
  public init(_ plan: Plan, _ found: PlanSignatures?, keys: [VerifyingKey], required: Int) {
    self.plan = plan.name
    digest = plan.digest
    self.required = required
    let known = Dictionary(keys.map { ($0.id, $0) }) { first, _ in first }
    var signers: Set<String> = []
    signatures = []
    for it in found?.signatures ?? [] {
      let verdict: Verdict
      if found?.planDigest != plan.digest {
        verdict = .otherPlan
      } else if let key = known[it.keyID] {
        let message = PlanSignatures.message(
          planDigest: plan.digest, signedAt: it.signedAt, by: it.by)
        let bytes = Data(base64Encoded: it.signature).map(Array.init) ?? []
        verdict = key.accepts(bytes, of: message) ? .valid : .invalid
      } else {
        verdict = .unknownKey
      }
      if verdict == .valid { signers.insert(it.keyID) }
      signatures.append(
        Line(keyID: it.keyID, by: it.by, signedAt: it.signedAt, verdict: verdict))
    }
    valid = signers.count
  }

  /// The key and the name of each valid signature, for the journal.
  public var signers: [String] {
    signatures.filter { $0.verdict == .valid }.map { "\($0.keyID) \($0.by)" }
  }
}

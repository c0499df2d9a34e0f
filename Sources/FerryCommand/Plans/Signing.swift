import FerryCore
import FerryReport
import Foundation

/// Signatures beside plans: `x.plan.sig` for `x.plan.json`.
extension Context {
  static func signaturePath(of path: String) -> String {
    (path.hasSuffix(".json") ? String(path.dropLast(".json".count)) : path) + ".sig"
  }

  /// - Returns: nil when nobody signed.
  /// - Throws: `.badInput` (64) for a file that cannot be read.
  func signatures(of path: String) throws(FerryError) -> PlanSignatures? {
    let file = Self.signaturePath(of: path)
    if access(file, F_OK) != 0, errno == ENOENT { return nil }
    let bytes = try Files.read(file, what: "the signatures", limit: PlanSignatures.bytesMax)
    return try PlanSignatures.read(bytes, named: file)
  }
  /// Public keys by their files; one that is given twice counts once.
  func verifyingKeys(_ files: [String]) throws(FerryError) -> [VerifyingKey] {
    var out: [VerifyingKey] = []
    for file in files {
      let bytes = try Files.read(
        file, what: "the public key", limit: 1 << 16, refuseLooseModes: true)
      let key = try VerifyingKey(pem: bytes, named: file)
      if !out.contains(key) { out.append(key) }
    }
    return out
  }
  /// The keys that the settings list.
  func listedKeys() throws(FerryError) -> [VerifyingKey] {
    try verifyingKeys(
      settings.signatures.keys.map {
        URL(fileURLWithPath: $0, relativeTo: settingsFolder).path
      })
  }

  /// Refuses a plan without the signatures that the settings want, before anything is written.
  ///
  /// A plan that may take itself back needs them on its rollback plan, too.
  /// - Parameter path: where the plan is.
  /// - Returns: who signed, for the journal, empty where no signature is wanted; and the rollback plan of a plan that may take
  ///   itself back, as it was looked at.
  /// - Throws: `not-signed` (4); `.badInput` (64) for a broken file.
  func cleared(_ plan: Plan, at path: String) throws(FerryError) -> (
    signers: [String], rollback: Plan?
  ) {
    let takesItselfBack =
      plan.rollbackOf == nil && plan.steps.contains { $0.onFailure == .rollBack }
    let rollback = takesItselfBack ? rollbackPlan(of: path) : nil
    let rules = settings.signatures
    guard rules.required > 0 else { return ([], rollback) }
    let keys = try listedKeys()
    let report = try signed(plan, at: path, keys: keys, required: rules.required)
    if let rollback {
      _ = try signed(
        rollback, at: Self.rollbackPath(of: path), keys: keys, required: rules.required)
    }
    return (report.signers, rollback)
  }
  private func signed(
    _ plan: Plan, at path: String, keys: [VerifyingKey], required: Int
  ) throws(FerryError) -> SignatureReport {
    let found = try signatures(of: path)
    let report = SignatureReport(plan, found, keys: keys, required: required)
    guard !report.isEnough else { return report }
    let file = Self.signaturePath(of: path)
    throw FerryError(
      "not-signed", exit: .blocked, what: "could not run plan \(plan.name)",
      why: "the settings want \(required) signature\(required == 1 ? "" : "s") of listed keys "
        + "(`edgeferry plan sign`), "
        + (found == nil
          ? "and there is no \(file)"
          : "and \(file) has \(report.valid) that hold\(report.valid == 1 ? "s" : "")"),
      next: "edgeferry plan sign \(shellWord(path)) --key FILE, by whoever may approve it",
      causes: report.signatures.map { "\($0.verdict.rawValue): \($0.by), key \($0.keyID)" })
  }
}

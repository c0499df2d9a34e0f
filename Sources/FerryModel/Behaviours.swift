import FerryCore

/// What the model does where public sources disagree on AWS's behaviour; chosen with `--behaviour KEY=VALUE`.
public struct Behaviours: Equatable, Sendable {
  /// What an update that leaves `ContinuousDeploymentPolicyId` out means.
  /// - Source: keep: aws/aws-sdk-js-v3 #7417; clear: aws/aws-cli #10446;
  ///   refuse: hashicorp/terraform-provider-aws PR #33578.
  public enum OmittedPolicyID: String, CaseIterable, Sendable { case keep, clear, refuse }
  /// Whether a disabled policy may be deleted while a primary still names it.
  /// - Source: refuse: API reference of DeleteContinuousDeploymentPolicy; allow:
  ///   hashicorp/terraform-provider-aws #34511, where the primary's field then empties itself.
  public enum Permission: String, CaseIterable, Sendable { case allow, refuse }

  public var omittedPolicyID = OmittedPolicyID.keep
  public var deleteDisabledAttachedPolicy = Permission.refuse

  public init() {}

  /// Every key with its values, the default first; shown by `lab serve --help`.
  public static let help: [(key: String, values: String)] = [
    ("omitted-policy-id", "keep|clear|refuse"),
    ("delete-disabled-attached-policy", "refuse|allow"),
  ]

  /// Takes one `KEY=VALUE`.
  /// - Throws: `bad-behaviour` (exit 64) naming what is accepted.
  public mutating func set(_ text: String) throws(FerryError) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let key = String(parts[0])
    let value = parts.count == 2 ? String(parts[1]) : ""
    switch key {
    case "omitted-policy-id":
      if let it = OmittedPolicyID(rawValue: value) {
        omittedPolicyID = it
        return
      }
    case "delete-disabled-attached-policy":
      if let it = Permission(rawValue: value) {
        deleteDisabledAttachedPolicy = it
        return
      }
    default: break
    }
    let known = Self.help.map { "\($0.key)=\($0.values)" }.joined(separator: ", ")
    throw .badInput(
      "bad-behaviour", what: "could not read the behaviour \(text)",
      why: "it is not one of \(known)", next: "run `edgeferry lab serve --help`")
  }
}

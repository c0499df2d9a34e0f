import FerryCloudFront
import FerryCore
import FerryHTTP

/// Whose keys may sign a run's calls: those of the identity that the run began with.
///
/// Keys are renewed during a run, by a file, a process or a sign-in that may have become somebody else's. Reads
/// count as well: to another account a distribution looks deleted.
public final class IdentityProof: Sendable {
  private let proven: STSClient.Identity
  /// The access keys that were asked about.
  private let known: Locked<Set<String>>
  private let identify: @Sendable (AWSCredentials) async throws(FerryError) -> STSClient.Identity

  init(
    _ proven: STSClient.Identity, accessKeyID: String?,
    identify:
      @escaping @Sendable (AWSCredentials) async throws(FerryError) -> STSClient.Identity
  ) {
    self.proven = proven
    known = Locked(Set(accessKeyID.map { [$0] } ?? []))
    self.identify = identify
  }

  /// - Throws: `other-identity` (exit 4) for keys of another account, user or role.
  func check(_ keys: AWSCredentials) async throws(FerryError) {
    if known.withLock({ $0.contains(keys.accessKeyID) }) { return }
    let found = try await identify(keys)
    guard found.account == proven.account, Self.subject(found.arn) == Self.subject(proven.arn)
    else {
      throw FerryError(
        "other-identity", exit: .blocked, what: "could not go on with the renewed credentials",
        why: "they belong to \(found.arn), and the run began as \(proven.arn)",
        next:
          "nothing was written with them; use the identity that the run began with, then run the same command again"
      )
    }
    known.withLock { _ = $0.insert(keys.accessKeyID) }
  }

  /// The ARN without the session's name, which each assumed role may choose anew.
  static func subject(_ arn: String) -> String {
    let parts = arn.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0].hasSuffix(":assumed-role") else { return arn }
    return parts[..<2].joined(separator: "/")
  }
}

import FerryCore

/// What an account has besides distributions and their policies, whether anything refers to it or not.
extension InventoryReader {
  /// The kinds that CloudFront lists by themselves. AWS's own policies, and functions that are not published, are left out.
  public static let listedKinds: [ResourceKind] = [
    .originAccessControl, .originAccessIdentity, .cachePolicy, .originRequestPolicy,
    .responseHeadersPolicy, .function, .keyValueStore, .publicKey, .keyGroup,
    .fieldLevelEncryptionProfile, .fieldLevelEncryption,
  ]
  /// The IAM actions of `resources()`.
  public static let resourceActions = listedKinds.flatMap(\.readActions).map { "cloudfront:\($0)" }

  private struct Asked: Sendable {
    var kind: ResourceKind
    var id: String
  }
  private enum Answer: Sendable {
    /// nil for what was deleted meanwhile.
    case found(Inventory.Resource?)
    case failed(Asked, FerryError)
  }

  /// Everything of those kinds, by kind and id; what could not be read is a gap. Of key value stores not what they hold.
  /// - Throws: `interrupted`.
  public func resources() async throws(FerryError) -> (
    found: [Inventory.Resource], gaps: [Inventory.Gap]
  ) {
    let reader = ResourceClient(client)
    var gaps: [Inventory.Gap] = []
    var asked: [Asked] = []
    func note(_ error: FerryError, _ kind: ResourceKind, _ id: String?) throws(FerryError) {
      if error.exit == .interrupted { throw error }
      let call = error.service?.operation ?? kind.readActions[0]
      gaps.append(
        .init(
          account: account, call: call, reason: error.why, resource: id,
          action: "cloudfront:\(call)"))
    }
    for kind in Self.listedKinds {
      do throws(FerryError) {
        asked += try await reader.allIDs(kind).map { Asked(kind: kind, id: $0) }
      } catch {
        try note(error, kind, nil)
      }
    }
    let answers = await withTaskGroup(of: Answer.self) { group in
      var out: [Answer] = []
      for (index, it) in asked.enumerated() {
        if index >= options.concurrency, let one = await group.next() { out.append(one) }
        group.addTask {
          do throws(FerryError) {
            return .found(try await reader.find(it.kind, id: it.id))
          } catch {
            return .failed(it, error)
          }
        }
      }
      for await one in group { out.append(one) }
      return out
    }
    var found: [Inventory.Resource] = []
    for answer in answers {
      switch answer {
      case .found(let it):
        if let it { found.append(options.includeSecrets ? it : it.redacted) }
      case .failed(let it, let error): try note(error, it.kind, it.id)
      }
    }
    found.sort { ($0.kind.rawValue, $0.id) < ($1.kind.rawValue, $1.id) }
    return (found, gaps)
  }
}

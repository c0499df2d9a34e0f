import FerryCore
import Foundation

/// What both sides point to was not edited after staging was last changed: an edit in place reaches both at once, and
/// the canary tests nothing of it.
///
/// - Source: Developer Guide, as for the fixed settings. Versions of Lambda functions cannot be edited.
struct SharedEditRule: PromotionRule {
  private static let kinds: Set<ResourceKind> = [
    .cachePolicy, .originRequestPolicy, .responseHeadersPolicy, .function, .keyValueStore,
    .keyGroup, .fieldLevelEncryption, .realtimeLogConfig, .originAccessControl,
  ]
  /// Those whose answer says when they were last changed.
  private static let dated = kinds.subtracting([.realtimeLogConfig, .originAccessControl])

  struct Shared: Hashable {
    var kind: ResourceKind
    var id: String
  }
  static func shared(_ it: PromotionPair) -> [Shared] {
    func all(_ side: Inventory.Distribution) -> Set<Shared> {
      var out: Set<Shared> = []
      for reference in Reference.all(in: side.config, of: .distribution) {
        guard let kind = reference.kind, kinds.contains(kind) else { continue }
        out.insert(Shared(kind: kind, id: reference.id))
        // A function reads its key value store, whoever runs it.
        guard kind == .function,
          let document = it.resources.first(where: { $0.kind == kind && $0.id == reference.id })?
            .document
        else { continue }
        for inner in Reference.all(in: document, of: .function) {
          if let kind = inner.kind { out.insert(Shared(kind: kind, id: inner.id)) }
        }
      }
      return out
    }
    return all(it.primary).intersection(all(it.staging)).sorted {
      ($0.kind.rawValue, $0.id) < ($1.kind.rawValue, $1.id)
    }
  }

  func findings(_ it: PromotionPair) -> [PromotionFinding] {
    let made = Timestamp.read(it.staging.lastModified)
    var out: [PromotionFinding] = []
    var others: [String] = []
    for shared in Self.shared(it) where Self.dated.contains(shared.kind) {
      let name = "\(shared.kind.rawValue) \(shared.id)"
      let found = it.resources.first {
        $0.kind == shared.kind && ($0.id == shared.id || $0.arn == shared.id)
      }
      if let gap = it.gaps.first(where: { $0.resource == shared.id }) {
        out.append(
          PromotionFinding(
            "shared-unread", .risk, unknown: true, of: it.staging.id,
            "\(name) is used by both sides and could not be read: it may have been edited in place",
            [it.evidence(gap.call, gap.reason)]))
        continue
      }
      // What is not among the account's own is AWS's: nobody edits it.
      guard let found else { continue }
      guard let made, let edited = found.lastModified.flatMap(Timestamp.read), edited > made else {
        others.append(name)
        continue
      }
      out.append(
        PromotionFinding(
          "shared-edited-in-place", .risk, of: it.staging.id,
          "\(name) is used by both sides and was edited after staging: that edit is live already, and the canary tests nothing of it",
          [
            it.evidence("Get \(name)", "last modified \(found.lastModified ?? "")"),
            it.evidence(
              "GetDistribution", "\(it.staging.id) last modified \(it.staging.lastModified)"),
          ]))
    }
    if !others.isEmpty {
      out.append(
        PromotionFinding(
          "shared-by-both", .note, of: it.staging.id,
          "used by both sides, so that an edit reaches both at once: \(others.joined(separator: ", "))"
        ))
    }
    return out
  }
}

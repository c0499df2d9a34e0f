import FerryCloudFront
import FerryCore
import Foundation

@testable import Migration

/// Both sides of a move, the target as the carrier's edits make it.
struct Carried {
  static let account = "222222222222"
  var source: Comparison.Side
  var target: Comparison.Side
  var intent = Comparison.Intent()
  var pairs: [Comparison.Pair]

  init(_ source: Inventory.Account, managed: Set<String> = [], map: MigrationMap = MigrationMap()) {
    var carrier = Carrier(
      source, managed: managed, target: TargetScene(account: Self.account), map: map,
      planName: "p")
    var made: [String: String] = [:]
    func resolved(_ edits: [ConfigEdit]) -> [ConfigEdit] {
      edits.map { edit in
        var out = edit
        for (reference, value) in made { out.to = out.to?.replacing(reference, with: value) }
        return out
      }
    }
    var account = Inventory.Account(id: Self.account)
    for it in carrier.creations {
      let kind = it.draft.kind
      guard let image = carrier.images[it.draft.image],
        let old = source.resources.first(where: {
          $0.kind == kind && ($0.name ?? $0.id) == it.draft.name
        })
      else { continue }
      var copy = old
      copy.id = [.function, .keyValueStore].contains(kind) ? it.draft.name : "T-\(old.id)"
      copy.arn = "arn:aws:cloudfront::\(Self.account):\(kind.rawValue)/T-\(old.id)"
      if kind == .function {
        copy.arn = "arn:aws:cloudfront::\(Self.account):function/\(it.draft.name)"
      }
      copy.document = image.edited(
        resolved(it.draft.set), shape: kind.configElement ?? "DistributionConfig")
      if kind == .keyValueStore { copy.document?.put(XElement("ARN", text: copy.arn ?? "")) }
      account.resources.append(copy)
      made["${\(it.step).id}"] = copy.id
      made["${\(it.step).arn}"] = copy.arn
    }
    for it in source.distributions {
      var edits = resolved(carrier.rewriting(it.config, of: .distribution))
      edits.append(
        .init(
          path: "CallerReference", from: it.config.text(at: "CallerReference"),
          to: carrier.callerReference(it.id)))
      edits += AliasList.edits(from: it.aliases, to: [])
      if let policy = it.policyID {
        edits.append(
          .init(path: "ContinuousDeploymentPolicyId", from: policy, to: "T-\(policy)"))
      }
      account.distributions.append(
        Inventory.Distribution(
          id: "T\(it.id)", arn: "arn:aws:cloudfront::\(Self.account):distribution/T\(it.id)",
          domainName: "t-\(it.domainName)", status: "Deployed", etag: "E", lastModified: "",
          tags: it.tags, config: it.config.edited(edits, shape: "DistributionConfig")))
    }
    for it in source.continuousDeploymentPolicies {
      var copy = it
      copy.id = "T-\(it.id)"
      for (index, name) in it.stagingNames.enumerated() {
        copy.config.set(
          "t-\(name)",
          at: "StagingDistributionDnsNames/Items/DnsName"
            + (it.stagingNames.count > 1 ? "[\(index)]" : ""),
          shape: "ContinuousDeploymentPolicyConfig")
      }
      account.continuousDeploymentPolicies.append(copy)
    }
    self.source = Comparison.Side(account: source, managed: managed)
    target = Comparison.Side(account: account, managed: managed)
    intent.map = carrier.map
    pairs = source.distributions.map { .init(source: $0.id, target: "T\($0.id)") }
  }

  var differences: [CutoverVerdict.Difference] {
    Comparison.differences(of: pairs, source: source, target: target, intent: intent)
  }
  var unexpected: [CutoverVerdict.Difference] { differences.filter { !$0.expected } }

  mutating func setTarget(_ value: String?, at path: String, of id: String = "TEPRIMARY") {
    target.account.edit(id) { $0.config.set(value, at: path, shape: "DistributionConfig") }
  }
  mutating func editResource(
    _ kind: ResourceKind, _ body: (inout Inventory.Resource) -> Void
  ) {
    for index in target.account.resources.indices
    where target.account.resources[index].kind == kind {
      body(&target.account.resources[index])
    }
  }
}

extension Inventory.Account {
  mutating func edit(_ id: String, _ body: (inout Inventory.Distribution) -> Void) {
    for index in distributions.indices where distributions[index].id == id {
      body(&distributions[index])
    }
  }
}

import FerryCloudFront
import FerryCore
import FerryModel
import Foundation

@testable import FerryRun

/// A trio whose staging distribution has something new, the plan that promotes it, and the way back.
struct PromoteWorld {
  /// The trio; its plans are those of the promote.
  private(set) var base: RemovalWorld
  let plan: Plan
  let rollback: Plan
  /// The primary before.
  let before: XElement
  let staging: XElement

  static let edits = [
    ConfigEdit(path: "Comment", from: "trio", to: "green"),
    ConfigEdit(path: "Origins/Items/Origin[0]/OriginPath", from: "", to: "/green"),
  ]

  init() async throws {
    base = try await RemovalWorld(propagation: 30)
    let client = try base.world().client(RemovalWorld.account)
    let old = try await client.distribution(base.staging)
    staging = try await client.updateDistribution(
      base.staging, config: old.config.edited(Self.edits, shape: "DistributionConfig"),
      ifMatch: old.etag
    ).config
    base.clock.advance(seconds: 1000)
    before = try await client.distribution(base.primary).config
    let start = base.clock.now
    func plan(_ name: String, _ step: Step, of: String?) -> Plan {
      Plan(
        name: name, capability: "promote", createdAt: start, tool: "edgeferry test",
        accounts: ["default": RemovalWorld.account], observed: .init(inventoryDigest: "sha256:0"),
        steps: [step],
        schedule: .init(start: start, end: start, criticalPathSeconds: 0, exposureSeconds: 0),
        permissions: [], rollbackOf: of
      ).sealed
    }
    let deployed = Step.Check(.deployed, distribution: base.primary, limitSeconds: 5400)
    var forward = Step(
      id: "promote", title: "Promote", account: RemovalWorld.account,
      action: .promote(distribution: base.primary, staging: base.staging),
      expects: .init(configDigest: before.configDigest),
      checks: [
        deployed, .init(.config, policy: base.policy, path: "Enabled", value: "false"),
      ])
    forward.expects.staging = .init(configDigest: staging.configDigest)
    self.plan = plan("promotion", forward, of: nil)
    let back = Step(
      id: "restore", title: "Restore", account: RemovalWorld.account,
      action: .restoreConfig(
        distribution: base.primary, image: before.configDigest, members: Promote.carried),
      expects: .init(configDigest: Promote.config(of: before, from: staging).configDigest),
      checks: [deployed], undoes: "promote")
    rollback = plan("promotion.rollback", back, of: self.plan.digest)
    base.plan = self.plan
    base.rollback = rollback
    base.model.with { $0.clearLog() }
  }

  func primary() async throws -> XElement {
    try await base.world().client(RemovalWorld.account).distribution(base.primary).config
  }
  /// The primary has all that the staging distribution has, and its own policy, which is off.
  func isPromoted() async throws -> Bool {
    let it = try await primary()
    return Promote.isDone(it, from: staging) && it.text(at: "Comment") == "green"
      && it.text(at: "ContinuousDeploymentPolicyId") == base.policy
      && it.text(at: "CallerReference") == "primary" && it.text(at: "Staging") != "true"
      && it.xml.contains("canary-secret") && base.snapshot.policies.map(\.enabled) == [false]
  }
  func isRestored() async throws -> Bool {
    try await primary().configDigest == before.configDigest
  }
  /// The same of a copy of the trio.
  func isPromoted(in copy: RemovalWorld) -> Bool {
    let it = copy.snapshot
    return it.distribution(base.primary).map { Promote.isDone($0.config, from: staging) } ?? false
      && it.policies.map(\.enabled) == [false]
  }
  func isRestored(in copy: RemovalWorld) -> Bool {
    copy.snapshot.distribution(base.primary)?.config.configDigest == before.configDigest
  }
}

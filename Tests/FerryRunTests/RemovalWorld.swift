import FerryCloudFront
import FerryCore
import FerryModel
import Foundation

@testable import FerryRun

/// A trio in the model, the plan that removes it, and its rollback plan, with everything a run needs.
struct RemovalWorld {
  static let account = "111111111111"
  var clock: VirtualClock
  var model: SharedModel
  let primary: String
  let staging: String
  let policy: String
  var plan: Plan
  var rollback: Plan
  let images: [String: String]

  static func distribution(_ reference: String, staging: Bool) -> JSONValue {
    [
      "CallerReference": .string(reference),
      "Origins": [
        "Quantity": 1,
        "Items": [
          [
            "Id": "o", "DomainName": "origin.example.net",
            "CustomHeaders": [
              "Quantity": 1, "Items": [["HeaderName": "x-verify", "HeaderValue": "canary-secret"]],
            ],
            "CustomOriginConfig": [
              "HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only",
            ],
          ]
        ],
      ],
      "DefaultCacheBehavior": [
        "TargetOriginId": "o", "ViewerProtocolPolicy": "https-only",
        "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
      ], "Comment": "trio", "Enabled": true, "Staging": .bool(staging),
    ]
  }

  init(propagation: Double = 300) async throws {
    let model = SharedModel(
      CloudFrontModel(accounts: [Self.account, "222222222222"], propagationSeconds: propagation))
    let clock = VirtualClock()
    self.model = model
    self.clock = clock
    let client = CloudFrontClient(ModelTransport(model, account: Self.account, clock: clock))
    let primary = try await client.createDistribution(
      config: Shape.xml(Self.distribution("primary", staging: false), shape: "DistributionConfig"))
    let staging = try await client.createDistribution(
      config: Shape.xml(Self.distribution("staging", staging: true), shape: "DistributionConfig"))
    clock.advance(seconds: 1000)
    let policy = try await client.createPolicy(
      config: Shape.xml(
        [
          "StagingDistributionDnsNames": ["Quantity": 1, "Items": [.string(staging.domainName)]],
          "Enabled": true,
          "TrafficConfig": [
            "Type": "SingleWeight", "SingleWeightConfig": ["Weight": .double(0.05)],
          ],
        ], shape: "ContinuousDeploymentPolicyConfig"))
    let attach = ConfigEdit(path: "ContinuousDeploymentPolicyId", from: "", to: policy.id)
    let attached = try await client.updateDistribution(
      primary.id, config: primary.config.edited([attach], shape: "DistributionConfig"),
      ifMatch: primary.etag)
    clock.advance(seconds: 1000)
    self.primary = primary.id
    self.staging = staging.id
    self.policy = policy.id
    (plan, rollback, images) = Self.plans(
      primary: attached, staging: staging, policy: policy, start: clock.now)
    model.with { $0.clearLog() }
  }

  /// The same world at the same time, apart from now on.
  func copy() -> RemovalWorld {
    var out = self
    out.clock = VirtualClock(clock.now)
    out.model = SharedModel(model.with { $0 })
    return out
  }

  private static func plans(
    primary: CloudFrontClient.Distribution, staging: CloudFrontClient.Distribution,
    policy: CloudFrontClient.Policy, start: Date
  ) -> (Plan, Plan, [String: String]) {
    let off = ConfigEdit(path: "Enabled", from: "true", to: "false")
    let on = ConfigEdit(path: "Enabled", from: "false", to: "true")
    let path = "ContinuousDeploymentPolicyId"
    let detach = ConfigEdit(path: path, from: policy.id, to: "")
    let newPolicy = "${recreate-policy.id:-\(policy.id)}"
    let newStaging = "${recreate-staging.id:-\(staging.id)}"
    func deployed(_ id: String) -> Step.Check {
      .init(.deployed, distribution: id, typicalSeconds: 300, limitSeconds: 5400)
    }
    func step(
      _ id: String, _ action: Action, _ config: XElement?, _ checks: [Step.Check],
      undoes: String? = nil
    ) -> Step {
      Step(
        id: id, title: "Do \(id)", account: account, action: action,
        expects: .init(configDigest: config?.configDigest), checks: checks, undoes: undoes)
    }
    let policyOff = policy.config.edited([off], shape: "ContinuousDeploymentPolicyConfig")
    let stagingOff = staging.config.edited([off], shape: "DistributionConfig")
    let steps = [
      step(
        "disable-policy", .updatePolicy(policy: policy.id, set: [off]), policy.config,
        [deployed(primary.id)]),
      step(
        "detach", .updateConfig(distribution: primary.id, set: [detach]), primary.config,
        [.init(.config, distribution: primary.id, path: path, value: ""), deployed(primary.id)]),
      step(
        "delete-policy", .deletePolicy(policy: policy.id), policyOff,
        [.init(.absent, policy: policy.id)]),
      step(
        "disable-staging", .setEnabled(distribution: staging.id, from: true, to: false),
        staging.config, [deployed(staging.id)]),
      step(
        "delete-staging", .deleteDistribution(distribution: staging.id), stagingOff,
        [.init(.absent, distribution: staging.id)]),
    ]
    let back = [
      step(
        "recreate-staging",
        .createDistribution(
          image: staging.config.configDigest,
          set: [.init(path: "CallerReference", from: "staging", to: "edgeferry-1"), off],
          callerReference: "edgeferry-1", tags: ["team": "web"]), nil,
        [deployed("${recreate-staging.id:-}")], undoes: "delete-staging"),
      step(
        "enable-staging", .setEnabled(distribution: newStaging, from: false, to: true), nil,
        [deployed(newStaging)], undoes: "disable-staging"),
      step(
        "recreate-policy",
        .createPolicy(
          image: policy.config.configDigest,
          set: [
            off,
            .init(
              path: "StagingDistributionDnsNames/Items/DnsName[0]", from: staging.domainName,
              to: "${recreate-staging.domainName:-\(staging.domainName)}"),
          ]), nil, [], undoes: "delete-policy"),
      step(
        "attach",
        .updateConfig(distribution: primary.id, set: [.init(path: path, from: "", to: newPolicy)]),
        primary.config.edited([detach], shape: "DistributionConfig"),
        [
          .init(.config, distribution: primary.id, path: path, value: newPolicy),
          deployed(primary.id),
        ],
        undoes: "detach"),
      step(
        "enable-policy", .updatePolicy(policy: newPolicy, set: [on]), nil, [deployed(primary.id)],
        undoes: "disable-policy"),
    ]
    let images = [
      policy.config.configDigest: policy.config.xml,
      staging.config.configDigest: staging.config.xml,
      primary.config.configDigest: primary.config.xml,
    ]
    func plan(_ name: String, _ steps: [Step], of: String?) -> Plan {
      Plan(
        name: name, capability: "orphans", createdAt: start, tool: "edgeferry test",
        accounts: ["default": account], observed: .init(inventoryDigest: "sha256:0"), steps: steps,
        schedule: .init(start: start, end: start, criticalPathSeconds: 0, exposureSeconds: 0),
        permissions: [], rollbackOf: of
      ).sealed
    }
    let plan1 = plan("removal", steps, of: nil)
    return (plan1, plan("removal.rollback", back, of: plan1.digest), images)
  }

  /// The same without what cannot be done a second time: it deletes nothing.
  var reversible: RemovalWorld {
    var out = self
    let kept = ["disable-policy", "detach"]
    out.plan.steps.removeAll { !kept.contains($0.id) }
    out.plan = out.plan.sealed
    out.rollback.steps.removeAll { !kept.contains($0.undoes ?? "") }
    out.rollback.rollbackOf = out.plan.digest
    out.rollback = out.rollback.sealed
    return out
  }

  func world(
    faults: ModelTransport.Faults = .init(), windows: [String: ChangeWindow] = [:]
  ) -> World {
    let transport = ModelTransport(model, account: Self.account, clock: clock, faults: faults)
    return World(clock: clock, windows: windows) { _ throws(FerryError) in
      CloudFrontClient(transport)
    }
  }
  func store(_ path: String? = nil) throws -> SQLiteState {
    let path =
      path
      ?? FileManager.default.temporaryDirectory.appendingPathComponent(
        "ferry-\(UUID().uuidString)/state.sqlite"
      ).path
    let store = try SQLiteState(path: path, durable: false)
    try store.saveImages(images)
    return store
  }
  func options(_ mode: RunOptions.Mode = .apply) -> RunOptions {
    var options = RunOptions(path: "removal")
    options.mode = mode
    return options
  }
  var snapshot: ModelSnapshot {
    model.with { $0.snapshot(account: Self.account, now: clock.now) }
  }
  /// Effective writes by operation and resource.
  var writes: [String: Int] {
    var out: [String: Int] = [:]
    for entry in model.with({ $0.log }) where entry.effective {
      out["\(entry.operation) \(entry.resource)", default: 0] += 1
    }
    return out
  }
  /// Nothing of the trio but the primary, detached and otherwise as it was.
  var isRemoved: Bool {
    let it = snapshot
    return it.policies.isEmpty && it.distributions.map(\.id) == [primary]
      && it.distribution(primary)?.policyID == "" && it.distribution(primary)?.enabled == true
  }
  /// The trio again, under new ids where something had been deleted.
  var isRestored: Bool {
    let it = snapshot
    guard it.policies.count == 1, it.distributions.count == 2, let policy = it.policies.first,
      let staging = it.distributions.first(where: \.staging)
    else { return false }
    return policy.enabled && staging.enabled && it.distribution(primary)?.policyID == policy.id
      && policy.config.text(at: "StagingDistributionDnsNames/Items/DnsName") == staging.domainName
      && staging.config.xml.contains("canary-secret")
  }
}

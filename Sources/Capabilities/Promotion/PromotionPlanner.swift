import FerryCore
import Foundation

/// Plans a promote: staging made ready, proven by its traffic, promoted, and the way back.
struct PromotionPlanner {
  var pair: PromotionPair
  /// Where staging is pointed first; nil promotes it as it is.
  var side: NewSide?
  private var builder: PlanBuilder
  /// Staging as it is promoted.
  private var staging: XElement
  private var account: AccountID { pair.account }

  /// How long a run waits for enough traffic before it ends in "not yet".
  static let gateLimitSeconds = 86_400

  /// - Returns: nil where the primary has all that staging has, or would have.
  /// - Throws: exit 4 with the code of what speaks against it.
  static func plan(_ pair: PromotionPair, side: NewSide?, input: PlanningInput)
    throws(FerryError) -> PlanPair?
  {
    var it = PromotionPlanner(
      pair: pair, side: side, builder: PlanBuilder(input), staging: pair.staging.config)
    return try it.plan()
  }
  private init(pair: PromotionPair, side: NewSide?, builder: PlanBuilder, staging: XElement) {
    self.pair = pair
    self.side = side
    self.builder = builder
    self.staging = staging
  }

  private mutating func plan() throws(FerryError) -> PlanPair? {
    let edits = try side?.edits(pair.staging) ?? []
    let pointed = try pair.pointed(at: side)
    staging = pointed.staging.config
    try Self.refuse(FixedSettingsRule().findings(pointed), pair.primary.id)
    guard !Promote.isDone(pair.primary.config, from: staging) else { return nil }
    try judge(pointed)
    _ = builder.image(pair.primary.config)
    _ = builder.image(pair.staging.config)
    point(edits)
    enable()
    prove()
    promote()
    notes()
    return builder.sealed()
  }

  /// What speaks against it.
  private mutating func judge(_ pointed: PromotionPair) throws(FerryError) {
    let findings = PromotionRules.judge(pointed)
    try Self.refuse(findings, pair.primary.id)
    for it in findings where it.weight == .risk { builder.risk(it.code, it.says) }
    for it in findings where it.code == "owned-by-live-stack" { builder.note(it.says) }
    for it in findings where it.weight == .pending {
      builder.note("at planning time, and waited for: \(it.says)")
    }
  }
  static func refuse(_ findings: [PromotionFinding], _ primary: String) throws(FerryError) {
    let blockers = findings.filter { $0.weight == .blocker }
    guard let first = blockers.first else { return }
    // Without what was denied nothing is known to speak against it.
    let isDenied = blockers.allSatisfy { $0.denied != nil }
    let actions = Set(blockers.compactMap(\.denied)).sorted().joined(separator: ", ")
    throw FerryError(
      FerryError.Code(rawValue: first.code), exit: isDenied ? .denied : .blocked,
      what: "could not plan to promote to \(primary)", why: first.says,
      next: isDenied
        ? "have \(actions) allowed (see `edgeferry permissions promote plan`), then plan again; no plan was written"
        : "see `edgeferry promote check \(primary)`; no plan was written",
      causes: blockers.dropFirst().map { "\($0.code): \($0.says)" })
  }

  // MARK: Steps

  private mutating func point(_ edits: [ConfigEdit]) {
    guard let side, !edits.isEmpty else { return }
    let id = pair.staging.id
    let step = "point-staging-\(id)"
    builder.add(
      Step(
        id: step, title: "Point staging distribution \(id) at \(side.says)", account: account,
        action: .updateConfig(distribution: id, set: edits),
        expects: .init(
          etag: PlanBuilder.version(pair.staging.etag),
          configDigest: pair.staging.config.configDigest),
        checks: [PlanBuilder.deployed(id)]),
      rollback: Step(
        id: "point-staging-back-\(id)", title: "Point staging distribution \(id) back",
        account: account,
        action: .updateConfig(
          distribution: id,
          set: edits.map { ConfigEdit(path: $0.path, from: $0.to, to: $0.from ?? "") }),
        expects: .init(configDigest: staging.configDigest), checks: [PlanBuilder.deployed(id)],
        undoes: step))
  }
  private mutating func enable() {
    guard !pair.policy.isEnabled else { return }
    let (policy, primary) = (pair.policy, pair.primary.id)
    _ = builder.image(policy.config)
    let step = "enable-policy-\(policy.id)"
    builder.add(
      Step(
        id: step, title: "Enable policy \(policy.id): \(Self.says(pair.share)) go to staging",
        account: account,
        action: .updatePolicy(
          policy: policy.id, set: [.init(path: "Enabled", from: "false", to: "true")]),
        expects: .init(
          etag: PlanBuilder.version(policy.etag), configDigest: policy.config.configDigest),
        checks: [PlanBuilder.deployed(primary)]),
      rollback: Step(
        id: "disable-policy-\(policy.id)", title: "Disable policy \(policy.id) again",
        account: account,
        action: .updatePolicy(
          policy: policy.id, set: [.init(path: "Enabled", from: "true", to: "false")]),
        checks: [PlanBuilder.deployed(primary)], undoes: step))
  }
  private mutating func prove() {
    let (primary, id) = (pair.primary.id, pair.staging.id)
    var gate = Step.Check(
      .errorRate, distribution: id, typicalSeconds: pair.terms.windowSeconds,
      limitSeconds: Self.gateLimitSeconds)
    gate.against = primary
    gate.windowSeconds = pair.terms.windowSeconds
    gate.minRequests = pair.terms.minRequests
    gate.maxErrorRateIncrease = pair.terms.maxErrorRateIncrease
    gate.maxClientErrorRateIncrease = pair.terms.maxClientErrorRateIncrease
    builder.add(
      Step(
        id: "prove-staging-\(id)",
        title:
          "Wait until staging distribution \(id) has shown that it errs no more than \(primary)",
        account: account, action: .observe, window: nil,
        checks: [PlanBuilder.deployed(primary), PlanBuilder.deployed(id)] + probe() + [gate]),
      rollback: [])
  }
  /// Where a header brings a request to staging, its answer is what the settings expect.
  private mutating func probe() -> [Step.Check] {
    guard let probe = pair.probe, case .header = pair.share, !probe.without.isEmpty else {
      return []
    }
    guard probe.primaryIsWell else {
      let seen = StagingProbe.statuses(probe.without).first.map { "\($0)" } ?? "nothing"
      builder.note(
        "\(probe.url) answers \(seen) instead of \(probe.expected) without the policy's header already: the run does not ask it of staging"
      )
      return []
    }
    var check = Step.Check(.serving, policy: pair.policy.id)
    check.url = probe.url
    check.at = pair.primary.domainName
    check.status = probe.expected
    return [check]
  }
  private mutating func promote() {
    let (primary, id) = (pair.primary, pair.staging.id)
    let step = "promote-\(primary.id)"
    let isOff = Step.Check(.config, policy: pair.policy.id, path: "Enabled", value: "false")
    var forward = Step(
      id: step, title: "Promote staging distribution \(id) to \(primary.id)", account: account,
      action: .promote(distribution: primary.id, staging: id),
      expects: .init(
        etag: PlanBuilder.version(primary.etag), configDigest: primary.config.configDigest),
      checks: [PlanBuilder.deployed(primary.id), isOff])
    forward.expects.staging = .init(
      etag: staging == pair.staging.config ? PlanBuilder.version(pair.staging.etag) : nil,
      configDigest: staging.configDigest)
    builder.add(
      forward,
      rollback: Step(
        id: "restore-\(primary.id)", title: "Put back what \(primary.id) was before the promote",
        account: account,
        action: .restoreConfig(
          distribution: primary.id, image: primary.config.configDigest, members: changed),
        expects: .init(
          configDigest: Promote.config(of: primary.config, from: staging).configDigest),
        checks: [PlanBuilder.deployed(primary.id)], undoes: step))
  }
  /// The members that the promote changes.
  private var changed: [String] {
    Promote.carried.filter { !pair.primary.config.hasSame([$0], as: staging) }
  }
  private mutating func notes() {
    let (primary, id, policy) = (pair.primary.id, pair.staging.id, pair.policy.id)
    builder.note(
      "the promote changes \(changed.joined(separator: ", ")) of \(primary) and disables policy \(policy), which stays attached; \(id) stays as it is, ready for the next round"
    )
    var back =
      "a rollback puts \(changed.joined(separator: ", ")) of \(primary) back"
    if side != nil { back += " and points \(id) at what it serves now" }
    if pair.policy.isEnabled {
      back +=
        "; it leaves policy \(policy) disabled, so that nobody is sent to what was taken back: enable it yourself when that is wanted"
    }
    builder.note(back)
    if case .header(let name, _) = pair.share {
      builder.note(
        "only requests with the header \(name) reach \(id): without \(pair.terms.minRequests) of them at least the plan waits"
      )
    }
  }
  private static func says(_ share: StagingShare) -> String {
    switch share {
    case .weight(let weight): "\(ErrorRateGate.points(weight * 100)) % of the viewers"
    case .header(let name, _): "requests with the header \(name)"
    case .nobody: "no requests"
    }
  }
}

import FerryCloudFront
import FerryCore
import Foundation

/// How a step is carried out: read, compare, write, read back.
extension Runner {
  /// What was read before a write.
  enum Reading {
    /// The goal state holds; nothing is to be written.
    case goal(Effect)
    /// The config is what was planned against.
    case ready(config: XElement, etag: String)
    /// A bucket's or key's policy to which statements are added; nil for none.
    case policy(JSONValue?)
    /// A create: there is nothing to read.
    case absent
  }
  /// What a step left behind.
  struct Effect {
    var resource: String
    var readBack: XElement?
    var outputs: [String: String] = [:]
  }
  /// A resource of the plan, its references resolved.
  enum Target {
    case distribution(String)
    case policy(String)
    var id: String {
      switch self {
      case .distribution(let id), .policy(let id): id
      }
    }
  }
  static let attemptsMax = 6
  /// How long a read may lag behind our own write, and a delete behind a finished disable.
  static let readBackSeconds = 120.0
  static let lagPauseSeconds = 5.0
  /// How long a read may lag behind somebody else's write before a 412 is taken to mean something else.
  static let foreignLagSeconds = 25.0
  static let deleteRaceSeconds = 600.0

  func apply(_ step: Step) async throws(Stop) {
    if case .observe = step.action {
      try await journal(.applied, step: step)
      return
    }
    if case .external(let it) = step.action { return try await apply(step, it) }
    if let (zone, changes) = step.action.dns {
      return try await apply(step, zone: zone, changes)
    }
    let began = world.clock.now
    beginResolving(step)
    var attempt = 0
    while true {
      attempt += 1
      try await keepLease()
      let reading = try await read(step)
      // What is to be made again may not be gone.
      if case .absent = reading, try await mayStillLand(step) {
        attempt -= 1
        continue
      }
      if case .goal(var effect) = reading {
        // With an intent on disk the goal is our own doing: the answer was lost, not the write.
        let ours = state.steps[step.id]?.phase == .intended
        if !ours, try await mayStillLand(step) {
          attempt -= 1
          continue
        }
        if ours {
          try await checkNothingElse(step, effect)
        } else if try await !isExpected(step, effect) {
          // Nothing is to be written here; but what somebody else made of the rest is not the run's own.
          effect.readBack = nil
        }
        try await record(effect, step: step, writes: ours ? 1 : 0, alreadyHeld: !ours)
        tell(ours ? .applied(step: step, writes: 1) : .alreadyHeld(step: step))
        return
      }
      // What either waited for may have changed what was read.
      guard try await mayWrite(step), try await isIdle(before: step) else {
        attempt -= 1
        continue
      }
      do throws(FerryError) {
        let effect = try await write(step, reading)
        try await finish(step, effect)
        return
      } catch {
        switch try retry(error, step: step, attempt: attempt, began: began, reading: reading) {
        case .now: continue
        case .after(let seconds): try await sleep(seconds)
        }
      }
    }
  }

  private enum Again {
    case now
    case after(Double)
  }

  /// Whether a refused or unanswered write is to be resolved by reading again.
  private func retry(
    _ error: FerryError, step: Step, attempt: Int, began: Date, reading: Reading
  ) throws(Stop) -> Again {
    if let seconds = try pauseAfter(error, step: step, attempt: attempt) { return .after(seconds) }
    let code = error.service?.code ?? ""
    switch code {
    case "PreconditionFailed", "InvalidIfMatchVersion":
      // As long as reads may lag behind a write whose answer was lost, it says nothing for good.
      guard attempt < Self.attemptsMax || mayLag else { throw failed(error, step) }
      tell(.resolving(step: step, because: "\(code); reading again"))
      let etag = if case .ready(_, let etag) = reading { etag } else { "" }
      refused = (step.id, etag, error, world.clock.now)
      return .now
    case "DistributionNotDisabled":
      guard case .deleteDistribution = step.action else { throw failed(error, step) }
      // It was read as disabled: how long the edges take to see it is not ours to judge.
      if options.mode == .advance
        || world.clock.now.timeIntervalSince(began) >= Self.deleteRaceSeconds
      {
        throw notYet(
          "CloudFront does not see the distribution as disabled everywhere yet",
          until: world.clock.now + options.deployedPollSeconds)
      }
      tell(.resolving(step: step, because: "CloudFront does not see it as disabled everywhere yet"))
      return .after(options.deployedPollSeconds)
    case "StagingDistributionInUse",
      _ where code.hasSuffix("AlreadyExists"):
      // A repeated create whose first answer was lost: look for what it made, which reads may not show yet.
      guard isCreate(step.action), attempt < 2 || mayLag else { throw failed(error, step) }
      return mayLag ? .after(Self.lagPauseSeconds) : .now
    case _ where Self.inUseCodes.contains(code):
      // What referred to it is gone or changed, and not every edge location knows yet.
      guard case .delete = step.action,
        world.clock.now.timeIntervalSince(began) < Self.deleteRaceSeconds
      else { throw failed(error, step) }
      if options.mode == .advance {
        throw notYet(
          "CloudFront says it is in use still (\(code))",
          until: world.clock.now + options.deployedPollSeconds)
      }
      tell(.resolving(step: step, because: "\(code): it is let go of a little later"))
      return .after(options.deployedPollSeconds)
    default: throw refusal(error, step)
    }
  }
  /// The end of a step whose write, or what came after it, was refused.
  func refusal(_ error: FerryError, _ step: Step) -> Stop {
    var stop = failed(error, step)
    let (operation, status) = (error.service?.operation ?? "", error.service?.status ?? 0)
    let isOfWrite =
      isCreate(step.action)
      ? operation.hasPrefix("Create")
      : !operation.isEmpty && !["Get", "List", "Describe"].contains { operation.hasPrefix($0) }
    // One that came after a write whose answer was lost says nothing of that.
    stop.wasRefused = isOfWrite && (400..<500).contains(status) && unresolvedSince == nil
    return stop
  }
  /// - Source: botocore 1.43.11, errors of CloudFront's Delete operations.
  static let inUseCodes: Set = [
    "CachePolicyInUse", "OriginRequestPolicyInUse", "ResponseHeadersPolicyInUse",
    "OriginAccessControlInUse", "CloudFrontOriginAccessIdentityInUse", "FunctionInUse",
    "PublicKeyInUse", "FieldLevelEncryptionConfigInUse", "FieldLevelEncryptionProfileInUse",
    "ResourceInUse", "RealtimeLogConfigInUse", "CannotDeleteEntityWhileInUse",
  ]
  /// How long to wait before an unanswered write is resolved by reading; nil for an error that says something.
  func pauseAfter(_ error: FerryError, step: Step, attempt: Int) throws(Stop) -> Double? {
    if error.code == "interrupted" { throw Stop(resumable(error)) }
    guard Self.isTransient(error) else { return nil }
    guard attempt < Self.attemptsMax else { throw silent(error) }
    // A throttled write has done nothing; but a read is refused after the write that it was to confirm, and what a
    // create goes on with after it.
    let operation = error.service?.operation ?? ""
    let isLater =
      isCreate(step.action)
      ? !operation.hasPrefix("Create")
      : ["Get", "List", "Describe"].contains { operation.hasPrefix($0) }
    if isLater || !Self.isThrottled(error) { unresolvedSince = world.clock.now }
    tell(.resolving(step: step, because: error.why))
    return Double(attempt)
  }
  /// A run that ended between intent and result leaves the outcome of its write unknown, whether it is this plan's or
  /// the one's that is taken back: from its intent on, or lives that are short would wait for ever.
  func beginResolving(_ step: Step) {
    let now = world.clock.now
    let own = state.steps[step.id].flatMap { $0.phase == .intended ? $0.intendedAt ?? now : nil }
    unresolvedSince = [own, lost(before: step)].compactMap { $0 }.max().map { min($0, now) }
  }
  /// When the write was meant that a step takes back, where nobody knows whether it landed.
  func lost(before step: Step) -> Date? {
    guard let it = step.undoes.flatMap({ original?.steps[$0] }), it.isUnresolved else { return nil }
    return it.intendedAt
  }
  /// Whether what a rollback finds may be the state before the very write that it is to take back, so that it has to be
  /// read again.
  func mayStillLand(_ step: Step) async throws(Stop) -> Bool {
    guard mayLag, lost(before: step) != nil else { return false }
    tell(.resolving(step: step, because: "what is taken back may have landed and not be read yet"))
    try await sleep(Self.lagPauseSeconds)
    return true
  }
  /// Whether reads may still lag behind a write of ours whose answer was lost.
  var mayLag: Bool {
    unresolvedSince.map { world.clock.now.timeIntervalSince($0) < Self.readBackSeconds } ?? false
  }
  private func isCreate(_ action: Action) -> Bool {
    switch action {
    case .createPolicy, .createDistribution, .create: true
    default: false
    }
  }

  func failed(_ error: FerryError, _ step: Step) -> Stop {
    if Self.lacksCredentials(error) {
      // They pause a run, they do not fail it.
      var stop = notYet("credentials are missing or expired: \(error.why)", until: nil)
      stop.error.causes = error.causes
      stop.error.next = "renew the credentials, then: \(stop.error.next)"
      return stop
    }
    var out = error
    out.what = "could not \(step.title.prefix(1).lowercased() + step.title.dropFirst())"
    if error.exit == .denied, let operation = error.service?.operation {
      let action = "\(Self.service(step.action, operation)):\(operation)"
      out.why = "the action \(action) is not allowed for this identity: \(error.why)"
      out.next = "have \(action) allowed, then run the same command again"
    } else if error.service != nil {
      out.next =
        "nothing else was written; see the message, then resume with the same command or take it back with `edgeferry rollback \(options.path)`"
    }
    return Stop(out)
  }

  private static func service(_ action: Action, _ operation: String) -> String {
    // Checks ask other services than the step's own.
    switch operation {
    case "GetMetricData": return "cloudwatch"
    case "ListStackResources": return "cloudformation"
    default: break
    }
    if case .editStatements(let edit) = action { return edit.service == .bucket ? "s3" : "kms" }
    return action.dns == nil ? "cloudfront" : "route53"
  }

  // MARK: Read

  func client(_ step: Step) throws(Stop) -> CloudFrontClient {
    try stopping { () throws(FerryError) in try world.client(step.account ?? "") }
  }
  func resolve(_ text: String) throws(Stop) -> String {
    guard text.hasReference else { return text }
    if let known = resolved[text] { return known }
    let out = try stopping { () throws(FerryError) in
      try state.resolved(text, original: original)
    }
    resolved[text] = out
    return out
  }
  func resolve(_ edits: [ConfigEdit]) throws(Stop) -> [ConfigEdit] {
    var out: [ConfigEdit] = []
    for var edit in edits {
      if let to = edit.to { edit.to = try resolve(to) }
      out.append(edit)
    }
    return out
  }
  func target(_ action: Action) throws(Stop) -> Target? {
    switch action {
    case .updateConfig(let id, _), .setEnabled(let id, _, _), .deleteDistribution(let id):
      .distribution(try resolve(id))
    case .updatePolicy(let id, _), .deletePolicy(let id): .policy(try resolve(id))
    case .moveAlias(_, _, let to): .distribution(try resolve(to))
    case .promote(let id, _), .restoreConfig(let id, _, _): .distribution(try resolve(id))
    case .createDistribution, .createPolicy, .replace, .batch, .create, .delete, .editStatements,
      .external, .observe:
      nil
    }
  }

  /// A read's errors end the run, except the one that `absent` names; a silent service is "not yet".
  func call<T: Sendable>(
    _ step: Step, absent: String? = nil, _ body: () async throws(FerryError) -> T
  ) async throws(Stop) -> T? {
    var attempt = 0
    while true {
      attempt += 1
      do throws(FerryError) {
        return try await body()
      } catch {
        if let absent, error.isService(absent) { return nil }
        guard Self.isTransient(error) else { throw failed(resumable(error), step) }
        guard attempt < Self.attemptsMax else { throw silent(error) }
        tell(.resolving(step: step, because: error.why))
        try await sleep(Double(attempt))
      }
    }
  }
  /// Whether nothing was said about the request itself.
  package static func isTransient(_ error: FerryError) -> Bool {
    error.code == .noAnswer || error.code == .unreadableAnswer
      || isThrottled(error)
      || ServiceFailure.transientCodes.contains(error.service?.code ?? "")
      || ServiceFailure.outageCodes.contains(error.service?.code ?? "")
      || (error.service?.status ?? 0) >= 500
  }
  static func isThrottled(_ error: FerryError) -> Bool {
    ServiceFailure.throttlingCodes.contains(error.service?.code ?? "")
      || error.service?.status == 429
  }
  package static func lacksCredentials(_ error: FerryError) -> Bool {
    error.code == .credentials || ServiceFailure.expiredCodes.contains(error.service?.code ?? "")
  }
  func silent(_ error: FerryError) -> Stop {
    notYet("there is no usable answer (\(error.what): \(error.why))", until: nil)
  }
  func stale(_ step: Step, _ why: String, _ causes: [String]) -> Stop {
    let it = state.steps[step.id]
    let hasWritten = it?.phase == .intended || (it?.writes ?? 0 > 0 && it?.isUndone != true)
    let error = FerryError(
      .stale, exit: .stale,
      what: "could not \(step.title.prefix(1).lowercased() + step.title.dropFirst())", why: why,
      next: !hasWritten
        ? "plan again and review the difference; nothing was written by this step"
        : "review the difference: this step's own write may have landed"
          + (plan.rollbackOf == nil
            ? "; take it back with `edgeferry rollback \(options.path)`" : ""),
      causes: causes)
    return Stop(exit: .stale, reason: ([why] + causes).joined(separator: "; "), error: error)
  }

  func record(_ effect: Effect, step: Step, writes: Int, alreadyHeld: Bool) async throws(Stop) {
    var body = Record.Body()
    body.action = step.action.type
    body.resource = effect.resource
    body.outputs = effect.outputs.isEmpty ? nil : effect.outputs
    body.writes = writes
    body.alreadyHeld = alreadyHeld
    var images: [String: String] = [:]
    if let config = effect.readBack {
      let digest = digest(of: config)
      body.readBack = digest
      images = toKeep(config, digest)
    }
    try await calling { () async throws(FerryError) in
      try await append(.applied, step: step.id, body: body, images: images)
    }
  }
}

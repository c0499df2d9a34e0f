import FerryCloudFront
import FerryCore
import Foundation

/// What one step does to CloudFront: read, compare, write, read back.
extension Runner {
  // MARK: Read

  func read(_ step: Step) async throws(Stop) -> Reading {
    if let reading = try await readOther(step) { return reading }
    let client = try client(step)
    guard let target = try target(step.action) else { return try await readCreated(step, client) }
    let edits = try resolve(step.action.edits)
    let isDelete: Bool
    switch step.action {
    case .deletePolicy, .deleteDistribution: isDelete = true
    default: isDelete = false
    }
    let config: XElement
    let etag: String
    switch target {
    case .distribution(let id):
      guard
        let it = try await call(
          step, absent: "NoSuchDistribution",
          {
            () async throws(FerryError) in try await client.distribution(id)
          })
      else { return try await gone(step, id, isDelete: isDelete) }
      (config, etag) = (it.config, it.etag)
    case .policy(let id):
      guard
        let it = try await call(
          step, absent: "NoSuchContinuousDeploymentPolicy",
          {
            () async throws(FerryError) in try await client.policy(id)
          })
      else { return try await gone(step, id, isDelete: isDelete) }
      (config, etag) = (it.config, it.etag)
    }
    // What a goal holds in may be the state before the very write that is to be taken back.
    if lags(behind: target.id, shows: digest(of: config)) {
      return try await readAgain(step, "\(target.id) does not show this run's last write yet")
    }
    if !isDelete, config.holds(edits) {
      return .goal(Effect(resource: target.id, readBack: config))
    }
    try await unmoved(step, target.id, config, planned: step.expects.configDigest)
    if try await isToBeReadAgain(step, etag: etag) { return try await read(step) }
    return .ready(config: config, etag: etag)
  }
  /// A 412 is not always a stale version: with an unmoved one the message says what it is, unless reads lag behind
  /// the write that moved it, ours or somebody else's.
  func isToBeReadAgain(_ step: Step, etag: String) async throws(Stop) -> Bool {
    guard let (id, before, error, at) = refused, id == step.id else { return false }
    refused = nil
    guard etag == before else { return false }
    guard mayLag || world.clock.now.timeIntervalSince(at) < Self.foreignLagSeconds else {
      throw failed(error, step)
    }
    tell(.resolving(step: step, because: "what moved the version is not read yet"))
    try await sleep(Self.lagPauseSeconds)
    refused = (id, before, error, at)
    return true
  }

  private func gone(_ step: Step, _ id: String, isDelete: Bool) async throws(Stop) -> Reading {
    if lags(behind: id, shows: nil) {
      return try await readAgain(step, "\(id) was just created and is not read back yet")
    }
    if isDelete {
      try checkNotMadeAgain(step, id)
      return .goal(Effect(resource: id))
    }
    throw stale(step, "\(id) is gone", [])
  }

  /// What a rollback made again has another id: that the old one is gone is no success.
  func checkNotMadeAgain(_ step: Step, _ id: String) throws(Stop) {
    guard state.steps[step.id]?.isUndone == true else { return }
    throw stale(
      step,
      "\(id) is gone, and this step was taken back: what it deleted may be there again under another id",
      [])
  }

  /// Whether a read shows a state of before this run's last write to it, so soon that reads may lag.
  /// - Parameter digest: nil for what is not there.
  func lags(behind id: String, shows digest: String?) -> Bool {
    guard appliedLately else { return false }
    // What was taken back meanwhile may be shown for a while yet.
    let isUndone = state.steps.values.contains { it in
      guard it.isUndone, let at = it.undoneAt, it.resource == id else { return false }
      return world.clock.now.timeIntervalSince(at) < Self.readBackSeconds
        && digest == it.readBack
    }
    if isUndone, digest != nil { return true }
    // Of a rollback the run that it takes back is as much its own.
    func wrote(_ it: RunState.StepState) -> Bool {
      it.writes > 0 && !it.isUndone && (it.resource == id || it.outputs["id"] == id)
    }
    let ours = state.steps.values.filter(wrote) + (original?.steps.values.filter(wrote) ?? [])
    guard let last = ours.max(by: { $0.effectSequence < $1.effectSequence }),
      let at = last.appliedAt, world.clock.now.timeIntervalSince(at) < Self.readBackSeconds
    else { return false }
    guard let digest else { return last.outputs["id"] == id }
    // The other run's last write may be of a later round than this one's.
    let newest = last.readBack ?? state.lastReadBack[id] ?? original?.lastReadBack[id]
    guard digest != newest else { return false }
    return state.ownDigests[id]?.contains(digest) == true
      || original?.ownDigests[id]?.contains(digest) == true
      || ours.contains { $0.before == digest }
  }
  /// Whether this run, or the one that it takes back, did anything so lately that reads may lag behind.
  private var appliedLately: Bool {
    [state.appliedAt, original?.appliedAt].contains {
      $0.map { world.clock.now.timeIntervalSince($0) < Self.readBackSeconds } ?? false
    }
  }
  /// Whether this run, or the one that it takes back, wrote to one of them so lately that reads may lag behind.
  func wroteLately(_ ids: Set<String>) -> Bool {
    guard appliedLately else { return false }
    func isLate(_ it: RunState.StepState) -> Bool {
      guard it.writes > 0, let at = it.appliedAt, let id = it.resource else { return false }
      return ids.contains(id) && world.clock.now.timeIntervalSince(at) < Self.readBackSeconds
    }
    return state.steps.values.contains(where: isLate)
      || original?.steps.values.contains(where: isLate) ?? false
  }
  func readAgain(_ step: Step, _ because: String) async throws(Stop) -> Reading {
    tell(.resolving(step: step, because: because))
    try await sleep(Self.lagPauseSeconds)
    return try await read(step)
  }

  /// A write whose answer was lost is our own only as far as nothing but its edits differ from what was there before.
  ///
  /// - Throws: stale where somebody else has changed more.
  func checkNothingElse(_ step: Step, _ effect: Effect) async throws(Stop) {
    let shape: String
    switch step.action {
    case .updateConfig, .setEnabled: shape = "DistributionConfig"
    case .updatePolicy: shape = "ContinuousDeploymentPolicyConfig"
    default: return
    }
    guard let found = effect.readBack, let digest = state.steps[step.id]?.before,
      let before = try await image(digest)
    else { return }
    let wanted = before.edited(try resolve(step.action.edits), shape: shape)
    guard wanted.configDigest != found.configDigest else { return }
    throw stale(
      step, "the config of \(effect.resource) has changed by more than this step",
      wanted.differences(to: found).prefix(50).map {
        "\($0.path): written \($0.planned ?? "(absent)"), found \($0.found ?? "(absent)")"
      })
  }

  /// Whether a goal that holds already holds in what was planned against, but for the step's own edits.
  func isExpected(_ step: Step, _ effect: Effect) async throws(Stop) -> Bool {
    let shape: String
    switch step.action {
    case .updateConfig, .setEnabled: shape = "DistributionConfig"
    case .updatePolicy: shape = "ContinuousDeploymentPolicyConfig"
    default: return true
    }
    guard let found = effect.readBack, let planned = step.expects.configDigest else { return true }
    let digest = digest(of: found)
    let own = [
      planned, state.lastReadBack[effect.resource], original?.lastReadBack[effect.resource],
    ]
    if own.contains(digest) { return true }
    guard let before = try await image(planned) else { return true }
    return before.edited(try resolve(step.action.edits), shape: shape).configDigest == digest
  }

  /// - Throws: stale, unless the config is what was planned against or what we ourselves read back last.
  func unmoved(_ step: Step, _ id: String, _ found: XElement, planned: String?)
    async throws(Stop)
  {
    let digest = digest(of: found)
    guard let planned else {
      // Nothing could be known when planning of what the run itself made; what it read back last is known now.
      let isOurs = state.steps.values.contains { $0.outputs["id"] == id }
      guard isOurs, let last = state.lastReadBack[id], last != digest else { return }
      throw stale(
        step, "the config of \(id) is no longer what this run read back last",
        (try await image(last)?.differences(to: found) ?? []).prefix(50).map {
          "\($0.path): before \($0.planned ?? "(absent)"), found \($0.found ?? "(absent)")"
        })
    }
    if digest == planned { return }
    if state.ownDigests[id]?.contains(digest) == true, state.lastReadBack[id] == digest { return }
    if original?.lastReadBack[id] == digest { return }
    if try await isOursAlone(step, id, found, since: planned) { return }
    // Once something was taken back, what was read back before that is no measure.
    let isTakenBack = state.steps.values.contains(where: \.isUndone)
    var before = try await image(isTakenBack ? planned : state.lastReadBack[id] ?? planned)
    if before == nil { before = try await image(planned) }
    if before == nil { before = try await predicted(step, id) }
    throw stale(
      step, "the config of \(id) is no longer what the plan was made for",
      (before?.differences(to: found) ?? []).prefix(50).map {
        "\($0.path): planned \($0.planned ?? "(absent)"), found \($0.found ?? "(absent)")"
      })
  }

  /// Whether a config is what was planned against but for what this plan's own steps changed in it. A call that moves an
  /// alias reads nothing back.
  private func isOursAlone(_ step: Step, _ id: String, _ found: XElement, since planned: String)
    async throws(Stop) -> Bool
  {
    var (isOurs, movesAliases) = (false, false)
    var edits: [[ConfigEdit]] = []
    for place in earlier(than: step) {
      let it = plan.steps[place]
      guard state.steps[it.id]?.hadEffect == true else { continue }
      if case .moveAlias(_, let from, let to) = it.action,
        try [resolve(from), resolve(to)].contains(id)
      {
        (isOurs, movesAliases) = (true, true)
      } else if let target = try target(it.action), target.id == id {
        isOurs = true
        edits.append(try resolve(it.action.edits))
      }
    }
    guard isOurs, var config = try await image(planned) else { return false }
    let isPolicy = config.name == "ContinuousDeploymentPolicyConfig"
    for edits in edits {
      config = config.edited(
        edits, shape: isPolicy ? "ContinuousDeploymentPolicyConfig" : "DistributionConfig")
    }
    return config.differences(to: found).allSatisfy { movesAliases && $0.path.hasPrefix("Aliases") }
  }

  /// The config of a resource as the steps before make it of what was planned against.
  private func predicted(_ step: Step, _ id: String) async throws(Stop) -> XElement? {
    var out: XElement?
    for place in earlier(than: step) {
      let it = plan.steps[place]
      guard let target = try target(it.action), target.id == id else { continue }
      if out == nil, let digest = it.expects.configDigest { out = try await image(digest) }
      let shape =
        if case .policy = target { "ContinuousDeploymentPolicyConfig" } else {
          "DistributionConfig"
        }
      out = out?.edited(try resolve(it.action.edits), shape: shape)
    }
    return out
  }

  func image(_ digest: String) async throws(Stop) -> XElement? {
    try await calling { () async throws(FerryError) in
      guard let xml = try await store.image(digest) ?? plan.observed.images[digest] else {
        return nil
      }
      return try XMLReader.read(xml)
    }
  }

  /// Whether it is what the undone step deleted: a list that lags may still show it. A delete of which nobody knows
  /// whether it landed did not, once reads can lag no longer.
  func isDeleted(_ id: String, before step: Step) -> Bool {
    guard let it = step.undoes.flatMap({ original?.steps[$0] }) else { return false }
    return it.hadEffect && it.resource == id && (!it.isUnresolved || mayLag)
  }

  /// Looks for what an earlier attempt of a create made.
  private func readCreated(_ step: Step, _ client: CloudFrontClient) async throws(Stop) -> Reading {
    switch step.action {
    case .createPolicy:
      let wanted = try await wantedConfig(step)
      var marker: String?
      repeat {
        let asked = marker
        guard
          let page = try await call(
            step,
            { () async throws(FerryError) in
              try await client.policies(marker: asked)
            })
        else { return .absent }
        let alike = page.items.first {
          $0.config.configDigest == wanted.configDigest && !isDeleted($0.id, before: step)
        }
        if let made = alike {
          return .goal(
            Effect(resource: made.id, readBack: made.config, outputs: ["id": made.id]))
        }
        marker = page.nextMarker
      } while marker != nil
      return .absent
    case .createDistribution(_, _, let reference, _):
      // What a delete that was lost left there.
      if lost(before: step) != nil, !mayLag,
        let id = step.undoes.flatMap({ original?.steps[$0]?.resource }),
        let it = try await call(
          step, absent: "NoSuchDistribution",
          { () async throws(FerryError) in try await client.distribution(id) })
      {
        return .goal(Self.created(it))
      }
      // Only an attempt that may have landed is worth a read of every distribution.
      guard isUnresolved(step) else { return .absent }
      var marker: String?
      repeat {
        let asked = marker
        guard
          let page = try await call(
            step,
            { () async throws(FerryError) in
              try await client.distributions(marker: asked)
            })
        else { return .absent }
        for summary in page.items {
          guard let id = summary.text(at: "Id"),
            let it = try await call(
              step, absent: "NoSuchDistribution",
              {
                () async throws(FerryError) in try await client.distribution(id)
              })
          else { continue }
          if it.config.text(at: "CallerReference") == reference { return .goal(Self.created(it)) }
        }
        marker = page.nextMarker
      } while marker != nil
      return .absent
    default: return .absent
    }
  }
  private static func created(_ it: CloudFrontClient.Distribution) -> Effect {
    Effect(
      resource: it.id, readBack: it.config, outputs: ["id": it.id, "domainName": it.domainName])
  }

  private func wantedConfig(_ step: Step) async throws(Stop) -> XElement {
    let digest: String
    let shape: String
    switch step.action {
    case .createPolicy(let image, _): (digest, shape) = (image, "ContinuousDeploymentPolicyConfig")
    case .createDistribution(let image, _, _, _): (digest, shape) = (image, "DistributionConfig")
    default: preconditionFailure("only a create has an image")
    }
    return try await wantedConfig(digest, step.action.edits, shape: shape)
  }
  /// A saved config with edits in place, ready to be sent.
  func wantedConfig(_ digest: String, _ edits: [ConfigEdit], shape: String) async throws(Stop)
    -> XElement
  {
    guard let before = try await image(digest) else {
      throw Stop(
        FerryError(
          "image-missing", exit: .blocked, what: "could not create it from its saved config",
          why: "the saved config \(digest) is not in this state database",
          next: "use the --state that the plan was applied with"))
    }
    guard options.sendsRedacted || !before.isRedacted else {
      throw Stop(
        FerryError(
          "image-redacted", exit: .blocked, what: "could not create it from its saved config",
          why: "the saved config \(digest) holds only the SHA-256 of its origin header values",
          next: "create it by hand with the values from where they are kept"))
    }
    return before.edited(try resolve(edits), shape: shape)
  }

  // MARK: Write

  func write(_ step: Step, _ reading: Reading) async throws(FerryError) -> Effect {
    do throws(Stop) {
      return try await send(step, reading)
    } catch {
      throw error.error
    }
  }

  func intend(_ step: Step, resource: String, config: XElement?, etag: String) async throws(Stop) {
    var body = Record.Body()
    body.action = step.action.type
    body.resource = resource
    body.etag = etag
    var images: [String: String] = [:]
    if let config {
      let digest = digest(of: config)
      body.image = digest
      images = toKeep(config, digest)
    }
    try await calling { () async throws(FerryError) in
      // The image as just read is the one that can be sent back; a redacted one of the plan is replaced.
      try await store.saveImages(images)
      try await append(.intended, step: step.id, body: body, images: images)
    }
  }

  private func send(_ step: Step, _ reading: Reading) async throws(Stop) -> Effect {
    if let effect = try await sendOther(step, reading) { return effect }
    let client = try client(step)
    switch (step.action, reading) {
    case (.updateConfig, .ready(let config, let etag)), (.setEnabled, .ready(let config, let etag)):
      guard case .distribution(let id)? = try target(step.action) else { break }
      let wanted = try edited(config, step, shape: "DistributionConfig")
      try await intend(step, resource: id, config: config, etag: etag)
      let it = try await calling { () async throws(FerryError) in
        try await client.updateDistribution(id, config: wanted, ifMatch: etag)
      }
      return Effect(resource: id, readBack: it.config)
    case (.updatePolicy, .ready(let config, let etag)):
      guard case .policy(let id)? = try target(step.action) else { break }
      let wanted = try edited(config, step, shape: "ContinuousDeploymentPolicyConfig")
      try await intend(step, resource: id, config: config, etag: etag)
      let it = try await calling { () async throws(FerryError) in
        try await client.updatePolicy(id, config: wanted, ifMatch: etag)
      }
      return Effect(resource: id, readBack: it.config)
    case (.deletePolicy, .ready(let config, let etag)):
      guard case .policy(let id)? = try target(step.action) else { break }
      try await intend(step, resource: id, config: config, etag: etag)
      try await calling { () async throws(FerryError) in
        do throws(FerryError) {
          try await client.deletePolicy(id, ifMatch: etag)
        } catch {
          guard error.isService("NoSuchContinuousDeploymentPolicy") else { throw error }
        }
      }
      return Effect(resource: id)
    case (.deleteDistribution, .ready(let config, let etag)):
      guard case .distribution(let id)? = try target(step.action) else { break }
      try await intend(step, resource: id, config: config, etag: etag)
      try await calling { () async throws(FerryError) in
        do throws(FerryError) {
          try await client.deleteDistribution(id, ifMatch: etag)
        } catch {
          guard error.isService("NoSuchDistribution") else { throw error }
        }
      }
      return Effect(resource: id)
    case (.createPolicy, .absent):
      let wanted = try await wantedConfig(step)
      try await intend(step, resource: "", config: nil, etag: "")
      let it = try await calling { () async throws(FerryError) in
        try await client.createPolicy(config: wanted)
      }
      return Effect(resource: it.id, readBack: it.config, outputs: ["id": it.id])
    case (.createDistribution(_, _, _, let tags), .absent):
      let wanted = try await wantedConfig(step)
      try await intend(step, resource: "", config: nil, etag: "")
      let it = try await calling { () async throws(FerryError) in
        try await client.createDistribution(config: wanted, tags: tags)
      }
      return Self.created(it)
    default: break
    }
    preconditionFailure("a step was read as something else than it is")
  }

  func calling<T: Sendable>(_ body: () async throws(FerryError) -> T) async throws(Stop) -> T {
    do throws(FerryError) {
      return try await body()
    } catch {
      throw Stop(error)
    }
  }

  /// The config just read with the step's fields set; nothing else may differ.
  private func edited(_ config: XElement, _ step: Step, shape: String) throws(Stop) -> XElement {
    let edits = try resolve(step.action.edits)
    let wanted = config.edited(edits, shape: shape)
    let paths = Set(edits.map(\.path))
    for difference in config.differences(to: wanted) where !paths.contains(difference.path) {
      throw Stop(
        FerryError(
          "edit-too-wide", what: "could not edit the config",
          why: "it would also change \(difference.path)",
          next: "report this as a defect of edgeferry"))
    }
    return wanted
  }

  // MARK: Read back

  /// A write is done when its goal is read back; until then the answer may have been another edge's.
  func finish(_ step: Step, _ effect: Effect) async throws(FerryError) {
    do throws(Stop) {
      let limit = world.clock.now + Self.readBackSeconds
      var pause = 1.0
      while true {
        var seen: XElement?
        if try await goalIsRead(step, effect, seen: &seen) {
          var out = effect
          // What CloudFront answered to the write is ours; somebody else may have written before it was read.
          out.readBack = effect.readBack ?? seen
          try await record(out, step: step, writes: 1, alreadyHeld: false)
          tell(.applied(step: step, writes: 1))
          return
        }
        guard world.clock.now < limit else {
          throw notYet(
            "the change to \(effect.resource) was accepted and is not read back yet", until: nil)
        }
        tell(.resolving(step: step, because: "the change is not read back yet"))
        try await sleep(pause)
        pause = min(pause * 2, 10)
      }
    } catch {
      throw error.error
    }
  }
  private func goalIsRead(_ step: Step, _ effect: Effect, seen: inout XElement?) async throws(Stop)
    -> Bool
  {
    if let held = try await otherGoalIsRead(step, effect, seen: &seen) { return held }
    let client = try client(step)
    let id = effect.resource
    let edits = try resolve(step.action.edits)
    switch step.action {
    case .updateConfig, .setEnabled, .createDistribution:
      guard
        let it = try await call(
          step, absent: "NoSuchDistribution",
          {
            () async throws(FerryError) in try await client.distribution(id)
          })
      else { return false }
      seen = it.config
      return it.config.holds(edits)
    case .updatePolicy, .createPolicy:
      guard
        let it = try await call(
          step, absent: "NoSuchContinuousDeploymentPolicy",
          {
            () async throws(FerryError) in try await client.policy(id)
          })
      else { return false }
      seen = it.config
      return it.config.holds(edits)
    case .deletePolicy:
      return try await call(
        step, absent: "NoSuchContinuousDeploymentPolicy",
        {
          () async throws(FerryError) in try await client.policy(id)
        }) == nil
    case .deleteDistribution:
      return try await call(
        step, absent: "NoSuchDistribution",
        {
          () async throws(FerryError) in try await client.distribution(id)
        }) == nil
    default: return true
    }
  }
}

import FerryCloudFront
import FerryCore
import Foundation

/// What a step does to what distributions refer to, and to who holds an alias.
extension Runner {
  /// nil for an action that other code reads.
  func readOther(_ step: Step) async throws(Stop) -> Reading? {
    switch step.action {
    case .create(let draft): return try await readDraft(step, draft)
    case .delete(let kind, let id):
      let id = try resolve(id)
      let client = ResourceClient(try client(step))
      guard
        let found = try await call(
          step, { () async throws(FerryError) in try await client.find(kind, id: id) }) ?? nil
      else {
        if kind == .function, try await isUnpublished(step, id, client) {
          return .ready(config: XElement("None"), etag: "")
        }
        if lags(behind: id, shows: nil) {
          return try await readAgain(step, "\(id) was just created and is not read back yet")
        }
        try checkNotMadeAgain(step, id)
        return .goal(Effect(resource: id))
      }
      return .ready(config: found.document ?? XElement("None"), etag: found.etag ?? "")
    case .editStatements(let edit):
      let edit = try resolve(edit)
      let client = StatementClient(try client(step).transport)
      let policy =
        try await call(
          step, { () async throws(FerryError) in try await client.policy(of: edit) }) ?? nil
      guard PolicyDocument.holds(edit, in: policy) else { return .policy(policy) }
      // What is to go and is there with other words under its Sid is not gone.
      let there = PolicyDocument.statements(policy).filter { !edit.add.contains($0) }
      if let sid = edit.remove.compactMap({ $0["Sid"] }).first(where: { sid in
        there.contains { $0["Sid"] == sid }
      }) {
        throw stale(
          step, "the statement \(sid.string ?? "") of \(edit.resource) says something else now", [])
      }
      return .goal(Effect(resource: edit.resource))
    case .moveAlias(let alias, let from, let to):
      return try await readAlias(step, alias, from: try resolve(from), to: try resolve(to))
    case .promote(let id, let staging):
      return try await readPromote(step, try resolve(id), staging: try resolve(staging))
    case .restoreConfig(let id, let image, let members):
      return try await readRestored(step, try resolve(id), image: image, members)
    default: return nil
    }
  }

  /// A thing of that name that is what the plan wants is our own, made before a kill; any other is not.
  private func readDraft(_ step: Step, _ draft: ResourceDraft) async throws(Stop) -> Reading {
    let client = ResourceClient(try client(step))
    let wanted = try await wanted(draft)
    let name = try resolve(draft.name)
    let reference = wanted.text(at: "CallerReference")
    let isOurs = isUnresolved(step)
    guard
      let found = try await call(
        step,
        { () async throws(FerryError) in
          try await client.find(draft.kind, named: name, reference: reference)
        }) ?? nil
    else {
      if draft.kind == .function, !isOurs, try await isUnpublished(step, name, client) {
        throw stale(
          step, "the target account already has a function \(name) that is not published", [])
      }
      return .absent
    }
    if isDeleted(found.id, before: step) { return .absent }
    // The source of a delivery that was not made is named after the copy: nobody else's.
    if draft.kind == .logDelivery, found.document?.first("DestinationArn") == nil { return .absent }
    let differences = wanted.differences(to: found.document ?? XElement("None")).filter {
      !["ARN", "Id", "Status", "LastModifiedTime"].contains($0.path)
    }
    guard differences.isEmpty || isOurs && !draft.kind.hasName else {
      throw stale(
        step, "the target account already has a \(draft.kind.rawValue) \(name) that is another one",
        differences.prefix(50).map {
          "\($0.path): planned \($0.planned ?? "(absent)"), found \($0.found ?? "(absent)")"
        })
    }
    if draft.kind == .function, let digest = draft.content {
      let code = try await content(digest)
      guard found.extras["code"]?.string == code else {
        throw stale(
          step, "the target account already has a function \(name) with other code", [])
      }
    }
    if draft.kind == .keyValueStore {
      let isReady = found.extras["status"] == "READY"
      var contents: [String: String] = [:]
      if let digest = draft.content { contents = try await items(digest) }
      if isReady, try await holdsItems(step, found, contents) { return .goal(Self.effect(found)) }
      // Our own is filled further; nothing is ever put into somebody else's.
      guard isOurs else {
        throw stale(
          step, "the target account already has a key value store \(name) with other contents", [])
      }
      return .absent
    }
    return .goal(Self.effect(found))
  }
  static func effect(_ it: ResourceClient.Resource) -> Effect {
    var outputs = ["id": it.id]
    if let arn = it.arn { outputs["arn"] = arn }
    if let name = it.name { outputs["name"] = name }
    // A subscription has no id but its distribution's, whose config is kept under that.
    let isOwn = it.kind != .monitoringSubscription
    return Effect(
      resource: isOwn ? it.id : "\(it.kind.rawValue)/\(it.id)", readBack: it.document,
      outputs: outputs)
  }
  private func wanted(_ draft: ResourceDraft) async throws(Stop) -> XElement {
    try await wantedConfig(
      draft.image, draft.set, shape: draft.kind.configElement ?? "DistributionConfig")
  }
  /// Code and contents are images too: elements around base64 of a function's code, or canonical JSON of a
  /// store's items.
  private func content(_ digest: String) async throws(Stop) -> String {
    guard let element = try await image(digest) else {
      throw Stop(
        FerryError(
          "image-missing", exit: .blocked, what: "could not create it from its saved content",
          why: "the saved content \(digest) is not in this state database",
          next: "use the --state that the plan was made with"))
    }
    return element.text
  }
  private func codeImage(_ digest: String) async throws(Stop) -> [UInt8] {
    Data(base64Encoded: try await content(digest)).map(Array.init) ?? []
  }
  private func items(_ digest: String) async throws(Stop) -> [String: String] {
    let text = try await content(digest)
    return try stopping { () throws(FerryError) in
      try JSONValue.read(Array(text.utf8), what: "the saved contents of a key value store")
        .decoded([String: String].self, what: "the saved contents of a key value store")
    }
  }
  private func holdsItems(
    _ step: Step, _ it: ResourceClient.Resource, _ items: [String: String]
  ) async throws(Stop) -> Bool {
    let contents = KeyValueClient(try client(step).transport)
    return try await call(
      step, absent: "ResourceNotFoundException",
      { () async throws(FerryError) in try await contents.items(of: it.arn ?? "") }) == items
  }

  // MARK: Writing

  /// nil for an action that other code carries out.
  func sendOther(_ step: Step, _ reading: Reading) async throws(Stop) -> Effect? {
    switch (step.action, reading) {
    case (.create(let draft), .absent):
      let client = ResourceClient(try client(step))
      let wanted = try await wanted(draft)
      let name = try resolve(draft.name)
      var code: [UInt8]?
      if draft.kind == .function, let digest = draft.content { code = try await codeImage(digest) }
      try await intend(step, resource: name, config: nil, etag: "")
      var made = try await calling { () async throws(FerryError) in
        try await client.create(
          draft.kind, name: name, config: wanted, code: code, tags: draft.tags ?? [:])
      }
      if draft.kind == .keyValueStore { made = try await fill(step, draft, made, client) }
      return Self.effect(made)
    case (.delete(let kind, let id), .ready(let config, let etag)):
      let client = ResourceClient(try client(step))
      let id = try resolve(id)
      try await intend(step, resource: id, config: config, etag: etag)
      try await calling { () async throws(FerryError) in
        try await client.delete(kind, id: id, etag: etag)
      }
      return Effect(resource: id)
    case (.editStatements(let edit), .policy(let policy)):
      let edit = try resolve(edit)
      let client = StatementClient(try client(step).transport)
      let wanted = try stopping { () throws(FerryError) in
        try PolicyDocument.edited(policy, by: edit)
      }
      try await intend(step, resource: edit.resource, config: nil, etag: "")
      try await calling { () async throws(FerryError) in try await client.put(wanted, of: edit) }
      return Effect(resource: edit.resource)
    case (.moveAlias(let alias, _, let to), .ready(let config, let etag)):
      let client = try client(step)
      let id = try resolve(to)
      try await intend(step, resource: id, config: config, etag: etag)
      try await calling { () async throws(FerryError) in
        try await client.moveAlias(alias, to: id, ifMatch: etag)
      }
      return Effect(resource: id)
    case (.promote(let id, let staging), .ready(let config, let etag)):
      return try await sendPromote(
        step, try resolve(id), staging: try resolve(staging), config: config, etag: etag)
    case (.restoreConfig(let id, let image, let members), .ready(let config, let etag)):
      return try await sendRestored(
        step, try resolve(id), image: image, members, config: config, etag: etag)
    default: return nil
    }
  }
  /// A store takes its contents once it is READY, some seconds after it was made.
  private func fill(
    _ step: Step, _ draft: ResourceDraft, _ made: ResourceClient.Resource, _ client: ResourceClient
  ) async throws(Stop) -> ResourceClient.Resource {
    var it = made
    let limit = world.clock.now + Self.deleteRaceSeconds
    var pause = 2.0
    while it.extras["status"] != "READY" {
      guard world.clock.now < limit else {
        throw notYet("the key value store \(draft.name) is not READY yet", until: nil)
      }
      tell(.resolving(step: step, because: "the key value store \(draft.name) is not READY yet"))
      try await sleep(pause)
      pause = min(pause * 1.5, max(2, options.deployedPollSeconds))
      let name = it.id
      if let found = try await call(
        step, { () async throws(FerryError) in try await client.find(.keyValueStore, id: name) })
        ?? nil
      {
        it = found
      }
    }
    if let content = draft.content {
      let items = try await items(content)
      let arn = it.arn ?? ""
      let contents = KeyValueClient(client.cloudFront.transport)
      while true {
        do throws(Stop) {
          try await calling { () async throws(FerryError) in
            try await contents.put(items, into: arn)
          }
          break
        } catch {
          // Reads may lag behind the create, and behind a change whose answer was lost: what is missing is read anew.
          let lagging: Set<String> = [
            "EntityNotFound", "ResourceNotFoundException", "ConflictException",
          ]
          guard lagging.contains(error.error.service?.code ?? ""), world.clock.now < limit else {
            throw error
          }
          tell(
            .resolving(
              step: step, because: "the key value store \(draft.name) is not read back yet"))
          try await sleep(2)
        }
      }
    }
    return it
  }

  // MARK: Creates without an answer

  /// Whether a create's intent is on disk and its outcome is not, in this run or in the one that it takes back.
  func isUnresolved(_ step: Step) -> Bool {
    (state.steps[step.id]?.isUnresolved ?? false) || isLost(step.id)
  }
  private func isLost(_ id: String) -> Bool { original?.steps[id]?.isUnresolved ?? false }
  /// Looks for what a create made whose run ended before the answer was journalled, so that it can be taken back.
  ///
  /// - Returns: false when nothing was made.
  func findLost(_ id: String) async throws(Stop) -> Bool {
    guard isLost(id), let of = plan.rollbackOf,
      let step = try await calling({ () async throws(FerryError) in try await store.plan(of) })?
        .steps.first(where: { $0.id == id })
    else { return true }
    switch step.action {
    case .create, .createDistribution, .createPolicy: break
    default: return true
    }
    let since = original?.steps[id]?.mark?.at ?? world.clock.now
    while true {
      if let effect = try await made(by: step) {
        var body = Record.Body()
        body.action = step.action.type
        body.resource = effect.resource
        body.outputs = effect.outputs
        body.writes = 1
        body.readBack = effect.readBack.map(digest)
        let record = try await calling { () async throws(FerryError) in
          try await store.append(
            .applied, plan: of, step: id, at: world.clock.now, body: body, lease: lease)
        }
        original?.add(record)
        return true
      }
      // Reads may lag behind the write.
      guard world.clock.now.timeIntervalSince(since) < Self.readBackSeconds else { return false }
      try await sleep(Self.lagPauseSeconds)
    }
  }

  /// Also one that was not filled or published yet.
  private func made(by step: Step) async throws(Stop) -> Effect? {
    guard case .create(let draft) = step.action else {
      guard case .goal(let effect) = try await read(step) else { return nil }
      return effect
    }
    let client = ResourceClient(try client(step))
    let name = try resolve(draft.name)
    let reference = try await wanted(draft).text(at: "CallerReference")
    if let found = try await call(
      step,
      { () async throws(FerryError) in
        try await client.find(draft.kind, named: name, reference: reference)
      }) ?? nil
    {
      return Self.effect(found)
    }
    guard draft.kind == .function, try await isUnpublished(step, name, client) else { return nil }
    return Effect(resource: name, outputs: ["id": name, "name": name])
  }
  private func isUnpublished(_ step: Step, _ name: String, _ client: ResourceClient)
    async throws(Stop) -> Bool
  {
    try await call(
      step, { () async throws(FerryError) in try await client.hasUnpublished(name) }) ?? false
  }

  // MARK: Reading back

  /// nil for an action that other code reads back.
  func otherGoalIsRead(_ step: Step, _ effect: Effect, seen: inout XElement?) async throws(Stop)
    -> Bool?
  {
    switch step.action {
    case .promote(let id, let staging):
      let reading = try await readPromote(
        step, try resolve(id), staging: try resolve(staging), isAfterWrite: true)
      guard case .goal(let effect) = reading else { return false }
      seen = effect.readBack
      return true
    case .delete(let kind, let id):
      // CloudFront has said that it is deleted: what is not read is gone, however lately it was made.
      let (id, client) = (try resolve(id), ResourceClient(try client(step)))
      let found =
        try await call(
          step, { () async throws(FerryError) in try await client.find(kind, id: id) }) ?? nil
      guard found == nil else { return false }
      if kind == .function, try await isUnpublished(step, id, client) { return false }
      return true
    case .restoreConfig(let id, let image, let members):
      let reading = try await readRestored(
        step, try resolve(id), image: image, members, isAfterWrite: true)
      guard case .goal(let effect) = reading else { return false }
      seen = effect.readBack
      return true
    case .create, .moveAlias, .editStatements:
      guard case .goal(let effect)? = try await readOther(step) else { return false }
      seen = effect.readBack
      return true
    default: return nil
    }
  }

  private func resolve(_ edit: PolicyStatements) throws(Stop) -> PolicyStatements {
    func resolved(_ value: JSONValue) throws(Stop) -> JSONValue {
      switch value {
      case .string(let text): return .string(try resolve(text))
      case .array(let items):
        var out: [JSONValue] = []
        for item in items { out.append(try resolved(item)) }
        return .array(out)
      case .object(let members):
        var out: [String: JSONValue] = [:]
        for (key, member) in members { out[key] = try resolved(member) }
        return .object(out)
      default: return value
      }
    }
    var out = edit
    out.add = []
    out.remove = []
    for statement in edit.add { out.add.append(try resolved(statement)) }
    for statement in edit.remove { out.remove.append(try resolved(statement)) }
    return out
  }

  // MARK: Aliases

  /// The alias is at the target: done. It is at the source: it may be moved. Anything else is stale.
  private func readAlias(
    _ step: Step, _ alias: String, from: String, to: String, since: Date? = nil
  ) async throws(Stop) -> Reading {
    let since = since ?? world.clock.now
    let client = try client(step)
    guard
      let target = try await call(
        step, absent: "NoSuchDistribution",
        { () async throws(FerryError) in try await client.distribution(to) })
    else { throw stale(step, "\(to) is gone", []) }
    func holds(_ config: XElement) -> Bool {
      config.at("Aliases/Items")?.children.contains { $0.text == alias } ?? false
    }
    let source = try await holder(step, from)
    let isLeft = source.map { !holds($0.config) } ?? true
    if holds(target.config) {
      // One distribution alone has an alias: where both show it, one read lags behind a move.
      if isLeft { return .goal(Effect(resource: to, readBack: target.config)) }
      return try await readAgain(step, "both \(from) and \(to) show the alias \(alias)")
    }
    guard !isLeft else {
      let mayBeOurs = state.steps[step.id]?.phase == .intended || wroteLately([from, to])
      if mayBeOurs, world.clock.now.timeIntervalSince(since) < Self.readBackSeconds {
        tell(.resolving(step: step, because: "neither \(from) nor \(to) shows the alias \(alias)"))
        try await sleep(Self.lagPauseSeconds)
        return try await readAlias(step, alias, from: from, to: to, since: since)
      }
      throw stale(
        step, "\(from) no longer holds the alias \(alias), and \(to) does not hold it either", [])
    }
    return .ready(config: target.config, etag: target.etag)
  }
  /// The distribution that an alias leaves, which may be of the plan's other account.
  private func holder(_ step: Step, _ id: String) async throws(Stop)
    -> CloudFrontClient.Distribution?
  {
    let others = Set(plan.accounts.values).subtracting([step.account ?? ""])
    for account in others.isEmpty ? [step.account ?? ""] : others.sorted() {
      let client = try stopping { () throws(FerryError) in try world.client(account) }
      if let it = try await call(
        step, absent: "NoSuchDistribution",
        { () async throws(FerryError) in try await client.distribution(id) })
      {
        return it
      }
    }
    return nil
  }
}

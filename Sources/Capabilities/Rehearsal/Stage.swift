import FerryCloudFront
import FerryCore
import FerryModel
import FerryRun
import Foundation

/// The world of one seed: CloudFront, zones, resolvers, viewers and people under a virtual clock, and what they see done.
///
/// Everything goes by the time that really passed; the run sees the clock that it is given.
final class Stage: @unchecked Sendable {
  struct Line: Equatable, Sendable {
    var at: Double
    var who: String
    var says: String
  }

  let scene: Scene
  let clock: VirtualClock
  let store: MemoryState
  private let lock = NSRecursiveLock()
  private(set) var model: CloudFrontModel
  private var zones: ZoneTimeline
  private var caches: [ResolverCache]
  private(set) var viewers: Viewers
  private(set) var fate: Fate
  /// Of buckets and keys.
  private var policies: [String: JSONValue] = [:]
  /// What the last write changed, for reads that lag.
  private var earlier: (model: CloudFrontModel, at: Double)?
  private var asked: (zone: DomainName, changes: [RecordChange], due: Double)?
  private var changesAt: [Double] = []

  private(set) var judge: Judge
  private var step: Step?
  private var waitingFor = ""
  private(set) var story: [Line]?
  private(set) var rival: (distribution: String, comment: String)?

  init(_ scene: Scene, seed: UInt64, hazards: [Hazard], tellsStory: Bool = false) {
    self.scene = scene
    fate = Fate(seed: seed, hazards: hazards)
    clock = VirtualClock(scene.start)
    store = MemoryState(images: scene.images)
    model = scene.model
    model.reseed(seed, propagationSeconds: fate.propagationSeconds)
    zones = ZoneTimeline(
      scene.records, lags: fate.serverLags(scene.serversMost, within: scene.propagationSeconds))
    var kinds = scene.population.resolvers
    if fate.hazards.contains(.staleResolver) { kinds += Population.unruly }
    caches = []
    for kind in kinds {
      caches.append(
        ResolverCache(kind, negativeTTL: scene.population.negativeTTL, seed: fate.number()))
    }
    viewers = Viewers(
      scene.hosts, foreign: scene.foreign, pops: model.pops, start: scene.start, model: model)
    judge = Judge(scene)
    story = tellsStory ? [] : nil
    tell(
      "seed",
      fate.hazards.isEmpty
        ? "nothing goes wrong" : fate.hazards.map(\.rawValue).sorted().joined(separator: ", "))
    tell("viewers", "ask for \(scene.hosts.map(\.name).joined(separator: ", "))")
    for host in viewers.dropBroken(&caches, zones, model) {
      tell("viewers", "\(host.name) is not served even now, and is left out")
    }
  }

  /// The same world at the same time, apart from now on.
  func copy() -> Stage { Stage(copyOf: self) }
  private init(copyOf it: Stage) {
    scene = it.scene
    clock = VirtualClock(it.clock.now)
    clock.sync(passedSeconds: it.clock.passedSeconds)
    store = it.store.copy()
    model = it.model
    zones = it.zones
    caches = it.caches
    viewers = it.viewers
    fate = it.fate
    policies = it.policies
    earlier = it.earlier
    asked = it.asked
    changesAt = it.changesAt
    judge = it.judge
    step = it.step
    waitingFor = it.waitingFor
    story = it.story
    rival = it.rival
  }

  private func locked<T>(_ body: () throws(FerryError) -> T) throws(FerryError) -> T {
    lock.lock()
    defer { lock.unlock() }
    return try body()
  }
  /// Seconds since the start.
  var now: Double { clock.passedSeconds }
  private var date: Date { scene.start + now }
  var records: [RecordKey: RecordValue] { lock.withLock { zones.records } }

  func tell(_ who: String, _ says: @autoclosure () -> String) {
    lock.withLock { if story != nil { story?.append(Line(at: now, who: who, says: says())) } }
  }
  /// Adds what was told in a copy of this world.
  func append(_ copy: Stage, since count: Int) {
    lock.withLock {
      for line in copy.story?.dropFirst(count) ?? [] {
        story?.append(Line(at: line.at, who: "copy: " + line.who, says: line.says))
      }
    }
  }
  /// What the judge finds is told at once.
  private func judging(_ body: (inout Judge, inout [ResolverCache]) -> Void) {
    var (judge, caches) = (judge, caches)
    body(&judge, &caches)
    let known = self.judge.found.count
    (self.judge, self.caches) = (judge, caches)
    for found in judge.found.dropFirst(known) {
      tell("rule", "\(found.rule.rawValue): \(found.because)")
    }
  }
  func setRollback(_ isRollback: Bool) { lock.withLock { judge.isRollback = isRollback } }
  func broke(_ rule: Rule, at: Double? = nil, _ because: String) {
    lock.withLock {
      judge.add(rule, at: at ?? now, because)
      tell("rule", "\(rule.rawValue): \(because)")
    }
  }
  func person() -> Double { lock.withLock { fate.person() } }
  /// A chance in 0..<1.
  func chance() -> Double { lock.withLock { fate.unit() } }
  /// Lets viewers ask until now.
  func settle() {
    lock.withLock {
      let known = viewers.outages.count
      viewers.advance(to: now, &caches, zones, model)
      for outage in viewers.outages.dropFirst(known) {
        story?.append(
          Line(at: outage.from, who: "viewers", says: "broken answers: \(outage.because)"))
      }
      story?.sort { $0.at < $1.at }
    }
  }

  // MARK: What the run is given

  func world() -> World {
    World(
      clock: clock, windows: scene.windows,
      zones: { zone throws(FerryError) in StageZone(stage: self, zone: zone) }, names: self,
      serving: self,
      client: { account throws(FerryError) in
        CloudFrontClient(StageTransport(stage: self, account: account))
      })
  }
  func heard(_ event: RunEvent) {
    lock.withLock {
      switch event {
      case .began(let it, let number, let all):
        step = it
        tell("run", "step \(number) of \(all), \(it.id): \(it.title)")
      case .verified(let it):
        tell("run", "\(it.id) is verified")
        settle()
        judging { judge, caches in judge.verified(it, &caches, zones, at: now) }
      case .alreadyHeld(let it): tell("run", "\(it.id): the goal holds already")
      case .skipped(let it, let because): tell("run", "\(it.id) is skipped: \(because)")
      case .resolving(let it, let because): tell("run", "\(it.id): \(because)")
      case .rollingBack(let because): tell("run", "takes everything back: \(because)")
      case .ticket(let it, _): tell("run", "\(it.id): shows a person the change")
      case .waiting(let it, let what, _, _, let lastSeen):
        let says = "\(it.id) waits for \(what)"
        if waitingFor != says {
          waitingFor = says
          tell("run", lastSeen.isEmpty ? says : "\(says); last seen: \(lastSeen)")
        }
      case .applied, .observed, .running: break
      }
    }
  }

  private static let death = FerryError(
    "killed", what: "the run was killed", why: "by the rehearsal", next: "it is begun again")

  /// What happens to a call before it reaches anything.
  private func before(_ request: ServiceRequest?, isWrite: Bool) throws(FerryError)
    -> ServiceResponse?
  {
    func refusal(_ status: Int, _ code: String) -> ServiceResponse {
      .awsError(status: status, code: code, message: "Rehearsed.", requestID: "rehearsed")
    }
    let what = request?.operation ?? "a call to a zone"
    switch fate.before(isWrite: isWrite, at: now) {
    case .goesOn: return nil
    case .killed:
      store.setClosed(true)
      tell("fate", "the run is killed before \(what)")
      throw Self.death
    case .expired: return refusal(403, "ExpiredToken")
    case .refused(let status, let code):
      tell("fate", "\(what) is answered \(status) \(code)")
      return refusal(status, code)
    case .lost:
      tell("fate", "\(what) gets lost")
      throw Self.lost(what)
    case .rival:
      rivalActs()
      return nil
    }
  }
  private func after(_ what: String, isWrite: Bool) throws(FerryError) {
    switch fate.after(isWrite: isWrite) {
    case .goesOn: return
    case .killed:
      store.setClosed(true)
      tell("fate", "the run is killed right after \(what)")
      throw Self.death
    case .lost:
      tell("fate", "the answer to \(what) gets lost")
      throw Self.lost(what)
    }
  }
  private static func lost(_ what: String) -> FerryError {
    FerryError(
      .noAnswer, what: "\(what) got no answer", why: "the connection broke",
      next: "read the resource to learn whether the request arrived")
  }
  private func rivalActs() {
    guard rival == nil, let id = scene.touched.first, let account = scene.owner(of: id, in: model)
    else { return }
    settle()
    let comment = "somebody else was here"
    model.edit(distribution: id, account: account, now: date) {
      $0.set(comment, at: "Comment", shape: "DistributionConfig")
    }
    rival = (id, comment)
    tell("rival", "changes the comment of \(id)")
  }

  fileprivate func send(_ request: ServiceRequest, _ account: AccountID) throws(FerryError)
    -> ServiceResponse
  {
    try locked { () throws(FerryError) in
      let service = request.service.signingName
      let isWrite =
        service == "kms"
        ? request.operation.hasPrefix("Put")
        : service != "monitoring" && request.method != "GET" && request.method != "HEAD"
      if Task.isCancelled {
        throw FerryError(
          "interrupted", exit: .interrupted, what: "could not go on with the rehearsal",
          why: "it was interrupted", next: "run the command again")
      }
      if let answer = try before(request, isWrite: isWrite) { return answer }
      if let answer = statements(request) {
        try after(request.operation, isWrite: isWrite)
        return answer
      }
      if service == "monitoring" {
        settle()
        for (id, at) in viewers.lastServed { model.countRequest(by: id, now: scene.start + at) }
      }
      let arn = "arn:aws:iam::\(account):user/rehearsal"
      if !isWrite, var earlier, fate.isStale(now - earlier.at) {
        return earlier.model.handle(request, account: account, callerARN: arn, now: date)
      }
      if isWrite { settle() }
      let was = model
      let answer = model.handle(request, account: account, callerARN: arn, now: date)
      if let entry = model.log.last, entry.effective { wrote(entry, was, account) }
      model.clearLog()
      try after(request.operation, isWrite: isWrite)
      return answer
    }
  }
  private func wrote(_ entry: LoggedRequest, _ was: CloudFrontModel, _ account: AccountID) {
    earlier = (was, now)
    viewers.written(model, at: now)
    tell("CloudFront", "\(entry.operation) \(entry.resource)")
    let before = was.config(entry.resource, account: account)
    let after = model.config(entry.resource, account: account)
    judging { judge, _ in
      judge.wrote(
        step, operation: entry.operation, at: date, seconds: now, before: before, after: after)
    }
  }

  /// The policies of buckets and keys, where the model has no service of its own.
  private func statements(_ request: ServiceRequest) -> ServiceResponse? {
    switch request.service.signingName {
    case "s3":
      let place = "bucket \(request.path)"
      switch request.method {
      case "GET":
        guard let policy = policies[place] else {
          return .awsError(
            status: 404, code: "NoSuchBucketPolicy", message: "None.", requestID: "rehearsed")
        }
        return ServiceResponse(status: 200, body: Array(policy.canonical.utf8))
      case "PUT":
        policies[place] = try? JSONValue.read(request.body, what: "a policy")
        tell("S3", "PutBucketPolicy \(request.path)")
      default:
        policies[place] = nil
        tell("S3", "DeleteBucketPolicy \(request.path)")
      }
      return ServiceResponse(status: 204)
    case "kms":
      let body = try? JSONValue.read(request.body, what: "a request")
      let place = "key \(body?["KeyId"]?.string ?? "")"
      guard request.operation.hasPrefix("Put") else {
        let policy = policies[place] ?? ["Version": "2012-10-17", "Statement": []]
        let answer: JSONValue = ["Policy": .string(policy.canonical)]
        return ServiceResponse(status: 200, body: Array(answer.canonical.utf8))
      }
      policies[place] = try? JSONValue.read(
        Array((body?["Policy"]?.string ?? "").utf8), what: "a policy")
      tell("KMS", "PutKeyPolicy \(place)")
      return ServiceResponse(status: 200, body: Array("{}".utf8))
    default: return nil
    }
  }
  /// Puts statements where they are to be when the plan begins.
  func place(_ edit: PolicyStatements) {
    let place =
      edit.service == .bucket ? "bucket /\(percentEncoded(edit.resource))" : "key \(edit.resource)"
    let policy = policies[place] ?? ["Version": "2012-10-17", "Statement": []]
    let all = PolicyDocument.statements(policy) + edit.remove
    policies[place] = ["Version": "2012-10-17", "Statement": .array(all)]
  }
}

private struct StageTransport: ServiceTransport {
  let stage: Stage
  let account: AccountID
  func send(_ request: ServiceRequest) async throws(FerryError) -> ServiceResponse {
    try stage.send(request, account)
  }
}

// MARK: Zones

extension Stage {
  fileprivate func read(_ keys: [RecordKey]) throws(FerryError) -> [RecordKey: RecordValue] {
    try locked { () throws(FerryError) in
      if try before(nil, isWrite: false) != nil { throw Self.lost("reading the zone") }
      personActs()
      return zones.records.filter { keys.contains($0.key) }
    }
  }
  fileprivate func write(_ zone: DomainName, _ changes: [RecordChange]) throws(FerryError) -> String
  {
    try locked { () throws(FerryError) in
      if try before(nil, isWrite: true) != nil { throw Self.lost("the change of the zone") }
      guard changes.allSatisfy({ zones[$0.key] == $0.from }) else {
        throw FerryError(
          .recordMoved, exit: .stale, what: "could not change the zone",
          why: "a record is not what was planned against", next: "plan again")
      }
      commit(zone, changes)
      try after("the change of the zone", isWrite: true)
      return "C\(changesAt.count)"
    }
  }
  private func commit(_ zone: DomainName, _ changes: [RecordChange]) {
    settle()
    for change in changes { zones.put(change.key, change.to, at: now) }
    model.change(zone: zone, changes, seenAt: date + zones.slowest)
    changesAt.append(now)
    tell(
      "DNS",
      changes.map { "\($0.key.name) \($0.key.rrtype.rawValue) is \(Self.shown($0.to))" }.joined(
        separator: "; "))
    judging { judge, _ in
      judge.wrote(
        step, operation: "ChangeRecords", at: date, seconds: now, before: nil, after: nil)
    }
  }
  static func shown(_ value: RecordValue?) -> String {
    guard let value else { return "none" }
    return value.alias.map { "alias \($0.dnsName)" }
      ?? "\(value.ttl ?? 0) \(value.data.joined(separator: " "))"
  }
  fileprivate func isInSync(_ change: String) -> Bool? {
    lock.withLock {
      guard let index = Int(change.dropFirst()), changesAt.indices.contains(index - 1) else {
        return nil
      }
      return now >= changesAt[index - 1] + zones.slowest
    }
  }
  fileprivate func ticket(_ zone: DomainName, _ changes: [RecordChange]) -> String? {
    lock.withLock {
      guard scene.manualZones.contains(zone) else { return nil }
      if asked?.changes != changes { asked = (zone, changes, now + fate.person()) }
      return changes.map { "\($0.key.name) \(Self.shown($0.to))" }.joined(separator: "\n")
    }
  }
  private func personActs() {
    guard let asked, now >= asked.due else { return }
    self.asked = nil
    guard asked.changes.allSatisfy({ zones[$0.key] == $0.from }) else { return }
    tell("person", "makes the change that the ticket asks for")
    commit(asked.zone, asked.changes)
  }
}

private struct StageZone: ZoneEditor {
  let stage: Stage
  let zone: DomainName
  var provider: String { "rehearsed" }
  func read(_ keys: [RecordKey]) async throws(FerryError) -> [RecordKey: RecordValue] {
    try stage.read(keys)
  }
  func write(_ changes: [RecordChange], comment: String) async throws(FerryError) -> String {
    try stage.write(zone, changes)
  }
  func isInSync(_ change: String) async throws(FerryError) -> Bool? { stage.isInSync(change) }
  func ticket(_ changes: [RecordChange]) -> String? { stage.ticket(zone, changes) }
}

extension Stage: NameObserver {
  func authoritative(zone: DomainName, _ keys: [RecordKey]) async throws(FerryError)
    -> [ServerLook]
  {
    lock.withLock {
      personActs()
      return scene.servers(of: zone).enumerated().flatMap { index, server in
        keys.map { key in
          ServerLook(
            server: server.server, serverName: server.name, key: key,
            answer: answer(zones.seen(key, server: index, at: now)))
        }
      }
    }
  }
  /// Every alias answers the addresses of its target.
  private func answer(_ value: RecordValue?) -> ServerLook.Answer {
    guard let value else { return .absent(negativeTTL: scene.population.negativeTTL) }
    guard let alias = value.alias else { return .value(value) }
    let text = alias.dnsName.text
    let number = text.utf8.reduce(7) { ($0 &* 31 &+ Int($1)) % 250 }
    return .value(RecordValue(ttl: 60, data: ["203.0.113.\(number + 1)"]))
  }

  func recursive(_ keys: [RecordKey]) async throws(FerryError) -> [ResolverLook] {
    lock.withLock {
      settle()
      judging { judge, _ in judge.asked(keys, zones, at: now) }
      var out: [ResolverLook] = []
      for index in caches.indices {
        guard let address = caches[index].kind.address else { continue }
        for key in keys {
          let copy = caches[index].copy(key, zones, at: now)
          var value = copy.value
          if value?.alias == nil { value?.ttl = max(0, Int(copy.until - now)) }
          out.append(
            ResolverLook(resolver: Scene.server(address), key: key, answer: answer(value)))
        }
      }
      return out
    }
  }
}

extension Stage: ServingProbe {
  func look(url: String, at: String?, marker: String?) async -> [ServingLook] {
    lock.withLock {
      settle()
      let host = String(
        (url.components(separatedBy: "://").last ?? "").prefix { $0 != "/" && $0 != ":" }
      )
      .lowercased()
      let keys = [RRType.cname, .a].map { RecordKey(DomainName(wire: host), $0) }
      let led = keys.compactMap { zones[$0] }.first
      let target =
        at ?? led?.alias?.dnsName.host ?? led?.data.first.map { DomainName(wire: $0).host } ?? ""
      let bare = target.hasSuffix(".") ? String(target.dropLast()) : target
      guard model.knows(domainName: bare) || led == nil else {
        return [seen("elsewhere", scene.status(of: url), scene.markers[bare], [host], host)]
      }
      return (0..<model.pops).map { pop in
        let certificate = model.edgeCertificate(serverName: host, pop: pop, now: date)
        let request = EdgeRequest(host: host, certificate: certificate)
        switch model.edge(request, pop: pop, now: date, random: 0.999) {
        case .served(let by, _), .redirect(_, let by):
          return seen(
            "pop \(pop)", scene.status(of: url), scene.markers[model.domainName(of: by)] ?? by,
            certificate.names, host)
        case .refused(let status, _):
          return seen("pop \(pop)", status, nil, certificate.names, host)
        }
      }
    }
  }
  private func seen(
    _ peer: String, _ status: Int, _ marker: String?, _ names: [String], _ host: String
  ) -> ServingLook {
    ServingLook(
      peer: peer, status: status, httpVersion: "2", marker: marker,
      certificate: .init(
        names: names, notAfter: .distantFuture, isTrusted: true,
        coversName: names.contains { Viewers.covers($0, host) }))
  }
}

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
  let lock = NSRecursiveLock()
  var model: CloudFrontModel
  var zones: ZoneTimeline
  var caches: [ResolverCache]
  var viewers: Viewers
  var fate: Fate
  private let memory = DistributionMemory()
  /// Answers to GetDistribution since the last write, by account and path: polls are most of all calls.
  private var answers: [AccountID: [String: (status: String, answer: ServiceResponse)]] = [:]
  /// Of buckets and keys.
  private var policies: [String: JSONValue] = [:]
  /// The names whose viewers get a broken answer before anything was done.
  private(set) var leftOut: [String] = []
  /// What the last write changed, for reads that lag.
  private var earlier: (model: CloudFrontModel, at: Double)?
  var asked: (zone: DomainName, changes: [RecordChange], due: Double)?
  var changesAt: [Double] = []
  /// By distribution, until when CloudWatch has what viewers asked of it.
  private var counted: [String: Double] = [:]

  private(set) var judge: Judge
  var step: Step?
  private var waitingFor = ""
  /// What the runs exited with.
  var exits: Set<Int32> = []
  private(set) var story: [Line]?
  private(set) var rival: (distribution: String, comment: String)?

  init(_ scene: Scene, seed: UInt64, hazards: [Hazard], tellsStory: Bool = false) {
    self.scene = scene
    fate = Fate(seed: seed, hazards: hazards, steps: scene.plan.steps.count)
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
    leftOut = viewers.dropBroken(&caches, zones, model).map(\.name)
    for name in leftOut { tell("viewers", "\(name) is not served even now, and is left out") }
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
    counted = it.counted
    judge = it.judge
    step = it.step
    waitingFor = it.waitingFor
    story = it.story
    rival = it.rival
    leftOut = it.leftOut
  }

  func locked<T>(_ body: () throws(FerryError) -> T) throws(FerryError) -> T {
    lock.lock()
    defer { lock.unlock() }
    return try body()
  }
  /// Seconds since the start.
  var now: Double { clock.passedSeconds }
  var date: Date { scene.start + now }
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
  func judging(_ body: (inout Judge, inout [ResolverCache]) -> Void) {
    let known = judge.found.count
    body(&judge, &caches)
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
        CloudFrontClient(StageTransport(stage: self, account: account), remembering: self.memory)
      })
  }
  func heard(_ event: RunEvent) {
    lock.withLock {
      switch event {
      case .began(let it, let number, let all):
        step = it
        tell("run", "step \(number) of \(all), \(it.id): \(it.title)")
        handOver(it)
      case .verified(let it):
        tell("run", "\(it.id) is verified")
        settle()
        judging { judge, caches in
          judge.verified(it, &caches, zones, at: now)
          // Reads may lag behind what somebody else wrote, and nothing could tell the run.
          if rival == nil { judge.verified(it, model, now: date, at: now) }
        }
      case .alreadyHeld(let it): tell("run", "\(it.id): the goal holds already")
      case .skipped(let it, let because):
        tell("run", "\(it.id) is skipped: \(because)")
        judging { judge, caches in judge.ended(it, &caches, zones, at: now) }
      case .resolving(let it, let because): tell("run", "\(it.id): \(because)")
      case .rollingBack(let because): tell("run", "takes everything back: \(because)")
      case .ticket(let it, _): tell("run", "\(it.id): shows a person the change")
      case .waiting(let it, let what, _, _, let lastSeen):
        guard story != nil else { return }
        let says = "\(it.id) waits for \(what)"
        if waitingFor != says {
          waitingFor = says
          tell("run", lastSeen.isEmpty ? says : "\(says); last seen: \(lastSeen)")
        }
      case .applied, .observed, .running: break
      }
    }
  }

  /// What somebody else does of a step is taken as done: an alias that AWS Support moves is where it is to be.
  private func handOver(_ step: Step) {
    for check in scene.handedOver[step.id] ?? [] {
      guard let alias = check.value, let id = check.distribution.map(judge.resolved) else {
        continue
      }
      settle()
      guard model.handOver(alias: alias, to: id, now: date) else { continue }
      answers = [:]
      viewers.written(model, at: now)
      tell("person", "moves \(alias) to \(id)")
    }
  }

  private static let death = FerryError(
    "killed", what: "the run was killed", why: "by the rehearsal", next: "it is begun again")

  /// What happens to a call before it reaches anything.
  func before(_ request: ServiceRequest?, isWrite: Bool) throws(FerryError)
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
  func after(_ what: String, isWrite: Bool) throws(FerryError) {
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
  static func lost(_ what: String) -> FerryError {
    FerryError(
      .noAnswer, what: "\(what) got no answer", why: "the connection broke",
      next: "read the resource to learn whether the request arrived")
  }
  func rivalActs() {
    guard rival == nil, let id = scene.touched.first, let account = scene.owner(of: id, in: model)
    else { return }
    settle()
    let comment = "somebody else was here"
    model.edit(distribution: id, account: account, now: date) {
      $0.set(comment, at: "Comment", shape: "DistributionConfig")
    }
    rival = (id, comment)
    answers = [:]
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
        let values = request.body.split(separator: UInt8(ascii: "&")).compactMap {
          $0.split(separator: UInt8(ascii: "=")).last
        }
        countRequests(of: Set(values.map { String(decoding: $0, as: UTF8.self) }))
      }
      func arn() -> String { "arn:aws:iam::\(account):user/rehearsal" }
      if !isWrite, var earlier, fate.isStale(now - earlier.at) {
        return earlier.model.handle(request, account: account, callerARN: arn(), now: date)
      }
      if isWrite { settle() }
      let status = isWrite ? nil : polled(request, account)
      if let status, let known = answers[account]?[request.path], known.status == status {
        try after(request.operation, isWrite: false)
        return known.answer
      }
      // A copy of what only reads touch would make each of them copy it.
      let was = isWrite ? model : nil
      let answer = model.handle(request, account: account, callerARN: arn(), now: date)
      if let status, answer.status == 200 {
        answers[account, default: [:]][request.path] = (status, answer)
      }
      if isWrite { answers = [:] }
      if let entry = model.log.last, entry.effective, let was { wrote(entry, was, account) }
      model.clearLog()
      try after(request.operation, isWrite: isWrite)
      return answer
    }
  }
  /// The status of the distribution that is asked for; nil for another request.
  private func polled(_ request: ServiceRequest, _ account: AccountID) -> String? {
    guard request.operation == "GetDistribution",
      let slash = request.path.utf8.lastIndex(of: UInt8(ascii: "/"))
    else { return nil }
    return model.status(
      of: String(request.path[slash...].dropFirst()), account: account, now: date)
  }
  /// What CloudWatch knows: each distribution that answers gets so many requests a minute, its staging twin its share.
  ///
  /// - Source: assumed; enough for a proof by error rates within an hour at a weight of 5 %.
  private func countRequests(of asked: Set<String>) {
    for (id, at) in viewers.lastServed {
      let twin = model.stagingShare(ofPrimary: id)
      guard asked.contains(id) || twin.map({ asked.contains($0.staging) }) ?? false else {
        continue
      }
      guard at > now - 60 else {
        model.countRequest(by: id, now: scene.start + at)
        continue
      }
      for second in stride(from: max(counted[id] ?? -3600, now - 3600), to: now, by: 60) {
        let minute = scene.start + second
        model.countRequest(by: id, times: Self.requestsPerMinute, now: minute)
        guard let twin else { continue }
        let count = Int(Double(Self.requestsPerMinute) * twin.share)
        model.countRequest(by: twin.staging, times: max(1, count), now: minute)
      }
      counted[id] = now
    }
  }
  private static let requestsPerMinute = 1200
  private func wrote(_ entry: LoggedRequest, _ was: CloudFrontModel, _ account: AccountID) {
    earlier = (was, now)
    if model.edgeChanges != was.edgeChanges { viewers.written(model, at: now) }
    tell("CloudFront", "\(entry.operation) \(entry.resource)")
    let before = was.config(entry.resource, account: account)
    let after = model.config(entry.resource, account: account)
    judging { judge, _ in
      judge.wrote(
        step, operation: entry.operation, resource: entry.resource, at: date, seconds: now,
        before: before, after: after)
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
  /// What those policies say, by where they are; one without a statement is as good as none.
  var statements: [String: Set<String>] {
    lock.withLock { policies }.mapValues {
      Set(PolicyDocument.statements($0).map(\.canonical))
    }.filter { !$0.value.isEmpty }
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

import FerryCloudFront
import FerryCore
import FerryHTTP
import FerryZones
import Foundation
import Testing

@testable import FerryModel
@testable import FerryRun
@testable import Migration

/// Moves by each method, of several distributions, and with what may be in their way.
struct MoveMethodTests {
  static func outage(_ method: AliasMethods.Method?, order: String? = nil)
    -> (inout MigrationInput) -> Void
  {
    {
      $0.method = method
      $0.order = order
      $0.planning.acceptedRisks = ["outage"]
    }
  }
  /// There and back again, with who was seen to answer on either way.
  static func roundTrip(_ world: MoveWorld) async throws -> (
    there: Set<String>, back: Set<String>, copy: String
  ) {
    let before = try await world.summary
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    let (outcome, seen) = try await MoveRunTests.watched(world, world.pair.plan, store)
    #expect(outcome.exit == .done, "\(String(describing: outcome.error))")
    let copy = try MoveRunTests.id("create-distribution-eprimary", store, world.pair.plan)
    #expect(Set(ModelEdge(world.model, world.clock).all("www.example.com").map(\.says)) == [copy])
    let (back, way) = try await MoveRunTests.watched(world, world.pair.rollback, store)
    #expect(back.exit == .done, "\(String(describing: back.error))")
    #expect(try await world.summary == before)
    return (seen.all, way.all, copy)
  }

  @Test func `within one account the alias goes in one call, unseen by any viewer, and comes back`()
    async throws
  {
    let world = try await MoveWorld(inventory: MoveScene.simple(), account: MoveWorld.source)
    #expect(world.pair.plan.methods?.map(\.chosen) == ["same-account"])
    #expect(!world.pair.plan.steps.contains { $0.id.hasPrefix("create-cache") })
    let it = try await Self.roundTrip(world)
    #expect(it.there == ["EPRIMARY", it.copy] && it.back == ["EPRIMARY", it.copy])
  }

  @Test func `a disabled source gives its alias across accounts, and gets it from a disabled copy`()
    async throws
  {
    let world = try await MoveWorld(
      inventory: MoveScene.simple(), edit: Self.outage(.disabledSource))
    #expect(world.pair.plan.exposureSecondsOfAll > 0)
    #expect(world.pair.plan.risks.allSatisfy { $0.accepted })
    let it = try await Self.roundTrip(world)
    #expect(it.there == ["EPRIMARY", "403", it.copy] && it.back == it.there)
  }

  @Test func `a way's seconds are those of the DNS steps, whatever their records can have`()
    async throws
  {
    let inventory = MoveScene.inventory(
      [
        MoveScene.distribution(
          "EPRIMARY", "d1.cloudfront.net", MoveScene.config("p", aliases: ["example.com"]))
      ], records: MoveScene.alias("example.com.", "d1.cloudfront.net.", ["A", "AAAA"]))
    let plan = try await MoveWorld(inventory: inventory) {
      Self.outage(.disabledSource)(&$0)
      $0.cutover.policy.ttl = 5
      $0.cutover.policy.propagationSeconds = 1
      $0.cutover.policy.resolverFloorSeconds = 0
      $0.cutover.policy.margin.minimumSeconds = 1
      $0.cutover.policy.clientHoldSeconds = 1
    }.pair.plan
    // An alias record answers with 60 s and cannot be lowered.
    let flip = try #require(plan.steps.first { $0.id.hasPrefix("flip") })
    #expect(flip.wait?.seconds == 67 && flip.rollbackSeconds == 68)
    let ways = try #require(plan.methods?.first?.considered)
    let disabled = try #require(ways.first { $0.method == "disabled-source" })
    #expect(disabled.exposureSeconds == 668 && disabled.rollbackSeconds == 668)
    #expect(ways.first { $0.method == "support" }?.exposureSeconds == 368)
    #expect(plan.exposureSecondsOfAll == 668)
    #expect(plan.risks.first { $0.code == "outage" }?.text.contains("about 668 s") == true)
  }

  @Test func `what was disabled stays so in the copy, unproven, and the plan says so`() async throws
  {
    let world = try await MoveWorld(
      inventory: MoveScene.simple(["Enabled": .bool(false)]),
      edit: { $0.method = .disabledSource })
    #expect(world.pair.plan.exposureSecondsOfAll == 0)
    #expect(!world.pair.plan.steps.contains { $0.id.hasPrefix("prove") })
    #expect(world.pair.plan.notes.contains { $0.contains("nothing proves") })
    let before = try await world.summary
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    let outcome = try await world.run(store)
    #expect(outcome.exit == .done, "\(String(describing: outcome.error))")
    let back = try await world.run(store, world.pair.rollback)
    #expect(back.exit == .done, "\(String(describing: back.error))")
    #expect(try await world.summary == before)
  }

  @Test func `a disabled-source move taken back in part can be run again`() async throws {
    let world = try await MoveWorld(
      inventory: MoveScene.simple(), edit: Self.outage(.disabledSource))
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    #expect(try await world.run(store).exit == .done)
    let steps = world.pair.plan.steps.map(\.id)
    let from = try #require(steps.firstIndex(of: "move-www-example-com"))
    var options = world.options()
    options.undoOnly = Set(steps[from...])
    let back = try await Runner.run(
      world.pair.rollback, store: store, world: world.world(), options: options)
    #expect(back.exit == .done, "\(String(describing: back.error))")
    let copy = try MoveRunTests.id("create-distribution-eprimary", store, world.pair.plan)
    let client = try world.world().client(MoveWorld.target)
    #expect(try await client.distribution(copy).config.text(at: "Enabled") == "true")
    let again = try await world.run(store)
    #expect(again.exit == .done, "\(String(describing: again.error))")
    #expect(Set(ModelEdge(world.model, world.clock).all("www.example.com").map(\.says)) == [copy])
  }

  @Test func `alias first leaves viewers with errors for a while, as predicted, and comes back`()
    async throws
  {
    let world = try await MoveWorld(
      inventory: MoveScene.simple(), edit: Self.outage(.wildcardBridge, order: "alias-first"))
    #expect(world.pair.plan.methods?.first?.order == "alias-first")
    #expect(world.pair.plan.exposureSecondsOfAll > 0)
    let it = try await Self.roundTrip(world)
    #expect(it.there == ["EPRIMARY", "403", it.copy])
  }

  @Test func `a move by support waits for the case and then for the alias, whoever moved it`()
    async throws
  {
    let world = try await MoveWorld(inventory: MoveScene.simple(), edit: { $0.method = .support })
    #expect(world.pair.plan.pointOfNoReturn == "support-www-example-com")
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    let blocked = try await world.run(store)
    #expect(blocked.exit == .blocked && blocked.error?.code == "gate")
    _ = try store.append(
      RecordDraft(
        .gate, plan: world.pair.plan.digest, step: "support-www-example-com", at: world.clock.now),
      under: nil)
    let copy = try MoveRunTests.id("create-distribution-eprimary", store, world.pair.plan)
    for (account, id, edit) in [
      (MoveWorld.source, "EPRIMARY", AliasList.edits(from: ["www.example.com"], to: [])),
      (MoveWorld.target, copy, AliasList.edits(from: [], to: ["www.example.com"])),
    ] {
      let client = try world.world().client(account)
      let it = try await client.distribution(id)
      world.model.with { $0.behaviours.checksDNSOfAliases = false }
      _ = try await client.updateDistribution(
        id, config: it.config.edited(edit, shape: "DistributionConfig"), ifMatch: it.etag)
    }
    let done = try await world.run(store)
    #expect(done.exit == .done, "\(String(describing: done.error))")
  }

  // MARK: Several at once

  @Test func `two distributions share what they both use, and each has its own steps`()
    async throws
  {
    let world = try await MoveWorld(["EPAIR1", "EPAIR2"], inventory: MoveScene.pair)
    let steps = world.pair.plan.steps
    #expect(steps.filter { $0.parts == nil }.map(\.id) == ["create-cache-policy-cache"])
    #expect(Set(steps.compactMap(\.parts)) == [["EPAIR1"], ["EPAIR2"]])
    #expect(Set(steps.map(\.id)).count == steps.count)
    let before = try await world.summary
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    #expect(try await world.run(store).exit == .done)
    #expect(world.counts(MoveWorld.target) == ["distribution": 2, "CachePolicy": 1])
    let back = try await world.run(store, world.pair.rollback)
    #expect(back.exit == .done, "\(String(describing: back.error))")
    #expect(try await world.summary == before)
  }

  @Test func `one that fails stops nothing of the other, and goes on when it is run again`()
    async throws
  {
    let world = try await MoveWorld(["EPAIR1", "EPAIR2"], inventory: MoveScene.pair)
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    let create = try #require(
      world.pair.plan.steps.first { $0.id == "create-distribution-epair1" })
    guard case .createDistribution(_, _, let reference, _) = create.action else { return }
    let failed = try await world.run(
      store,
      answer: { request in
        String(decoding: request.body, as: UTF8.self).contains(reference)
          ? .awsError(status: 400, code: "TooManyDistributions", message: "no", requestID: "r")
          : nil
      })
    #expect(failed.exit == .failed && failed.error?.service?.code == "TooManyDistributions")
    let state = try RunState(store.records(plan: world.pair.plan.digest))
    for step in world.pair.plan.steps where step.parts == ["EPAIR2"] {
      #expect(state.steps[step.id]?.isDone == true, "\(step.id)")
    }
    for step in world.pair.plan.steps where step.parts == ["EPAIR1"] && step.id != create.id {
      #expect(state.steps[step.id] == nil, "\(step.id)")
    }
    let again = try await world.run(store)
    #expect(again.exit == .done, "\(String(describing: again.error))")
    #expect(world.counts(MoveWorld.target)["distribution"] == 2)
  }

  @Test func `what both need and cannot have stops both`() async throws {
    let world = try await MoveWorld(["EPAIR1", "EPAIR2"], inventory: MoveScene.pair)
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let outcome = try await world.run(
      world.store(path),
      answer: { request in
        request.operation == "CreateCachePolicy"
          ? .awsError(status: 403, code: "AccessDenied", message: "no", requestID: "r") : nil
      })
    #expect(outcome.exit == .denied)
    #expect(outcome.error?.next.contains("cloudfront:CreateCachePolicy") == true)
    #expect(world.counts(MoveWorld.target).isEmpty)
  }

  @Test func `a staging twin is of its primary's part`() async throws {
    let twin: JSONValue = MoveScene.distribution(
      "ESECOND", "d9.cloudfront.net",
      MoveScene.config("x", behaviour: ["CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6"]))
    guard case .object(var document) = MoveScene.trio,
      case .object(var account)? = document["accounts"]?.array?.first,
      let target = document["accounts"]?.array?.last
    else { return }
    account["distributions"] = .array((account["distributions"]?.array ?? []) + [twin])
    document["accounts"] = .array([.object(account), target])
    let world = try await MoveWorld(["EPRIMARY", "ESECOND"], inventory: .object(document))
    for step in world.pair.plan.steps {
      #expect([["EPRIMARY"], ["ESECOND"]].contains(step.parts), "\(step.id): \(step.parts ?? [])")
    }
  }

  // MARK: The end of the source

  @Test
  func `a source that is deleted leaves no policy and no staging twin, and the plan says where`()
    async throws
  {
    let world = try await MoveWorld(edit: { $0.deletesSource = true })
    #expect(world.pair.plan.pointOfNoReturn == "delete-source-eprimary")
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let outcome = try await world.run(world.store(path))
    #expect(outcome.exit == .done, "\(String(describing: outcome.error))")
    #expect(
      world.facts(MoveWorld.source).allSatisfy {
        !$0.hasPrefix("distribution") && !$0.hasPrefix("policy")
      })
  }

  @Test func `the source is kept for as long as requests come to it`() async throws {
    let world = try await MoveWorld(inventory: MoveScene.simple())
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    #expect(try await world.run(store, until: "await-idle-eprimary").exit == .notYet)
    let (model, clock) = (world.model, world.clock)
    let began = clock.now
    let last = began + 1000
    let outcome = try await world.run(
      store, polling: 20,
      answer: { request in
        guard request.operation == "GetMetricData" || request.service.signingName == "monitoring",
          clock.now <= last
        else { return nil }
        model.with { $0.countRequest(by: "EPRIMARY", now: clock.now) }
        return nil
      })
    #expect(outcome.exit == .done, "\(String(describing: outcome.error))")
    let state = try RunState(store.records(plan: world.pair.plan.digest))
    let disabled = try #require(state.steps["disable-source-eprimary"]?.startedAt)
    #expect(disabled >= last + 60 && disabled <= last + 60 + 600 + 200)
  }

  @Test func `a source that is asked again before it is disabled has to be idle anew`() async throws
  {
    let world = try await MoveWorld(inventory: MoveScene.simple())
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    #expect(try await world.run(store, until: "disable-source-eprimary").exit == .notYet)
    let proven = try RunState(store.records(plan: world.pair.plan.digest))
    #expect(proven.steps["await-idle-eprimary"]?.isDone == true)
    world.clock.base.advance(seconds: 60 * 3600)
    let last = world.clock.now
    world.model.with { $0.countRequest(by: "EPRIMARY", now: last) }
    #expect(try await world.run(store, polling: 20).exit == .done)
    let state = try RunState(store.records(plan: world.pair.plan.digest))
    let disabled = try #require(state.steps["disable-source-eprimary"]?.appliedAt)
    #expect(disabled >= last + 60 && disabled <= last + 60 + 600 + 200)
  }

  @Test func `a clock that is set forward makes no source idle`() async throws {
    let world = try await MoveWorld(inventory: MoveScene.simple())
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    #expect(try await world.run(store, until: "await-idle-eprimary").exit == .notYet)
    let clock = world.clock.base
    let began = clock.passedSeconds
    let isSet = Locked<Bool>(false)
    let outcome = try await world.run(
      store, polling: 20,
      answer: { request in
        guard request.operation == "GetMetricData" || request.service.signingName == "monitoring",
          isSet.withLock({ it in
            defer { it = true }
            return !it
          })
        else { return nil }
        clock.jump(seconds: 25 * 3600)
        return nil
      })
    #expect(outcome.exit == .done, "\(String(describing: outcome.error))")
    #expect(clock.passedSeconds - began >= 660)
  }

  @Test func `an answer of CloudWatch that is not whole is no answer`() async throws {
    let world = try await MoveWorld(inventory: MoveScene.simple())
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    #expect(try await world.run(store, until: "await-idle-eprimary").exit == .notYet)
    let clock = world.clock
    let well = clock.now + 3000
    let asked = Locked<Int>(0)
    let outcome = try await world.run(
      store, polling: 20,
      answer: { request in
        guard request.service.signingName == "monitoring", clock.now < well else { return nil }
        let number = asked.withLock { count in
          count += 1
          return count
        }
        let member =
          number % 2 == 0
          ? ""
          : "<member><Id>q0</Id><Label>Requests</Label><StatusCode>InternalError</StatusCode></member>"
        return ServiceResponse(
          status: 200,
          body: Array(
            "<GetMetricDataResponse><GetMetricDataResult><MetricDataResults>\(member)</MetricDataResults></GetMetricDataResult></GetMetricDataResponse>"
              .utf8))
      })
    #expect(outcome.exit == .done, "\(String(describing: outcome.error))")
    #expect(asked.withLock { $0 } > 2)
    let state = try RunState(store.records(plan: world.pair.plan.digest))
    #expect(try #require(state.steps["await-idle-eprimary"]?.finishedAt) >= well)
  }

  @Test func `without any request the source is still watched for the span and CloudWatch's delay`()
    async throws
  {
    let world = try await MoveWorld(inventory: MoveScene.simple())
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    #expect(try await world.run(store).exit == .done)
    let state = try RunState(store.records(plan: world.pair.plan.digest))
    let watched = try #require(state.steps["await-idle-eprimary"])
    let span = try #require(watched.finishedAt).timeIntervalSince(try #require(watched.startedAt))
    #expect(span >= 660 && span < 700)
  }

  // MARK: In the way

  @Test func `a name in the target that says something else is refused before anything is planned`()
    async throws
  {
    let error = await #expect(throws: FerryError.self) {
      _ = try await MoveWorld(
        inventory: MoveScene.trio(
          target: ["cachePolicies": [["id": "c9", "config": ["Name": "cache", "MinTTL": 2]]]]))
    }
    #expect(error?.exit == .blocked && error?.code == "name-taken")
    #expect(error?.causes.first?.contains("cache-policy cache") == true)
  }

  @Test func `HTTP 3 with a policy is refused, and without one is carried`() async throws {
    let error = await #expect(throws: FerryError.self) {
      _ = try await MoveWorld(inventory: MoveScene.trio(["HttpVersion": "http2and3"]))
    }
    #expect(error?.exit == .blocked && error?.code == "http3-with-continuous-deployment")
    #expect(error?.next.contains("orphans detach") == true)
    let world = try await MoveWorld(inventory: MoveScene.simple(["HttpVersion": "http2and3"]))
    #expect(world.pair.plan.steps.contains { $0.id == "bridge" })
  }

  @Test func `what has no counterpart and no map is refused with all of it named`() async throws {
    let error = await #expect(throws: FerryError.self) {
      _ = try await MoveWorld(
        inventory: MoveScene.simple([
          "WebACLId": "arn:aws:wafv2:us-east-1:111111111111:global/webacl/w/1"
        ]))
    }
    #expect(error?.exit == .blocked && error?.code == "mapping-missing")
    #expect(error?.causes.count == 1 && error?.causes.first?.hasPrefix("webACLs: arn:") == true)
  }

  @Test(arguments: ["cache policy", "key value store", "function", "unpublished function"])
  func `a name that is taken after planning is stale, and what took it is left alone`(
    _ taken: String
  ) async throws {
    let world = try await MoveWorld()
    let client = try world.world().client(MoveWorld.target)
    let resources = ResourceClient(client)
    switch taken {
    case "cache policy":
      _ = try await resources.create(
        .cachePolicy, name: "cache",
        config: XMLReader.read(
          "<CachePolicyConfig><Name>cache</Name><MinTTL>7</MinTTL></CachePolicyConfig>"))
    case "key value store":
      _ = try await resources.create(
        .keyValueStore, name: "redirects", config: XElement("KeyValueStore"))
    default:
      let code = Data("function handler(e) { return 1 }".utf8)
      let config = try XMLReader.read(
        "<FunctionConfig><Comment>theirs</Comment><Runtime>cloudfront-js-2.0</Runtime></FunctionConfig>"
      )
      if taken == "function" {
        _ = try await resources.create(
          .function, name: "rewrite", config: config, code: Array(code))
      } else {
        _ = try await client.call(
          "CreateFunction", method: "POST", path: "/function",
          body: XElement(
            "CreateFunctionRequest",
            [
              XElement("Name", text: "rewrite"), config,
              XElement("FunctionCode", text: code.base64EncodedString()),
            ]))
      }
    }
    world.clock.base.advance(seconds: 100)
    let before = world.facts(MoveWorld.target)
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    let outcome = try await world.run(store)
    #expect(outcome.exit == .stale, "\(String(describing: outcome.error))")
    let back = try await world.run(store, world.pair.rollback)
    #expect(back.exit == .done, "\(String(describing: back.error))")
    #expect(world.facts(MoveWorld.target) == before)
  }

  @Test func `an alias that left the source after planning is stale, and nobody loses it`()
    async throws
  {
    let world = try await MoveWorld(
      inventory: MoveScene.simple(["Enabled": false]), edit: Self.outage(.disabledSource))
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    #expect(try await world.run(store, until: "move-www-example-com").exit == .notYet)
    let client = try world.world().client(MoveWorld.source)
    let it = try await client.distribution("EPRIMARY")
    _ = try await client.updateDistribution(
      it.id,
      config: it.config.edited(
        AliasList.edits(from: ["www.example.com"], to: []), shape: "DistributionConfig"),
      ifMatch: it.etag)
    let outcome = try await world.run(store)
    #expect(outcome.exit == .stale)
    #expect(outcome.error?.why.contains("no longer holds the alias www.example.com") == true)
  }

  @Test func `a name without a record moves its alias and leaves DNS alone, and the plan says so`()
    async throws
  {
    let world = try await MoveWorld(
      inventory: MoveScene.inventory(
        [
          MoveScene.distribution(
            "EPRIMARY", "d1.cloudfront.net",
            MoveScene.config("p", aliases: ["www.example.com"]))
        ], records: []))
    #expect(!world.pair.plan.steps.contains { $0.action.dns != nil })
    #expect(world.pair.plan.notes.contains { $0.contains("www.example.com. has no record") })
    _ = try await Self.roundTrip(world)
  }

  // MARK: All kinds

  private static var map: MigrationMap {
    var map = MoveScene.map
    map.realtimeLogConfigs = [
      "arn:aws:cloudfront::111111111111:realtime-log-config/rl":
        "arn:aws:cloudfront::222222222222:realtime-log-config/rl"
    ]
    return map
  }
  @Test func `one of every kind is made for the copy, compares equal, and is taken away again`()
    async throws
  {
    let world = try await MoveWorld(inventory: MoveScene.everything, map: Self.map)
    let made = world.pair.plan.steps.compactMap { step -> ResourceKind? in
      if case .create(let draft) = step.action { draft.kind } else { nil }
    }
    #expect(
      Set(made)
        == Set(Carrier.order).subtracting([.realtimeLogConfig]).union([
          .monitoringSubscription
        ]))
    let before = try await world.summary
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    let outcome = try await world.run(store)
    #expect(outcome.exit == .done, "\(String(describing: outcome.error))")
    #expect(try await CorpusMoveTests.unexpected(world, store) == [])
    let back = try await world.run(store, world.pair.rollback)
    #expect(back.exit == .done, "\(String(describing: back.error))")
    #expect(try await world.summary == before)
  }

  @Test func `what was made a moment ago is taken away without waiting to see it first`()
    async throws
  {
    let world = try await MoveWorld(inventory: MoveScene.everything, map: Self.map)
    let creates = world.pair.plan.steps.prefix {
      if case .create = $0.action { true } else { false }
    }
    let next = try #require(world.pair.plan.steps.dropFirst(creates.count).first)
    #expect(creates.count > 5)
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    #expect(try await world.run(store, until: next.id).exit == .notYet)
    let waits = Locked<[String]>([])
    let back = try await world.run(
      store, world.pair.rollback,
      tell: { event in
        if case .resolving(_, let because) = event { waits.withLock { $0.append(because) } }
      })
    #expect(back.exit == .done, "\(String(describing: back.error))")
    #expect(waits.withLock { $0 } == [])
  }
}

extension Plan {
  var exposureSecondsOfAll: Int { schedule.exposureSeconds }
}

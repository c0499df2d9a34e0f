import FerryTestSupport
import Foundation
import Testing

@testable import Cutover
@testable import FerryCommand
@testable import FerryCore

@Suite struct PlannerTests {
  private func plans(
    _ observations: [CutoverObservation], _ input: CutoverInput = Scene.input()
  ) throws -> CutoverPlans {
    try #require(try CutoverPlanner.plan(observations, input: input))
  }
  private func refusal(
    _ observations: [CutoverObservation], _ input: CutoverInput = Scene.input()
  ) -> FerryError? {
    do throws(FerryError) {
      let made = try CutoverPlanner.plan(observations, input: input)
      Issue.record("planned \(made?.plan.steps.map(\.id) ?? [])")
      return nil
    } catch {
      return error
    }
  }
  private func change(_ step: Step?) throws -> RecordChange {
    try #require(step?.action.dns?.changes.first)
  }
  private let www = RecordKey(Scene.name("www.example.com."), .cname)
  private func value(_ ttl: Int, _ target: String) -> RecordValue {
    RecordValue(ttl: ttl, data: [target])
  }

  @Test func `a CNAME is lowered, flipped, watched and restored, as design.md shows it`() throws {
    let made = try plans([Scene.cname()], Scene.input(window: Scene.tuesdays))
    let steps = made.plan.steps
    #expect(steps.map(\.id) == ["lower-ttl-www", "flip-www", "bake-www", "restore-ttl-www"])
    #expect(
      steps[0].title == "Lower the TTL of www.example.com. CNAME from 3600 s to 60 s")
    #expect(
      try change(steps[0])
        == RecordChange(www, from: value(3600, Scene.old), to: value(60, Scene.old)))
    #expect(
      try change(steps[1])
        == RecordChange(www, from: value(60, Scene.old), to: value(60, Scene.new)))
    #expect(
      try change(steps[3])
        == RecordChange(www, from: value(60, Scene.new), to: value(3600, Scene.new)))
    let lower = steps[0]
    #expect(lower.window == "dns")
    #expect(lower.earliest == Scene.time("2026-12-08T10:00:00Z"))
    #expect(lower.latest == Scene.time("2026-12-08T11:50:00Z"))
    #expect(lower.wait?.from == "last-authoritative-change")
    #expect(lower.wait?.seconds == 3960)
    #expect(
      lower.wait?.terms == [
        .init(term: "old TTL", seconds: 3600, source: "authoritative 4 of 4"),
        .init(term: "margin", seconds: 360, source: "settings"),
      ])
    #expect(lower.rollbackSeconds == 270)
    #expect(lower.checks.map(\.type) == [.authoritative, .recursive])
    #expect(steps[1].wait?.seconds == 240)
    #expect(steps[1].rollbackSeconds == 270)
    #expect(steps[2].action == .observe)
    #expect(steps[2].wait?.seconds == 900)
    #expect(steps[3].rollbackSeconds == 30 + 3600 + 360 + 120)
    #expect(made.plan.debts == ["restore-ttl-www"])
    #expect(made.plan.pointOfNoReturn == nil)
    #expect(made.plan.permissions.contains("route53:ChangeResourceRecordSets"))
    for step in steps {
      #expect(step.wait.map { $0.terms.reduce(0) { $0 + $1.seconds } } == step.wait?.seconds)
      #expect(step.inverse != nil)
      if let (zone, changes) = step.action.dns {
        #expect(
          step.inverse == .replace(zone: zone, changes[0].inverse) && step.account != nil)
        #expect(step.expects.records == [RecordState(www, changes[0].from)])
      }
    }
    #expect(made.rollback.rollbackOf == made.plan.digest)
  }

  @Test func `the way back ends with the records of before, wherever it begins`() throws {
    let made = try plans([Scene.cname()])
    let forward = made.plan.steps.filter { $0.action.dns != nil }
    for count in 0...forward.count {
      var world: [RecordKey: RecordValue] = [www: value(3600, Scene.old)]
      func apply(_ step: Step) throws {
        for change in step.action.dns?.changes ?? [] {
          #expect(world[change.key] == change.from, "\(step.id)")
          world[change.key] = change.to
        }
      }
      for step in forward.prefix(count) { try apply(step) }
      let done = Set(forward.prefix(count).map(\.id))
      for step in made.rollback.steps where done.contains(step.undoes ?? "") { try apply(step) }
      #expect(world == [www: value(3600, Scene.old)], "after \(count) steps")
    }
    #expect(
      made.rollback.steps.map(\.id) == [
        "undo-restore-ttl-www", "undo-flip-www", "drain-restore-ttl-www", "undo-lower-ttl-www",
      ])
    // Users are back before anything is waited for; only then do the restored copies run out.
    #expect(made.rollback.steps[0].wait == nil)
    #expect(made.rollback.steps[1].wait?.seconds == 240)
    #expect(made.rollback.steps[2].wait?.seconds == 4080)
    #expect(made.rollback.steps.allSatisfy { $0.latest == nil && $0.earliest == nil })
  }

  @Test func `waits of a rollback that run side by side are counted once`() throws {
    let made = try plans([Scene.cname()])
    // Both flips back by 60; the restored copies are gone at 60 + 4080, then 30 + 240 for the old TTL.
    #expect(made.rollback.schedule.criticalPathSeconds == 30 + 30 + 4080 + 270)
    #expect(made.rollback.schedule.end == made.rollback.schedule.start + 4410)
    let short = try plans([Scene.cname(60)])
    #expect(short.rollback.schedule.criticalPathSeconds == 270)
  }
  @Test func `a plan survives its file, schema and digest`() throws {
    let made = try plans(
      [Scene.cname()], Scene.input(window: Scene.tuesdays, accept: ["rollback-outside-window"]))
    for plan in [made.plan, made.rollback] {
      let text = FerryJSON.document(plan)
      #expect(try Plan.read(Array(text.utf8), named: "x") == plan)
    }
  }

  @Test func `a TTL at or below the low one is not lowered, and nothing is owed`() throws {
    for (ttl, after) in [(60, 60), (30, 30), (1, 1), (0, 60)] {
      let made = try plans([Scene.cname(ttl)])
      #expect(made.plan.steps.map(\.id) == ["flip-www", "bake-www"], "\(ttl)")
      #expect(try change(made.plan.steps[0]).to?.ttl == after)
      #expect(made.plan.debts.isEmpty)
      #expect(made.plan.steps[0].wait?.seconds == 240, "floors hold for \(ttl)")
    }
  }
  @Test func `without restoreTTL nothing is owed`() throws {
    let made = try plans([Scene.cname()], Scene.input { $0.restoresTTL = false })
    #expect(made.plan.steps.map(\.id) == ["lower-ttl-www", "flip-www", "bake-www"])
    #expect(made.plan.debts.isEmpty)
  }
  @Test func `a name that is at its target is nothing to do`() throws {
    #expect(
      try CutoverPlanner.plan([Scene.cname(to: Scene.old)], input: Scene.input()) == nil)
    let alias = Scene.records([.a: Scene.alias(Scene.new), .aaaa: Scene.alias(Scene.new)])
    #expect(try CutoverPlanner.plan([alias], input: Scene.input()) == nil)
    let both = try plans([Scene.cname(to: Scene.old), Scene.cname(3600, "api.example.com.")])
    #expect(both.plan.notes.contains { $0.hasPrefix("www.example.com. is at its target") })
    #expect(both.plan.steps.first?.id == "lower-ttl-api")
  }

  @Test func `alias records flip in one batch and are never lowered`() throws {
    let made = try plans([
      Scene.records([
        .a: Scene.alias(Scene.old), .aaaa: Scene.alias(Scene.old), .https: Scene.alias(Scene.old),
      ])
    ])
    #expect(made.plan.steps.map(\.id) == ["flip-www", "bake-www"])
    let flip = made.plan.steps[0]
    #expect(flip.action.type == "dns.batch")
    #expect(flip.action.dns?.changes.map(\.rrtype) == [.a, .aaaa, .https])
    #expect(flip.action.dns?.changes.allSatisfy { $0.to == Scene.alias(Scene.new) } == true)
    #expect(flip.wait?.seconds == 240)
    #expect(flip.checks.map(\.type) == [.authoritative])
  }
  @Test func `E17: an alias without AAAA stays without, and says how long that is remembered`()
    throws
  {
    let made = try plans([Scene.records([.a: Scene.alias(Scene.old)])])
    #expect(try change(made.plan.steps[0]).rrtype == .a)
    #expect(made.plan.notes.contains { $0.contains("no AAAA record") && $0.contains("900 s") })
  }
  @Test func `addresses become a CNAME in one batch, and IPv6 is waited for by the negative TTL`()
    throws
  {
    let addresses = RecordValue(ttl: 300, data: ["192.0.2.7"])
    let made = try plans([Scene.records([.a: addresses], provider: .rfc2136)])
    #expect(
      made.plan.steps.map(\.id) == ["lower-ttl-www", "flip-www", "bake-www", "restore-ttl-www"])
    let changes = try #require(made.plan.steps[1].action.dns?.changes)
    #expect(made.plan.steps[1].action.type == "dns.batch")
    #expect(changes.map(\.rrtype) == [.cname, .a])
    #expect(changes[0] == RecordChange(www, from: nil, to: value(60, Scene.new)))
    #expect(changes[1].from?.ttl == 60 && changes[1].to == nil)
    // effneg(900) + 90 + 120
    #expect(made.plan.steps[1].wait?.seconds == 1110)
    #expect(try change(made.plan.steps[3]).to?.ttl == 300)
    // With both families there, no denial is cached.
    let six = RecordValue(ttl: 300, data: ["2001:db8::7"])
    let both = try plans([Scene.records([.a: addresses, .aaaa: six], provider: .rfc2136)])
    #expect(both.plan.steps[1].wait?.seconds == 240)
  }
  @Test func `a CNAME and alias records change into each other where asked`() throws {
    let there = try plans([Scene.cname()], Scene.input(form: .alias))
    let changes = try #require(there.plan.steps[1].action.dns?.changes)
    #expect(changes.map(\.rrtype) == [.cname, .a, .aaaa])
    #expect(changes[0].to == nil)
    #expect(!there.plan.steps.contains { $0.id.hasPrefix("restore") }, "an alias has no TTL")
    let back = try plans(
      [Scene.records([.a: Scene.alias(Scene.old), .aaaa: Scene.alias(Scene.old)])],
      Scene.input(form: .cname))
    #expect(back.plan.steps[0].action.dns?.changes.map(\.rrtype) == [.cname, .a, .aaaa])
  }
  @Test func `a name that is not there is created, on the clock of the denial`() throws {
    let made = try plans([Scene.records([:])])
    #expect(made.plan.steps.map(\.id) == ["flip-www", "bake-www"])
    #expect(
      try change(made.plan.steps[0])
        == RecordChange(www, from: nil, to: value(60, Scene.new)))
    #expect(made.plan.steps[0].wait?.seconds == 900 + 90 + 120)
    #expect(made.plan.steps[0].title == "Create www.example.com. CNAME to \(Scene.new)")
    #expect(try change(made.rollback.steps[0]).to == nil)
    #expect(made.plan.notes.contains { $0.contains("no resolver is asked") })
    // E7: capped at three hours.
    let long = try plans([Scene.records([:]) { $0.negativeTTL = 86_400 }])
    #expect(long.plan.steps[0].wait?.seconds == 10_800 + 1080 + 120)
  }

  @Test func `a CNAME at the apex is refused with the alternatives`() throws {
    for provider in [ZoneSettings.Provider.rfc2136, .manual] {
      let it = Scene.records(
        [.a: RecordValue(ttl: 300, data: ["192.0.2.7"])], at: "example.com.", provider: provider)
      let error = try #require(refusal([it]))
      #expect(error.code.rawValue == "apex-cname")
      #expect(error.exit == .usage)
      for way in ["alias record", "ANAME", "AliasMode"] { #expect(error.next.contains(way)) }
    }
    let elsewhere = Scene.records(
      [.a: Scene.alias(Scene.old)], at: "example.com.", to: "lb.example.net.")
    #expect(refusal([elsewhere])?.code.rawValue == "apex-cname")
    // Route 53 has alias records for it.
    let apex = try plans([
      Scene.records([.a: RecordValue(ttl: 300, data: ["192.0.2.7"])], at: "example.com.")
    ])
    #expect(
      apex.plan.steps.map(\.id) == [
        "lower-ttl-example-com", "flip-example-com", "bake-example-com",
      ])
    #expect(try change(apex.plan.steps[1]).to == Scene.alias(Scene.new))
  }
  @Test func `a wildcard is a name like any other, and no health is asked of it`() throws {
    let health = HealthPolicy(url: "https://{name}/healthz")
    let made = try plans(
      [Scene.cname(3600, "*.example.com.")], Scene.input(health: health))
    #expect(made.plan.steps[0].id == "lower-ttl-wildcard")
    #expect(made.plan.steps.allSatisfy { !$0.checks.contains { $0.type == .health } })
  }
  @Test func `other data at the name keeps a CNAME away`() throws {
    let mail = RecordValue(ttl: 300, data: ["10 mx.example.com."])
    let it = Scene.records(
      [.a: RecordValue(ttl: 300, data: ["192.0.2.7"]), "MX": mail], provider: .rfc2136)
    #expect(refusal([it])?.code.rawValue == "cname-conflict")
  }

  @Test func `the highest TTL that any server shows is waited for`() throws {
    let made = try plans([
      Scene.cname { $0.servers[1].answers[0].ttl = 86_400 }
    ])
    #expect(made.plan.steps[0].wait?.seconds == 86_400 + 3600)
    #expect(made.plan.steps[0].wait?.terms[0].source.contains("192.0.2.2:53") == true)
  }
  @Test func `a TTL that somebody lowered a moment ago is still waited for`() throws {
    let made = try plans([
      Scene.cname(60) {
        $0.recursives = [
          .init(
            address: "192.0.2.53:53", rcode: .noError, answers: $0.servers[0].answers,
            remainingTTL: 1799, verdict: "ok")
        ]
      }
    ])
    #expect(made.plan.steps.map(\.id) == ["flip-www", "bake-www"])
    #expect(made.plan.steps[0].wait?.seconds == 1800 + 180 + 120)
  }
  @Test func `a floor that a resolver applies makes the waits longer, a cap never shorter`() throws
  {
    let floor = try plans([
      Scene.cname {
        $0.recursives = [
          .init(address: "192.0.2.53:53", answers: [], clamp: "floor 300", verdict: "ok"),
          .init(address: "192.0.2.54:53", answers: [], clamp: "cap 10", verdict: "ok"),
          .init(address: "192.0.2.55:53", answers: [], clamp: "floor x", verdict: "ok"),
        ]
      }
    ])
    #expect(floor.plan.steps[0].wait?.seconds == 3960)
    #expect(floor.plan.steps[1].wait?.seconds == 300 + 60 + 120)
    #expect(
      floor.plan.steps[1].wait?.terms.contains {
        $0.term == "resolver floor" && $0.seconds == 240 && $0.source.contains("192.0.2.53")
      } == true)
  }
  @Test func `E4: a TTL of 68 years is capped, shows both figures and has to be accepted`() throws {
    let made = try plans([Scene.cname(2_147_483_647)])
    #expect(made.plan.steps[0].wait?.seconds == 608_400)
    let risk = try #require(made.plan.risks.first { $0.code == "ttl-extreme" })
    #expect(!risk.accepted)
    #expect(risk.text.contains("2147483647") && risk.text.contains("604800"))
    let taken = try plans([Scene.cname(2_147_483_647)], Scene.input(accept: ["ttl-extreme"]))
    #expect(taken.plan.risks.allSatisfy { $0.accepted })
    #expect(refusal([Scene.cname(2_147_483_648)])?.code.rawValue == "ttl-out-of-range")
  }
  @Test func `E20: a server that cannot be verified blocks, or is waited for until EXPIRE`() throws
  {
    let it = Scene.cname {
      $0.servers[2].verdict = .timeout
      $0.servers[2].answers = []
    }
    let made = try plans([it])
    let risk = try #require(made.plan.risks.first { $0.code == "server-unverified" })
    #expect(!risk.accepted)
    #expect(risk.text.contains("192.0.2.3:53"))
    #expect(made.plan.steps[0].wait?.seconds == 1_209_600 + 3600 + 360)
    let error = refusal([Scene.cname { $0.servers = [] }])
    #expect(error?.code.rawValue == "no-server")
    #expect(error?.exit == .blocked)
  }
  @Test
  func `a silent server that was accepted is named in every check, and is waited for no more`()
    throws
  {
    func silent(_ probe: inout ProbedName) {
      probe.servers[2].verdict = .timeout
      probe.servers[2].answers = []
      probe.servers[3] = .init(name: Scene.name("ns4.example.net."), address: "", verdict: .unknown)
    }
    let accepted = try plans(
      [Scene.cname(edit: silent)], Scene.input(accept: ["server-unverified"]))
    let checks = (accepted.plan.steps + accepted.rollback.steps).flatMap(\.checks)
    let gates = checks.filter { $0.type == .authoritative }
    #expect(gates.count == 6)
    #expect(gates.allSatisfy { $0.unverified == ["192.0.2.3:53", "ns4.example.net:53"] })
    #expect(checks.filter { $0.type == .recursive }.allSatisfy { $0.unverified == nil })
    for made in [try plans([Scene.cname(edit: silent)]), try plans([Scene.cname()])] {
      #expect(made.plan.steps.flatMap(\.checks).allSatisfy { $0.unverified == nil })
      #expect(!FerryJSON.document(made.plan).contains("\"unverified\""))
    }
  }
  @Test func `a resolver that does not count down doubles what is kept, and no step waits for it`()
    throws
  {
    let made = try plans([
      Scene.cname {
        $0.recursives = [
          .init(address: "198.51.100.1:53", verdict: "ok"),
          .init(address: "198.51.100.2:53", verdict: "ok"),
        ]
        $0.recursives[1].habits = [.fixedTTL]
      }
    ])
    let wait = try #require(made.plan.steps[0].wait)
    #expect(
      wait.terms == [
        .init(term: "old TTL", seconds: 3600, source: "authoritative 4 of 4"),
        .init(
          term: "the same downstream", seconds: 3600,
          source: "resolver 198.51.100.2:53 does not count TTLs down"),
        .init(term: "margin", seconds: 720, source: "settings"),
      ])
    #expect(wait.seconds == 7920)
    #expect(made.plan.steps[1].wait?.seconds == 60 + 60 + 60 + 120)
    #expect(made.rollback.steps[1].wait?.seconds == 60 + 60 + 60 + 120)
    let checks = (made.plan.steps + made.rollback.steps).flatMap(\.checks)
    #expect(checks.filter { $0.type == .recursive }.count == 4)
    for check in checks {
      #expect(check.unverified == (check.type == .recursive ? ["198.51.100.2:53"] : nil))
    }
    #expect(made.plan.notes.contains { $0.contains("198.51.100.2:53 does not keep to TTLs") })
  }
  @Test func `of many caches the longest copy is waited for, of one that cuts TTLs nothing more`()
    throws
  {
    let copy = ProbedName.RRset(
      name: Scene.name("www.example.com."), type: .cname, ttl: 5000, data: [Scene.old])
    let many = try plans([
      Scene.cname {
        $0.recursives = [
          .init(address: "8.8.8.8:53", answers: [copy], remainingTTL: 5000, verdict: "ok")
        ]
        $0.recursives[0].habits = [.manyCaches]
      }
    ])
    #expect(
      many.plan.steps[0].wait?.terms.first
        == .init(
          term: "old TTL", seconds: 5001,
          source: "still kept by one of the caches of resolver 8.8.8.8:53"))
    let cut = try plans([
      Scene.cname {
        $0.recursives = [.init(address: "8.8.8.8:53", clamp: "cap 3600", verdict: "ok")]
        $0.recursives[0].habits = [.cutsTTL]
      }
    ])
    #expect(cut.plan.steps[0].wait?.seconds == 3960)
    #expect(cut.plan.steps.flatMap(\.checks).allSatisfy { $0.unverified == nil })
  }
  @Test func `looking for a hosted zone by its name is a permission only where it has no id`()
    throws
  {
    let action = "route53:ListHostedZonesByName"
    #expect(!(try plans([Scene.cname()]).plan.permissions.contains(action)))
    var nameless = Scene.cname()
    nameless.zone.zoneID = nil
    let made = try plans([nameless])
    #expect(made.plan.permissions.contains(action) && made.rollback.permissions.contains(action))
    let manual = try plans([Scene.cname(provider: .manual)])
    #expect(manual.plan.permissions.isEmpty)
  }
  @Test func `E22: a signature that ends too soon blocks by the second`() throws {
    let clear = Scene.now + 30 + 3960 + 30 + 240
    let retire = clear + 86_400
    let it = Scene.cname {
      $0.dnssec = .init(state: .signed, earliestExpiration: retire - 675)
    }
    let error = try #require(refusal([it]))
    #expect(error.code.rawValue == "rrsig-expires")
    #expect(error.exit == .blocked)
    #expect(error.why.contains(" 675 s before"))
    // A wildcard's answer is signed too, though more of it is unknown.
    let wildcard = Scene.cname {
      $0.dnssec = .init(state: .unknown, earliestExpiration: retire - 675)
    }
    #expect(refusal([wildcard])?.code.rawValue == "rrsig-expires")
    let accepted = try plans([it], Scene.input(accept: ["rrsig-expires"]))
    #expect(accepted.plan.risks.contains { $0.code == "rrsig-expires" && $0.accepted })
    let fresh = Scene.cname {
      $0.dnssec = .init(state: .signed, earliestExpiration: retire + 1)
    }
    let signed = try plans([fresh])
    #expect(signed.plan.risks.isEmpty)
    #expect(
      refusal([Scene.cname { $0.dnssec = .init(state: .bogus) }])?.code.rawValue == "dnssec-bogus")
  }
  @Test func `a name that a wildcard answers for is refused with what to do`() throws {
    let name = "q.wild.example.com."
    var it = Scene.cname(300, name)
    it.current = [:]
    #expect(refusal([it])?.code.rawValue == "servers-disagree")
    it.wildcard = .init(name: Scene.name("*.wild.example.com."), isAlone: true)
    let alone = try #require(refusal([it]))
    #expect(alone.code.rawValue == "covered-by-wildcard" && alone.exit == .blocked)
    #expect(alone.why.contains("*.wild.example.com. (CNAME \(Scene.old))"), "\(alone.why)")
    #expect(alone.next.contains("today's target and TTL"))
    it = Scene.cname(300, name, provider: .rfc2136)
    it.wildcard = .init(name: Scene.name("*.wild.example.com."), isAlone: false)
    let doubt = try #require(refusal([it]))
    #expect(doubt.code.rawValue == "covered-by-wildcard" && doubt.next.contains("another TTL"))
  }
  @Test func `who changes a zone by hand is told that a wildcard may answer`() throws {
    var it = Scene.cname(300, "q.wild.example.com.", provider: .manual)
    it.wildcard = .init(name: Scene.name("*.wild.example.com."), isAlone: false)
    let made = try plans([it])
    #expect(
      made.plan.notes.contains { $0.contains("as the wildcard *.wild.example.com. does") },
      "\(made.plan.notes)")
  }
  @Test func `servers that disagree with the provider are refused`() throws {
    for edit in [
      { (it: inout ProbedName) in it.servers[3].answers[0].data = ["d9.cloudfront.net."] },
      { $0.servers[3].answers = [] },
      { $0.servers[0].answers.append(.init(name: $0.name, type: .a, ttl: 5, data: ["192.0.2.9"])) },
    ] {
      let error = refusal([Scene.cname(edit: edit)])
      #expect(error?.code.rawValue == "servers-disagree")
      #expect(error?.exit == .blocked)
    }
    let other = refusal([Scene.cname { $0.zone = Scene.name("www.example.com.") }])
    #expect(other?.code.rawValue == "other-zone")
    let link = ProbedName.Link(
      name: Scene.name("a."), zone: Scene.name("a."), type: .cname, ttl: 1, target: Scene.name("b.")
    )
    let long = refusal([Scene.cname { $0.chain = Array(repeating: link, count: 9) }])
    #expect(long?.code.rawValue == "chain-too-long")
  }
  @Test func `a thousand servers are as good as four`() throws {
    let made = try plans([
      Scene.records(
        [.cname: RecordValue(ttl: 3600, data: [Scene.old])], provider: .rfc2136, servers: 1000)
    ])
    #expect(made.plan.steps[0].wait?.terms[0].source == "authoritative 1000 of 1000")
  }

  @Test func `a rollback outside the windows is a risk with both times in it`() throws {
    let made = try plans([Scene.cname(86_400)], Scene.input(window: Scene.tuesdays))
    #expect(made.plan.steps[1].earliest == Scene.time("2026-12-10T10:00:00Z"))
    let risk = try #require(made.plan.risks.first { $0.code == "rollback-outside-window" })
    #expect(!risk.accepted)
    #expect(risk.text.contains("Thu 2026-12-10 12:00 Europe/London"), "\(risk.text)")
    #expect(risk.text.contains("Tue 2026-12-15 10:00 Europe/London"), "\(risk.text)")
    let points = try #require(made.plan.schedule.rollback)
    #expect(points.contains { $0.nextAllowed == Scene.time("2026-12-15T10:00:00Z") })
    #expect(points.allSatisfy { $0.nextAllowed.map { next in next >= points[0].from } ?? false })
    for accept in [true, false] {
      let taken = try plans(
        [Scene.cname(86_400)],
        Scene.input(
          window: Scene.tuesdays, accept: accept ? ["rollback-outside-window"] : []
        ) { if !accept { $0.acceptedRisks = ["rollback-outside-window"] } })
      #expect(taken.plan.risks.allSatisfy { $0.accepted })
    }
    let always = try ChangeWindow(timeZone: "UTC", allow: ["Mon..Sun 00:00-24:00"], freeze: [])
    let open = try plans([Scene.cname()], Scene.input(window: always))
    #expect(open.plan.risks.isEmpty)
  }
  @Test func `no freeze puts a rollback off, only the hours do`() throws {
    let frozen = try ChangeWindow(
      timeZone: "Europe/London", allow: ["Tue,Thu 10:00-12:00"], freeze: ["2026-12-18/2027-01-04"])
    let made = try plans(
      [Scene.cname()],
      Scene.input(window: frozen, start: Scene.time("2026-12-15T11:30:00Z")))
    #expect(made.plan.steps[1].earliest == Scene.time("2026-12-17T10:00:00Z"))
    let risk = try #require(made.plan.risks.first { $0.code == "rollback-outside-window" })
    #expect(risk.text.hasSuffix("rollback is Tue 2026-12-22 10:00 Europe/London"), "\(risk.text)")
    #expect(
      made.plan.schedule.rollback?.last?.nextAllowed == Scene.time("2026-12-22T10:00:00Z"))
  }
  @Test func `a window that only a freeze closes lets a rollback begin at any time`() throws {
    let frozen = try ChangeWindow(timeZone: "UTC", allow: [], freeze: ["2026-12-08/2026-12-31"])
    let made = try plans([Scene.cname()], Scene.input(window: frozen))
    #expect(made.plan.steps[1].latest != nil)
    #expect(made.plan.risks.isEmpty)
    let points = try #require(made.plan.schedule.rollback)
    #expect(points.allSatisfy { $0.nextAllowed == $0.from })
  }
  @Test func `E9: a window too short names the TTL that would fit, and can be accepted`() throws {
    let short = try ChangeWindow(timeZone: "UTC", allow: ["Mon..Sun 10:00-12:00"], freeze: [])
    let input = Scene.input(window: short) { $0.ttl = 3600 }
    let error = try #require(refusal([Scene.cname(86_400)], input))
    #expect(error.code.rawValue == "window-too-short")
    #expect(error.next.contains("cutover.ttl to 3109"))
    var taken = input
    taken.acceptedRisks = ["rollback-outside-window"]
    let accepted = try plans([Scene.cname(86_400)], taken)
    #expect(accepted.plan.risks.allSatisfy { $0.accepted })
  }
  @Test func `approvals take their lead time, and an asked start is kept`() throws {
    let slow = try ChangeWindow(
      timeZone: "UTC", allow: ["Mon..Sun 10:00-12:00"], freeze: [], leadSeconds: 48 * 3600)
    let made = try plans([Scene.cname()], Scene.input(window: slow))
    #expect(made.plan.steps[0].earliest == Scene.time("2026-12-09T10:00:00Z"))
    let lead = try ChangeWindow(timeZone: "UTC", allow: [], freeze: [], leadSeconds: 3600)
    let later = try plans([Scene.cname()], Scene.input(window: lead))
    #expect(later.plan.steps[0].earliest == Scene.now + 3600)
    let start = Scene.time("2026-12-24T00:00:00Z")
    let asked = try plans([Scene.cname()], Scene.input(start: start))
    #expect(asked.plan.steps[0].earliest == start)
    #expect(asked.plan.schedule.start == start)
    let plain = try plans([Scene.cname()])
    #expect(plain.plan.steps.allSatisfy { $0.earliest == nil && $0.latest == nil })
  }
  @Test func `the schedule has every step's clock times, the curve and the way back from each`()
    throws
  {
    let schedule = try plans([Scene.cname()]).plan.schedule
    #expect(schedule.start == Scene.now)
    let steps = try #require(schedule.steps)
    #expect(
      steps.map(\.step) == ["lower-ttl-www", "flip-www", "bake-www", "restore-ttl-www"])
    #expect(steps[1].start == Scene.now + 30 + 3960)
    #expect(steps[2].start == schedule.allClear)
    #expect(steps[3].start == Scene.now + 30 + 3960 + 30 + 240 + 900)
    #expect(schedule.end == steps[3].end)
    #expect(schedule.criticalPathSeconds == Int(schedule.end.timeIntervalSince(schedule.start)))
    #expect(schedule.trafficShare?.first?.old == 1)
    #expect(schedule.trafficShare?.last == .init(seconds: 180, old: 0))
    #expect(
      schedule.rollback?.contains { $0.step == "restore-ttl-www" && $0.seconds == 4110 } == true)
    #expect(schedule.exposureSeconds == 0)
  }
  @Test func `between two distributions the plan says what each ordering would cost`() throws {
    let methods = try #require(try plans([Scene.cname()]).plan.methods)
    let considered = methods[0].considered
    #expect(methods[0].alias == "www.example.com")
    #expect(considered.count == 4)
    #expect(
      considered.filter { $0.method.contains("same account") }.allSatisfy {
        $0.exposureSeconds == 0
      })
    #expect(
      considered.filter { $0.method.contains("cross") }.allSatisfy { $0.exposureSeconds ?? 0 > 0 })
    let away = Scene.records(
      [.cname: RecordValue(ttl: 300, data: ["lb.example.net."])], provider: .rfc2136)
    let elsewhere = try plans([away])
    #expect(elsewhere.plan.methods == nil)
  }

  @Test func `a person's zone has a gate on each change, and needs no AWS`() throws {
    let made = try plans([Scene.cname(provider: .manual)])
    for step in made.plan.steps + made.rollback.steps where step.action.dns != nil {
      #expect(step.gate != nil && step.account == nil)
    }
    #expect(made.plan.permissions.isEmpty)
  }
  @Test func `health is watched during the bake, with the reaction of the settings`() throws {
    var it = Scene.cname()
    it.targetMarker = "E2"
    let health = HealthPolicy(
      url: "https://{name}/healthz", expectStatus: 204, marker: "x-distribution",
      onFailure: .rollBack)
    let made = try plans([it], Scene.input(health: health))
    let bake = try #require(made.plan.steps.first { $0.id == "bake-www" })
    #expect(bake.onFailure == .rollBack)
    let check = try #require(bake.checks.first)
    #expect(check.url == "https://www.example.com/healthz")
    #expect(check.status == 204 && check.marker == "x-distribution" && check.value == "E2")
    #expect(made.plan.notes.contains { $0.contains("by itself") })
    let unwatched = try plans([it])
    #expect(unwatched.plan.steps[2].onFailure == nil)
  }
  @Test func `low TTLs are warned of and 0 is refused`() throws {
    let low = try plans([Scene.cname()], Scene.input { $0.ttl = 20 })
    #expect(low.plan.notes.contains { $0.contains("below 30") })
    let none = refusal([Scene.cname()], Scene.input { $0.ttl = 0 })
    #expect(none?.exit == .usage)
  }
  @Test func `one name with two targets is refused, and twice with one is once`() throws {
    let twice = try plans([Scene.cname(), Scene.cname()])
    #expect(twice.plan.steps[0].id == "lower-ttl-www")
    let error = refusal([Scene.cname(), Scene.cname(to: "d3.cloudfront.net.")])
    #expect(error?.code.rawValue == "two-targets")
  }

  @Test func `many names share windows and batches within Route 53's limits`() throws {
    let count = 1201
    let made = try plans((0..<count).map { Scene.cname(300 + $0, "w\($0).example.com.") })
    let lower = made.plan.steps.filter { $0.id.hasPrefix("lower-ttl") }
    #expect(lower.map(\.id) == ["lower-ttl", "lower-ttl-2", "lower-ttl-3"])
    #expect(lower.map { $0.action.dns?.changes.count } == [500, 500, 201])
    // Each value is some 29 characters and counts twice.
    for step in made.plan.steps {
      let changes = step.action.dns?.changes ?? []
      #expect(changes.count * 2 <= 1000)
      let characters = changes.reduce(0) { $0 + ($1.to?.data.joined().utf8.count ?? 0) }
      #expect(characters * 2 <= 32_000)
    }
    #expect(lower.map { $0.wait?.seconds } == [nil, nil, 1500 + 150])
    #expect(made.plan.steps.map(\.id).contains("bake"))
    #expect(made.plan.debts == ["restore-ttl", "restore-ttl-2", "restore-ttl-3"])
    #expect(made.plan.observed.probes == nil)
    let undone = made.rollback.steps.filter { $0.id.hasPrefix("undo-flip") }
    #expect(undone.map(\.undoes) == ["flip-3", "flip-2", "flip"])
    #expect(undone.map { $0.wait?.seconds } == [nil, nil, 240])
  }
  @Test func `names of several zones have batches of their own`() throws {
    let one = Scene.cname()
    let two = Scene.records(
      [.cname: RecordValue(ttl: 300, data: [Scene.old])], at: "www.example.net.",
      zone: "example.net.",
      provider: .rfc2136)
    let made = try plans([one, two])
    #expect(
      made.plan.steps.map(\.id) == [
        "lower-ttl", "lower-ttl-2", "flip", "flip-2", "bake", "restore-ttl", "restore-ttl-2",
      ])
    #expect(made.plan.steps[1].wait?.seconds == 3960)
    #expect(made.plan.steps.map(\.account).filter { $0 != nil }.count == 3)
  }
}

import FerryTestSupport
import Foundation
import Testing

@testable import FerryCommand
@testable import FerryCore
@testable import Sweeps

private let day = 86_400.0

/// An account and the sweeps over it.
private struct Sweeping {
  var scene = SceneBuilder()
  var rules = SweepRules()
  var keeps: [Keep] = []
  var ledger: AccountLedger?

  func judging(_ now: Date) -> Judging {
    var scene = scene
    scene.takenAt = now
    return Judging(
      inventory: scene.inventory, account: scene.account, report: scene.report(), rules: rules,
      keeps: keeps, now: now, input: scene.input)
  }
  /// - Parameter removed: what plans of the state deleted.
  @discardableResult
  mutating func sweep(_ seconds: Double = 0, removed: [String: String] = [:]) throws
    -> AccountLedger
  {
    let it = try judging(scene.takenAt + seconds).ledger(after: ledger, removed: removed)
    // As it is after it was written and read.
    ledger = try AccountLedger.read(JSONValue.of(it))
    return it
  }
  /// `CODE:ID=state` of every finding that is shown.
  func shown(since: Date? = nil) -> [String] {
    (ledger?.findings(closedSince: since ?? ledger?.lastRun ?? .distantPast) ?? []).map {
      "\($0.code):\($0.resource.id)=\($0.ledger?.state.rawValue ?? "")"
    }
  }
  var selected: [String] { ledger.map { Judging.selection($0).map(\.text) } ?? [] }

  /// A policy that nobody uses, with its staging distribution.
  static func unused(grace: Int = 14 * 86_400) -> Sweeping {
    var it = Sweeping()
    it.scene.distribution("S", staging: true)
    it.scene.policy("P", staging: "S")
    it.rules.graceSeconds = grace
    return it
  }
}

struct JudgingTests {
  @Test func `a finding is due at the last second of its grace and not before`() throws {
    var it = Sweeping.unused(grace: 1000)
    try it.sweep()
    #expect(it.shown() == ["policy-unattached:P=new"] && it.selected == [])
    // Whoever looks again within the same second has seen it before.
    try it.sweep()
    #expect(it.shown() == ["policy-unattached:P=in-grace"] && it.selected == [])
    try it.sweep(999)
    #expect(it.shown() == ["policy-unattached:P=in-grace"] && it.selected == [])
    try it.sweep(1000)
    #expect(it.shown() == ["policy-unattached:P=due"] && it.selected == ["policy-unattached:P"])
  }

  @Test func `later sweeps never set a clock back`() throws {
    var it = Sweeping.unused(grace: 10)
    for second in 0..<10 {
      try it.sweep(Double(second))
      #expect(it.selected == [], "\(second)")
    }
    let entry = try #require(it.ledger?.entries.first)
    #expect(entry.firstSeen == it.scene.takenAt && entry.dueAt == it.scene.takenAt + 10)
    #expect(entry.lastSeen == it.scene.takenAt + 9)
    try it.sweep(10)
    #expect(it.selected == ["policy-unattached:P"])
  }

  @Test func `a finding without grace is due at once`() throws {
    var it = Sweeping.unused(grace: 0)
    try it.sweep()
    #expect(it.selected == ["policy-unattached:P"])
  }

  @Test func `what arrives later has a clock of its own`() throws {
    var it = Sweeping.unused(grace: 100)
    try it.sweep()
    it.scene.policy("Q", staging: "S")
    try it.sweep(60)
    try it.sweep(100)
    #expect(it.shown() == ["policy-unattached:P=due", "policy-unattached:Q=in-grace"])
    try it.sweep(160)
    #expect(it.selected == ["policy-unattached:P", "policy-unattached:Q"])
  }

  @Test func `what healed is shown once and begins anew when it comes back`() throws {
    var it = Sweeping.unused(grace: 100)
    try it.sweep()
    let broken = it.scene
    it.scene.distribution("A", policy: "P")
    try it.sweep(50)
    #expect(it.shown() == ["policy-unattached:P=healed"])
    try it.sweep(60)
    #expect(it.shown() == [])
    it.scene = broken
    try it.sweep(150)
    #expect(it.shown() == ["policy-unattached:P=new"] && it.selected == [])
    #expect(it.ledger?.entries.count == 2)
    try it.sweep(250)
    #expect(it.selected == ["policy-unattached:P"])
  }

  @Test func `what could not be read heals nothing and makes nothing due`() throws {
    var it = Sweeping.unused(grace: 100)
    try it.sweep()
    it.scene.gap("ListContinuousDeploymentPolicies")
    it.scene.account.continuousDeploymentPolicies = []
    try it.sweep(200)
    #expect(it.shown().filter { $0.contains(":P=") } == ["policy-unattached:P=in-grace"])
    #expect(it.selected == [])
    it.scene = Sweeping.unused().scene
    it.scene.gap("GetDistribution", "E9")
    try it.sweep(300)
    #expect(it.ledger?.entries.first { $0.key.id == "P" }?.finding.verdict == .unknown)
    #expect(it.selected == [])
    it.scene = Sweeping.unused().scene
    try it.sweep(400)
    #expect(it.selected == ["policy-unattached:P"])
  }

  @Test func `a kept id is left alone until its date, and its clock goes on`() throws {
    var it = Sweeping.unused(grace: 100)
    let start = it.scene.takenAt
    try it.sweep()
    it.keeps = [
      Keep(id: "P", until: start + 300, reason: "match day", by: "ann", at: start)
    ]
    try it.sweep(200)
    #expect(it.shown() == ["policy-unattached:P=kept"] && it.selected == [])
    #expect(it.ledger?.entries[0].keptBy?.contains("match day") == true)
    try it.sweep(299)
    #expect(it.selected == [])
    try it.sweep(300)
    #expect(it.selected == ["policy-unattached:P"])
  }

  @Test func `what would go with a removal keeps it too`() throws {
    var it = Sweeping.unused(grace: 0)
    it.keeps = [
      Keep(
        id: "S", until: it.scene.takenAt + 300, reason: "demo", by: "ann", at: it.scene.takenAt)
    ]
    try it.sweep()
    #expect(it.shown() == ["policy-unattached:P=kept"])
    it.keeps = []
    it.rules.keepIDs = ["S*"]
    try it.sweep(1)
    #expect(it.shown() == ["policy-unattached:P=kept"])
    it.rules.keepIDs = []
    it.rules.keepTags = ["protect": "true"]
    try it.sweep(2)
    #expect(it.selected == ["policy-unattached:P"])
    it.scene.account.distributions[0].tags = ["protect": "true"]
    try it.sweep(3)
    #expect(it.shown() == ["policy-unattached:P=kept"])
    #expect(it.ledger?.entries[0].keptBy == "sweep.keep.tags protect: true on S")
  }

  @Test func `what might keep it and could not be read holds it back`() throws {
    var it = Sweeping.unused(grace: 0)
    it.scene.gap("ListTagsForResource", "S")
    try it.sweep()
    #expect(it.selected == ["policy-unattached:P"])
    // Where tags keep, one that was not read may be of that kind; another resource's is none of its business.
    it.rules.keepTags = ["protect": "true"]
    try it.sweep(1)
    #expect(it.selected == [] && it.ledger?.entries[0].heldBack == ["tags-unread"])
    it.scene.gaps = []
    it.scene.gap("ListTagsForResource", "T")
    try it.sweep(2)
    #expect(it.selected == ["policy-unattached:P"])
    for call in ["ListStacks", "ListStackResources"] {
      it.scene.gaps = []
      it.scene.gap(call, "eu-west-1")
      try it.sweep(3)
      #expect(it.selected == [] && it.ledger?.entries[0].heldBack == ["owner-unread"], "\(call)")
    }
    it.scene.gaps = []
    try it.sweep(4)
    #expect(it.selected == ["policy-unattached:P"])
  }

  @Test func `a stack's name keeps what it left behind`() throws {
    var it = Sweeping.unused(grace: 0)
    it.scene.stack("shop-prod", "DELETE_COMPLETE", ["P"])
    it.rules.keepStacks = ["shop-*"]
    try it.sweep()
    #expect(it.selected.filter { $0.hasPrefix("policy-stack-deleted") } == [])
    it.rules.keepStacks = ["other-*"]
    try it.sweep(1)
    #expect(it.selected.contains("policy-stack-deleted:P"))
  }

  @Test func `an unattended sweep never accepts a risk`() throws {
    var it = Sweeping.unused(grace: 0)
    it.scene.stack("shop", "CREATE_COMPLETE", ["P"], resource: "CREATE_COMPLETE")
    try it.sweep()
    #expect(it.shown() == ["policy-unattached:P=due"] && it.selected == [])
    #expect(it.ledger?.entries[0].heldBack == ["owned-by-live-stack"])
  }

  @Test func `a longer grace counts from when it was first seen`() throws {
    var it = Sweeping.unused(grace: 100)
    try it.sweep()
    it.rules.graceSeconds = 200
    try it.sweep(100)
    #expect(it.selected == [])
    try it.sweep(200)
    #expect(it.selected == ["policy-unattached:P"])
  }

  @Test func `a clock that was set back stops the account and leaves its ledger`() throws {
    var it = Sweeping.unused(grace: 100)
    try it.sweep(10 * day)
    let before = it.ledger
    let error = #expect(throws: FerryError.self) { try it.sweep(0) }
    #expect(error?.code == "ledger-from-future" && error?.exit == .blocked)
    #expect(it.ledger == before)
    // Five minutes are what clocks differ by.
    try it.sweep(10 * day - 300)
    #expect(it.ledger?.lastRun == before?.lastRun)
  }

  @Test func `what a plan removed is shown once as removed`() throws {
    var it = Sweeping.unused(grace: 0)
    try it.sweep()
    it.ledger?.remove(["P", "S"], by: "sha256:x", at: it.scene.takenAt)
    #expect(it.shown() == ["policy-unattached:P=removed"] && it.selected == [])
    it.scene.account.continuousDeploymentPolicies = []
    it.scene.account.distributions = []
    try it.sweep(5)
    #expect(it.shown() == [])
    #expect(it.ledger?.entries.map(\.state) == [.removed])
  }

  @Test
  func `what a plan of this state deleted is removed, and what is gone otherwise is not in use`()
    throws
  {
    for (removed, state, verdict) in [
      (["P": "sha256:x"], "removed", Verdict.orphan), ([:], "healed", .orphan),
    ] as [([String: String], String, Verdict)] {
      var it = Sweeping.unused(grace: 0)
      try it.sweep()
      #expect(it.judging(it.scene.takenAt).gone(from: it.ledger) == [])
      it.scene.account.continuousDeploymentPolicies = []
      it.scene.account.distributions = []
      #expect(it.judging(it.scene.takenAt).gone(from: it.ledger) == ["P"])
      let ledger = try it.sweep(5, removed: removed)
      #expect(it.shown() == ["policy-unattached:P=\(state)"])
      #expect(ledger.findings(closedSince: ledger.lastRun).map(\.verdict) == [verdict])
      #expect(ledger.entries.first?.plan == removed["P"])
      #expect(ledger.runs.last?.removed == removed.count)
      #expect(ledger.runs.last?.healed == 1 - removed.count)
    }
    // What is still there is in use again.
    var it = Sweeping.unused()
    try it.sweep()
    it.scene.distribution("A", policy: "P")
    let ledger = try it.sweep(5)
    #expect(ledger.findings(closedSince: ledger.lastRun).map(\.verdict) == [.inUse])
  }

  @Test func `a ledger of a newer edgeferry is refused`() throws {
    let error = #expect(throws: FerryError.self) {
      try AccountLedger.read(["schema": "edgeferry.ledger/2"])
    }
    #expect(error?.exit == .usage)
  }

  @Test(arguments: [
    ("E1", "E1", true), ("E1", "E2", false), ("E123", "E*", true), ("E123", "*3", true),
    ("E123", "E*3", true), ("E123", "*12*", true), ("E1", "E1*1", false), ("", "*", true),
    ("E1", "", false),
  ])
  func `patterns match as a whole`(text: String, pattern: String, expected: Bool) {
    #expect(Judging.matches(text, pattern) == expected)
  }
}

struct CapTests {
  private func rules(_ deletions: Int, _ percent: Int) -> SweepRules {
    var it = SweepRules()
    it.maxDeletions = deletions
    it.maxPercent = percent
    return it
  }

  @Test func `caps hold up to their own figure`() {
    let share = Caps.Share(account: "1", deletions: 3, of: 10)
    #expect(Caps.exceeded([share], rules(3, 30)) == [])
    #expect(Caps.exceeded([share], rules(2, 30)).count == 1)
    #expect(Caps.exceeded([share], rules(3, 29)).count == 1)
    #expect(Caps.exceeded([share], rules(0, 0)).count == 2)
    #expect(Caps.exceeded([], rules(0, 0)) == [])
  }

  @Test func `accounts that keep within the cap may exceed it together`() {
    let shares = ["1", "2"].map { Caps.Share(account: $0, deletions: 3, of: 100) }
    let over = Caps.exceeded(shares, rules(5, 30))
    #expect(over.count == 1 && over[0].hasPrefix("this run: 6"))
  }
}

struct ShardTests {
  @Test func `every account is in exactly one part`() throws {
    for of in [1, 2, 3, 7] {
      let parts = try (1...of).map { try Shard("\($0)/\(of)") }
      for account in 0..<200 {
        #expect(parts.count { $0.holds("account-\(account)") } == 1)
      }
      for part in parts { #expect((0..<200).contains { part.holds("account-\($0)") }) }
    }
  }
  @Test(arguments: ["", "1", "0/2", "3/2", "a/b", "1/2/3", "-1/2", "1/0"])
  func `anything else is refused`(text: String) {
    let error = #expect(throws: FerryError.self) { try Shard(text) }
    #expect(error?.exit == .usage)
  }
}

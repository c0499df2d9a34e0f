import FerryCore
import FerryReport
import FerryRun
import FerryTestSupport
import Foundation
import Testing

@testable import FerryCommand

/// What a person sees of a run that waits.
struct ProgressTests {
  static let flip = CutoverExample.plan.steps[1]
  static let now = Date(timeIntervalSince1970: 1_797_328_900)  // 2026-12-15T10:01:40Z
  static let until = now + 170
  static func server(_ label: String, _ state: ObservedServer.State) -> ObservedServer {
    .init(label: label, state: state, says: state == .unknown ? "no answer" : "CNAME d2 (TTL 60)")
  }
  static let servers = [
    server("ns1.example.com. 192.0.2.1:53", .new), server("ns2 192.0.2.2:53", .old),
  ]
  static func text() throws -> ProgressText {
    ProgressText(
      CutoverExample.plan,
      times: Site(windows: try CutoverExample.windows()).times(of: CutoverExample.plan))
  }
  static func waiting(_ lastSeen: String = "1 of 2", atMost: Date = until) -> RunEvent {
    .waiting(
      step: flip, for: "3 agreeing rounds", since: now - 40, atMost: atMost, lastSeen: lastSeen)
  }

  @Test func `a wait says what for, at most until when, who has it and what comes next`() throws {
    var text = try Self.text()
    _ = text.tell(.began(step: Self.flip, number: 2, of: 4), at: Self.now)
    _ = text.tell(.observed(step: Self.flip, servers: Self.servers), at: Self.now)
    let rows = try #require(text.tell(Self.waiting(), at: Self.now).wait).rows(servers: 9)
    #expect(
      rows.map(\.text) == [
        "    waiting for 3 agreeing rounds, 40 s so far",
        "      at most until Tue 15 Dec 2026 10:04:30 +00:00 (2026-12-15T10:04:30Z)",
        "      ns1.example.com. 192.0.2.1:53  new      CNAME d2 (TTL 60)",
        "      ns2 192.0.2.2:53               old      CNAME d2 (TTL 60)",
        "    then 3. Watch www.example.com. for 15 min on the new target",
        "         4. Restore the TTL of www.example.com. CNAME from 60 s to 86400 s",
      ])
    #expect(rows.map(\.state) == [nil, nil, .new, .old, nil, nil])
  }
  @Test func `of many servers those that lack the change are shown`() throws {
    let many = (0..<40).map { Self.server("s\($0)", $0 == 33 ? .failing : $0 == 7 ? .old : .new) }
    let rows = ProgressText.Wait(head: [], servers: many, next: []).rows(servers: 3)
    #expect(rows.map(\.state) == [.failing, .old, .new, nil])
    #expect(rows.last?.text == "      and 37 more, 37 of them new")
  }
  @Test func `off a terminal a wait is told once, and then only what changes`() throws {
    var text = try Self.text()
    #expect(
      text.tell(.observed(step: Self.flip, servers: Self.servers), at: Self.now).changes == [
        "    1 of 2 new: ns1.example.com. 192.0.2.1:53 new (CNAME d2 (TTL 60)); ns2 192.0.2.2:53 old (CNAME d2 (TTL 60))"
      ])
    #expect(
      text.tell(Self.waiting(), at: Self.now).changes == [
        "    waiting for 3 agreeing rounds, at most until Tue 15 Dec 2026 10:04:30 +00:00 (2026-12-15T10:04:30Z)"
      ])
    #expect(text.tell(Self.waiting("2 of 2"), at: Self.now + 10).changes == [])
    #expect(
      text.tell(.observed(step: Self.flip, servers: Self.servers), at: Self.now).changes == [])
    let moved = [Self.servers[0], Self.server("ns2 192.0.2.2:53", .new)]
    #expect(
      text.tell(.observed(step: Self.flip, servers: moved), at: Self.now).changes == [
        "    2 of 2 new: ns2 192.0.2.2:53 new (CNAME d2 (TTL 60))"
      ])
  }
  @Test func `without servers a wait is told again when something else was seen`() throws {
    var text = try Self.text()
    let first = text.tell(Self.waiting("InProgress"), at: Self.now)
    #expect(first.changes.first?.hasSuffix(", last seen: InProgress") == true)
    #expect(first.wait?.head.last == "  last seen: InProgress")
    #expect(text.tell(Self.waiting("InProgress"), at: Self.now + 20).changes == [])
    #expect(text.tell(Self.waiting("Deployed"), at: Self.now + 40).changes.count == 1)
  }
  @Test func `a wait for a person names no end`() throws {
    var text = try Self.text()
    let told = text.tell(Self.waiting("", atMost: .distantFuture), at: Self.now)
    #expect(told.wait?.head == ["waiting for 3 agreeing rounds, 40 s so far"])
    #expect(told.changes == ["    waiting for 3 agreeing rounds"])
  }
  @Test(arguments: HostileText.groups)
  func `what servers say cannot steer the terminal`(_ hostile: String) throws {
    var text = try Self.text()
    let seen = [ObservedServer(label: hostile, state: .failing, says: hostile)]
    let observed = text.tell(.observed(step: Self.flip, servers: seen), at: Self.now)
    let told = text.tell(Self.waiting(hostile), at: Self.now)
    let ticket = text.tell(.ticket(step: Self.flip, text: hostile), at: Self.now)
    let rows = told.wait?.rows(servers: 3).map(\.text) ?? []
    for line in observed.changes + told.changes + rows + ticket.lines {
      #expect(HostileText.intruder(in: line) == nil && !line.contains("\n"))
    }
  }

  @Test(arguments: [
    (1, "    its commands ended as they should"),
    (0, "    its commands ended as they should; nothing was to be written"),
  ])
  func `of a step of other tools nothing is said to be written that was not`(
    _ writes: Int, _ says: String
  ) throws {
    var text = try Self.text()
    let step = Step(
      id: "no-op", title: "", account: nil,
      action: .external(External(says: "", tools: [ToolCommand(["terraform", "plan"])], done: nil)))
    #expect(text.tell(.applied(step: step, writes: writes), at: Self.now).lines == [says])
    #expect(
      text.tell(.applied(step: Self.flip, writes: 1), at: Self.now).lines == [
        "    written and read back (1 write)"
      ])
  }
}

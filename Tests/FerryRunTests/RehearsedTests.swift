import FerryCore
import Foundation
import Testing

@testable import FerryRun

/// Which rehearsals of a plan count, by its journal.
struct RehearsedTests {
  private static func rehearsal(
    _ faults: [String]?, from first: Int64? = 1, _ seeds: Int, broken: Int = 0
  ) -> Record.Body {
    var body = Record.Body()
    body.faults = faults
    body.firstSeed = first
    body.seeds = seeds
    body.broken = broken
    return body
  }
  private static func left(_ bodies: [Record.Body]) -> [Record.Body] {
    RunState(
      bodies.enumerated().map {
        Record(
          sequence: Int64($0.offset + 1), plan: "p", step: nil, kind: .rehearsed,
          at: Date(timeIntervalSince1970: 0), body: $0.element)
      }
    ).rehearsals
  }

  @Test(
    arguments: [
      (["kill", "rival"], Int64(1), 12, true), (["all"], 1, 12, true), (["all"], 0, 13, true),
      (nil, nil, 200, true), (["kill"], 1, 12, false), ([], 1, 1000, false),
      (["kill", "rival"], 1, 11, false), (["kill", "rival"], 2, 12, false),
      (["kill", "stuck"], 1, 1000, false), (["all"], Int64.min, Int.max, true),
      (["all"], Int64.max, Int.max, false), (["all"], 1, Int.min, false),
    ] as [([String]?, Int64?, Int, Bool)])
  func `broken rules stand until a rehearsal with at least the same faults and seeds`(
    _ faults: [String]?, _ first: Int64?, _ seeds: Int, _ isCovered: Bool
  ) {
    let broken = Self.rehearsal(["rival", "kill"], 12, broken: 9)
    let later = Self.rehearsal(faults, from: first, seeds)
    #expect(Self.left([broken, later]) == (isCovered ? [later] : [broken, later]))
  }

  /// The accounts as they are now say more than a file; what a probe has shown stays so.
  @Test(
    arguments: [
      (nil, nil, nil, nil, true), ("a", nil, nil, nil, true), ("a", nil, "a", nil, true),
      ("a", nil, "b", nil, false), (nil, nil, "a", nil, false), (nil, "p", nil, nil, false),
      (nil, "p", nil, "p", true), (nil, "p", nil, "q", false), (nil, nil, nil, "p", true),
    ] as [(String?, String?, String?, String?, Bool)])
  func `broken rules stand until their world was rehearsed again`(
    _ inventory: String?, _ probe: String?, _ later: String?, _ laterProbe: String?,
    _ isCovered: Bool
  ) {
    var broken = Self.rehearsal(["kill"], 12, broken: 1)
    (broken.inventory, broken.probe) = (inventory, probe)
    var held = Self.rehearsal(["all"], 12)
    (held.inventory, held.probe) = (later, laterProbe)
    #expect(Self.left([broken, held]) == (isCovered ? [held] : [broken, held]))
  }

  @Test func `what was rehearsed before faults were written down counts as all from seed 1 on`() {
    let broken = Self.rehearsal(nil, from: nil, 200, broken: 3)
    let held = Self.rehearsal(nil, from: nil, 200)
    #expect(broken.hasEveryFault && Self.left([broken, held]) == [held])
    #expect(Self.left([broken, Self.rehearsal(["kill"], 200)]).count == 2)
    #expect(Self.left([broken, Self.rehearsal(["all"], 199)]).count == 2)
    #expect(Self.left([broken, Self.rehearsal(["all"], 200)]).count == 1)
  }
}

import Foundation
import Testing

@testable import Cutover
@testable import FerryCommand
@testable import FerryCore

/// Plans of many names are written without an encoder, and read as any other.
struct PlanBytesTests {
  private func plans(_ count: Int) throws -> CutoverPlans {
    let kinds = (0..<count).map { index in
      switch index % 4 {
      case 0: Scene.cname(3600 + index, "w\(index).example.com.")
      case 1: Scene.records([:], at: "w\(index).example.com.")
      case 2:
        Scene.records(
          [.a: Scene.alias(Scene.old), .aaaa: Scene.alias(Scene.old)], at: "w\(index).example.com.")
      default:
        Scene.records(
          [.a: RecordValue(ttl: 300, data: ["192.0.2.\(index % 250)", "192.0.2.251"])],
          at: "w\(index).example.com.")
      }
    }
    return try #require(try CutoverPlanner.plan(kinds, input: Scene.input(window: Scene.tuesdays)))
  }

  @Test(arguments: [1, 5, 60, 900])
  func `the bytes are those of the canonical JSON`(_ count: Int) throws {
    let made = try plans(count)
    for plan in [made.plan, made.rollback] {
      let bytes = plan.canonicalBytes
      #expect(plan.sealedBytes.plan == plan)
      #expect(plan.sealedBytes.bytes.joined == bytes + [0x0A])
      #expect(String(decoding: bytes, as: UTF8.self) == JSONValue.of(plan).canonical)
      #expect(try Plan.read(Array(plan.filePieces().joined()), named: "x") == plan)
    }
    #expect(made.bytes.joined == made.plan.canonicalBytes + [0x0A])
    #expect(made.rollbackBytes.joined == made.rollback.canonicalBytes + [0x0A])
  }

  @Test func `a step that is not the inverse of what it undoes has a text of its own`() throws {
    let made = try plans(60)
    var odd = made.rollback
    for index in odd.steps.indices {
      guard let inverse = odd.steps[index].inverse else { continue }
      odd.steps[index].inverse = odd.steps[index].action
      odd.steps[index].action = inverse
    }
    let (plan, bytes) = odd.sealedBytes(sharing: (made.plan, made.bytes))
    #expect(plan.digest != made.rollback.digest)
    #expect(bytes.joined == plan.canonicalBytes + [0x0A])
    #expect(try Plan.read(bytes.joined, named: "x") == plan)
  }
}

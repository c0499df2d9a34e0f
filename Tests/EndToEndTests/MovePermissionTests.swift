import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// What a move and a cutover call, in two accounts and in Route 53, against what `permissions` declares.
extension MigrateEndToEndTests {
  private func odd(_ answer: Ferry.Answer, _ needs: Ferry.Answer) -> [String] {
    #expect(needs.code == 0, "\(needs.talk)")
    let called = PermissionEndToEndTests.called(answer.talk)
    #expect(!called.isEmpty, "nothing was called: \(answer.talk)")
    return called.subtracting(PermissionEndToEndTests.declared(needs)).sorted()
  }

  @Test func `planning, making and undoing a move calls nothing that permissions leaves out`()
    async throws
  {
    try await with { scene in
      let planned = try await scene.plan("EPLAIN", ["--verbose"])
      #expect(planned.code == 0, "\(planned.talk)")
      let planning = try await scene.run(["permissions", "migrate", "plan"])
      #expect(odd(planned, planning) == [])
      let needs = try await scene.run(["permissions", "--plan", "move"])
      let digest = planned.json["digest"]?.string ?? ""
      let there = try await scene.run([
        "apply", "move", "--approve", digest, "--until", "await-idle-eplain", "--verbose",
      ])
      #expect(there.code == 3, "\(there.talk)")
      #expect(odd(there, needs) == [])
      #expect(
        PermissionEndToEndTests.called(there.talk).contains("route53:ChangeResourceRecordSets"))
      let verified = try await scene.run(["migrate", "verify", "move", "--verbose"])
      let verifying = try await scene.run(["permissions", "migrate", "verify"])
      #expect(odd(verified, verifying) == [])
      let undo = try await scene.run(["permissions", "--plan", "plans/move.rollback.plan.json"])
      let back = try scene.ferry.read("plans/move.rollback.plan.json")["digest"]?.string ?? ""
      let undone = try await scene.run(["rollback", "move", "--approve", back, "--verbose"])
      #expect(undone.code == 0, "\(undone.talk)")
      #expect(odd(undone, undo) == [])
    }
  }

  @Test func `planning a cutover calls nothing that permissions leaves out`() async throws {
    try await with { scene in
      let planned = try await scene.run([
        "cutover", "plan", "www.example.com", "--to", "d3.cloudfront.net", "--to-id", "EPLAIN",
        "--verbose",
      ])
      #expect(planned.code == 0, "\(planned.talk)")
      let needs = try await scene.run(["permissions", "cutover", "plan"])
      #expect(odd(planned, needs) == [])
    }
  }
}

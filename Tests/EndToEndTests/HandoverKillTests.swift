import FerryCore
import Foundation
import Testing

/// Handovers that are killed within a step of another tool, and go on.
struct HandoverKillTests {
  private static let killed = 137
  /// Applies, or takes back, until it is not killed any more.
  private func untilDone(
    _ words: [String], _ scene: HandoverScene, _ run: () async throws -> Ferry.Answer
  )
    async throws
  {
    for word in words {
      try scene.killAfter(word)
      let cut = try await run()
      #expect(cut.code == Self.killed, "after \(word): \(cut.code) \(cut.talk)")
    }
    let done = try await run()
    #expect(done.code == 0, "\(words): \(done.talk)")
  }

  /// Change sets run for some seconds: what was killed finds the stack in progress.
  @Test func `a stack's step goes on from whichever of its commands it was killed after`()
    async throws
  {
    try await HandoverScene.with(HandoverSwitchTests.stack, terraform: false, propagation: "3s") {
      scene in
      let before = try await scene.live()
      let planned = try await scene.run(
        "handover", "plan", "EHEADER1", "--from", "none", "--to", "cloudformation", "--dir", "code",
        "--stack", "front", "--name", "into")
      #expect(planned.code == 0, "\(planned.talk)")
      let header: Set = ["EHEADER1", "EHEADER2", "cdp-header"]

      // Nothing was made but a change set that nobody runs any more, or not even that.
      for word in ["delete-change-set", "create-change-set"] {
        try scene.killAfter(word)
        let cut = try await scene.apply("into")
        #expect(cut.code == Self.killed, "\(cut.talk)")
        let back = try await scene.rollBack("into")
        #expect(back.code == 0, "after \(word): \(back.talk)")
        #expect(try await scene.held("front").isEmpty)
      }
      try await untilDone(["describe-change-set", "execute-change-set"], scene) {
        try await scene.apply("into")
      }
      #expect(try await scene.held("front").isSuperset(of: header))
      try await untilDone(["create-change-set", "execute-change-set"], scene) {
        try await scene.rollBack("into")
      }
      #expect(try await scene.held("front").isDisjoint(with: header))
      #expect(try await scene.live() == before)
    }
  }

  @Test func `a handover from a stack to Terraform is killed after every write, there and back`()
    async throws
  {
    try await HandoverScene.with(HandoverSwitchTests.stack) { scene in
      let before = try await scene.live()
      let held = try await scene.held(HandoverSwitchTests.stackID)
      let planned = try await scene.run(
        "handover", "plan", "EWEIGHT1", "--from", "cloudformation", "--to", "terraform", "--dir",
        "code", "--name", "over")
      #expect(planned.code == 0, "\(planned.talk)")
      // retain, adopt, release
      try await untilDone(["execute-change-set", "apply", "execute-change-set"], scene) {
        try await scene.apply("over")
      }
      #expect(
        try await scene.held(HandoverSwitchTests.stackID)
          == held.subtracting(
            HandoverSwitchTests.trio))
      // unrelease, rehold, unadopt, unretain
      try await untilDone(
        ["execute-change-set", "execute-change-set", "rm", "execute-change-set"], scene
      ) {
        try await scene.rollBack("over")
      }
      #expect(try await scene.held(HandoverSwitchTests.stackID) == held)
      #expect(try await scene.live() == before)
    }
  }

  @Test func `a Terraform state that has forgotten when its run was killed is no obstacle`()
    async throws
  {
    try await HandoverScene.with("") { scene in
      let before = try await scene.live()
      for (words, name) in [
        (["--from", "none", "--to", "terraform", "--dir", "code"], "first"),
        (
          [
            "--from", "terraform", "--tfstate", "code/terraform.tfstate", "--to", "cloudformation",
            "--dir", "stack", "--stack", "front",
          ], "on"
        ),
      ] {
        let planned = try await scene.ferry.run(
          ["handover", "plan", "EHEADER1", "--name", name, "--output", "json"] + words,
          extra: scene.variables)
        #expect(planned.code == 0, "\(planned.talk)")
        let there = try await scene.apply(name)
        #expect(there.code == (name == "first" ? 0 : 4), "\(there.talk)")
      }
      let code = try await scene.editOldCode(of: "on")
      try await untilDone(["apply"], scene) { try await scene.apply("on") }
      #expect(!text(code.appendingPathComponent("terraform.tfstate").path).contains("\"managed\""))
      #expect(try await scene.live() == before)
    }
  }
}

import FerryCore
import Foundation
import Testing

@testable import Rehearsal

/// Rules that the runner keeps, held against writes that break them.
struct JudgeTests {
  private func judge(window: String? = nil) throws -> Judge {
    var terms = Scene.Terms()
    if let window {
      terms.windows["dns"] = try ChangeWindow(timeZone: "UTC", allow: [window], freeze: [])
      terms.windows["cloudfront"] = terms.windows["dns"]
    }
    let plan = Plan(
      name: "one", capability: "test", createdAt: Date(timeIntervalSince1970: 1_795_514_400),
      tool: "test", accounts: [:], observed: .init(inventoryDigest: ""), steps: [],
      schedule: .init(start: Date(), end: Date(), criticalPathSeconds: 0, exposureSeconds: 0),
      permissions: [])
    return Judge(
      try Scene(plan, rollback: nil, inventory: nil, images: [:], terms: terms))
  }
  private func step(_ window: String?, _ action: Action = .observe) -> Step {
    Step(id: "s", title: "S", account: nil, action: action, window: window, checks: [])
  }
  private func time(_ text: String) throws -> Date { try #require(Timestamp.read(text)) }

  @Test(arguments: [
    ("2026-11-24T11:00:00Z", "dns", false, false), ("2026-11-24T13:00:00Z", "dns", false, true),
    // Undoing a change of DNS keeps to its hours, undoing one of CloudFront waits for nothing.
    ("2026-11-24T13:00:00Z", "dns", true, true),
    ("2026-11-24T13:00:00Z", "cloudfront", true, false),
  ])
  func `a write outside its window is seen`(
    at: String, window: String, isRollback: Bool, isBroken: Bool
  ) throws {
    var judge = try judge(window: "Tue 10:00-12:00")
    judge.isRollback = isRollback
    judge.wrote(
      step(window), operation: "ChangeRecords", resource: "", at: try time(at), seconds: 1,
      before: nil,
      after: nil)
    #expect(judge.found.map(\.rule) == (isBroken ? [.window] : []))
  }

  @Test func `a field that the step does not name is seen`() throws {
    var judge = try judge()
    let before = XElement(
      "DistributionConfig", [XElement("Comment", text: "a"), XElement("Enabled", text: "true")])
    let action = Action.setEnabled(distribution: "E1", from: true, to: false)
    let off = ConfigEdit(path: "Enabled", from: "true", to: "false")
    var after = before.edited([off], shape: "DistributionConfig")
    judge.wrote(
      step(nil, action), operation: "UpdateDistribution", resource: "E1", at: Date(), seconds: 1,
      before: before,
      after: after)
    #expect(judge.found.isEmpty)
    after.set("b", at: "Comment", shape: "DistributionConfig")
    judge.wrote(
      step(nil, action), operation: "UpdateDistribution", resource: "E1", at: Date(), seconds: 2,
      before: before,
      after: after)
    #expect(judge.found.map(\.rule) == [.moreThanNamed])
    #expect(judge.found.first?.because == "s changed Comment")
  }

  @Test func `a second create of one step is seen, and once in the rollback is another`() throws {
    var judge = try judge()
    func create() {
      judge.wrote(
        step(nil), operation: "CreateDistribution", resource: "E1", at: Date(), seconds: 1,
        before: nil, after: nil)
    }
    create()
    judge.isRollback = true
    create()
    #expect(judge.found.isEmpty)
    create()
    #expect(judge.found.map(\.rule) == [.twice])
  }

  @Test func `a step that is verified before its distribution is everywhere is seen`() throws {
    let scene = try RehearsalTests.removal()
    var model = scene.model
    let account = try #require(model.accountIDs.first)
    let id = try #require(model.distributions(of: account).first?.id)
    let now = scene.start
    model.edit(distribution: id, account: account, now: now) {
      $0.set("new", at: "Comment", shape: "DistributionConfig")
    }
    var step = step(nil)
    step.checks = [Step.Check(.deployed, distribution: id)]
    var judge = try judge()
    judge.verified(step, model, now: now + 86_400, at: 86_400)
    #expect(judge.found.isEmpty)
    judge.verified(step, model, now: now + 1, at: 1)
    #expect(judge.found.map(\.rule) == [.notDeployed])
    // What a step has created is known by the reference that its wait goes by.
    step.checks = [Step.Check(.deployed, distribution: "${s.id}")]
    judge = try self.judge()
    judge.verified(step, model, now: now + 1, at: 1)
    #expect(judge.found.isEmpty)
    judge.wrote(
      step, operation: "CreateDistribution", resource: id, at: now, seconds: 1, before: nil,
      after: nil)
    judge.verified(step, model, now: now + 1, at: 1)
    #expect(judge.found.map(\.rule) == [.notDeployed])
  }
}

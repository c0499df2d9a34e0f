import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// `promote` from outside, on the lab's sample: what viewers ask of the edge is what CloudWatch counts.
struct PromoteEndToEndTests {
  static let primary = "E1SAMPLECART02"
  static let staging = "E2SAMPLECART02"
  static let settings = """
    version: 1
    regions: [eu-west-1]
    polling: { deployed: 0.2s, authoritative: 0.2s }
    promote: { window: 10m, minRequests: 50, maxErrorRateIncrease: 5 }

    """

  private func lab(_ ferry: Ferry, _ faults: String...) async throws -> RunningLab {
    try ferry.write(Self.settings, to: "edgeferry.yaml")
    return try await RunningLab(
      ferry, ["--sample", "--propagation", "0.2s"] + faults.flatMap { ["--fault", $0] })
  }
  /// So many viewers with the policy's header, and as many without.
  static func view(_ ferry: Ferry, _ lab: RunningLab, requests: Int = 80) async throws {
    for header in [["-H", "aws-cf-cd-canary: on"], []] {
      let seen = try await ferry.run(
        [
          "-sS", "--parallel", "--parallel-max", "8", "--max-time", "60", "--cacert",
          lab.ready["ca"]?.string ?? "", "--connect-to", "::\(lab.ready["edge"]?.string ?? "")",
          "-o", "/dev/null",
        ] + header + ["https://cart02.example.com/?n=[1-\(requests)]"], program: "curl")
      #expect(seen.code == 0, "\(seen.talk)")
    }
  }
  private func codes(_ answer: Ferry.Answer, _ weights: Set<String> = ["blocker", "pending"])
    -> [String]
  {
    (answer.json["findings"]?.array ?? []).filter {
      weights.contains($0["weight"]?.string ?? "")
    }.compactMap { $0["code"]?.string }
  }
  private func distribution(_ id: String, _ lab: RunningLab, _ ferry: Ferry) async throws
    -> JSONValue?
  {
    let taken = try await ferry("inventory", "take", "--out", "now.json", extra: lab.variables())
    #expect(taken.code == 0, "\(taken.talk)")
    return try ferry.read("now.json")["accounts"]?.array?.first?["distributions"]?.array?.first {
      $0["id"]?.string == id
    }?["config"]
  }
  private func origin(_ id: String, _ lab: RunningLab, _ ferry: Ferry) async throws -> String? {
    try await distribution(id, lab, ferry)?["Origins"]?["Items"]?.array?.first?["DomainName"]?
      .string
  }

  @Test func `a canary that served well is promoted and can be taken back`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await lab(ferry)
    let variables = lab.variables()
    let check = ["promote", "check", Self.primary, "--output", "json"]
    let before = try await ferry.run(check, extra: variables)
    #expect(before.code == 4 && before.json["verdict"] == "unknown", "\(before.out)")
    #expect(codes(before) == ["traffic-unknown"])
    #expect(before.json["schema"] == "edgeferry.promote-check/1")

    try await Self.view(ferry, lab)
    let ready = try await ferry.run(check, extra: variables)
    #expect(ready.code == 0 && ready.json["verdict"] == "ready", "\(ready.out)")
    #expect(ready.json["traffic"]?["staging"]?["requests"]?.int == 80)
    #expect(ready.json["errorRate"]?["verdict"] == "within")
    #expect(
      ready.json["differences"]?.array?.compactMap { $0["path"]?.string } == [
        "Origins/Items/Origin/DomainName", "Comment",
      ])
    let spoken = try await ferry("promote", "check", Self.primary, extra: variables)
    #expect(spoken.code == 0 && spoken.out.contains("cart staging"))
    #expect(!(spoken.out + ready.out).contains("sample-secret"))

    let emitted = try await ferry(
      "handover", "emit", Self.primary, "--to", "cloudformation", "--out", "code", extra: variables)
    #expect(emitted.code == 0, "\(emitted.talk)")
    let drift = check + ["--drift", "code/template.json"]
    func verdict(_ answer: Ferry.Answer) -> JSONValue? {
      answer.json["drift"]?["resources"]?.array?.first { $0["id"]?.string == Self.primary }?[
        "verdict"]
    }
    #expect(verdict(try await ferry.run(drift, extra: variables)) == "in-sync")
    #expect(
      try await ferry("promote", "check", Self.primary, "--drift", "edgeferry.yaml").code == 64)

    let old = try await origin(Self.primary, lab, ferry)
    let planned = try await ferry(
      "promote", "plan", Self.primary, "--name", "cart", "--output", "json", extra: variables)
    #expect(planned.code == 0, "\(planned.talk)")
    let needs = try await ferry("permissions", "--plan", "cart", "--output", "json")
    let done = try await ferry(
      "apply", "cart", "--approve", planned.json["digest"]?.string ?? "", "--verbose",
      extra: variables)
    #expect(done.code == 0, "\(done.talk)")
    let called = PermissionEndToEndTests.called(done.talk)
    #expect(called.contains("cloudfront:UpdateDistributionWithStagingConfig"))
    #expect(called.subtracting(PermissionEndToEndTests.declared(needs)).isEmpty)
    #expect(
      try await origin(Self.primary, lab, ferry)
        == "cart-canary-lb.eu-west-1.elb.amazonaws.com")
    let after = try await ferry.run(check, extra: variables)
    #expect(after.code == 4 && codes(after).contains("policy-disabled"))
    #expect(codes(after, ["note"]).contains("nothing-to-promote"))
    let behind = try await ferry.run(drift, extra: variables)
    #expect(verdict(behind) == "promote-pending" && behind.out.contains("live is ahead"))
    let again = try await ferry("promote", "plan", Self.primary, extra: variables)
    #expect(again.code == 0 && again.out.contains("nothing to do"))

    let back = try ferry.read("plans/cart.rollback.plan.json")["digest"]?.string ?? ""
    let undone = try await ferry("rollback", "cart", "--approve", back, extra: variables)
    #expect(undone.code == 0, "\(undone.talk)")
    #expect(try await origin(Self.primary, lab, ferry) == old)
    await lab.stop()
  }

  /// A side without its content, as after a slip in an origin path, answers 404 or 403 alone and never 5xx.
  @Test(
    arguments: [
      ("percent=60", "error-rate-worse"), ("status=404,percent=100", "client-error-rate-worse"),
      ("status=403,percent=100", "client-error-rate-worse"),
    ])
  func `a canary that errs more is not planned, and a run that waits for it stops`(
    fault: String, code: String
  ) async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await lab(ferry, "edge-error:distribution=\(Self.staging),\(fault)")
    let variables = lab.variables()
    // Planned before anything was seen: the run is what waits.
    let planned = try await ferry(
      "promote", "plan", Self.primary, "--name", "cart", "--output", "json", extra: variables)
    #expect(planned.code == 0, "\(planned.talk)")
    let digest = planned.json["digest"]?.string ?? ""
    let waits = try await ferry(
      "advance", "cart", "--approve", digest, "--output", "json", extra: variables)
    #expect(waits.code == 3 && waits.json["state"] == "waiting", "\(waits.talk)")
    try await Self.view(ferry, lab)
    let check = try await ferry(
      "promote", "check", Self.primary, "--output", "json", extra: variables)
    #expect(check.code == 4 && codes(check) == [code], "\(check.out)")
    let refused = try await ferry(
      "promote", "plan", Self.primary, "--output", "json", extra: variables)
    #expect(refused.code == 4 && refused.error["code"]?.string == code)
    let old = try await origin(Self.primary, lab, ferry)
    let stopped = try await ferry(
      "apply", "cart", "--approve", digest, "--output", "json", extra: variables)
    #expect(stopped.code == 4 && stopped.json["state"] == "blocked", "\(stopped.talk)")
    #expect(try await origin(Self.primary, lab, ferry) == old)
    await lab.stop()
  }

  /// With a health URL, and the lab's resolver, which knows its `cloudfront.net` names; and where its edge is.
  private func askForHealth(_ ferry: Ferry, _ lab: RunningLab) throws -> [String: String] {
    try ferry.write(
      Self.settings
        + """
        health: { url: "https://{name}/", expectStatus: 200 }
        resolvers: ["\(lab.ready["resolver"]?.string ?? "")"]

        """, to: "edgeferry.yaml")
    let port = (lab.ready["edge"]?.string ?? "").split(separator: ":").last.map(String.init)
    return lab.variables().merging([
      "EDGEFERRY_EDGE_PORT": port ?? "", "EDGEFERRY_EDGE_CA": lab.ready["ca"]?.string ?? "",
    ]) { $1 }
  }

  @Test func `a run asks staging by the policy's header what the settings expect`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await lab(ferry)
    let variables = try askForHealth(ferry, lab)
    try await Self.view(ferry, lab)
    let check = ["promote", "check", Self.primary, "--output", "json"]
    let ready = try await ferry.run(check, extra: variables)
    #expect(ready.code == 0 && codes(ready, ["note"]).contains("probe-answered"), "\(ready.out)")
    #expect(ready.json["next"]?.string == "edgeferry promote plan \(Self.primary)")
    let planned = try await ferry(
      "promote", "plan", Self.primary, "--name", "cart", "--output", "json", extra: variables)
    #expect(planned.code == 0, "\(planned.talk)")
    let proof = try ferry.read("plans/cart.plan.json")["steps"]?.array?.first
    #expect(
      proof?["checks"]?.array?.compactMap { $0["type"]?.string } == [
        "cloudfront.deployed", "cloudfront.deployed", "serving", "cloudwatch.errorRate",
      ])
    let rehearsed = try await ferry("rehearse", "cart", "--seeds", "2", extra: variables)
    #expect(rehearsed.code == 0, "\(rehearsed.out)\(rehearsed.talk)")
    let needs = try await ferry("permissions", "--plan", "cart", "--output", "json")
    let done = try await ferry(
      "apply", "cart", "--approve", planned.json["digest"]?.string ?? "", "--verbose",
      extra: variables)
    #expect(done.code == 0, "\(done.talk)")
    #expect(
      PermissionEndToEndTests.called(done.talk).subtracting(
        PermissionEndToEndTests.declared(needs)
      ).isEmpty)
    // The promote has disabled the policy: no header reaches staging now.
    let after = try await ferry.run(check, extra: variables)
    let skipped = after.json["findings"]?.array?.first { $0["code"] == "not-probed" }
    #expect(skipped?["says"]?.string?.contains("is disabled") == true, "\(after.out)")
    await lab.stop()
  }

  @Test func `a side that answers 404 is found by one request, before a viewer meets it`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await lab(ferry, "edge-error:distribution=\(Self.staging),status=404,percent=100")
    let variables = try askForHealth(ferry, lab)
    let check = try await ferry(
      "promote", "check", Self.primary, "--output", "json", extra: variables)
    #expect(check.code == 4 && codes(check, ["blocker"]) == ["probe-failed"], "\(check.out)")
    // What the old side answers says nothing of the new one, which the run asks itself.
    let planned = try await ferry(
      "promote", "plan", Self.primary, "--origin-path", "/relaeses/42", "--name", "slip",
      "--output", "json", extra: variables)
    #expect(planned.code == 0, "\(planned.talk)")
    let stopped = try await ferry(
      "apply", "slip", "--approve", planned.json["digest"]?.string ?? "", "--max-wait", "30s",
      "--output", "json", extra: variables)
    #expect(stopped.code == 4 && stopped.error["code"] == "check-failed", "\(stopped.talk)")
    #expect(stopped.error["why"]?.string?.contains("status 404 instead of 200") == true)
    await lab.stop()
  }

  @Test func `CloudWatch that may not be asked is a missing permission, named`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    // What planning asks is answered, what comes later is not.
    let lab = try await lab(
      ferry, "error:status=403,code=AccessDenied,operation=GetMetricData,skip=2")
    let variables = lab.variables()
    let planned = try await ferry(
      "promote", "plan", Self.primary, "--name", "cart", "--output", "json", extra: variables)
    #expect(planned.code == 0, "\(planned.talk)")
    let check = try await ferry(
      "promote", "check", Self.primary, "--output", "json", extra: variables)
    #expect(check.code == 77 && check.json["verdict"] == "unknown", "\(check.out)")
    #expect(check.json["findings"]?.array?.first?["denied"] == "cloudwatch:GetMetricData")
    #expect(check.json["next"]?.string?.contains("edgeferry permissions promote check") == true)
    let refused = try await ferry(
      "promote", "plan", Self.primary, "--output", "json", extra: variables)
    #expect(refused.code == 77 && refused.error["code"] == "traffic-unread", "\(refused.talk)")
    let stopped = try await ferry(
      "apply", "cart", "--approve", planned.json["digest"]?.string ?? "", "--output", "json",
      extra: variables)
    #expect(stopped.code == 77, "\(stopped.talk)")
    for error in [refused.error, stopped.error] {
      #expect(error["next"]?.string?.contains("have cloudwatch:GetMetricData allowed") == true)
    }
    await lab.stop()
  }

  @Test func `a binary plan of Terraform is told as such wherever a plan or a state is taken`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try Data([0x50, 0x4B, 0x03, 0x04] + Array(repeating: 0xA7, count: 64)).write(
      to: ferry.folder.appendingPathComponent("cart.tfplan"))
    for arguments in [
      ["promote", "check", Self.primary, "--drift", "cart.tfplan"],
      ["handover", "check", Self.primary, "--tfplan", "cart.tfplan"],
    ] {
      let answer = try await ferry.run(arguments + ["--output", "json"])
      #expect(answer.code == 64 && answer.error["code"] == "bad-terraform-plan", "\(answer.talk)")
      #expect(answer.error["why"]?.string?.hasPrefix("it is a binary plan") == true)
      #expect(
        answer.error["next"]?.string?.contains("terraform show -json cart.tfplan > plan.json")
          == true)
    }
    for arguments in [
      ["orphans", "discover", "--tfstate", "cart.tfplan"],
      ["handover", "detect", Self.primary, "--tfstate", "cart.tfplan"],
    ] {
      let answer = try await ferry.run(arguments + ["--output", "json"])
      #expect(answer.code == 64 && answer.error["code"] == "bad-tfstate", "\(answer.talk)")
      #expect(answer.error["why"]?.string?.hasPrefix("it is a binary plan") == true)
    }
  }

  @Test func `killed at random moments a promote and its rollback are done once each`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await lab(ferry)
    let variables = lab.variables()
    let old = try await origin(Self.primary, lab, ferry)
    try await Self.view(ferry, lab)
    let planned = try await ferry(
      "promote", "plan", Self.primary, "--name", "cart", "--output", "json", extra: variables)
    #expect(planned.code == 0, "\(planned.talk)")
    let digest = planned.json["digest"]?.string ?? ""
    let back = try ferry.read("plans/cart.rollback.plan.json")["digest"]?.string ?? ""
    let forward = ProcessKillTests.wanted(try ferry.read("plans/cart.plan.json"))
    #expect(forward == ["UpdateDistributionWithStagingConfig": 1])
    let killed = try await ProcessKillTests.untilDone(
      ferry, ["apply", "cart", "--approve", digest], variables, plan: "cart")
    #expect(try await ProcessKillTests.written(ferry, lab).byOperation == forward)
    let undone = try await ProcessKillTests.untilDone(
      ferry, ["rollback", "cart", "--approve", back], variables, plan: "cart")
    let written = try await ProcessKillTests.written(ferry, lab).byOperation
    #expect(written == forward.merging(["UpdateDistribution": 1]) { $1 })
    #expect(try await origin(Self.primary, lab, ferry) == old)
    await lab.stop()
    #expect(killed >= 5 && undone >= 5, "killed only \(killed) and \(undone) times")
    print("process kill test: \(killed) kills of a promote, \(undone) of its rollback")
  }

  @Test func `what cannot be promoted is refused with its code`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await lab(ferry)
    let variables = lab.variables()
    for (id, code, exit) in [
      ("E1SAMPLESITE10", "no-policy", 4), ("E1SAMPLECHAT05", "no-staging", 4),
      ("E1SAMPLEMAIL06", "staging-disabled", 4), (Self.staging, "not-a-primary", 64),
      ("ENOWHERE", "unknown-distribution", 1), ("../x", "bad-id", 64),
    ] as [(String, String, Int32)] {
      let planned = try await ferry(
        "promote", "plan", id, "--output", "json", extra: variables)
      #expect(
        planned.code == exit && planned.error["code"]?.string == code, "\(id): \(planned.talk)")
      guard exit == 4 else { continue }
      let check = try await ferry("promote", "check", id, "--output", "json", extra: variables)
      #expect(check.code == 4 && codes(check).first == code, "\(id): \(check.out)")
    }
    let plans = ferry.folder.appendingPathComponent("plans").path
    #expect(!FileManager.default.fileExists(atPath: plans))
    await lab.stop()
  }

  /// A minute has to begin after staging was pointed, so this takes one or two.
  @Test(.timeLimit(.minutes(15)))
  func `a blue-green deploy is one plan that viewers prove while it runs`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await lab(ferry)
    let variables = lab.variables()
    let planned = try await ferry(
      "promote", "plan", Self.primary, "--origin", "green-lb.eu-west-1.elb.amazonaws.com", "--name",
      "green", "--output", "json", extra: variables)
    #expect(planned.code == 0, "\(planned.talk)")
    let run = try ferry.start(
      ["apply", "green", "--approve", planned.json["digest"]?.string ?? "", "--max-wait", "12m"],
      extra: variables)
    let old = try await origin(Self.primary, lab, ferry)
    let viewers = Task {
      while !Task.isCancelled {
        try await Self.view(ferry, lab, requests: 60)
        try await Task.sleep(for: .seconds(2))
      }
    }
    let ending = await run.process.wait()
    viewers.cancel()
    _ = await viewers.result
    #expect(ending.code == 0, "\(text(run.talk.path).suffix(2000))")
    for id in [Self.primary, Self.staging] {
      #expect(try await origin(id, lab, ferry) == "green-lb.eu-west-1.elb.amazonaws.com")
    }
    let back = try ferry.read("plans/green.rollback.plan.json")["digest"]?.string ?? ""
    let undone = try await ferry("rollback", "green", "--approve", back, extra: variables)
    #expect(undone.code == 0, "\(undone.talk)")
    #expect(try await origin(Self.primary, lab, ferry) == old)
    #expect(
      try await origin(Self.staging, lab, ferry) == "cart-canary-lb.eu-west-1.elb.amazonaws.com")
    await lab.stop()
  }
}

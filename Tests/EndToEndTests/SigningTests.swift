import FerryCore
import Foundation
import Testing

/// Signatures of plans through the built binary and the `openssl` command, on the lab.
struct SigningEndToEndTests {
  /// Makes a key pair as the documentation says.
  private func makeKey(_ name: String, _ ferry: Ferry) async throws {
    let made = try await ferry.run(
      [
        "-c",
        "umask 077; openssl genpkey -algorithm ed25519 -out \(name).key && openssl pkey -in \(name).key -pubout -out \(name).pub",
      ], program: "sh")
    #expect(made.code == 0, "\(made.talk)")
  }
  private func require(_ signatures: String, _ ferry: Ferry) throws {
    try ferry.write(
      "version: 1\nregions: [eu-west-1]\npolling: { deployed: 0.2s }\n\(signatures)\n",
      to: "edgeferry.yaml")
  }
  private func exists(_ name: String, _ ferry: Ferry) -> Bool {
    FileManager.default.fileExists(atPath: ferry.folder.appendingPathComponent(name).path)
  }

  @Test func `a plan runs and is rolled back only with the signatures that the settings want`()
    async throws
  {
    let run = try await RemovalRun(propagation: "0.1s")
    let (ferry, variables) = (run.ferry, run.variables)
    for name in ["one", "two", "stranger"] { try await makeKey(name, ferry) }
    try require("signatures: { required: 2, keys: [one.pub, two.pub] }", ferry)
    let json = ["--output", "json"]
    func refused(_ arguments: [String], _ code: String, _ exit: Int32 = 4) async throws {
      let answer = try await ferry.run(arguments + json, extra: variables)
      #expect(
        answer.code == exit && answer.error["code"]?.string == code,
        "\(arguments): \(answer.code) \(answer.talk)")
    }
    try await refused(run.apply, "not-signed")
    try await refused(["advance", "some", "--approve", run.digest], "not-signed")
    #expect(try await ferry("plan", "verify", "some").code == 4)
    // Nothing was written, not even an approval.
    #expect(try await ferry("audit").out == "nothing is in the journal\n")

    let first = try await ferry("plan", "sign", "some", "--key", "one.key", "--by", "One")
    #expect(first.code == 0 && first.out.contains(run.digest), "\(first.talk)")
    #expect(exists("plans/some.plan.sig", ferry) && exists("plans/some.rollback.plan.sig", ferry))
    try await refused(run.apply, "not-signed")
    // The same key again is no second signature, and neither is a key that is not listed.
    #expect(try await ferry("plan", "sign", "some", "--key", "one.key").code == 0)
    #expect(try await ferry("plan", "sign", "some", "--key", "stranger.key").code == 0)
    let stranger = try await ferry.run(run.apply, extra: variables)
    #expect(stranger.code == 4 && stranger.talk.contains("unknown-key"), "\(stranger.talk)")
    #expect(
      try await ferry("plan", "sign", "some", "--key", "two.key", "--digest", "sha256:0").code == 4)
    let second = try await ferry.run(
      ["plan", "sign", "some", "--key", "two.key", "--by", "Two", "--digest", run.digest] + json)
    #expect(second.code == 0 && second.json["signed"]?.array?.count == 2, "\(second.talk)")
    #expect(second.json["schema"] == "edgeferry.signed/1")
    let verified = try await ferry.run(["plan", "verify", "some"] + json)
    #expect(verified.code == 0 && verified.json["enough"] == true, "\(verified.talk)")
    #expect(verified.json["schema"] == "edgeferry.signatures/1")
    #expect(verified.json["plans"]?.array?.map { $0["valid"] } == [2, 2])
    #expect(verified.out.contains("unknown-key"))
    let readable = try await ferry("plan", "verify", "some")
    #expect(readable.out.contains("Two") && readable.out.contains("valid"), "\(readable.out)")

    // A cut file is refused as it is, and a signature of other bytes is none.
    let file = ferry.folder.appendingPathComponent("plans/some.plan.sig")
    let whole = try String(contentsOf: file, encoding: .utf8)
    for count in [0, 1, whole.utf8.count / 2, whole.utf8.count - 4] {
      try ferry.write(String(whole.prefix(count)), to: "plans/some.plan.sig")
      let cut = try await ferry.run(run.apply + json, extra: variables)
      #expect(cut.code == 64, "\(count): \(cut.talk)")
    }
    try ferry.write(
      whole.replacingOccurrences(of: "\"Two\"", with: "\"Boss\""), to: "plans/some.plan.sig")
    let forged = try await ferry.run(run.apply, extra: variables)
    #expect(forged.code == 4 && forged.talk.contains("invalid: Boss"), "\(forged.talk)")
    try ferry.write(whole, to: "plans/some.plan.sig")
    #expect(try await run.effects().isEmpty)

    #expect(try await ferry.run(run.apply, extra: variables).code == 0)
    let rollback = try ferry.read("plans/some.rollback.plan.json")["digest"]?.string ?? ""
    let back = ["rollback", "some", "--approve", rollback]
    let rollbackFile = "plans/some.rollback.plan.sig"
    let rollbackText = text(ferry.folder.appendingPathComponent(rollbackFile).path)
    try FileManager.default.removeItem(at: ferry.folder.appendingPathComponent(rollbackFile))
    try await refused(back, "not-signed")
    try ferry.write(rollbackText, to: rollbackFile)
    #expect(try await ferry.run(back, extra: variables).code == 0)

    // The log names who signed what was run.
    let audit = try await ferry.run(["audit", "some"] + json)
    let approved = (audit.json["entries"]?.array ?? []).filter { $0["event"] == "approved" }
    #expect(approved.count == 2, "\(audit.out)")
    for entry in approved {
      let signers = (entry["signatures"]?.array ?? []).compactMap(\.string)
      #expect(signers.count == 2 && signers.contains { $0.hasSuffix(" Two") }, "\(signers)")
    }
    await run.end()
  }

  @Test func `a plan that was made again has to be signed again`() async throws {
    let run = try await RemovalRun(propagation: "0.1s")
    let (ferry, variables) = (run.ferry, run.variables)
    try await makeKey("one", ferry)
    try require("signatures: { keys: [one.pub] }", ferry)
    #expect(try await ferry("plan", "sign", "some", "--key", "one.key").code == 0)
    let again = try await ferry(
      "orphans", "plan", "--finding", "staging-unreferenced:E2SAMPLELOST09", "--name", "some",
      "--output", "json", extra: variables)
    let digest = again.json["digest"]?.string ?? ""
    #expect(again.code == 0 && digest != run.digest)
    let stale = try await ferry("apply", "some", "--approve", digest, extra: variables)
    #expect(stale.code == 4 && stale.talk.contains("other-plan"), "\(stale.talk)")
    let signed = try await ferry("plan", "sign", "some", "--key", "one.key")
    #expect(signed.code == 0 && signed.talk.contains("another plan"), "\(signed.talk)")
    #expect(try await ferry("apply", "some", "--approve", digest, extra: variables).code == 0)
    await run.end()
  }

  @Test func `signatures are openssl's own, one way and the other`() async throws {
    let run = try await RemovalRun(propagation: "0.1s")
    let (ferry, variables) = (run.ferry, run.variables)
    try await makeKey("one", ferry)
    try await makeKey("two", ferry)
    try require("signatures: { required: 2, keys: [one.pub, two.pub] }", ferry)
    #expect(try await ferry("plan", "sign", "some", "--key", "one.key", "--by", "One").code == 0)
    // What edgeferry signed, openssl verifies.
    let verify = #"""
      jq -r '"edgeferry.signature/1\n" + .planDigest + "\n" + .signatures[0].signedAt + "\n" + .signatures[0].by' \
        plans/some.plan.sig > message
      jq -r '.signatures[0].signature' plans/some.plan.sig | base64 -d > signature
      openssl pkeyutl -verify -pubin -inkey one.pub -rawin -in message -sigfile signature
      """#
    let verified = try await ferry.run(["-ec", verify], program: "sh")
    #expect(verified.code == 0 && verified.out.contains("Successfully"), "\(verified.talk)")
    // The key's id is the digest that openssl gives its DER.
    let id = try await ferry.run(
      ["-ec", "openssl pkey -pubin -in one.pub -outform DER | sha256sum | cut -d' ' -f1"],
      program: "sh")
    let stated = try ferry.read("plans/some.plan.sig")["signatures"]?.array?.first?["keyId"]?.string
    #expect(stated == "sha256:" + id.out.trimmingCharacters(in: .whitespacesAndNewlines))
    // What openssl signed, edgeferry accepts.
    let sign = #"""
      for plan in plans/some.plan plans/some.rollback.plan; do
        digest=$(jq -r .digest $plan.json); at=2026-11-29T10:00:00Z; by="the HSM"
        printf 'edgeferry.signature/1\n%s\n%s\n%s\n' "$digest" "$at" "$by" > message
        openssl pkeyutl -sign -inkey two.key -rawin -in message -out signature
        id=sha256:$(openssl pkey -pubin -in two.pub -outform DER | sha256sum | cut -d' ' -f1)
        jq --arg id "$id" --arg s "$(base64 -w0 signature)" --arg at "$at" --arg by "$by" \
          '.signatures += [{keyId: $id, signature: $s, signedAt: $at, by: $by}]' $plan.sig > new
        cat new > $plan.sig
      done
      """#
    let signed = try await ferry.run(["-ec", sign], program: "sh")
    #expect(signed.code == 0, "\(signed.talk)")
    let both = try await ferry("plan", "verify", "some")
    #expect(both.code == 0 && both.out.contains("the HSM"), "\(both.out)\(both.talk)")
    #expect(try await ferry.run(run.apply, extra: variables).code == 0)
    await run.end()
  }

  @Test func `an unattended sweep stops at its new plan until that is signed`() async throws {
    let scene = try await SweepEndToEndTests.Scene(
      1, orphans: { _ in true }, sweep: "grace: 0s, maxDeletions: 10, maxPercent: 100")
    let ferry = scene.ferry
    try await makeKey("one", ferry)
    let settings = text(ferry.folder.appendingPathComponent("edgeferry.yaml").path)
    try ferry.write(settings + "signatures: { keys: [one.pub] }\n", to: "edgeferry.yaml")
    let stopped = try await scene.sweep(["--apply"])
    let action = stopped.json["sweep"]?["actions"]?.array?.first
    #expect(stopped.code == 4 && action?["exit"]?.int == 4, "\(stopped.out) \(stopped.talk)")
    #expect(stopped.out.contains("plan sign"), "\(stopped.out)")
    #expect(try await ProcessKillTests.written(ferry, scene.lab).byOperation == [:])
    let made = try FileManager.default.contentsOfDirectory(
      atPath: ferry.folder.appendingPathComponent("plans").path
    ).filter { $0.hasSuffix(".plan.json") && !$0.contains("rollback") }
    let name = String(try #require(made.first).dropLast(".plan.json".count))
    #expect(made.count == 1)
    #expect(try await ferry("plan", "sign", name, "--key", "one.key", "--by", "One").code == 0)
    let done = try await scene.sweep(["--apply"], at: 1)
    #expect(done.code == 0, "\(done.out) \(done.talk)")
    let written = try await ProcessKillTests.written(ferry, scene.lab).byOperation
    #expect(written["DeleteContinuousDeploymentPolicy"] == 1, "\(written)")
    let audit = try await ferry("audit", name, "--output", "json")
    let approved = audit.json["entries"]?.array?.first { $0["event"] == "approved" }
    #expect(approved?["by"] == "sweep run --apply" && approved?["signatures"]?.array?.count == 1)
    await scene.end()
  }

  @Test func `a key that others may read, an encrypted one and one of another kind are refused`()
    async throws
  {
    let run = try await RemovalRun(propagation: "0.1s")
    let ferry = run.ferry
    try await makeKey("one", ferry)
    let made = try await ferry.run(
      [
        "-ec",
        """
        umask 077
        openssl genpkey -algorithm ed25519 -aes256 -pass pass:secret -out locked.key
        openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec.key
        openssl genpkey -algorithm x25519 -out x.key
        """,
      ], program: "sh")
    #expect(made.code == 0, "\(made.talk)")
    for (key, code) in [
      ("locked.key", "bad-key"), ("ec.key", "bad-key"), ("x.key", "bad-key"),
      ("one.pub", "bad-key"), ("none.key", "no-such-file"),
    ] {
      let answer = try await ferry("plan", "sign", "some", "--key", key, "--output", "json")
      #expect(
        answer.code == 64 && answer.error["code"]?.string == code, "\(key): \(answer.talk)")
    }
    for mode in [0o640, 0o604, 0o644] {
      chmod(ferry.folder.appendingPathComponent("one.key").path, mode_t(mode))
      let answer = try await ferry("plan", "sign", "some", "--key", "one.key", "--output", "json")
      #expect(answer.code == 64 && answer.error["code"] == "loose-mode", "\(answer.talk)")
    }
    #expect(!exists("plans/some.plan.sig", ferry))
    // A list of keys that others may write decides nothing.
    chmod(ferry.folder.appendingPathComponent("one.key").path, 0o600)
    #expect(try await ferry("plan", "sign", "some", "--key", "one.key").code == 0)
    chmod(ferry.folder.appendingPathComponent("one.pub").path, 0o666)
    let loose = try await ferry("plan", "verify", "some", "--key", "one.pub", "--output", "json")
    #expect(loose.code == 64 && loose.error["code"] == "loose-mode", "\(loose.talk)")
    chmod(ferry.folder.appendingPathComponent("one.pub").path, 0o644)
    #expect(try await ferry("plan", "verify", "some", "--key", "one.pub").code == 0)
    #expect(try await ferry("plan", "verify", "some").code == 64)
    await run.end()
  }
}

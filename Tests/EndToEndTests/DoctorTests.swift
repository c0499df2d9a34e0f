import FerryAWS
import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// `edgeferry doctor` from outside.
struct DoctorEndToEndTests {
  private func checks(_ answer: Ferry.Answer, _ name: String) -> [JSONValue] {
    (answer.json["checks"]?.array ?? []).filter { $0["name"]?.string == name }
  }
  private func settings(_ ferry: Ferry, _ lab: RunningLab, _ more: String = "") throws {
    try ferry.write(
      "version: 1\nresolvers: [\"\(lab.ready["dns"]?.string ?? "")\"]\n" + more,
      to: "edgeferry.yaml")
  }

  @Test func `on a sound machine nothing fails, and nothing is written`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--sample", "--dns", "127.0.0.1:0"])
    try settings(ferry, lab)
    let answer = try await ferry("doctor", "--output", "json", extra: lab.variables())
    let spoken = try await ferry("doctor", extra: lab.variables())
    await lab.stop()
    #expect(answer.code == 0, "\(answer.out) \(answer.talk)")
    #expect(answer.json["schema"] == "edgeferry.doctor/1")
    for name in [
      "versions", "settings", "identity", "endpoints", "clock", "quotas", "dns", "state",
    ] {
      #expect(!checks(answer, name).isEmpty, "\(name)")
    }
    #expect(checks(answer, "clock").first?["state"] == "ok")
    #expect(checks(answer, "identity").first?["account"] == "111111111111")
    #expect(checks(answer, "dns").count == 2 && checks(answer, "quotas").count == 2)
    let versions = checks(answer, "versions").first?["says"]?.string ?? ""
    for library in ["edgeferry", "ldns 1.", "libcurl/", "OpenSSL 3", "SQLite 3."] {
      #expect(versions.contains(library), "\(versions)")
    }
    #expect(spoken.out.contains("0 failed"), "\(spoken.out)")
    #expect(
      !FileManager.default.fileExists(
        atPath: ferry.folder.appendingPathComponent(".edgeferry").path))
  }

  @Test func `each problem fails by itself and comes with what to do next`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--sample", "--dns", "127.0.0.1:0"])
    try settings(
      ferry, lab,
      """
      zones:
        example.com: { provider: rfc2136, server: "127.0.0.1:9", tsig: { name: k., algorithm: hmac-sha256, secretFile: none } }

      """)
    try ferry.write("no database", to: ".edgeferry/state.sqlite")
    chmod(ferry.folder.appendingPathComponent(".edgeferry/state.sqlite").path, 0o600)
    chmod(ferry.folder.appendingPathComponent(".edgeferry").path, 0o700)
    let answer = try await ferry("doctor", "--output", "json", extra: lab.variables())
    await lab.stop()
    #expect(answer.code == 1, "\(answer.talk)")
    let failed = (answer.json["checks"]?.array ?? []).filter { $0["state"] == "failed" }
    #expect(Set(failed.compactMap { $0["name"]?.string }) == ["dns", "settings", "state"])
    #expect(failed.allSatisfy { $0["next"]?.string?.isEmpty == false }, "\(failed)")
    #expect(checks(answer, "identity").first?["state"] == "ok")
  }

  @Test func `without credentials who am I fails, and the rest is looked at`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--sample", "--dns", "127.0.0.1:0"])
    try settings(ferry, lab)
    let answer = try await ferry("doctor", "--output", "json")
    let wrong = try await ferry(
      "doctor", "--output", "json",
      extra: lab.variables().merging(["AWS_SECRET_ACCESS_KEY": "wrong"]) { $1 })
    await lab.stop()
    #expect(answer.code == 1, "\(answer.out)")
    #expect(checks(answer, "identity").first?["state"] == "failed")
    #expect(checks(answer, "dns").allSatisfy { $0["state"] == "ok" })
    // All that failed was denied.
    #expect(wrong.code == 77, "\(wrong.out)")
  }
}

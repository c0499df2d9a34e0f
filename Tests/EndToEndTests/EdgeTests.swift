import FerryAWS
import FerryCore
import FerryTestSupport
import Foundation
import Testing

struct EdgeEndToEndTests {
  /// Runs the Python client against a lab and gives its last line.
  private func client(_ ferry: Ferry, _ lab: RunningLab, _ part: String) async throws -> String {
    let talk = ferry.folder.appendingPathComponent("talk-\(part)")
    let ending = try await Subprocess(
      [Ferry.python, Ferry.client("edge_client.py"), lab.readyFile, part],
      environment: ferry.environment, stderr: talk.path
    ).wait()
    #expect(ending.code == 0, "\(text(talk.path))")
    return String(decoding: ending.stdout, as: UTF8.self)
  }

  @Test func `Python's TLS meets ownership, certificates and staging as on CloudFront`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--sample", "--propagation", "0s"])
    let said = try await client(ferry, lab, "rules")
    await lab.stop()
    #expect(said.contains("checks of the edge passed"))
  }

  @Test func `POPs answer differently while a change is in progress`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--sample", "--propagation", "60s", "--pops", "20"])
    let said = try await client(ferry, lab, "pops")
    await lab.stop()
    #expect(said.contains("checks of the edge passed"))
  }

  @Test func `curl trusts the lab's authority alone and is redirected from plain HTTP`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--sample"])
    let edge = lab.ready["edge"]?.string ?? ""
    let ca = lab.ready["ca"]?.string ?? ""
    func curl(_ arguments: String...) async throws -> Ferry.Answer {
      try await ferry.run(["-sS", "--max-time", "20"] + arguments, program: "curl")
    }
    let direct = ["--connect-to", "::\(edge)"]
    let good = try await ferry.run(
      ["-sSi", "--cacert", ca, "--tls-max", "1.2"] + direct + ["https://www.example.com/"],
      program: "curl")
    #expect(good.code == 0, "\(good.talk)")
    #expect(good.out.hasPrefix("HTTP/1.1 200 OK"))
    #expect(good.out.contains("x-lab-distribution: E1SAMPLESITE10"))
    let distrusted = try await ferry.run(
      ["-sSi"] + direct + ["https://www.example.com/"], program: "curl")
    #expect(distrusted.code == 60)
    let old = try await ferry.run(
      ["-sSi", "--cacert", ca, "--tls-max", "1.1"] + direct + ["https://www.example.com/"],
      program: "curl")
    #expect(old.code == 35)
    let plain = try await curl(
      "-i", "-H", "Host: www.example.com", "http://\(lab.ready["edgeHTTP"]?.string ?? "")/a?b=c")
    #expect(plain.out.hasPrefix("HTTP/1.1 301"))
    #expect(plain.out.contains("Location: https://www.example.com/a?b=c\r\n"))
    #expect(plain.out.contains("x-lab-distribution: E1SAMPLESITE10"))
    let garbage = try await curl("http://\(edge)/")
    #expect(garbage.code != 0)
    let counted = try await curl(lab.api + "/_lab/edge-requests")
    await lab.stop()
    #expect(counted.out == #"{"E1SAMPLESITE10":2}"#)
  }

  @Test func `env names the edge, and the authority's file stays beside the ready file`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry)
    let answer = try await ferry(
      "lab", "env", "--ready-file", lab.readyFile, "--account", "111111111111")
    let port = (lab.ready["edge"]?.string ?? "").split(separator: ":").last.map(String.init) ?? "?"
    #expect(answer.out.contains("export EDGEFERRY_EDGE_PORT=\(port)\n"))
    #expect(answer.out.contains("export EDGEFERRY_EDGE_CA='\(lab.readyFile).ca.pem'\n"))
    #expect(text(lab.readyFile + ".ca.pem").hasPrefix("-----BEGIN CERTIFICATE-----\n"))
    await lab.stop()
  }

  @Test func `without a ready file the authority's file goes with the lab`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let process = try Subprocess(
      [Ferry.binary.path, "lab", "serve"], environment: ferry.environment)
    let line = await process.firstLine()
    let ca = try JSONValue.read(Array(line.utf8), what: "ready line")["ca"]?.string ?? ""
    #expect(text(ca).hasPrefix("-----BEGIN CERTIFICATE-----\n"))
    process.signal(SIGTERM)
    #expect(await process.wait().code == 0)
    #expect(!FileManager.default.fileExists(atPath: ca))
  }

  @Test func `hundreds of connections are served at once while one waits`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(
      ferry,
      ["--sample", "--fault", "latency:milliseconds=3000,operation=ListDistributions"])
    let url = "\(lab.ready["edgeHTTP"]?.string ?? "")/[1-400]"
    async let slow = ferry.run(
      ["-sS", "-o", "/dev/null", "-w", "%{time_total}", lab.api + "/2020-05-31/distribution"],
      program: "curl")
    let many = try await ferry.run(
      [
        "-sS", "-Z", "--parallel-immediate", "--parallel-max", "300", "-o", "/dev/null", "-H",
        "Host: www.example.com", "-w", "%{http_code}\n", "http://\(url)",
      ], program: "curl")
    #expect(many.code == 0, "\(many.talk.suffix(300))")
    #expect(many.out.split(separator: "\n").filter { $0 == "301" }.count == 400)
    #expect(try await (Double(slow.out) ?? 0) >= 3)
    await lab.stop()
  }
}

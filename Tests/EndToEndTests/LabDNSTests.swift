import FerryAWS
import FerryCore
import FerryModel
import FerryTestSupport
import Foundation
import Testing

/// Clients that nobody wrote for this lab take it for Route 53 and its name servers.
struct LabDNSTests {
  @Test func `boto3 calls every operation of Route 53 that the lab serves, and moto agrees`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--propagation", "0.3s"])
    let answer = try await ferry.python(
      "boto3_zones.py", CloudFrontModel.zoneOperations.joined(separator: ","), lab: lab)
    await lab.stop()
    #expect(answer.code == 0, "\(answer.talk)")
    #expect(answer.out.hasPrefix("\(CloudFrontModel.zoneOperations.count) operations,"))
  }

  @Test func `dnspython sees each of the four name servers turn at its own time`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--propagation", "15s"])
    let answer = try await ferry.python("dns_lab.py", lab.readyFile, lab: lab)
    await lab.stop()
    #expect(answer.code == 0, "\(answer.talk)")
    #expect(answer.out.hasSuffix("checks of DNS passed\n"), "\(answer.out)")
  }

  @Test func `the AWS CLI changes a record, waits for it and dig sees it`() async throws {
    guard let aws = ClientTests.onPath("aws"), let dig = ClientTests.onPath("dig") else {
      print("skipped: the AWS CLI or dig is not installed")
      return
    }
    let ferry = try Ferry()
    defer { ferry.remove() }
    try ferry.write(
      """
      {"Changes":[{"Action":"UPSERT","ResourceRecordSet":{"Name":"www.example.com","Type":"CNAME","TTL":5,
       "ResourceRecords":[{"Value":"d1sampleshop01.cloudfront.net"}]}}]}
      """, to: "batch.json")
    try await ferry.withLab(["--sample", "--propagation", "0.1s"]) { lab in
      func cli(_ arguments: String...) async throws -> Ferry.Answer {
        try await ferry.run(
          ["route53"] + arguments + ["--output", "json"], extra: ClientTests.around(ferry, lab),
          program: aws)
      }
      let changed = try await cli(
        "change-resource-record-sets", "--hosted-zone-id", "Z1SAMPLECOM", "--change-batch",
        "file://batch.json")
      #expect(changed.code == 0, "\(changed.talk)")
      let id = changed.json["ChangeInfo"]?["Id"]?.string ?? ""
      let waited = try await cli("wait", "resource-record-sets-changed", "--id", id)
      #expect(waited.code == 0, "\(waited.talk)")
      for server in lab.ready["nameservers"]?.array?.compactMap(\.string) ?? [] {
        let parts = server.split(separator: ":").map(String.init)
        let seen = try await ferry.run(
          ["@\(parts[0])", "-p", parts[1], "+norecurse", "+short", "www.example.com", "A"],
          program: dig)
        #expect(seen.out == "d1sampleshop01.cloudfront.net.\n127.0.0.1\n")
      }
      // DNS moved; traffic goes on by who holds the alias.
      let edge = lab.ready["edge"]?.string ?? ""
      let served = try await ferry.run(
        [
          "-s", "-o", "/dev/null", "-D", "-", "--cacert", lab.ready["ca"]?.string ?? "",
          "--connect-to", "::\(edge)", "https://www.example.com/",
        ], program: "curl")
      #expect(
        served.out.lowercased().contains("x-lab-distribution: e1samplesite10"), "\(served.out)")
    }
  }
}

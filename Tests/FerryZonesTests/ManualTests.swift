import FerryCore
import Testing

@testable import FerryZones

struct ManualTests {
  private static let example = name("example.com.")
  private static let www = key("www.example.com.", .cname)
  private static let old = RecordValue(ttl: 3600, data: ["d111.cloudfront.net."])
  private static let new = RecordValue(ttl: 60, data: ["d222.cloudfront.net."])

  private func zone(_ answers: ServerLook.Answer...) -> ManualZone {
    ManualZone(Self.example) { keys throws(FerryError) in
      keys.flatMap { key in
        answers.enumerated().map {
          ServerLook(
            server: DNSServer(address: "192.0.2.\($0.offset)"), serverName: nil, key: key,
            answer: $0.element)
        }
      }
    }
  }
  private func failure(_ zone: ManualZone) async -> FerryError? {
    do throws(FerryError) {
      _ = try await zone.read([Self.www])
      return nil
    } catch {
      return error
    }
  }

  @Test func `what all servers that answer say is what is there`() async throws {
    #expect(
      try await zone(.value(Self.old), .value(Self.old)).read([Self.www]) == [Self.www: Self.old])
    #expect(
      try await zone(.value(Self.old), .unknown(because: "timeout")).read([Self.www])
        == [Self.www: Self.old])
    #expect(
      try await zone(.absent(negativeTTL: 900), .absent(negativeTTL: nil)).read([Self.www]) == [:])
  }

  @Test func `servers that disagree or are silent leave it open, by a TTL even`() async {
    let cases: [ManualZone] = [
      zone(.value(Self.old), .value(Self.new)),
      zone(.value(Self.old), .value(RecordValue(ttl: 3599, data: Self.old.data))),
      zone(.value(Self.old), .absent(negativeTTL: 900)), zone(.unknown(because: "refused")), zone(),
    ]
    for zone in cases { #expect(await failure(zone)?.code == .noAnswer) }
    #expect(await failure(cases[3])?.causes == ["192.0.2.0:53: refused"])
  }

  @Test func `writing sends nothing, and the ticket has every form`() async throws {
    let zone = ManualZone(Self.example) { _ throws(FerryError) in
      Issue.record("a ticket needs no look")
      return []
    }
    let change = RecordChange(Self.www, from: Self.old, to: Self.new)
    #expect(try await zone.write([change], comment: "") == "")
    #expect(try await zone.isInSync("") == nil)
    let ticket = try #require(zone.ticket([change]))
    for part in [
      "now:    d111.cloudfront.net. with a TTL of 3600 s",
      "-www.example.com. 3600 IN CNAME d111.cloudfront.net.",
      "prereq yxrrset www.example.com. IN CNAME d111.cloudfront.net.", "DELETE", "\"www\":",
      "D_EXTEND(\"example.com\", CNAME(\"www\", \"d222.cloudfront.net.\", TTL(60)));",
      "resource \"aws_route53_record\" \"www_example_com_cname\" {",
    ] {
      #expect(ticket.contains(part), "\(part) is not in\n\(ticket)")
    }
  }

  /// Data come from DNS, and whoever runs a form trusts it.
  @Test func `data that try to break out of their form stay data`() throws {
    let evil = "x\nupdate delete example.com. SOA\nsend\n\"); attack(); //${file(\"/etc/passwd\")}"
    let ticket = ChangeTicket(
      zone: Self.example,
      changes: [
        RecordChange(
          key("www.example.com.", .txt), from: nil, to: RecordValue(ttl: 60, data: [evil]))
      ])
    #expect(ticket.nsupdate.split(separator: "\n").count { $0.hasPrefix("update") } == 1)
    #expect(ticket.zoneDifference.split(separator: "\n").count { $0.hasPrefix("+") } == 2)
    #expect(ticket.dnsControl.split(separator: "\n").count == 1)
    #expect(!ticket.dnsControl.contains("\"); attack()"))
    #expect(ticket.terraform.contains("$${file("))
    let batch = try JSONValue.read(Array(ticket.changeBatch.utf8), what: "batch")
    #expect(
      batch["Changes"]?.array?.first?["ResourceRecordSet"]?["ResourceRecords"]?.array?.first?[
        "Value"]
        == .string(evil))
  }
}

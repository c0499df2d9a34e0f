import FerryAWS
import FerryCore
import FerryTestSupport
import Foundation
import Testing

@testable import FerryZones

/// Each form of a ticket, given to the tool that it is for.
struct TicketTests {
  private static let example = DomainName(wire: "example.com.")
  private static func key(_ name: String, _ type: RRType) -> RecordKey {
    RecordKey(DomainName(wire: name), type)
  }
  /// A TTL, a target, a type change, a wildcard, a new name, one that goes, and text that needs quoting.
  private static let ticket = ChangeTicket(
    zone: example,
    changes: [
      RecordChange(
        key("www.example.com.", .cname),
        from: RecordValue(ttl: 3600, data: ["d111.cloudfront.net."]),
        to: RecordValue(ttl: 60, data: ["d222.cloudfront.net."])),
      RecordChange(
        key("*.example.com.", .cname), from: RecordValue(ttl: 300, data: ["d111.cloudfront.net."]),
        to: RecordValue(ttl: 60, data: ["d111.cloudfront.net."])),
      RecordChange(
        key("app.example.com.", .cname),
        from: RecordValue(ttl: 300, data: ["d111.cloudfront.net."]),
        to: nil),
      RecordChange(
        key("app.example.com.", .a), from: nil,
        to: RecordValue(ttl: 60, data: ["192.0.2.7", "192.0.2.8"])),
      RecordChange(
        key("app.example.com.", .aaaa), from: nil, to: RecordValue(ttl: 60, data: ["2001:db8::7"])),
      RecordChange(
        key("_www.example.com.", .txt), from: nil,
        to: RecordValue(ttl: 60, data: [#""d222.cloudfront.net ${x} \"q\"; %{y}""#])),
    ])
  private static let zoneFile = NameServer.zone(
    "example.com.",
    """
    www 3600 IN CNAME d111.cloudfront.net.
    * 300 IN CNAME d111.cloudfront.net.
    app 300 IN CNAME d111.cloudfront.net.
    """)
  private static let alias = ChangeTicket(
    zone: DomainName(wire: "example.org."),
    changes: [RRType.a, .aaaa].map {
      RecordChange(
        key("example.org.", $0),
        from: $0 == .a ? RecordValue(ttl: 300, data: ["192.0.2.1"]) : nil,
        to: RecordValue(
          alias: .init(
            hostedZoneId: RecordValue.Alias.cloudFrontZone,
            dnsName: DomainName(wire: "d222.cloudfront.net."))))
    })

  private func inWorkspace(_ body: (Ferry) async throws -> Void) async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try await body(ferry)
  }
  private static func onPath(_ program: String) -> String? { ClientTests.onPath(program) }

  @Test
  func `nsupdate makes the change at a real BIND once, and its prerequisites stop a second time`()
    async throws
  {
    try await inWorkspace { ferry in
      let key = NameServer.Key()
      let server = try await NameServer.bind(
        ferry, zones: ["example.com.": Self.zoneFile], key: key)
      try ferry.write(
        "server 127.0.0.1 \(server.port)\n" + Self.ticket.nsupdate, to: "update")
      try ferry.write(
        "key \"\(key.name)\" { algorithm \(key.algorithm); secret \"\(key.secret)\"; };\n",
        to: "key")
      let first = try await ferry.run(["-k", "key", "update"], program: "nsupdate")
      let seen = [
        try await server.dig(ferry, "www.example.com", "CNAME"),
        try await server.dig(ferry, "app.example.com", "A").sorted(),
        try await server.dig(ferry, "app.example.com", "AAAA"),
        try await server.dig(ferry, "_www.example.com", "TXT"),
      ]
      let second = try await ferry.run(["-k", "key", "update"], program: "nsupdate")
      await server.stop()
      #expect(first.code == 0, "\(first.talk)")
      #expect(
        seen == [
          ["d222.cloudfront.net."], ["192.0.2.7", "192.0.2.8"], ["2001:db8::7"],
          [#""d222.cloudfront.net ${x} \"q\"; %{y}""#],
        ])
      #expect(second.code == 2)
      #expect(second.talk.contains("XRRSET"), "\(second.talk)")
    }
  }

  @Test func `the difference turns the zone file into one that named-checkzone accepts`()
    async throws
  {
    try await inWorkspace { ferry in
      let compile = ["-i", "none", "-f", "text", "-F", "text", "-s", "full", "-o"]
      try ferry.write(Self.zoneFile, to: "zone")
      let before = try await ferry.run(
        compile + ["before", "example.com", "zone"], program: "named-compilezone")
      #expect(before.code == 0, "\(before.out)")
      func plain(_ line: Substring) -> String {
        line.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      }
      var lines = text(ferry.folder.appendingPathComponent("before").path).split(separator: "\n")
        .map(plain)
      for line in Self.ticket.zoneDifference.split(separator: "\n").dropFirst(2) {
        let record = plain(line.dropFirst())
        if line.hasPrefix("-") {
          let place = try #require(lines.firstIndex(of: record), "\(record) is not in the zone")
          lines.remove(at: place)
        } else {
          #expect(line.hasPrefix("+"))
          lines.append(record)
        }
      }
      try ferry.write(lines.joined(separator: "\n") + "\n", to: "after")
      let after = try await ferry.run(
        compile + ["-", "example.com", "after"], program: "named-compilezone")
      #expect(after.code == 0, "\(after.out)")
      #expect(after.out.contains("d222.cloudfront.net."))
      #expect(!after.out.contains("3600 IN CNAME"))
    }
  }

  /// A YAML reader, and octoDNS itself where it is installed.
  @Test func `the YAML holds the wanted records, and octoDNS validates them`() async throws {
    try await inWorkspace { ferry in
      for (name, ticket) in [("plain", Self.ticket), ("alias", Self.alias)] {
        try ferry.write(ticket.octoDNS, to: "\(name)/\(ticket.zone.host).yaml")
        let answer = try await ferry.run(
          [
            Ferry.client("octodns_check.py"), ferry.folder.appendingPathComponent(name).path,
            ticket.zone.host,
          ], program: Ferry.python)
        #expect(answer.code == 0, "\(answer.talk)\n\(ticket.octoDNS)")
        let json = answer.json
        if name == "plain" {
          #expect(json["www"]?.array?.first?["value"] == "d222.cloudfront.net.")
          #expect(json["www"]?.array?.first?["ttl"] == 60)
          #expect(json["app"]?.array?.map { $0["type"]?.string } == ["A", "AAAA"])
          #expect(
            json["_www"]?.array?.first?["values"]
              == [#"d222.cloudfront.net ${x} "q"\; %{y}"#])
        } else {
          #expect(json[""]?.array?.first?["type"] == "Route53Provider/ALIAS")
          #expect(json[""]?.array?.first?["values"]?.array?.count == 2)
        }
      }
    }
  }

  @Test func `the line for DNSControl is JavaScript that declares each record`() async throws {
    guard let node = Self.onPath("node") else {
      print("skipped: node is not installed")
      return
    }
    try await inWorkspace { ferry in
      // DNSControl's own functions, as far as they only collect what they were given.
      let stub = """
        const calls = [];
        const make = (type) => (...given) => ({type, given});
        const [A, AAAA, CNAME, TXT, R53_ALIAS] = ["A", "AAAA", "CNAME", "TXT", "R53_ALIAS"].map(make);
        const [TTL, R53_ZONE, R53_EVALUATE_TARGET_HEALTH] = ["TTL", "ZONE", "HEALTH"].map(make);
        const D_EXTEND = (domain, ...records) => calls.push({domain, records});

        """
      try ferry.write(
        stub + Self.ticket.dnsControl + Self.alias.dnsControl
          + "console.log(JSON.stringify(calls));\n", to: "dnsconfig.js")
      let answer = try await ferry.run(["dnsconfig.js"], program: node)
      #expect(answer.code == 0, "\(answer.talk)")
      let plain = answer.json.array?.first
      #expect(plain?["domain"] == "example.com")
      #expect(
        plain?["records"]?.array?.map { $0["type"]?.string } == [
          "CNAME", "CNAME", "A", "A", "AAAA", "TXT",
        ])
      #expect(
        plain?["records"]?.array?.first?["given"]?.array?.prefix(2) == [
          "www", "d222.cloudfront.net.",
        ])
      #expect(
        plain?["records"]?.array?.last?["given"]?.array?[1]
          == [#"d222.cloudfront.net ${x} "q"; %{y}"#])
      let alias = answer.json.array?.last?["records"]?.array
      #expect(alias?.first?["given"]?.array?.prefix(3) == ["@", "A", "d222.cloudfront.net."])
    }
  }

  @Test func `Terraform accepts the blocks as they are`() async throws {
    guard let terraform = Self.onPath("terraform") else {
      print("skipped: terraform is not installed")
      return
    }
    try await inWorkspace { ferry in
      try ferry.write(Self.ticket.terraform, to: "plain.tf")
      try ferry.write(Self.alias.terraform, to: "alias.tf")
      let format = try await ferry.run(["fmt", "-check", "-diff"], program: terraform)
      #expect(format.code == 0, "\(format.out)\(format.talk)")
      guard let rc = try ClientTests.terraformConfig(ferry) else {
        print("skipped: no mirror of the provider hashicorp/aws")
        return
      }
      let extra = ["TF_CLI_CONFIG_FILE": rc, "CHECKPOINT_DISABLE": "1"]
      for arguments in [["init", "-backend=false"], ["validate"]] {
        let answer = try await ferry.run(
          arguments + ["-no-color"], extra: extra, program: terraform)
        #expect(answer.code == 0, "\(answer.out)\(answer.talk)")
      }
    }
  }
}

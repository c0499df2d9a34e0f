import FerryCore
import Foundation
import Testing

@testable import FerryModel

struct HostedZoneTests {
  @Test func `a new zone has an SOA, four name servers and a change that becomes INSYNC`() throws {
    let world = try ZoneWorld()
    let made = world.create("Example.COM")
    #expect(made.status == 201)
    let id = Route53.bare(made.body.text(at: "HostedZone/Id") ?? "")
    #expect(made.body.text(at: "HostedZone/Name") == "example.com.")
    #expect(made.body.at("DelegationSet/NameServers")?.children.count == 4)
    #expect(world.records(id) == ["example.com. NS", "example.com. SOA"])
    let change = Route53.bare(made.body.text(at: "ChangeInfo/Id") ?? "")
    func status() -> String? {
      world.call("GET", "change/\(change)").body.text(at: "ChangeInfo/Status")
    }
    #expect(status() == "PENDING")
    world.clock.advance(seconds: 39)
    #expect(status() == "PENDING")
    world.clock.advance(seconds: 1)
    #expect(status() == "INSYNC")
    let found = world.call("GET", "hostedzone/\(id)")
    #expect(found.body.text(at: "HostedZone/ResourceRecordSetCount") == "2")
    #expect(
      found.body.at("DelegationSet/NameServers") == made.body.at("DelegationSet/NameServers"))
  }

  @Test func `zones are told apart by account, by reference and by being private`() throws {
    let world = try ZoneWorld()
    let id = world.zone("example.com")
    let again = world.create("example.com")
    #expect(again.status == 409 && again.code == "HostedZoneAlreadyExists")
    let foreign = world.call("GET", "hostedzone/\(id)", account: "222222222222")
    #expect(foreign.status == 404 && foreign.code == "NoSuchHostedZone")
    #expect(foreign.message == "No hosted zone found with ID: \(id)")
    let inside = world.create(
      "example.com", reference: "inside",
      more: "<VPC><VPCRegion>eu-west-1</VPCRegion><VPCId>vpc-1</VPCId></VPC>")
    #expect(inside.body.text(at: "HostedZone/Config/PrivateZone") == "true")
    #expect(inside.body.text(at: "VPC/VPCId") == "vpc-1")
    #expect(inside.body.first("DelegationSet") == nil)
    let listed = world.call("GET", "hostedzonesbyname", ["dnsname": "example.com"]).body
    #expect(listed.first("HostedZones")?.children.count == 2)
    #expect(
      world.call("GET", "hostedzonecount").body.text(at: "HostedZoneCount") == "2")
    // A private zone answers nobody outside its VPC.
    let hidden = Route53.bare(inside.body.text(at: "HostedZone/Id") ?? "")
    #expect(world.change(hidden, "CREATE in.example.com A 60 192.0.2.1").status == 200)
    world.clock.advance(seconds: 1000)
    #expect(world.ask("in.example.com", .a).rcode == .nxDomain)
  }

  @Test func `zones are listed in pages by id and by reversed name`() throws {
    let world = try ZoneWorld()
    for name in ["b.example.com", "example.com", "a.example.net"] { _ = world.zone(name) }
    var marker: [String: String] = [:]
    var ids: [String] = []
    for _ in 0..<3 {
      let page = world.call("GET", "hostedzone", marker.merging(["maxitems": "1"]) { $1 }).body
      ids += page.first("HostedZones")?.children.compactMap { $0.text(at: "Id") } ?? []
      marker = page.text(at: "NextMarker").map { ["marker": $0] } ?? [:]
    }
    #expect(Set(ids).count == 3 && ids == ids.sorted() && marker.isEmpty)
    let byName = world.call("GET", "hostedzonesbyname", ["maxitems": "2"]).body
    #expect(
      byName.first("HostedZones")?.children.map { $0.text(at: "Name") ?? "" }
        == ["example.com.", "b.example.com."])
    #expect(byName.text(at: "NextDNSName") == "a.example.net.")
  }

  @Test func `a zone is deleted when nothing but its own records is left`() throws {
    let world = try ZoneWorld()
    let id = world.zone("example.com")
    #expect(world.change(id, "CREATE a.example.com A 60 192.0.2.1").status == 200)
    let full = world.call("DELETE", "hostedzone/\(id)")
    #expect(full.status == 400 && full.code == "HostedZoneNotEmpty")
    #expect(world.change(id, "DELETE a.example.com A 60 192.0.2.1").status == 200)
    #expect(world.call("DELETE", "hostedzone/\(id)").status == 200)
    #expect(world.call("GET", "hostedzone/\(id)").status == 404)
    #expect(world.ask("example.com", .soa).rcode == .refused)
  }

  @Test func `record sets come in pages by reversed labels, then by type`() throws {
    let world = try ZoneWorld()
    let id = world.zone("example.com")
    #expect(
      world.change(
        id, "CREATE b.example.com A 60 192.0.2.1", "CREATE a.b.example.com A 60 192.0.2.1",
        "CREATE *.example.com TXT 60 \"x\"", "CREATE b.example.com AAAA 60 2001:db8::1",
        "CREATE a.example.com CNAME 60 b.example.com"
      ).status == 200)
    let all = world.records(id)
    #expect(
      all == [
        "example.com. NS", "example.com. SOA", "\\052.example.com. TXT", "a.example.com. CNAME",
        "b.example.com. A", "b.example.com. AAAA", "a.b.example.com. A",
      ])
    var paged: [String] = []
    var from: [String: String] = [:]
    repeat {
      let page = world.call(
        "GET", "hostedzone/\(id)/rrset", from.merging(["maxitems": "2"]) { $1 }
      ).body
      paged +=
        page.first("ResourceRecordSets")?.children.map {
          "\($0.text(at: "Name") ?? "") \($0.text(at: "Type") ?? "")"
        } ?? []
      from = [:]
      if let name = page.text(at: "NextRecordName"), let type = page.text(at: "NextRecordType") {
        from = ["name": name, "type": type]
      }
    } while !from.isEmpty
    #expect(paged == all)
  }

  @Test(arguments: [
    (
      ["CREATE www.example.com CNAME 60 b.example.net"],
      "Tried to create resource record set [name='www.example.com.', type='CNAME'] but it already exists"
    ),
    (
      ["DELETE www.example.com CNAME 60 a.example.net"],
      "Tried to delete resource record set [name='www.example.com.', type='CNAME'] but the values provided do not match the current values"
    ),
    (
      ["DELETE no.example.com A 60 192.0.2.1"],
      "Tried to delete resource record set [name='no.example.com.', type='A'] but it was not found"
    ),
    (
      ["UPSERT www.example.com A 60 192.0.2.1"],
      "RRSet of type A with DNS name www.example.com. is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone example.com."
    ),
    (
      ["UPSERT a.example.com CNAME 60 b.example.net"],
      "RRSet of type CNAME with DNS name a.example.com. is not permitted as it conflicts with other records with the same DNS name in zone example.com."
    ),
    (
      ["CREATE example.com CNAME 60 b.example.net"],
      "RRSet of type CNAME with DNS name example.com. is not permitted at apex in zone example.com."
    ),
    (
      ["CREATE www.example.org A 60 192.0.2.1"],
      "RRSet with DNS name www.example.org. is not permitted in zone example.com."
    ),
    (
      ["CREATE b.example.com A 60 web1"],
      "Invalid Resource Record: FATAL problem: ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address) encountered with 'web1'"
    ),
    (
      ["CREATE b.example.com TXT 60 bare"],
      "Invalid Resource Record: FATAL problem: InvalidCharacterString (Value should be enclosed in quotation marks) encountered with 'bare'"
    ),
    (
      ["UPSERT b.example.com A 60 192.0.2.1", "UPSERT b.example.com A 60 192.0.2.2"],
      "The request contains an invalid set of changes for a resource record set 'A b.example.com.'"
    ),
    (
      ["CREATE b.example.com A alias Z2FDTNDATAQYW2 d0.example.net"],
      "Tried to create an alias that targets d0.example.net., type A in zone Z2FDTNDATAQYW2, but the alias target name does not lie within the target zone"
    ),
    (
      ["CREATE b.example.com A alias Z2FDTNDATAQYW2 dnone.cloudfront.net"],
      "Tried to create an alias that targets dnone.cloudfront.net., type A in zone Z2FDTNDATAQYW2, but that target was not found"
    ),
  ])
  func `a batch that does not fit is refused in Route 53's words`(
    lines: [String], message: String
  ) throws {
    let world = try ZoneWorld()
    let id = world.zone("example.com")
    #expect(
      world.change(
        id, "CREATE www.example.com CNAME 300 a.example.net",
        "CREATE a.example.com A 60 192.0.2.1"
      ).status == 200)
    let before = world.records(id)
    let reply = world.change(id, ["CREATE fine.example.com A 60 192.0.2.1"] + lines)
    #expect(reply.status == 400 && reply.code == "InvalidChangeBatch")
    #expect(reply.message?.contains(message) == true, "\(reply.message ?? "")")
    // All or nothing.
    #expect(world.records(id) == before)
  }

  @Test func `every message of a batch is told, in brackets or as a list`() throws {
    for (behaviour, isList) in [("brackets", false), ("messages", true)] {
      let world = try ZoneWorld(["batch-error=\(behaviour)"])
      let id = world.zone("example.com")
      let reply = world.change(
        id, "DELETE a.example.com A 60 192.0.2.1", "DELETE b.example.com A 60 192.0.2.1")
      #expect(reply.status == 400)
      if isList {
        #expect(reply.body.name == "InvalidChangeBatch")
        #expect(reply.body.first("Messages")?.children.count == 2)
      } else {
        #expect(reply.message?.hasPrefix("[Tried to delete") == true)
        #expect(reply.message?.hasSuffix("but it was not found]") == true)
      }
    }
  }

  @Test func `DELETE of the exact old value and CREATE in one batch guard against another's edit`()
    throws
  {
    let world = try ZoneWorld()
    let id = world.zone("example.com")
    #expect(
      world.change(id, "CREATE www.example.com CNAME 300 old.example.net").status == 200)
    let swap = [
      "DELETE www.example.com CNAME 300 old.example.net",
      "CREATE www.example.com CNAME 60 new.example.net",
    ]
    // With the last dot and without it, a name is one.
    #expect(world.change(id, [swap[0] + "."] + swap.dropFirst()).status == 200)
    #expect(world.change(id, swap).code == "InvalidChangeBatch")
    // A TTL that somebody changed counts.
    #expect(world.change(id, "UPSERT www.example.com CNAME 61 new.example.net").status == 200)
    #expect(
      world.change(
        id, "DELETE www.example.com CNAME 60 new.example.net",
        "CREATE www.example.com CNAME 60 old.example.net"
      ).code == "InvalidChangeBatch")
  }

  @Test func `a CNAME gives way to alias records in one batch`() throws {
    let world = try ZoneWorld()
    try world.distribution("E1NEW")
    let id = world.zone("example.com")
    #expect(
      world.change(id, "CREATE www.example.com CNAME 300 old.example.net").status == 200)
    #expect(
      world.change(
        id, "DELETE www.example.com CNAME 300 old.example.net",
        "CREATE www.example.com A alias Z2FDTNDATAQYW2 d1new.cloudfront.net",
        "CREATE www.example.com AAAA alias Z2FDTNDATAQYW2 d1new.cloudfront.net",
        "CREATE www.example.com HTTPS alias Z2FDTNDATAQYW2 d1new.cloudfront.net"
      ).status == 200)
    #expect(world.records(id).count == 5)
  }

  @Test func `a batch has at most 1,000 records, those of an UPSERT counted twice`() throws {
    let world = try ZoneWorld()
    let id = world.zone("example.com")
    func batch(_ count: Int, _ action: String) -> ZoneWorld.Reply {
      world.change(id, (0..<count).map { "\(action) n\($0).example.com A 60 192.0.2.1" })
    }
    #expect(batch(501, "UPSERT").message == "[Number of records limit of 1000 exceeded.]")
    #expect(batch(500, "UPSERT").status == 200)
    let long = String(repeating: "x", count: 250)
    let texts = (0..<130).map { "CREATE t\($0).example.com TXT 60 \"\(long)\"" }
    #expect(
      world.change(id, texts).message == "[Number of characters limit of 32000 exceeded.]")
  }

  @Test(arguments: [
    "<Changes/>", "<Changes><Change><Action>MERGE</Action></Change></Changes>",
    "<Changes><Change><Action>CREATE</Action><ResourceRecordSet><Name>a.example.com</Name><Type>A</Type></ResourceRecordSet></Change></Changes>",
    "<Changes><Change><Action>CREATE</Action><ResourceRecordSet><Name>a.example.com</Name><Type>MD</Type><TTL>1</TTL></ResourceRecordSet></Change></Changes>",
    "<Changes><Change><Action>CREATE</Action><ResourceRecordSet><Name>a.example.com</Name><Type>A</Type><TTL>2147483648</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords></ResourceRecordSet></Change></Changes>",
  ])
  func `a document that says nothing sensible is InvalidInput`(changes: String) throws {
    let world = try ZoneWorld()
    let id = world.zone("example.com")
    let reply = world.call(
      "POST", "hostedzone/\(id)/rrset",
      body:
        "<ChangeResourceRecordSetsRequest xmlns=\"\(Route53.namespace)\"><ChangeBatch>\(changes)</ChangeBatch></ChangeResourceRecordSetsRequest>"
    )
    #expect(reply.status == 400 && reply.code == "InvalidInput")
  }

  @Test func `a change while another is PENDING is taken, or refused where that is chosen`() throws
  {
    for (value, code) in [("accept", nil), ("refuse", "PriorRequestNotComplete")] {
      let world = try ZoneWorld(["change-while-pending=\(value)"])
      let id = world.zone("example.com")
      #expect(world.change(id, "CREATE a.example.com A 60 192.0.2.1").status == 200)
      #expect(world.change(id, "CREATE b.example.com A 60 192.0.2.1").code == code)
      world.clock.advance(seconds: 41)
      #expect(world.change(id, "UPSERT b.example.com A 60 192.0.2.1").status == 200)
    }
  }

  @Test func `an inventory brings zones in its own words and in those of the AWS CLI`() throws {
    let world = try ZoneWorld()
    func load(_ zones: JSONValue) throws(FerryError) {
      let now = world.clock.now
      let document: JSONValue = [
        "schema": "edgeferry.inventory/1",
        "accounts": [["id": .string(ZoneWorld.account), "hostedZones": zones]],
      ]
      try world.model.with { (it: inout CloudFrontModel) throws(FerryError) in
        try it.load(document, now: now)
      }
    }
    try load([
      [
        "id": "Z1", "name": "example.com",
        "records": [
          ["name": "a.example.com.", "type": "A", "ttl": 60, "data": ["192.0.2.1"]],
          [
            "Name": "b.example.com.", "Type": "A", "TTL": 60,
            "ResourceRecords": [["Value": "192.0.2.2"]],
          ],
        ],
      ]
    ])
    #expect(world.records("Z1").suffix(2) == ["a.example.com. A", "b.example.com. A"])
    #expect(world.ask("b.example.com", .a).answer.map(\.data) == ["192.0.2.2"])
    #expect(throws: FerryError.self) {
      try load([["id": "Z2", "name": "example.net", "records": [["name": "x", "type": "A"]]]])
    }
    #expect(world.call("GET", "hostedzone/Z2").status == 404)
  }

  @Test func `tags are set, listed and removed`() throws {
    let world = try ZoneWorld()
    let id = world.zone("example.com")
    func change(_ inner: String) -> Int {
      world.call(
        "POST", "tags/hostedzone/\(id)",
        body:
          "<ChangeTagsForResourceRequest xmlns=\"\(Route53.namespace)\">\(inner)</ChangeTagsForResourceRequest>"
      ).status
    }
    #expect(
      change(
        "<AddTags><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value>2</Value></Tag></AddTags>"
      ) == 200)
    #expect(change("<RemoveTagKeys><Key>a</Key></RemoveTagKeys>") == 200)
    let tags = world.call("GET", "tags/hostedzone/\(id)").body.at("ResourceTagSet/Tags")
    #expect(tags?.children.map { $0.text(at: "Key") } == ["b"])
    #expect(change("<AddTags><Tag><Key>aws:x</Key></Tag></AddTags>") == 400)
  }
}

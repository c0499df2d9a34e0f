import FerryCore
import Foundation
import Testing

@testable import FerryModel

struct NameAnswerTests {
  @Test func `each name server changes over at its own time, the last as the change is INSYNC`()
    throws
  {
    let world = try ZoneWorld(propagation: 40)
    let id = world.zone("example.com")
    #expect(world.change(id, "CREATE www.example.com CNAME 300 old.example.net").status == 200)
    world.clock.advance(seconds: 1000)
    #expect(
      world.change(id, "UPSERT www.example.com CNAME 300 new.example.net").status == 200)
    var counts: [Int] = []
    for _ in 0...4 {
      counts.append(
        (0..<4).count {
          world.ask("www.example.com", .cname, server: $0).answer.first?.data == "new.example.net."
        })
      world.clock.advance(seconds: 10)
    }
    #expect(counts == [0, 1, 2, 3, 4])
  }

  @Test func `a server that lags has the old answer for so much longer, INSYNC or not`() throws {
    let world = try ZoneWorld(propagation: 40)
    world.model.with { $0.nameServerLagSeconds = [2: 100] }
    let id = world.zone("example.com")
    let change = world.change(id, "CREATE a.example.com A 60 192.0.2.1")
    world.clock.advance(seconds: 40)
    #expect(world.ask("a.example.com", .a, server: 2).rcode == .nxDomain)
    #expect(world.ask("a.example.com", .a, server: 1).answer.count == 1)
    let info = Route53.bare(change.body.text(at: "ChangeInfo/Id") ?? "")
    #expect(
      world.call("GET", "change/\(info)").body.text(at: "ChangeInfo/Status") == "INSYNC")
    // Its old state is kept although later changes have come.
    #expect(world.change(id, "CREATE b.example.com A 60 192.0.2.1").status == 200)
    #expect(world.ask("a.example.com", .a, server: 2).rcode == .nxDomain)
    world.clock.advance(seconds: 200)
    #expect(world.ask("b.example.com", .a, server: 2).answer.count == 1)
  }

  @Test func `a negative answer's SOA has the smaller of its TTL and MINIMUM`() throws {
    let world = try ZoneWorld(propagation: 0)
    let id = world.zone("example.com")
    #expect(world.change(id, "CREATE b.a.example.com A 60 192.0.2.1").status == 200)
    let missing = world.ask("no.example.com", .a)
    #expect(missing.rcode == .nxDomain && missing.isAuthoritative)
    #expect(missing.authority.map(\.type) == [.soa] && missing.authority[0].ttl == 900)
    // A name between exists, without data.
    let between = world.ask("a.example.com", .a)
    #expect(between.rcode == .noError && between.answer.isEmpty)
    let soa = "ns.example.com. me.example.com. 1 7200 900 1209600 60"
    #expect(world.change(id, "UPSERT example.com SOA 900 \(soa)").status == 200)
    #expect(world.ask("b.a.example.com", .aaaa).authority.map(\.ttl) == [60])
  }

  @Test func `chains are followed inside the zone and into other zones of the lab`() throws {
    let world = try ZoneWorld(propagation: 0)
    try world.distribution("E1NEW")
    let com = world.zone("example.com")
    let net = world.zone("example.net")
    #expect(
      world.change(
        com, "CREATE www.example.com CNAME 300 cdn.example.com",
        "CREATE cdn.example.com CNAME 200 www.example.net",
        "CREATE loop.example.com CNAME 60 loop.example.com",
        "CREATE out.example.com CNAME 60 www.nowhere.example.org"
      ).status == 200)
    #expect(
      world.change(net, "CREATE www.example.net CNAME 100 d1new.cloudfront.net").status == 200)
    let chain = world.ask("www.example.com", .a)
    #expect(chain.isAuthoritative && chain.answer.map(\.ttl) == [300, 200, 100, 60])
    #expect(chain.answer.last?.data == "127.0.0.1")
    #expect(world.ask("www.example.com", .cname).answer.count == 1)
    // A chain that leaves what a server knows ends there; a resolver goes on to its end.
    #expect(world.ask("out.example.com", .a).rcode == .noError)
    #expect(world.ask("out.example.com", .a, recursive: true).rcode == .nxDomain)
    #expect(world.ask("loop.example.com", .a).answer.count == 1)
    #expect(world.ask("loop.example.com", .a, recursive: true).rcode == .servFail)
  }

  @Test func `a wildcard answers for names that are not there, and no others`() throws {
    let world = try ZoneWorld(propagation: 0)
    let id = world.zone("example.com")
    #expect(
      world.change(
        id, "CREATE *.example.com A 60 192.0.2.9", "CREATE b.a.example.com A 60 192.0.2.1"
      ).status == 200)
    #expect(
      world.ask("any.thing.example.com", .a).answer.map(\.name.text) == ["any.thing.example.com."])
    #expect(world.ask("x.example.com", .aaaa).rcode == .noError)
    // The closest name that exists is a.example.com, which has no wildcard below it.
    #expect(world.ask("c.a.example.com", .a).rcode == .nxDomain)
    #expect(world.ask("a.example.com", .a).answer.isEmpty)
  }

  @Test func `a delegated subzone is referred to, and answered where the lab has it`() throws {
    let world = try ZoneWorld(propagation: 0)
    let id = world.zone("example.com")
    #expect(
      world.change(
        id, "CREATE sub.example.com NS 3600 ns.sub.example.com|ns.elsewhere.test",
        "CREATE ns.sub.example.com A 3600 192.0.2.53"
      ).status == 200)
    let referral = world.ask("www.sub.example.com", .a)
    #expect(!referral.isAuthoritative && referral.answer.isEmpty && referral.rcode == .noError)
    #expect(referral.authority.count == 2 && referral.authority[0].name.text == "sub.example.com.")
    #expect(referral.additional.map(\.data) == ["192.0.2.53"])
    #expect(world.ask("www.sub.example.com", .a, recursive: true).rcode == .servFail)
    #expect(world.ask("sub.example.com", .ds).authority.first?.name.text == "example.com.")
    let sub = world.zone("sub.example.com")
    #expect(world.change(sub, "CREATE www.sub.example.com A 60 192.0.2.8").status == 200)
    #expect(world.ask("www.sub.example.com", .a).answer.map(\.data) == ["192.0.2.8"])
  }

  @Test func `alias records and cloudfront.net follow the distributions`() throws {
    let world = try ZoneWorld(propagation: 0)
    try world.distribution("E1NEW", ipv6: true, httpVersion: "http2and3")
    try world.distribution("E2OLD", ipv6: false, httpVersion: "http1.1")
    let id = world.zone("example.com")
    let alias = "alias Z2FDTNDATAQYW2 d1new.cloudfront.net"
    #expect(
      world.change(
        id, "CREATE example.com A \(alias)", "CREATE example.com AAAA \(alias)",
        "CREATE example.com HTTPS \(alias)",
        "CREATE two.example.com A alias \(id) example.com"
      ).status == 200)
    let apex = world.ask("example.com", .a)
    #expect(apex.answer == [DNSRecord(DomainName(wire: "example.com."), .a, ttl: 60, "127.0.0.1")])
    #expect(world.ask("two.example.com", .a).answer.map(\.data) == ["127.0.0.1"])
    #expect(world.ask("example.com", .https).answer.map(\.data) == ["1 . alpn=\"h3,h2\""])
    // Over IPv6 only where the edge listens there.
    #expect(world.ask("example.com", .aaaa).answer.isEmpty)
    world.model.with { $0.edgeIPv6Address = "::1" }
    #expect(world.ask("example.com", .aaaa).answer.map(\.data) == ["::1"])
    #expect(world.ask("d2old.cloudfront.net", .aaaa).answer.isEmpty)
    #expect(world.ask("d2old.cloudfront.net", .a).answer.map(\.ttl) == [60])
    #expect(world.ask("dnone.cloudfront.net", .a).rcode == .nxDomain)
  }

  @Test func `the lab's own DNS leads from the root to every name server's address`() throws {
    let world = try ZoneWorld(propagation: 0)
    _ = world.zone("example.com")
    #expect(world.ask(".", .ns, recursive: true).answer.count == 4)
    #expect(world.ask("com", .ns, recursive: true).answer.count == 4)
    let servers = world.ask("example.com", .ns, recursive: true).answer.map(\.data)
    let addresses = servers.flatMap { world.ask($0, .a, recursive: true).answer.map(\.data) }
    #expect(addresses == ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"])
    // Servers of Route 53 answer for what they have; resolvers for the world.
    #expect(world.ask("www.example.org", .a).rcode == .refused)
    let nowhere = world.ask("www.example.org", .a, recursive: true)
    #expect(nowhere.rcode == .nxDomain && nowhere.recursionAvailable && !nowhere.isAuthoritative)
    #expect(world.ask("www.example.invalid", .a, recursive: true).authority.first?.name == .root)
  }

  @Test func `TXT records of the lab and of hosted zones are both found`() throws {
    let world = try ZoneWorld(propagation: 0)
    let id = world.zone("example.com")
    #expect(world.change(id, "CREATE _www.example.com TXT 60 \"D1.cloudfront.net\"").status == 200)
    world.model.with {
      $0.txtRecords = ["_b.example.com": ["d2.cloudfront.net"], "_c.example.org": ["say \"x\""]]
    }
    #expect(world.ask("_b.example.com", .txt).answer.map(\.data) == ["\"d2.cloudfront.net\""])
    #expect(
      world.ask("_c.example.org", .txt, recursive: true).answer.map(\.data) == [
        "\"say \\\"x\\\"\""
      ])
    let now = world.clock.now
    world.model.with {
      #expect($0.txtValues("_www.example.com", now: now) == ["d1.cloudfront.net"])
      #expect($0.txtValues("_b.example.com", now: now).first == "d2.cloudfront.net")
    }
  }

  @Test func `a caching resolver keeps each link until its own TTL is over`() throws {
    let world = try ZoneWorld(propagation: 0)
    let id = world.zone("example.com")
    #expect(
      world.change(
        id, "CREATE www.example.com CNAME 100 a.example.com", "CREATE a.example.com A 30 192.0.2.1",
        "CREATE b.example.com A 30 192.0.2.2"
      ).status == 200)
    var resolver = CachingResolver()
    func ask(_ name: String) -> DNSMessage {
      let now = world.clock.now
      return world.model.with {
        resolver.answer(RecordKey(DomainName(wire: name), .a), in: $0, now: now)
      }
    }
    #expect(ask("www.example.com").answer.map(\.ttl) == [100, 30])
    let negative = ask("new.example.com")
    #expect(negative.rcode == .nxDomain && negative.authority.map(\.ttl) == [900])
    #expect(
      world.change(
        id, "UPSERT www.example.com CNAME 100 b.example.com",
        "UPSERT a.example.com A 30 192.0.2.3", "CREATE new.example.com A 60 192.0.2.4"
      ).status == 200)
    world.clock.advance(seconds: 40)
    // The address was asked for again; the link is still the old one.
    let later = ask("www.example.com").answer
    #expect(later.map(\.data) == ["a.example.com.", "192.0.2.3"])
    #expect(later.map(\.ttl) == [60, 30])
    world.clock.advance(seconds: 60)
    #expect(ask("www.example.com").answer.map(\.data) == ["b.example.com.", "192.0.2.2"])
    #expect(ask("new.example.com").rcode == .nxDomain)
    world.clock.advance(seconds: 800)
    #expect(ask("new.example.com").answer.count == 1)
  }
}

import FerryCore
import Testing

@testable import FerryDNS

/// CNAMEs followed from name to name.
struct ChainTests {
  private static let zone = DomainName(wire: "example.com.")
  private static func walk(_ ends: [String: Chain.Next]) async -> Chain {
    await Chain.walk(from: DomainName(wire: "a.example.com.")) { ends[$0.text] ?? .end }
  }
  private static func link(_ target: String) -> Chain.Next {
    .link(zone: zone, ttl: 60, target: DomainName(wire: target))
  }

  @Test func `a chain that ends has nothing unknown`() async {
    let chain = await Self.walk([
      "a.example.com.": Self.link("b.example.com."), "b.example.com.": Self.link("c.example.net."),
    ])
    #expect(chain.links.map(\.target.text) == ["b.example.com.", "c.example.net."])
    #expect(chain.unknown == nil && chain.findings == [] && !chain.isRefused)
  }

  @Test func `what follows a silent link is not known, and is not taken for the end`() async {
    let chain = await Self.walk([
      "a.example.com.": Self.link("b.example.com."), "b.example.com.": .unknown(because: "silence"),
    ])
    #expect(chain.links.map(\.target.text) == ["b.example.com."])
    #expect(chain.unknown == "silence")
    #expect(chain.findings == ["the chain after b.example.com. is not known: silence"])
  }

  @Test func `a chain that leads back to itself is refused`() async {
    let chain = await Self.walk([
      "a.example.com.": Self.link("b.example.com."), "b.example.com.": Self.link("a.example.com."),
    ])
    #expect(chain.isRefused && chain.links.count == 2 && chain.unknown == nil)
  }
}

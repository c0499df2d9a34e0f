import FerryCore
import Testing

@Suite struct DomainNameTests {
  @Test(arguments: [
    ("www.example.com", "www.example.com."), ("WWW.Example.COM.", "www.example.com."),
    ("bücher.example", "xn--bcher-kva.example."), ("*.example.com", "*.example.com."),
    ("_acme-challenge.www.example.com", "_acme-challenge.www.example.com."),
    ("例え。テスト", "xn--r8jz45g.xn--zckzah."), ("a.", "a."), (".", "."),
  ]) func `a name is kept absolute, in lower case and as A-labels`(given: String, text: String)
    throws
  {
    #expect(try DomainName(given).text == text)
  }

  @Test(arguments: [
    "", "..", "www..example.com", ".example.com", "-www.example.com", "www-.example.com",
    "www example.com", "www.*.example.com", "a/b.example", "a\u{0}b.example", "\u{1B}[31m.example",
    "\u{202E}moc.example", String(repeating: "a", count: 64) + ".example",
    (0..<50).map { _ in "abcde" }.joined(separator: "."), "www.example.com\n", "ex\\.ample.com",
  ]) func `what is no name is refused as bad usage`(given: String) {
    #expect {
      _ = try DomainName(given)
    } throws: {
      ($0 as? FerryError)?.code == "bad-name" && ($0 as? FerryError)?.exit == .usage
    }
  }

  @Test func `a name is within its zone by whole labels alone`() throws {
    let zone = try DomainName("example.com")
    #expect(try DomainName("www.example.com").isWithin(zone))
    #expect(zone.isWithin(zone))
    #expect(zone.isWithin(.root))
    #expect(try !DomainName("badexample.com").isWithin(zone))
    #expect(!DomainName(wire: "bad\\.example.com.").isWithin(zone))
    #expect(try !DomainName("com").isWithin(zone))
    #expect(try DomainName("a.b.example.com").relative(to: zone) == "a.b")
    #expect(zone.relative(to: zone) == "")
  }

  @Test func `labels and parents go by dots that are not escaped`() throws {
    let name = DomainName(wire: "one\\.two.\\000x.example.")
    #expect(name.labels == ["one\\.two", "\\000x", "example"])
    #expect(name.parent?.text == "\\000x.example.")
    #expect(try DomainName("example").parent == .root)
    #expect(DomainName.root.parent == nil)
  }

  @Test(arguments: [
    ("192.0.2.1", "192.0.2.1:53"), ("192.0.2.1:5301", "192.0.2.1:5301"),
    ("[2001:db8::1]:54", "[2001:db8::1]:54"), ("2001:db8::1", "[2001:db8::1]:53"),
    ("tls://192.0.2.1", "tls://192.0.2.1:853"),
    ("https://dns.example/dns-query", "https://dns.example/dns-query"),
  ]) func `a server is an address, or a URL of DNS over HTTPS`(given: String, text: String) {
    #expect(DNSServer(given)?.description == text)
  }

  @Test(arguments: [
    "", "dns.example", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2", "[192.0.2.1", "https://",
    "http://dns.example", "192.0.2.1:x", "[::1]x",
  ]) func `what is no server is none`(given: String) {
    #expect(DNSServer(given) == nil)
  }

  @Test func `a change of records survives its file and turns round`() throws {
    let key = RecordKey(try DomainName("www.example.com"), .cname)
    let change = RecordChange(
      key, from: RecordValue(ttl: 3600, data: ["d111.cloudfront.net."]), to: nil)
    let action = Action.replace(zone: try DomainName("example.com"), change)
    let json = JSONValue.of(action)
    #expect(json["type"] == "dns.replace")
    #expect(json["to"] == .null)
    #expect(json["from"]?["ttl"] == 3600)
    #expect(try json.decoded(Action.self, what: "action") == action)
    #expect(change.inverse.to == change.from)
    let batch = Action.batch(
      zone: try DomainName("example.com"), changes: [change, change.inverse])
    #expect(try JSONValue.of(batch).decoded(Action.self, what: "action") == batch)
  }
}

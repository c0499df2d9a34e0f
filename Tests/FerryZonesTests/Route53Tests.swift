import FerryCore
import FerryModel
import Foundation
import Testing

@testable import FerryZones

struct Route53Tests {
  static let old = RecordValue(ttl: 3600, data: ["d111.cloudfront.net."])
  static let new = RecordValue(ttl: 60, data: ["d222.cloudfront.net."])
  static let www = key("www.example.com.", .cname)

  private func zone(_ fake: Route53Fake) -> Route53Zone {
    Route53Zone(
      .init(id: "Z1", name: name("example.com."), isPrivate: false), client: Route53Client(fake))
  }
  private func www(_ fake: Route53Fake) -> XElement? {
    fake.sets.first { $0.text(at: "Name") == "www.example.com." }
  }
  private func error(_ body: () async throws -> Void) async -> FerryError? {
    do {
      try await body()
      return nil
    } catch {
      return error as? FerryError
    }
  }

  // MARK: Names

  @Test(arguments: [
    ("*.example.com.", "*.example.com."), ("www.example.com.", "www.example.com."),
    ("_acme-challenge.example.com.", "_acme-challenge.example.com."),
    (#"a\.b.example.com."#, #"a\056b.example.com."#),
    (#"a\032b.example.com."#, #"a\040b.example.com."#),
    (#"a\255b.example.com."#, #"a\377b.example.com."#),
    ("a@b.example.com.", #"a\100b.example.com."#), (".", "."),
  ]) func `names go to Route 53 in octal escapes and come back`(ours: String, theirs: String) {
    #expect(Route53Name.encoded(name(ours)) == theirs)
    #expect(Route53Name.decoded(theirs) == name(ours))
    #expect(Route53Name.decoded(#"\052.example.com."#) == name("*.example.com."))
  }

  @Test func `a broken escape is read as something, and never traps`() {
    var random = SystemRandomNumberGenerator()
    let alphabet = Array(#"\0479a.é"#)
    for _ in 0..<2000 {
      let text = String(
        (0..<Int.random(in: 0...12, using: &random)).map { _ in alphabet.randomElement() ?? "a" })
      let decoded = Route53Name.decoded(text)
      _ = Route53Name.encoded(decoded)
    }
    #expect(Route53Name.decoded(#"a\09.b."#).text == "a09.b.")
    #expect(Route53Name.decoded(#"a\"#).text == #"a\\."#)
  }

  // MARK: Finding the zone

  @Test func `a zone is found by its name among its neighbours, page by page`() async throws {
    let fake = Route53Fake([
      .init(id: "Z1", name: "example.com."), .init(id: "Z2", name: "aexample.com."),
      .init(id: "Z3", name: "sub.example.com."), .init(id: "Z0", name: "example.org."),
    ])
    fake.state.withLock { $0.pageMax = 1 }
    let client = Route53Client(fake)
    let found = try await Route53Zone.find(name("example.com."), id: nil, client: client)
    #expect(found?.zone.id == "Z1")
    #expect(try await Route53Zone.find(name("other.com."), id: nil, client: client) == nil)
  }

  @Test(arguments: [[false, true], [false, false], [true]])
  func `two zones of one name, or a private one, are an error that names each`(kinds: [Bool])
    async throws
  {
    let fake = Route53Fake(
      kinds.enumerated().map {
        .init(id: "Z\($0.offset)", name: "example.com.", isPrivate: $0.element)
      })
    fake.state.withLock { $0.pageMax = 1 }
    let client = Route53Client(fake)
    let failure = await error {
      _ = try await Route53Zone.find(name("example.com."), id: nil, client: client)
    }
    #expect(failure?.code == "zone-ambiguous")
    #expect(failure?.exit == .usage)
    for (index, isPrivate) in kinds.enumerated() {
      #expect(failure?.why.contains("Z\(index) (\(isPrivate ? "private" : "public"))") == true)
    }
    let byID = try await Route53Zone.find(
      name("example.com."), id: "/hostedzone/Z0", client: client)
    #expect(byID?.zone.isPrivate == kinds[0])
  }

  @Test func `an id of another zone's name is refused`() async throws {
    let client = Route53Client(Route53Fake())
    let failure = await error {
      _ = try await Route53Zone.find(name("example.net."), id: "Z1", client: client)
    }
    #expect(failure?.code == "zone-mismatch")
  }

  // MARK: Reading

  @Test(arguments: [1, 2, 300]) func `reading finds each key, whatever the size of a page`(
    pageMax: Int
  ) async throws {
    let fake = Route53Fake(
      [.init(id: "Z1", name: "example.com.")],
      [
        Route53Fake.set("example.com.", "SOA", ttl: 900, "ns. admin. 1 2 3 4 5"),
        Route53Fake.alias("example.com.", "A", "d111.cloudfront.net."),
        Route53Fake.alias("example.com.", "AAAA", "d111.cloudfront.net."),
        Route53Fake.set(#"\052.example.com."#, "CNAME", ttl: 300, "D111.CloudFront.net"),
        Route53Fake.set("a.example.com.", "A", ttl: 300, "192.0.2.2", "192.0.2.1"),
        Route53Fake.set("a.example.com.", "TXT", ttl: 300, "\"x & <y>\""),
        Route53Fake.set("www.example.com.", "CNAME", ttl: 60, "d111.cloudfront.net."),
      ])
    fake.state.withLock { $0.pageMax = pageMax }
    let keys = [
      key("example.com.", .a), key("example.com.", .aaaa), key("*.example.com.", .cname),
      key("a.example.com.", .a), key("a.example.com.", .txt), key("a.example.com.", .cname),
      key("www.example.com.", .cname), key("none.example.com.", .a), key("zzz.example.com.", .a),
    ]
    let found = try await zone(fake).read(keys)
    let alias = RecordValue(
      alias: .init(hostedZoneId: "Z2FDTNDATAQYW2", dnsName: name("d111.cloudfront.net.")))
    #expect(
      found == [
        keys[0]: alias, keys[1]: alias,
        keys[2]: RecordValue(ttl: 300, data: ["d111.cloudfront.net."]),
        keys[3]: RecordValue(ttl: 300, data: ["192.0.2.1", "192.0.2.2"]),
        keys[4]: RecordValue(ttl: 300, data: ["\"x & <y>\""]),
        keys[6]: RecordValue(ttl: 60, data: ["d111.cloudfront.net."]),
      ])
    if pageMax == 300 { #expect(fake.operations.count <= 5) }
  }

  @Test func `names that share a page are read with one call`() async throws {
    let fake = Route53Fake(
      [.init(id: "Z1", name: "example.com.")],
      (0..<200).map {
        Route53Fake.set("n\($0).example.com.", "CNAME", ttl: 60, "d1.cloudfront.net.")
      })
    let found = try await zone(fake).read((0..<200).map { key("n\($0).example.com.", .cname) })
    #expect(found.count == 200)
    #expect(fake.operations.count == 1)
  }

  @Test(arguments: [
    ["SetIdentifier", "Weight"], ["Failover"], ["TrafficPolicyInstanceId"], ["SomethingNew"],
  ]) func `a set that a policy routes is refused by name`(parts: [String]) async throws {
    var set = Route53Fake.set("www.example.com.", "CNAME", ttl: 60, "d111.cloudfront.net.")
    for part in parts { set.nodes.append(.element(XElement(part, text: "1"))) }
    let fake = Route53Fake([.init(id: "Z1", name: "example.com.")], [set])
    let failure = await error { _ = try await zone(fake).read([Self.www]) }
    #expect(failure?.code == "routing-policy")
    #expect(failure?.exit == .blocked)
    #expect(failure?.why.contains(parts[0]) == true)
    // Somebody else's key at the name does not care.
    #expect(try await zone(fake).read([key("www.example.com.", .txt)]) == [:])
  }

  @Test func `an answer without an end is unreadable, not endless`() async throws {
    let fake = Route53Fake()
    let page = """
      <ListResourceRecordSetsResponse><ResourceRecordSets/><IsTruncated>true</IsTruncated><NextRecordName>www.example.com.</NextRecordName></ListResourceRecordSetsResponse>
      """
    fake.state.withLock {
      $0.answers = [.success(ServiceResponse(status: 200, body: Array(page.utf8)))]
    }
    let failure = await error { _ = try await zone(fake).read([Self.www]) }
    #expect(failure?.code == .unreadableAnswer)
  }

  // MARK: Writing

  @Test func `a change is one batch that deletes what was read and creates what is wanted`()
    async throws
  {
    // As somebody typed it: other case, no dot. DELETE repeats it to the letter.
    let set = Route53Fake.set("www.example.com.", "CNAME", ttl: 3600, "D111.CloudFront.net")
    let fake = Route53Fake([.init(id: "Z1", name: "example.com.")], [set])
    let id = try await zone(fake).write(
      [RecordChange(Self.www, from: Self.old, to: Self.new)], comment: "plan <www> & more")
    #expect(fake.operations == ["ListResourceRecordSets", "ChangeResourceRecordSets"])
    let call = try #require(fake.state.withLock { $0.calls.last })
    #expect(call.method == "POST")
    #expect(call.path == "/2013-04-01/hostedzone/Z1/rrset/")
    let body = try XMLReader.read(call.body)
    #expect(
      body.attributes.first?.value == "https://route53.amazonaws.com/doc/2013-04-01/")
    #expect(body.text(at: "ChangeBatch/Comment") == "plan <www> & more")
    let changes = try #require(body.at("ChangeBatch/Changes")?.children)
    #expect(changes.map { $0.text(at: "Action") } == ["DELETE", "CREATE"])
    #expect(changes[0].first("ResourceRecordSet")?.means(set) == true)
    #expect(
      www(fake)?.means(
        Route53Fake.set("www.example.com.", "CNAME", ttl: 60, "d222.cloudfront.net.")) == true)
    #expect(try await zone(fake).isInSync(id) == false)
    fake.state.withLock { $0.pending = [] }
    #expect(try await zone(fake).isInSync(id) == true)
    #expect(try await zone(fake).isInSync("") == nil)
    #expect(try await zone(fake).isInSync("Xforgotten") == nil)
  }

  @Test func `a CNAME becomes aliases of A, AAAA and HTTPS in one batch`() async throws {
    let fake = Route53Fake(
      [.init(id: "Z1", name: "example.com.")],
      [Route53Fake.set("www.example.com.", "CNAME", ttl: 3600, "d111.cloudfront.net.")])
    let alias = RecordValue(
      alias: .init(
        hostedZoneId: RecordValue.Alias.cloudFrontZone, dnsName: name("d222.cloudfront.net.")))
    let types: [RRType] = [.a, .aaaa, .https]
    let changes =
      types.map { RecordChange(key("www.example.com.", $0), from: nil, to: alias) } + [
        RecordChange(Self.www, from: Self.old, to: nil)
      ]
    _ = try await zone(fake).write(changes, comment: "")
    #expect(fake.operations.count { $0 == "ChangeResourceRecordSets" } == 1)
    #expect(fake.sets.map { $0.text(at: "Type") } == ["A", "AAAA", "HTTPS"])
    // And back again.
    _ = try await zone(fake).write(changes.map(\.inverse), comment: "")
    #expect(fake.sets.map { $0.text(at: "Type") } == ["CNAME"])
  }

  @Test func `what moved since the plan is not overwritten`() async throws {
    for ttl in [3600, 1800] {
      let fake = Route53Fake(
        [.init(id: "Z1", name: "example.com.")],
        [
          Route53Fake.set(
            "www.example.com.", "CNAME", ttl: ttl,
            ttl == 3600 ? "d333.cloudfront.net." : "d111.cloudfront.net.")
        ])
      let before = fake.sets
      let failure = await error {
        _ = try await zone(fake).write(
          [RecordChange(Self.www, from: Self.old, to: Self.new)], comment: "")
      }
      #expect(failure?.code == .recordMoved)
      #expect(failure?.exit == .stale)
      #expect(failure?.why.contains("www.example.com. CNAME holds") == true)
      #expect(fake.operations == ["ListResourceRecordSets"])
      #expect(fake.sets == before)
    }
  }

  /// The rival comes between our read and our write, the narrowest place.
  @Test(arguments: [3600, 3599]) func `a rival between read and write wins, and is not overwritten`(
    ttl: Int
  ) async throws {
    let fake = Route53Fake(
      [.init(id: "Z1", name: "example.com.")],
      [Route53Fake.set("www.example.com.", "CNAME", ttl: 3600, "d111.cloudfront.net.")])
    let theirs = Route53Fake.set(
      "www.example.com.", "CNAME", ttl: ttl,
      ttl == 3600 ? "d333.cloudfront.net." : "d111.cloudfront.net.")
    fake.state.withLock { $0.rival = { $0 = [theirs] } }
    let failure = await error {
      _ = try await zone(fake).write(
        [RecordChange(Self.www, from: Self.old, to: Self.new)], comment: "")
    }
    #expect(failure?.code == .recordMoved)
    #expect(fake.sets == [theirs])
  }

  @Test func `a rival that makes the same change leaves nothing to do`() async throws {
    let fake = Route53Fake(
      [.init(id: "Z1", name: "example.com.")],
      [Route53Fake.set("www.example.com.", "CNAME", ttl: 3600, "d111.cloudfront.net.")])
    fake.state.withLock {
      $0.rival = {
        $0 = [Route53Fake.set("www.example.com.", "CNAME", ttl: 60, "d222.cloudfront.net.")]
      }
    }
    let change = RecordChange(Self.www, from: Self.old, to: Self.new)
    #expect(try await zone(fake).write([change], comment: "") == "")
    #expect(try await zone(fake).write([change], comment: "") == "")
    #expect(fake.operations.count { $0 == "ChangeResourceRecordSets" } == 1)
  }

  @Test func `a lost answer is the runner's to read, and the change is made once`() async throws {
    let fake = Route53Fake(
      [.init(id: "Z1", name: "example.com.")],
      [Route53Fake.set("www.example.com.", "CNAME", ttl: 3600, "d111.cloudfront.net.")])
    fake.state.withLock { $0.losesNextAnswer = true }
    let change = RecordChange(Self.www, from: Self.old, to: Self.new)
    let failure = await error { _ = try await zone(fake).write([change], comment: "") }
    #expect(failure?.code == .noAnswer)
    #expect(try await zone(fake).read([Self.www]) == [Self.www: Self.new])
    #expect(try await zone(fake).write([change], comment: "") == "")
    #expect(fake.operations.count { $0 == "ChangeResourceRecordSets" } == 1)
  }

  @Test func `a name that others use keeps what it has, and Route 53's reason is shown`()
    async throws
  {
    let fake = Route53Fake(
      [.init(id: "Z1", name: "example.com.")],
      [Route53Fake.set("www.example.com.", "TXT", ttl: 300, "\"mine\"")])
    let failure = await error {
      _ = try await zone(fake).write(
        [RecordChange(Self.www, from: nil, to: Self.new)], comment: "")
    }
    #expect(failure?.isService("InvalidChangeBatch") == true)
    #expect(failure?.why.contains("conflicts with other records") == true)
    #expect(fake.sets.count == 1)
  }

  @Test func `a CNAME at the zone's own name, and a batch beyond the limits, are never sent`()
    async throws
  {
    let fake = Route53Fake()
    let apex = await error {
      _ = try await zone(fake).write(
        [RecordChange(key("example.com.", .cname), from: nil, to: Self.new)], comment: "")
    }
    #expect(apex?.code == "apex-cname")
    let many = (0...1000).map {
      RecordChange(key("n\($0).example.com.", .cname), from: nil, to: Self.new)
    }
    let large = await error { _ = try await zone(fake).write(many, comment: "") }
    #expect(large?.code == "batch-too-large")
    let long = (0..<30).map {
      RecordChange(
        key("n\($0).example.com.", .txt), from: nil,
        to: RecordValue(ttl: 60, data: ["\"" + String(repeating: "x", count: 1100) + "\""]))
    }
    let wordy = await error { _ = try await zone(fake).write(long, comment: "") }
    #expect(wordy?.code == "batch-too-large")
    let outside = await error {
      _ = try await zone(fake).write(
        [RecordChange(key("www.example.org.", .cname), from: nil, to: Self.new)], comment: "")
    }
    #expect(outside?.code == "outside-zone")
    #expect(!fake.operations.contains("ChangeResourceRecordSets"))
  }

  @Test(arguments: ["Throttling", "PriorRequestNotComplete"])
  func `a throttled change says so by its own code`(code: String) async throws {
    let fake = Route53Fake(
      [.init(id: "Z1", name: "example.com.")],
      [Route53Fake.set("www.example.com.", "CNAME", ttl: 3600, "d111.cloudfront.net.")])
    let client = Route53Client(fake)
    fake.state.withLock { $0.answers = [.success(Route53Fake.error(400, code))] }
    let failure = await error {
      _ = try await client.change(
        [.init(action: .delete, element: fake.sets[0])], zoneID: "Z1", comment: "")
    }
    #expect(failure?.isService(code) == true)
    #expect(ServiceFailure.throttlingCodes.contains(code))
  }

  @Test func `a denied call names Route 53's action`() async throws {
    let fake = Route53Fake()
    fake.state.withLock {
      $0.answers = [.success(Route53Fake.error(403, "AccessDenied", "not authorized"))]
    }
    let failure = await error { _ = try await zone(fake).read([Self.www]) }
    #expect(failure?.exit == .denied)
    #expect(failure?.next.contains("route53:ListResourceRecordSets") == true)
  }

  /// Two writers with plans of their own for one record, interleaved at random: each change is made whole or not at
  /// all, and none is made on top of a value that its plan did not name.
  @Test func `no interleaving with a rival loses an update`() async throws {
    var random = SplitMix64(seed: 7)
    for _ in 0..<300 {
      let fake = Route53Fake(
        [.init(id: "Z1", name: "example.com.")],
        [Route53Fake.set("www.example.com.", "CNAME", ttl: 3600, "d111.cloudfront.net.")])
      let theirs = Route53Fake.set("www.example.com.", "CNAME", ttl: 30, "d333.cloudfront.net.")
      let beforeRead = Bool.random(using: &random)
      if beforeRead {
        fake.state.withLock { $0.sets = [theirs] }
      } else if Bool.random(using: &random) {
        fake.state.withLock { $0.rival = { $0 = [theirs] } }
      }
      if Bool.random(using: &random) { fake.state.withLock { $0.losesNextAnswer = true } }
      let hasRival = beforeRead || fake.state.withLock { $0.rival != nil }
      var failure: FerryError?
      for _ in 0..<3 {
        failure = await error {
          _ = try await zone(fake).write(
            [RecordChange(Self.www, from: Self.old, to: Self.new)], comment: "")
        }
        if failure?.code != .noAnswer { break }
      }
      if hasRival {
        #expect(failure?.code == .recordMoved)
        #expect(fake.sets == [theirs])
      } else {
        #expect(failure == nil)
        #expect(www(fake)?.text(at: "TTL") == "60")
      }
    }
  }
}

import FerryCore
import FerryDNS
import Testing

@testable import FerryZones

struct UpdateTests {
  static let old = RecordValue(ttl: 3600, data: ["d111.cloudfront.net."])
  static let new = RecordValue(ttl: 60, data: ["d222.cloudfront.net."])
  static let other = RecordValue(ttl: 3600, data: ["d333.cloudfront.net."])
  static let www = key("www.example.com.", .cname)
  static let flip = RecordChange(www, from: old, to: new)

  private func zone(_ fake: PrimaryFake) -> UpdateZone {
    UpdateZone(
      name("example.com."), server: DNSServer(address: "127.0.0.1"), key: nil, dns: fake,
      updates: fake)
  }
  private func error(_ body: () async throws -> Void) async -> FerryError? {
    do {
      try await body()
      return nil
    } catch {
      return error as? FerryError
    }
  }

  @Test func `an update names the SOA and every old set, removes before it adds`() {
    let update = ZoneUpdate.message(
      [
        Self.flip,
        RecordChange(
          key("a.example.com.", .a), from: nil, to: RecordValue(ttl: 60, data: ["192.0.2.1"])),
      ], zone: name("example.com."), soa: "soa")
    #expect(
      update.prerequisites == [
        .holds(key("example.com.", .soa), data: ["soa"]),
        .holds(Self.www, data: ["d111.cloudfront.net."]), .absent(key("a.example.com.", .a)),
        .absent(key("a.example.com.", .cname)),
      ])
    #expect(
      update.changes == [
        .removeAll(Self.www), .add(Self.www, ttl: 60, data: "d222.cloudfront.net."),
        .add(key("a.example.com.", .a), ttl: 60, data: "192.0.2.1"),
      ])
  }

  @Test(arguments: [
    [flip],
    [RecordChange(www, from: old, to: RecordValue(ttl: 60, data: old.data))],
    [RecordChange(www, from: old, to: nil)],
    [
      RecordChange(www, from: old, to: nil),
      RecordChange(
        key("www.example.com.", .a), from: nil,
        to: RecordValue(ttl: 60, data: ["192.0.2.1", "192.0.2.2"])),
    ],
  ]) func `a change is made once, and its inverse restores what was there`(changes: [RecordChange])
    async throws
  {
    let before = [Self.www: Self.old, key("mail.example.com.", .a): Self.old]
    let fake = PrimaryFake(before)
    _ = try await zone(fake).write(changes, comment: "")
    let found = try await zone(fake).read(changes.map(\.key))
    for change in changes { #expect(found[change.key] == change.to) }
    _ = try await zone(fake).write(changes, comment: "")
    #expect(fake.state.withLock { $0.effective } == 1)
    _ = try await zone(fake).write(changes.map(\.inverse), comment: "")
    #expect(fake.sets == before)
  }

  @Test(arguments: [other, RecordValue(ttl: 1800, data: old.data)])
  func `what moved since the plan, by its TTL even, is not overwritten`(theirs: RecordValue)
    async throws
  {
    let fake = PrimaryFake([Self.www: theirs])
    let failure = await error { _ = try await zone(fake).write([Self.flip], comment: "") }
    #expect(failure?.code == .recordMoved)
    #expect(failure?.exit == .stale)
    #expect(fake.state.withLock { $0.updates.isEmpty })
  }

  @Test(arguments: [other, RecordValue(ttl: 1800, data: old.data)])
  func `a rival between read and update is seen, though values ignore the TTL`(theirs: RecordValue)
    async throws
  {
    let fake = PrimaryFake([Self.www: Self.old])
    fake.state.withLock {
      $0.rival = {
        $0.sets[Self.www] = theirs
        $0.serial += 1
      }
    }
    let failure = await error { _ = try await zone(fake).write([Self.flip], comment: "") }
    #expect(failure?.code == .recordMoved)
    #expect(fake.sets == [Self.www: theirs])
  }

  @Test func `somebody else's record in the same zone only makes it ask again`() async throws {
    let fake = PrimaryFake([Self.www: Self.old])
    fake.state.withLock {
      $0.rival = {
        $0.sets[key("a.example.com.", .a)] = RecordValue(ttl: 60, data: ["192.0.2.1"])
        $0.serial += 1
      }
    }
    _ = try await zone(fake).write([Self.flip], comment: "")
    #expect(fake.sets[Self.www] == Self.new)
    #expect(fake.state.withLock { $0.updates.count } == 2)
  }

  @Test func `a lost answer is resolved by reading, and nothing is written twice`() async throws {
    let fake = PrimaryFake([Self.www: Self.old])
    fake.state.withLock { $0.losesNextAnswer = true }
    let lost = await error { _ = try await zone(fake).write([Self.flip], comment: "") }
    #expect(lost?.code == .noAnswer)
    _ = try await zone(fake).write([Self.flip], comment: "")
    #expect(fake.state.withLock { $0.updates.count } == 1)
    #expect(fake.state.withLock { $0.effective } == 1)
  }

  @Test func `a replay that meets NXRRSET because the first one landed is done`() async throws {
    let fake = PrimaryFake([Self.www: Self.old])
    // The first update arrives late, just before the second.
    fake.state.withLock {
      $0.rival = {
        $0.sets[Self.www] = Self.new
        $0.serial += 1
      }
    }
    #expect(try await zone(fake).write([Self.flip], comment: "") == "")
    #expect(fake.state.withLock { $0.effective } == 0)
  }

  @Test func `a record of its own is told from a wildcard's without a change`() async throws {
    let fake = PrimaryFake([Self.www: Self.old])
    let other = key("q.example.com.", .cname)
    #expect(try await zone(fake).own([Self.www, other]) == [Self.www])
    let updates = fake.state.withLock { $0.updates }
    #expect(updates.count == 2 && updates.allSatisfy { $0.changes.isEmpty })
    #expect(fake.state.withLock { $0.effective } == 0)
    fake.state.withLock { $0.rcodes = [.refused] }
    #expect(try await zone(fake).own([Self.www]) == nil)
    fake.state.withLock { $0.losesNextAnswer = true }
    #expect(try await zone(fake).own([Self.www]) == nil)
  }

  @Test func `NOERROR without effect is an error`() async throws {
    let fake = PrimaryFake([Self.www: Self.old])
    fake.state.withLock { $0.ignoresAll = true }
    let failure = await error { _ = try await zone(fake).write([Self.flip], comment: "") }
    #expect(failure?.code == "update-ignored")
  }

  @Test func `a CNAME beside other data is refused by name, and nothing is removed`() async throws {
    let txt = key("www.example.com.", .txt)
    let before = [
      key("www.example.com.", .a): RecordValue(ttl: 300, data: ["192.0.2.1"]),
      txt: RecordValue(ttl: 300, data: ["\"mine\""]),
    ]
    let fake = PrimaryFake(before)
    let failure = await error {
      _ = try await zone(fake).write(
        [
          RecordChange(
            key("www.example.com.", .a), from: before[key("www.example.com.", .a)], to: nil),
          RecordChange(Self.www, from: nil, to: Self.new),
        ], comment: "")
    }
    #expect(failure?.code == "name-in-use")
    #expect(failure?.why.contains("www.example.com. TXT") == true)
    #expect(fake.sets == before)
  }

  @Test func `addresses where a CNAME lives are refused by name`() async throws {
    let fake = PrimaryFake([Self.www: Self.old])
    let failure = await error {
      _ = try await zone(fake).write(
        [
          RecordChange(
            key("www.example.com.", .a), from: nil, to: RecordValue(ttl: 60, data: ["192.0.2.1"]))
        ], comment: "")
    }
    #expect(failure?.code == "name-in-use")
    #expect(failure?.why.contains("www.example.com. CNAME") == true)
    #expect(fake.sets == [Self.www: Self.old])
  }

  @Test func `a signer that keeps another SOA is written to by value`() async throws {
    let fake = PrimaryFake([Self.www: Self.old])
    fake.state.withLock { $0.signsInLine = true }
    _ = try await zone(fake).write([Self.flip], comment: "")
    #expect(fake.sets[Self.www] == Self.new)
    let last = fake.state.withLock { $0.updates.last?.prerequisites.first }
    #expect(last == .holds(Self.www, data: ["d111.cloudfront.net."]))
  }

  @Test func `a zone that never rests ends in an error that may pass`() async throws {
    let fake = PrimaryFake([Self.www: Self.old])
    @Sendable func again(_ state: inout PrimaryFake.State) {
      state.serial += 1
      state.rival = again
    }
    fake.state.withLock { $0.rival = again }
    let failure = await error { _ = try await zone(fake).write([Self.flip], comment: "") }
    #expect(failure?.code == .noAnswer)
    #expect(fake.sets == [Self.www: Self.old])
  }

  @Test(arguments: [
    (RCode.refused, ExitCode.denied), (.notAuth, .denied), (.notZone, .failed), (.notImp, .failed),
    (.servFail, .failed),
  ]) func `each refusal says what it was`(rcode: RCode, exit: ExitCode) async throws {
    let fake = PrimaryFake([Self.www: Self.old])
    fake.state.withLock { $0.rcodes = [rcode] }
    let failure = await error { _ = try await zone(fake).write([Self.flip], comment: "") }
    #expect(failure?.exit == exit)
    #expect(failure?.why.contains(rcode.text) == true)
    // What came of it is unknown after SERVFAIL alone.
    #expect((failure?.code == .noAnswer) == (rcode == .servFail))
    #expect(fake.sets == [Self.www: Self.old])
  }

  @Test func `a server without authority or voice is never believed`() async throws {
    for silent in [true, false] {
      let fake = PrimaryFake([Self.www: Self.old])
      fake.state.withLock {
        $0.isSilent = silent
        $0.isAuthoritative = false
      }
      let failure = await error { _ = try await zone(fake).write([Self.flip], comment: "") }
      #expect(failure?.code == .noAnswer)
      #expect(fake.state.withLock { $0.updates.isEmpty })
    }
  }

  @Test func `an alias record is refused: only Route 53 has them`() async throws {
    let fake = PrimaryFake([Self.www: Self.old])
    let alias = RecordValue(alias: .init(hostedZoneId: "Z", dnsName: name("d222.cloudfront.net.")))
    let failure = await error {
      _ = try await zone(fake).write(
        [RecordChange(key("www.example.com.", .a), from: nil, to: alias)], comment: "")
    }
    #expect(failure?.code == "no-alias")
    #expect(failure?.exit == .usage)
  }
}

struct SecretTests {
  static let settings = ZoneSettings.TSIG(
    name: "edgeferry-key.", algorithm: "hmac-sha256", secretFile: "tsig.secret")
  static let secret = "dGhlIHNlY3JldCBvZiB0aGVzZSB0ZXN0cywgbm8gbW9yZQ=="

  @Test(arguments: [
    secret, secret + "\n", "  \(secret)\r\n",
    "key \"edgeferry-key\" {\n\talgorithm hmac-sha256;\n\tsecret \"\(secret)\";\n};\n",
    "# by tsig-keygen\nkey edgeferry-key. { algorithm HMAC-SHA256; secret \(secret); };",
    "key \"Edgeferry-Key.\" { secret \"\(secret)\"; };",
  ]) func `a secret is read from base64 and from a key clause`(text: String) throws {
    let key = try TSIGSecret.key(text, Self.settings, file: "tsig.secret")
    #expect(key.name.text == "edgeferry-key.")
    #expect(!"\(key)".contains(Self.secret))
  }

  @Test(arguments: [
    "", "not base64!", "two words", "c2hvcnQ=",
    "key \"other-key\" { algorithm hmac-sha256; secret \"\(secret)\"; };",
    "key \"edgeferry-key\" { algorithm hmac-md5; secret \"\(secret)\"; };",
    "key \"edgeferry-key\" { algorithm hmac-sha256; };", "key { }", "{", "key",
    "key \"edgeferry-key\" { secret \"\(secret)\"; }; key \"more\" { secret \"\(secret)\"; };",
  ]) func `what is no such key is refused, and the secret is in no error`(text: String) {
    do throws(FerryError) {
      _ = try TSIGSecret.key(text, Self.settings, file: "tsig.secret")
      Issue.record("\(text) was accepted")
    } catch {
      #expect(error.exit == .usage)
      #expect(!"\(error)".contains(Self.secret))
    }
  }
}

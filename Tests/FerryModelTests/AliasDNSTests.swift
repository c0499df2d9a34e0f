import FerryCloudFront
import FerryCore
import Foundation
import Testing

@testable import FerryModel

/// What DNS has to say when a name is added, and when it crosses accounts.
struct AliasDNSTests {
  let zones: ZoneWorld
  let zone: String

  init() throws {
    zones = try ZoneWorld()
    zone = zones.zone("example.com")
  }

  private func client(_ account: AccountID) -> CloudFrontClient {
    CloudFrontClient(ModelTransport(zones.model, account: account, clock: zones.clock))
  }
  private func set(_ behaviour: String) throws {
    try zones.model.with { (it: inout CloudFrontModel) throws in try it.behaviours.set(behaviour) }
  }
  private func config(_ reference: String, _ names: [String], _ account: AccountID)
    throws(FerryError) -> XElement
  {
    try Shape.xml(
      [
        "CallerReference": .string(reference), "Comment": "", "Enabled": true,
        "Origins": [
          "Quantity": 1,
          "Items": [
            [
              "Id": "o", "DomainName": "o.example.net",
              "S3OriginConfig": ["OriginAccessIdentity": ""],
            ]
          ],
        ],
        "DefaultCacheBehavior": [
          "TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all",
          "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
        ],
        "Aliases": [
          "Quantity": .int(Int64(names.count)), "Items": .array(names.map(JSONValue.string)),
        ],
        "ViewerCertificate": [
          "ACMCertificateArn": .string("arn:aws:acm:us-east-1:\(account):certificate/1"),
          "SSLSupportMethod": "sni-only",
        ],
      ], shape: "DistributionConfig")
  }
  private func create(
    _ reference: String, _ names: [String] = [], account: AccountID = "111111111111"
  ) async throws(FerryError) -> CloudFrontClient.Distribution {
    let made = try await client(account).createDistribution(
      config: config(reference, names, account))
    zones.clock.advance(seconds: 1000)
    return made
  }
  /// The refusal of a call; nil when it is accepted.
  private func refusal(_ body: () async throws(FerryError) -> Void) async -> String? {
    do throws(FerryError) {
      try await body()
      return nil
    } catch {
      return "\(error.service?.code ?? "?") \(error.why)"
    }
  }
  private func change(_ lines: String...) {
    let reply = zones.change(zone, lines)
    #expect(reply.status == 200, "\(reply.message ?? "")")
    zones.clock.advance(seconds: 1000)
  }
  private func move(_ name: String, to id: String, _ account: AccountID) async -> String? {
    await refusal { () async throws(FerryError) in
      _ = try await client(account).call(
        "AssociateAlias", method: "PUT", path: "/distribution/\(id)/associate-alias",
        query: [.init("Alias", name)])
    }
  }

  @Test(arguments: [
    "CREATE www.example.com CNAME 300 DOMAIN",
    "CREATE www.example.com A alias Z2FDTNDATAQYW2 DOMAIN",
    "CREATE *.example.com CNAME 300 DOMAIN",
  ])
  func `a name is not added while DNS leads it to another distribution`(_ record: String)
    async throws
  {
    let source = try await create("source")
    change(record.replacingOccurrences(of: "DOMAIN", with: source.domainName))
    func add(_ names: [String]) async -> String? {
      await refusal { () async throws(FerryError) in
        _ = try await create("new-\(names)", names)
      }
    }
    let told = await add(["www.example.com"])
    #expect(told?.hasPrefix("CNAMEAlreadyExists") == true, "\(told ?? "accepted")")
    #expect(told?.contains("incorrectly configured DNS record") == true)
    // Wildcards are added freely, and so are names that DNS leads nowhere or where they are to go.
    #expect(await add(["*.example.com"]) == nil)
    #expect(await add(["www.example.net"]) == nil)
    let own = await refusal { () async throws(FerryError) in
      _ = try await client("111111111111").updateDistribution(
        source.id, config: config("source", ["www.example.com"], "111111111111").filled(),
        ifMatch: source.etag)
    }
    #expect(own == nil)
  }

  @Test func `without the check a name is added whatever DNS says`() async throws {
    let source = try await create("source")
    change("CREATE www.example.com CNAME 300 \(source.domainName)")
    try set("alias-dns-check=no")
    _ = try await create("target", ["www.example.com"])
  }

  @Test func `a chain of names is followed to the distribution it ends at`() async throws {
    let source = try await create("source")
    change(
      "CREATE www.example.com CNAME 300 edge.example.com",
      "CREATE edge.example.com A alias Z2FDTNDATAQYW2 \(source.domainName)",
      "CREATE loop.example.com CNAME 300 loop2.example.com",
      "CREATE loop2.example.com CNAME 300 loop.example.com")
    let now = zones.clock.now
    let found = zones.model.with { model in
      ["www.example.com", "loop.example.com", "none.example.com", "www.example.net"].map {
        model.distribution(ledToBy: $0, now: now)
      }
    }
    #expect(found == [source.domainName, nil, nil, nil])
  }

  @Test func `a name leaves another account only when its zone names the target`() async throws {
    let source = try await create("source", ["www.example.com", "www.example.net"])
    let target = try await create("target", account: "222222222222")
    let config = try await client("111111111111").distribution(source.id).config
    var disabled = config
    disabled.put(XElement("Enabled", text: "false"))
    _ = try await client("111111111111").updateDistribution(
      source.id, config: disabled, ifMatch: source.etag)
    zones.clock.advance(seconds: 1000)
    let bare = await move("www.example.com", to: target.id, "222222222222")
    #expect(bare?.contains("TXT") == true, "\(bare ?? "accepted")")
    change("CREATE _www.example.com TXT 60 \"\(target.domainName)\"")
    #expect(await move("www.example.com", to: target.id, "222222222222") == nil)
    // No zone of the lab has this one, so nothing can be shown.
    #expect(await move("www.example.net", to: target.id, "222222222222")?.contains("TXT") == true)
    // Inside an account nobody asks.
    let next = try await create("next", account: "222222222222")
    #expect(await move("www.example.com", to: next.id, "222222222222") == nil)
    try set("alias-move-needs-txt=never")
    #expect(await move("www.example.net", to: target.id, "222222222222") == nil)
  }

  @Test func `edges refuse a name that crossed accounts for as long as the behaviour says`()
    async throws
  {
    try set("alias-swap-gap=2m")
    try set("alias-move-needs-txt=never")
    let source = try await create("source", ["www.example.com"])
    let target = try await create("target", account: "222222222222")
    var disabled = source.config
    disabled.put(XElement("Enabled", text: "false"))
    _ = try await client("111111111111").updateDistribution(
      source.id, config: disabled, ifMatch: source.etag)
    zones.clock.advance(seconds: 1000)
    #expect(await move("www.example.com", to: target.id, "222222222222") == nil)
    func seen(isTLS: Bool) -> [String] {
      let now = zones.clock.now
      return zones.model.with { model in
        (0..<model.pops).map { pop in
          let certificate =
            isTLS ? model.edgeCertificate(serverName: "www.example.com", pop: pop, now: now) : nil
          switch model.edge(
            EdgeRequest(host: "www.example.com", certificate: certificate), pop: pop, now: now,
            random: 0)
          {
          case .served(let id, _), .redirect(_, let id): return id
          case .refused(let status, _): return "\(status)"
          }
        }
      }
    }
    zones.clock.advance(seconds: 45)
    #expect(Set(seen(isTLS: true)) == ["421"] && Set(seen(isTLS: false)) == ["403"])
    zones.clock.advance(seconds: 120)
    #expect(Set(seen(isTLS: true)) == [target.id])
  }
}

extension XElement {
  /// What an update needs besides.
  fileprivate func filled() -> XElement { Defaults.filled(self) }
}

import FerryCore
import FerryTestSupport
import Foundation
import Testing

@testable import Migration

struct CarrierTests {
  static func document(_ xml: String) throws -> XElement { try XMLReader.read(xml) }
  static func cache(_ minTTL: Int = 1) throws -> XElement {
    try document(
      "<CachePolicyConfig><Name>cache</Name><MinTTL>\(minTTL)</MinTTL></CachePolicyConfig>")
  }
  static func account(_ inner: String, _ resources: [Inventory.Resource] = []) throws
    -> Inventory.Account
  {
    .init(
      id: "111111111111",
      distributions: [
        .init(
          id: "E1", arn: "arn:aws:cloudfront::111111111111:distribution/E1",
          domainName: "d1.cloudfront.net", status: "Deployed", etag: "", lastModified: "",
          tags: [:],
          config: try document("<DistributionConfig>\(inner)</DistributionConfig>"))
      ], resources: resources)
  }
  static func carrier(
    _ account: Inventory.Account, target: TargetScene = TargetScene(account: "222222222222"),
    map: MigrationMap = MigrationMap(), managed: Set<String> = []
  ) -> Carrier {
    Carrier(account, managed: managed, target: target, map: map, planName: "move")
  }
  static let usesCache =
    "<DefaultCacheBehavior><CachePolicyId>c1</CachePolicyId></DefaultCacheBehavior>"
  static func edits(_ carrier: Carrier, _ account: Inventory.Account) -> [ConfigEdit] {
    var carrier = carrier
    return carrier.rewriting(account.distributions[0].config, of: .distribution)
  }

  @Test func `what the target has under the same name with equal content is used again`() throws {
    let account = try Self.account(
      Self.usesCache, [.init(.cachePolicy, id: "c1", name: "cache", document: Self.cache())])
    let there = Inventory.Resource(
      .cachePolicy, id: "c2", name: "cache", document: try Self.cache())
    let carrier = Self.carrier(
      account, target: TargetScene(account: "222222222222", resources: [there]))
    #expect(carrier.creations.isEmpty && carrier.reused == ["cache-policy cache"])
    #expect(carrier.collisions.isEmpty)
    #expect(
      Self.edits(carrier, account) == [
        .init(path: "DefaultCacheBehavior/CachePolicyId", from: "c1", to: "c2")
      ])
  }

  @Test func `the same name with other content is a collision that names it`() throws {
    let account = try Self.account(
      Self.usesCache, [.init(.cachePolicy, id: "c1", name: "cache", document: Self.cache())])
    let there = Inventory.Resource(
      .cachePolicy, id: "c2", name: "cache", document: try Self.cache(2))
    let carrier = Self.carrier(
      account, target: TargetScene(account: "222222222222", resources: [there]))
    #expect(carrier.reused.isEmpty)
    #expect(carrier.collisions.count == 1)
    #expect(carrier.collisions.first?.contains("cache-policy cache") == true)
  }

  @Test func `a function of equal config and other code is a collision`() throws {
    func function(_ code: String) throws -> Inventory.Resource {
      .init(
        .function, id: "f", name: "f",
        document: try Self.document("<FunctionConfig><Comment>c</Comment></FunctionConfig>"),
        extras: ["code": .string(code)])
    }
    let account = try Self.account("", [function("YQ==")])
    for (code, isSame) in [("YQ==", true), ("Yg==", false)] {
      let carrier = Self.carrier(
        account, target: TargetScene(account: "222222222222", resources: [try function(code)]))
      #expect(carrier.collisions.isEmpty == isSame && carrier.reused.isEmpty != isSame, "\(code)")
    }
  }

  @Test func `AWS's own policies keep their ids`() throws {
    let account = try Self.account(Self.usesCache)
    let carrier = Self.carrier(account, managed: ["c1"])
    #expect(Self.edits(carrier, account).isEmpty && carrier.missing.isEmpty)
  }

  @Test(arguments: [
    (
      "<ViewerCertificate><ACMCertificateArn>arn:c</ACMCertificateArn></ViewerCertificate>",
      "certificates", "arn:c"
    ),
    ("<WebACLId>arn:w</WebACLId>", "webACLs", "arn:w"),
    (
      "<DefaultCacheBehavior><LambdaFunctionAssociations><Items><LambdaFunctionAssociation><LambdaFunctionARN>arn:l</LambdaFunctionARN></LambdaFunctionAssociation></Items></LambdaFunctionAssociations></DefaultCacheBehavior>",
      "lambdaFunctions", "arn:l"
    ),
    (
      "<Origins><Items><Origin><VpcOriginConfig><VpcOriginId>vo</VpcOriginId></VpcOriginConfig></Origin></Items></Origins>",
      "others", "vo"
    ),
    ("<AnycastIpListId>aip</AnycastIpListId>", "others", "aip"),
  ])
  func `what cannot be copied is asked for, and taken from the map`(
    _ xml: String, _ section: String, _ id: String
  ) throws {
    let account = try Self.account(xml)
    var carrier = Self.carrier(account)
    #expect(carrier.rewriting(account.distributions[0].config, of: .distribution).isEmpty)
    let missing = try #require(carrier.missing.first)
    #expect(carrier.missing.count == 1 && missing.section == section && missing.id == id)
    #expect(!missing.why.isEmpty)
    var map = MigrationMap()
    let path = try #require(MigrationMap.sections.first { $0.key == section }).path
    map[keyPath: path][id] = "mapped"
    var mapped = Self.carrier(account, map: map)
    let edits = mapped.rewriting(account.distributions[0].config, of: .distribution)
    #expect(edits.map(\.to) == ["mapped"] && mapped.missing.isEmpty)
  }

  static func vpcOrigin(_ owner: String? = nil) -> String {
    let stated = owner.map { "<OwnerAccountId>\($0)</OwnerAccountId>" } ?? ""
    return
      "<Origins><Items><Origin><VpcOriginConfig><VpcOriginId>vo</VpcOriginId>\(stated)</VpcOriginConfig></Origin></Items></Origins>"
  }

  @Test(
    arguments: [
      (nil, "111111111111", "111111111111"), ("333333333333", "333333333333", nil),
      ("222222222222", "222222222222", nil), ("", "111111111111", "111111111111"),
    ] as [(String?, String, String?)])
  func `a VPC origin that the target may use stays, with its owner named`(
    _ stated: String?, _ owner: String, _ set: String?
  ) throws {
    let account = try Self.account(Self.vpcOrigin(stated))
    var carrier = Self.carrier(
      account, target: TargetScene(account: "222222222222", vpcOrigins: ["vo": owner]))
    let edits = carrier.rewriting(account.distributions[0].config, of: .distribution)
    #expect(carrier.missing.isEmpty && carrier.notes.contains { $0.contains("VPC origin vo") })
    #expect(edits.map(\.to) == (set.map { [$0] } ?? []))
    let after = account.distributions[0].config.edited(edits, shape: "DistributionConfig")
    let place = "Origins/Items/Origin/VpcOriginConfig"
    #expect(after.text(at: "\(place)/VpcOriginId") == "vo")
    #expect(after.text(at: "\(place)/OwnerAccountId") == owner)
  }

  @Test(
    arguments: [(nil, "111111111111"), ("333333333333", "333333333333")] as [(String?, String)])
  func `a VPC origin that is not shared with the target is asked for, and its owner named`(
    _ stated: String?, _ owner: String
  ) throws {
    let account = try Self.account(Self.vpcOrigin(stated))
    var carrier = Self.carrier(account)
    #expect(carrier.rewriting(account.distributions[0].config, of: .distribution).isEmpty)
    #expect(carrier.missing.map(\.id) == ["vo"])
    #expect(carrier.missing.first?.why.contains("account \(owner)'s") == true)
    #expect(carrier.missing.first?.why.contains("AWS RAM") == true)
  }

  @Test func `a bucket that is mapped changes the origin's name, one that is not stays`() throws {
    let account = try Self.account(
      "<Origins><Items><Origin><DomainName>one-1.s3.eu-west-1.amazonaws.com</DomainName></Origin></Items></Origins>"
    )
    var map = MigrationMap()
    map.buckets = ["one-1": "two-2"]
    #expect(Self.edits(Self.carrier(account), account).isEmpty)
    #expect(
      Self.edits(Self.carrier(account, map: map), account).map(\.to) == [
        "two-2.s3.eu-west-1.amazonaws.com"
      ])
  }

  @Test
  func `the certificate that covers every alias and lists most of the old one's names is taken`()
    throws
  {
    let account = try Self.account(
      "<Aliases><Items><CNAME>www.example.com</CNAME></Items></Aliases><ViewerCertificate><ACMCertificateArn>arn:old</ACMCertificateArn></ViewerCertificate>",
      [
        .init(
          .certificate, id: "arn:old",
          json: ["SubjectAlternativeNames": ["www.example.com", "*.example.com"]])
      ])
    func target(_ names: [[String]], isIssued: Bool = true) -> TargetScene {
      TargetScene(
        account: "222222222222",
        certificates: names.enumerated().map {
          .init(arn: "arn:\($0)", names: $1, isIssued: isIssued)
        })
    }
    let names = [["www.example.com"], ["www.example.com", "*.example.com"], ["*.example.org"]]
    let carrier = Self.carrier(account, target: target(names))
    #expect(carrier.map.certificates == ["arn:old": "arn:1"])
    #expect(
      carrier.certificateNames(for: account.distributions[0]) == [
        "www.example.com", "*.example.com",
      ])
    #expect(Self.carrier(account, target: target([names[2]])).map.certificates.isEmpty)
    #expect(Self.carrier(account, target: target(names, isIssued: false)).map.certificates.isEmpty)
  }

  @Test func `within one account nothing is made anew and nothing has to be mapped`() throws {
    let account = try Self.account(
      Self.usesCache + "<WebACLId>arn:w</WebACLId>",
      [.init(.cachePolicy, id: "c1", name: "cache", document: Self.cache())])
    let carrier = Self.carrier(account, target: TargetScene(account: "111111111111"))
    #expect(carrier.creations.isEmpty && carrier.missing.isEmpty && carrier.collisions.isEmpty)
    #expect(Self.edits(carrier, account).isEmpty)
  }

  @Test func `what refers comes after what it refers to, with a reference in its place`() throws {
    let account = try Self.account(
      "<DefaultCacheBehavior><TrustedKeyGroups><Items><KeyGroup>g</KeyGroup></Items></TrustedKeyGroups></DefaultCacheBehavior>",
      [
        .init(
          .keyGroup, id: "g", name: "group",
          document: Self.document(
            "<KeyGroupConfig><Name>group</Name><Items><PublicKey>K1</PublicKey></Items></KeyGroupConfig>"
          )),
        .init(
          .publicKey, id: "K1", name: "key",
          document: Self.document(
            "<PublicKeyConfig><CallerReference>k</CallerReference><Name>key</Name></PublicKeyConfig>"
          )),
      ])
    let carrier = Self.carrier(account)
    #expect(carrier.creations.map(\.step) == ["create-public-key-key", "create-key-group-group"])
    #expect(carrier.creations.allSatisfy { $0.users == ["E1"] })
    #expect(
      carrier.creations.last?.draft.set.first
        == .init(path: "Items/PublicKey", from: "K1", to: "${create-public-key-key.id}"))
    let reference = carrier.creations.first?.draft.set.first { $0.path == "CallerReference" }?.to
    #expect(
      reference == carrier.callerReference("K1") && reference?.hasPrefix("edgeferry-") == true)
  }

  @Test func `names that differ only in what a step id cannot hold make different steps`() throws {
    let account = try Self.account(
      "",
      ["a b", "a-b"].map {
        .init(.cachePolicy, id: $0, name: $0, document: XElement("CachePolicyConfig"))
      })
    #expect(Set(Self.carrier(account).creations.map(\.step)).count == 2)
  }

  /// References of a config that the carrier neither rewrote nor has to keep.
  @Test func `every distribution of the corpus is carried or refused with the reason`() throws {
    guard let corpus = Shared.folder("corpus") else { return }
    let folder = corpus.appendingPathComponent("distributions")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasSuffix(".xml") && !$0.contains("with-tags") }.sorted()
    var counts = (carried: 0, refused: 0)
    for name in names {
      let config = try XMLReader.read(
        String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8))
      guard config.name == "DistributionConfig" else { continue }
      var account = try Self.account("")
      account.distributions[0].config = config
      account.resources = Reference.all(in: config, of: .distribution).compactMap { found in
        guard let kind = found.kind, Carrier.order.contains(kind) else { return nil }
        let element = kind.configElement ?? "Config"
        return Inventory.Resource(
          kind, id: found.id, name: found.id, arn: found.id,
          document: XElement(element, [XElement("Name", text: found.id)]),
          extras: ["code": "YQ==", "items": [:]])
      }
      var carrier = Self.carrier(account)
      let edits = carrier.rewriting(config, of: .distribution)
      let changed = config.edited(edits, shape: "DistributionConfig")
      #expect(
        Set(config.differences(to: changed).map(\.path)).isSubset(of: edits.map(\.path)), "\(name)")
      let missing = Set(carrier.missing.map(\.id))
      #expect(carrier.missing.allSatisfy { !$0.why.isEmpty }, "\(name)")
      for found in Reference.all(in: config, of: .distribution) {
        guard let kind = found.kind,
          ![.bucket, .continuousDeploymentPolicy, .distribution].contains(kind)
        else { continue }
        let text = config.value(at: found.path) ?? ""
        let isRewritten = edits.contains { $0.path == found.path && $0.from == text }
        #expect(
          isRewritten || missing.contains(text) || missing.contains(found.id),
          "\(name): \(found.path) \(text)")
      }
      if missing.isEmpty { counts.carried += 1 } else { counts.refused += 1 }
    }
    #expect(counts.carried > 10 && counts.refused > 3)
    print("corpus: \(counts.carried) carried as they are, \(counts.refused) ask for a map")
  }

  static let new = "arn:aws:acm:us-east-1:222222222222:certificate/new"
  @Test func `the older names of a certificate follow it`() throws {
    let account = try Self.account(
      "<ViewerCertificate><ACMCertificateArn>arn:c</ACMCertificateArn><Certificate>arn:c</Certificate><CertificateSource>acm</CertificateSource></ViewerCertificate>"
    )
    var map = MigrationMap()
    map.certificates["arn:c"] = Self.new
    #expect(
      Self.edits(Self.carrier(account, map: map), account) == [
        .init(path: "ViewerCertificate/ACMCertificateArn", from: "arn:c", to: Self.new),
        .init(path: "ViewerCertificate/Certificate", from: "arn:c", to: Self.new),
      ])
  }

  @Test func `a certificate in IAM gives way to the one of ACM that it is mapped to`() throws {
    let account = try Self.account(
      "<ViewerCertificate><IAMCertificateId>AS1</IAMCertificateId><SSLSupportMethod>sni-only</SSLSupportMethod><Certificate>AS1</Certificate><CertificateSource>iam</CertificateSource></ViewerCertificate>"
    )
    var asking = Self.carrier(account)
    #expect(asking.rewriting(account.distributions[0].config, of: .distribution).isEmpty)
    #expect(asking.missing.map { [$0.section, $0.id] } == [["certificates", "AS1"]])
    var map = MigrationMap()
    map.certificates["AS1"] = Self.new
    let target = TargetScene(
      account: "222222222222",
      certificates: [.init(arn: Self.new, names: ["*.example.com"], isIssued: true)])
    let carrier = Self.carrier(account, target: target, map: map)
    #expect(carrier.certificateNames(for: account.distributions[0]) == ["*.example.com"])
    let config = account.distributions[0].config
    let copy = config.edited(Self.edits(carrier, account), shape: "DistributionConfig")
    #expect(
      copy.first("ViewerCertificate")?.xml
        == "<ViewerCertificate><ACMCertificateArn>\(Self.new)</ACMCertificateArn><SSLSupportMethod>sni-only</SSLSupportMethod><Certificate>\(Self.new)</Certificate><CertificateSource>acm</CertificateSource></ViewerCertificate>"
    )
    // What `migrate verify` says of it.
    func side(_ account: Inventory.Account) -> Comparison.Side { .init(account: account) }
    var there = account
    there.id = "222222222222"
    there.distributions[0].id = "E2"
    there.distributions[0].config = copy
    for (entries, isMeant) in [(map, true), (MigrationMap(), false)] {
      var intent = Comparison.Intent()
      intent.map = entries
      let found = Comparison.differences(
        of: [.init(source: "E1", target: "E2")], source: side(account), target: side(there),
        intent: intent
      ).filter { $0.path.contains("ViewerCertificate") }
      #expect(found.count == 3 && found.allSatisfy { $0.expected == isMeant }, "\(found)")
    }
  }
}

import FerryCore
import Testing

@testable import Migration

struct GrantTests {
  static let one = "arn:aws:cloudfront::111111111111:distribution/E1"
  static let copy = "arn:aws:cloudfront::222222222222:distribution/${create-distribution-e1.id}"
  static func grants(_ more: [String: String] = [:]) -> Grants {
    Grants(
      source: "111111111111", target: "222222222222",
      successors: [one: copy].merging(more) { $1 })
  }
  static func allow(_ condition: JSONValue, sid: String = "cdn") -> JSONValue {
    [
      "Sid": .string(sid), "Effect": "Allow",
      "Principal": ["Service": "cloudfront.amazonaws.com"], "Action": "s3:GetObject",
      "Resource": "arn:aws:s3:::assets/*", "Condition": condition,
    ]
  }
  static func edit(_ statements: [JSONValue], _ grants: Grants = grants()) -> Grants.Edit? {
    grants.edit(
      ["Version": "2012-10-17", "Statement": .array(statements)], service: .bucket,
      resource: "assets", region: "eu-west-1", part: "E1")
  }
  static func sourceARN(_ it: JSONValue?) -> JSONValue? {
    it?["Condition"]?["StringEquals"]?["AWS:SourceArn"]
  }

  @Test func `the copy is admitted beside the source, under a Sid of its own`() throws {
    let statement = Self.allow(["StringEquals": ["AWS:SourceArn": .string(Self.one)]])
    let edit = try #require(Self.edit([statement]))
    #expect(edit.statements.remove == [] && edit.old == [statement] && edit.rest == [])
    let added = try #require(edit.statements.add.first)
    #expect(edit.statements.add.count == 1)
    #expect(Self.sourceARN(added) == .string(Self.copy))
    #expect(added["Sid"]?.string?.hasPrefix("Ferried") == true)
    #expect(added["Resource"] == statement["Resource"] && added["Action"] == statement["Action"])
    #expect(edit.statements.region == "eu-west-1" && edit.statements.resource == "assets")
  }

  @Test func `one that admits several is written for the copy alone, and the others keep theirs`()
    throws
  {
    let other = "arn:aws:cloudfront::111111111111:distribution/E1OTHER"
    let statement = Self.allow(
      ["StringEquals": ["AWS:SourceArn": [.string(other), .string(Self.one)]]])
    let edit = try #require(Self.edit([statement]))
    #expect(Self.sourceARN(edit.statements.add.first) == [.string(Self.copy)])
    #expect(edit.old == [statement] && edit.rest.count == 1)
    #expect(Self.sourceARN(edit.rest.first) == [.string(other)])
    // Taking the old one away leaves the others admitted under the Sid that it had.
    let policy: JSONValue = ["Statement": [statement]]
    let revoke = PolicyStatements(
      .bucket, "assets", region: "eu-west-1", add: edit.rest, remove: edit.old)
    let after = try #require(try PolicyDocument.edited(policy, by: revoke))
    #expect(PolicyDocument.statements(after) == edit.rest)
    #expect(
      try PolicyDocument.edited(after, by: revoke.inverse)
        == .object([
          "Statement": [statement]
        ]))
  }

  @Test func `an origin access identity is admitted by its new name`() throws {
    let statement: JSONValue = [
      "Sid": "oai", "Effect": "Allow",
      "Principal": ["AWS": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity EOAI"],
      "Action": "s3:GetObject", "Resource": "arn:aws:s3:::assets/*",
    ]
    let edit = try #require(
      Self.edit(
        [statement],
        Self.grants([
          "CloudFront Origin Access Identity EOAI":
            "CloudFront Origin Access Identity ${create-oai.id}"
        ])))
    #expect(
      edit.statements.add.first?["Principal"]?["AWS"]
        == "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity ${create-oai.id}")
  }

  static let user = String(repeating: "a1", count: 32)
  static let identity = "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity "
  static func identities() -> Grants {
    var it = grants([
      "CloudFront Origin Access Identity EOAI":
        "CloudFront Origin Access Identity ${create-oai.id}"
    ])
    it.identities = [user: "EOAI"]
    return it
  }
  static func reader(_ principal: JSONValue) -> JSONValue {
    [
      "Sid": "oai", "Effect": "Allow", "Principal": principal, "Action": "s3:GetObject",
      "Resource": "arn:aws:s3:::assets/*",
    ]
  }

  @Test func `an identity admitted by its canonical user is admitted by its new name`() throws {
    let statement = Self.reader(["CanonicalUser": .string(Self.user)])
    let edit = try #require(Self.edit([statement], Self.identities()))
    #expect(
      edit.statements.add.first?["Principal"]
        == ["AWS": .string(Self.identity + "${create-oai.id}")])
    #expect(edit.old == [statement] && edit.rest == [])
    // Somebody else's canonical user is nobody that is carried.
    let other = Self.reader(["CanonicalUser": .string(String(repeating: "b2", count: 32))])
    #expect(Self.edit([other], Self.identities()) == nil)
  }

  @Test func `who is admitted beside a canonical user stays so, and is not admitted twice`() throws
  {
    let other: JSONValue = .string(String(repeating: "b2", count: 32))
    for (principal, rest) in [
      (["CanonicalUser": [.string(Self.user), other]], ["CanonicalUser": [other]]),
      (
        ["CanonicalUser": .string(Self.user), "AWS": "333333333333"], ["AWS": "333333333333"]
      ),
    ] as [(JSONValue, JSONValue)] {
      let statement = Self.reader(principal)
      let edit = try #require(Self.edit([statement], Self.identities()))
      #expect(
        edit.statements.add.first?["Principal"]
          == ["AWS": .string(Self.identity + "${create-oai.id}")])
      #expect(edit.old == [statement] && edit.rest.map { $0["Principal"] } == [rest])
    }
  }

  @Test(
    arguments: [
      ["StringLike": ["AWS:SourceArn": "arn:aws:cloudfront::111111111111:distribution/*"]],
      ["StringEquals": ["AWS:SourceAccount": "111111111111"]],
    ] as [JSONValue])
  func `what admits a whole account is written for the other, and the old one stays`(
    _ condition: JSONValue
  ) throws {
    let edit = try #require(Self.edit([Self.allow(condition)]))
    #expect(edit.old == [] && edit.rest == [])
    let text = edit.statements.add.first?["Condition"]?.canonical ?? ""
    #expect(text.contains("222222222222") && !text.contains("111111111111"))
  }

  @Test func `a statement with ARN and account names the copy's account too`() throws {
    let edit = try #require(
      Self.edit([
        Self.allow([
          "StringEquals": [
            "AWS:SourceArn": .string(Self.one), "aws:SourceAccount": "111111111111",
          ]
        ])
      ]))
    #expect(
      edit.statements.add.first?["Condition"]?["StringEquals"]?["aws:SourceAccount"]
        == "222222222222")
  }

  @Test func `statements of others, denials and longer ids are left alone`() {
    let longer = Self.allow([
      "StringEquals": ["AWS:SourceArn": "arn:aws:cloudfront::111111111111:distribution/E12"]
    ])
    var deny: [String: JSONValue] = [:]
    if case .object(let members) = Self.allow([
      "StringNotEquals": ["AWS:SourceArn": .string(Self.one)]
    ]) {
      deny = members
    }
    deny["Effect"] = "Deny"
    let person: JSONValue = [
      "Sid": "x", "Effect": "Allow", "Principal": ["AWS": "111111111111"], "Action": "s3:*",
      "Resource": "arn:aws:s3:::assets-111111111111/*",
    ]
    #expect(Self.edit([longer, .object(deny), person]) == nil)
    #expect(Self.edit([]) == nil)
  }

  @Test func `within one account only the distribution's own grant is written again`() throws {
    let same = Grants(
      source: "111111111111", target: "111111111111", successors: [Self.one: Self.copy])
    let wide = Self.allow(["StringEquals": ["AWS:SourceAccount": "111111111111"]])
    let own = Self.allow(["StringEquals": ["AWS:SourceArn": .string(Self.one)]], sid: "own")
    #expect(try #require(Self.edit([wide, own], same)).old == [own])
  }
}

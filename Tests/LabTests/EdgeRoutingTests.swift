import FerryCore
import Foundation
import Testing

@testable import FerryModel

/// Two accounts whose names overlap, and a trio.
private struct World {
  let start = Date(timeIntervalSince1970: 1_795_514_400)
  var model: CloudFrontModel

  static func config(
    _ aliases: [String], enabled: Bool = true, staging: Bool = false, policy: String = "",
    viewer: String = "allow-all", paths: [(String, String)] = []
  ) -> JSONValue {
    func behaviour(_ viewer: String, _ path: String?) -> JSONValue {
      var out: [String: JSONValue] = [
        "TargetOriginId": "o", "ViewerProtocolPolicy": .string(viewer),
        "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
      ]
      if let path { out["PathPattern"] = .string(path) }
      return .object(out)
    }
    func list(_ items: [JSONValue]) -> JSONValue {
      items.isEmpty
        ? ["Quantity": 0] : ["Quantity": .int(Int64(items.count)), "Items": .array(items)]
    }
    return [
      "CallerReference": .string(UUID().uuidString),
      "Aliases": list(aliases.map(JSONValue.string)),
      "Origins": list([
        ["Id": "o", "DomainName": "o.example.net", "S3OriginConfig": ["OriginAccessIdentity": ""]]
      ]),
      "DefaultCacheBehavior": behaviour(viewer, nil),
      "CacheBehaviors": list(paths.map { behaviour($0.1, $0.0) }),
      "Comment": "", "Enabled": .bool(enabled), "Staging": .bool(staging),
      "ContinuousDeploymentPolicyId": .string(policy),
    ]
  }
  static func policy(_ enabled: Bool, _ traffic: JSONValue) -> JSONValue {
    [
      "StagingDistributionDnsNames": ["Quantity": 1, "Items": ["dstaging.cloudfront.net"]],
      "Enabled": .bool(enabled), "TrafficConfig": traffic,
    ]
  }
  static let header: JSONValue = [
    "Type": "SingleHeader", "SingleHeaderConfig": ["Header": "aws-cf-cd-canary", "Value": "on"],
  ]
  static let weight: JSONValue = [
    "Type": "SingleWeight", "SingleWeightConfig": ["Weight": .double(0.1)],
  ]
  static let sticky: JSONValue = [
    "Type": "SingleWeight",
    "SingleWeightConfig": [
      "Weight": .double(0.1), "SessionStickinessConfig": ["IdleTTL": 300, "MaximumTTL": 900],
    ],
  ]

  init(
    policy: JSONValue = World.policy(true, World.header), stagingEnabled: Bool = true,
    propagation: Double = 80
  ) throws {
    model = CloudFrontModel(
      accounts: ["111111111111", "222222222222"], propagationSeconds: propagation, pops: 8)
    func distribution(_ id: String, _ config: JSONValue) -> JSONValue {
      [
        "id": .string(id), "domainName": .string("d\(id.lowercased()).cloudfront.net"),
        "config": config,
      ]
    }
    try model.load(
      [
        "schema": "edgeferry.inventory/1",
        "accounts": [
          [
            "id": "111111111111",
            "distributions": [
              distribution("EXACT", Self.config(["www.example.com", "shop.example.com"])),
              distribution("OFF", Self.config(["off.example.com"], enabled: false)),
              distribution("PRIMARY", Self.config(["canary.example.org"], policy: "P1")),
              distribution(
                "STAGING", Self.config([], enabled: stagingEnabled, staging: true)),
              distribution(
                "PLAIN",
                Self.config(
                  ["plain.example.net"], viewer: "redirect-to-https",
                  paths: [("/only/*", "https-only"), ("free/?.txt", "allow-all")])),
            ],
            "continuousDeploymentPolicies": [["id": "P1", "config": policy]],
          ],
          [
            "id": "222222222222",
            "distributions": [
              distribution("WILD", Self.config(["*.example.com"])),
              distribution("DEEP", Self.config(["*.deep.example.com"])),
              distribution("OTHER", Self.config(["portal.example.org"])),
            ], "continuousDeploymentPolicies": [],
          ],
        ],
      ], now: start)
  }

  func ask(
    _ host: String, sni: String? = nil, plain: Bool = false, path: String = "/",
    query: String = "", headers: [String: String] = [:], pop: Int = 0, after seconds: Double = 0,
    random: Double = 0.5
  ) -> EdgeAnswer {
    let now = start + seconds
    let certificate =
      plain ? nil : model.edgeCertificate(serverName: sni ?? host, pop: pop, now: now)
    return model.edge(
      EdgeRequest(
        host: host, certificate: certificate, path: path, query: query, headers: headers),
      pop: pop, now: now, random: random)
  }
}

extension EdgeAnswer {
  /// The id that served, or the status that refused.
  fileprivate var short: String {
    switch self {
    case .served(let id, _): id
    case .redirect(let place, _): place
    case .refused(let status, _): "\(status)"
    }
  }
  fileprivate var cookie: String? {
    if case .served(_, let cookie) = self { cookie } else { nil }
  }
}

struct EdgeRoutingTests {
  @Test(arguments: [
    // The exact name wins over another account's wildcard, in any case and with any port.
    ("www.example.com", "EXACT"), ("WWW.Example.com:8443", "EXACT"), ("shop.example.com", "EXACT"),
    // The wildcard takes what nobody holds, deeper names too, never the bare domain.
    ("new.example.com", "WILD"), ("a.b.example.com", "WILD"), ("example.com", "403"),
    (".example.com", "403"), ("xexample.com", "403"),
    // The longer wildcard wins.
    ("a.deep.example.com", "DEEP"), ("deep.example.com", "WILD"),
    // A disabled distribution that holds the exact name stops it for the wildcard too.
    ("off.example.com", "403"),
    // Own names; a staging distribution does not answer to its own.
    ("dexact.cloudfront.net", "EXACT"), ("dother.cloudfront.net", "OTHER"),
    ("doff.cloudfront.net", "403"), ("dstaging.cloudfront.net", "403"),
    ("dnobody.cloudfront.net", "403"), ("", "400"), ("*.example.com", "WILD"),
  ])
  func `a name is answered by who holds it`(_ host: String, _ answer: String) throws {
    #expect(try World().ask(host).short == answer)
    #expect(try World().ask(host, plain: true).short == answer)
  }

  @Test(arguments: [
    // Host and SNI of one account are served, whichever certificate answered.
    ("shop.example.com", "www.example.com", "EXACT"),
    ("plain.example.net", "www.example.com", "PLAIN"),
    ("www.example.com", "dexact.cloudfront.net", "EXACT"),
    // The certificate's account is another one than the name's.
    ("portal.example.org", "www.example.com", "421"),
    ("www.example.com", "new.example.com", "421"),
    ("www.example.com", "dother.cloudfront.net", "421"),
    // CloudFront's own certificate belongs to nobody.
    ("www.example.com", "unknown.example.net", "EXACT"),
    // Who holds nothing is not misdirected.
    ("unknown.example.net", "www.example.com", "403"),
  ])
  func `a connection that another account's certificate answered is misdirected`(
    _ host: String, _ sni: String, _ answer: String
  ) throws {
    #expect(try World().ask(host, sni: sni).short == answer)
  }

  @Test(
    arguments: [
      ("www.example.com", ["shop.example.com", "www.example.com"], "111111111111"),
      ("a.b.example.com", ["*.example.com"], "222222222222"),
      ("dexact.cloudfront.net", ["*.cloudfront.net"], "111111111111"),
      ("unknown.example.net", ["*.cloudfront.net"], nil), (nil, ["*.cloudfront.net"], nil),
    ] as [(String?, [String], String?)])
  func `the certificate covers the aliases of who holds the name`(
    _ name: String?, _ names: [String], _ account: String?
  ) throws {
    let world = try World()
    #expect(
      world.model.edgeCertificate(serverName: name, pop: 0, now: world.start)
        == EdgeCertificate(names: names, account: account))
  }

  @Test func `POPs answer differently while a change is on its way`() throws {
    var world = try World()
    world.model.edit(distribution: "EXACT", account: "111111111111", now: world.start) {
      $0.put(XElement("Aliases", [XElement("Quantity", text: "0")]))
    }
    func answers(_ seconds: Double) -> [String] {
      (0..<8).map { world.ask("www.example.com", pop: $0, after: seconds).short }
    }
    #expect(Set(answers(0)) == ["EXACT"])
    // 80 s for 8 POPs: half of them after 40.
    #expect(answers(45).filter { $0 == "WILD" }.count == 4)
    #expect(answers(45).filter { $0 == "EXACT" }.count == 4)
    #expect(Set(answers(80)) == ["WILD"])
  }

  @Test func `a new distribution is unknown to a POP that has not heard of it`() throws {
    var world = try World()
    try world.model.load(
      [
        "schema": "edgeferry.inventory/1",
        "accounts": [
          [
            "id": "111111111111", "continuousDeploymentPolicies": [],
            "distributions": [
              ["id": "NEW", "status": "InProgress", "config": World.config(["new.example.net"])]
            ],
          ]
        ],
      ], now: world.start)
    let early = (0..<8).map { world.ask("new.example.net", pop: $0, after: 25).short }
    #expect(early.filter { $0 == "NEW" }.count == 2 && early.filter { $0 == "403" }.count == 6)
    #expect((0..<8).allSatisfy { world.ask("new.example.net", pop: $0, after: 80).short == "NEW" })
  }

  @Test(
    arguments: [
      (["aws-cf-cd-canary": "on"], "STAGING"), (["aws-cf-cd-canary": "off"], "PRIMARY"),
      (["aws-cf-cd-other": "on"], "PRIMARY"), ([:], "PRIMARY"),
    ] as [([String: String], String)])
  func `the policy's header and value lead to staging`(
    _ headers: [String: String], _ answer: String
  ) throws {
    #expect(try World().ask("canary.example.org", headers: headers).short == answer)
    let own = try World().ask("dprimary.cloudfront.net", headers: headers).short
    #expect(own == answer)
  }

  @Test func `nothing leads to staging past a disabled policy or staging distribution`() throws {
    let headers = ["aws-cf-cd-canary": "on"]
    let disabled = try World(policy: World.policy(false, World.header))
    #expect(disabled.ask("canary.example.org", headers: headers).short == "PRIMARY")
    let off = try World(stagingEnabled: false)
    #expect(off.ask("canary.example.org", headers: headers).short == "PRIMARY")
    var gone = try World()
    gone.model.accounts["111111111111"]?.removeDistribution("STAGING")
    #expect(gone.ask("canary.example.org", headers: headers).short == "PRIMARY")
    let weight = try World(policy: World.policy(false, World.weight))
    #expect(weight.ask("canary.example.org", random: 0).short == "PRIMARY")
  }

  @Test(arguments: [(0.0, "STAGING"), (0.0999, "STAGING"), (0.1, "PRIMARY"), (0.99, "PRIMARY")])
  func `the weight is the share that staging gets`(_ random: Double, _ answer: String) throws {
    let world = try World(policy: World.policy(true, World.weight))
    let said = world.ask("canary.example.org", random: random)
    #expect(said.short == answer && said.cookie == nil)
  }

  @Test func `a sticky viewer stays where the weight once put them until idle or too old`() throws {
    let world = try World(policy: World.policy(true, World.sticky))
    func ask(_ cookie: String?, _ seconds: Double, _ random: Double) -> EdgeAnswer {
      world.ask(
        "canary.example.org", headers: cookie.map { ["cookie": "a=b; \($0)"] } ?? [:],
        after: seconds, random: random)
    }
    func pair(_ answer: EdgeAnswer) -> String? {
      answer.cookie.map { String($0.prefix { $0 != ";" }) }
    }
    for (random, other, id) in [(0.0, 0.9, "STAGING"), (0.9, 0.0, "PRIMARY")] {
      let first = ask(nil, 0, random)
      #expect(first.short == id && first.cookie?.contains("Max-Age=300") == true)
      #expect(ask(pair(first), 300, other).short == id)
      #expect(ask(pair(first), 301, other).short != id, "idle for too long")
      // Seen again and again, it lasts until the maximum.
      var last = first
      for seconds in [250.0, 500, 750, 900] { last = ask(pair(last), seconds, other) }
      #expect(last.short == id)
      #expect(ask(pair(last), 901, other).short != id, "older than allowed")
    }
  }

  @Test(arguments: [
    "x-lab-session=", "x-lab-session=STAGING", "x-lab-session=STAGING.x.y",
    "x-lab-session=EXACT.1795514400000.1795514400000",
    "x-lab-session=STAGING.9223372036854775807.9223372036854775807",
    "x-lab-session=STAGING.-9223372036854775808.-9223372036854775808",
    "x-lab-session=STAGING.1795514400000.1795514300000", "x-lab-session", "=", ";;=;",
  ])
  func `a cookie that no edge wrote binds nobody`(_ cookie: String) throws {
    let world = try World(policy: World.policy(true, World.sticky))
    #expect(
      world.ask("canary.example.org", headers: ["cookie": cookie], random: 0.9).short == "PRIMARY")
    #expect(
      world.ask("canary.example.org", headers: ["cookie": cookie], random: 0).short == "STAGING")
  }

  @Test func `the cookie is taken back while nothing is sticky`() throws {
    let world = try World(policy: World.policy(true, World.weight))
    let cookie = ["cookie": "x-lab-session=STAGING.1795514400000.1795514400000"]
    let answer = world.ask("canary.example.org", headers: cookie, random: 0.9)
    #expect(answer.short == "PRIMARY" && answer.cookie?.contains("Max-Age=0") == true)
  }

  @Test(arguments: [
    ("/", "", "https://plain.example.net/"), ("/a", "b=c", "https://plain.example.net/a?b=c"),
    ("/only/x", "", "403"), ("/free/a.txt", "", "PLAIN"),
    ("/free/ab.txt", "", "https://plain.example.net/free/ab.txt"),
  ])
  func `plain HTTP is served, redirected or refused as the behaviour says`(
    _ path: String, _ query: String, _ answer: String
  ) throws {
    let world = try World()
    #expect(
      world.ask("plain.example.net:8080", plain: true, path: path, query: query).short == answer)
    #expect(world.ask("plain.example.net", path: path, query: query).short == "PLAIN")
  }

  @Test(arguments: [
    ("/images/a.jpg", "images/*", true), ("/images/a.jpg", "/images/*.jpg", true),
    ("/images/a.JPG", "*.jpg", false), ("/a", "?", true), ("/ab", "?", false), ("/", "*", true),
    ("/", "", true), ("/a", "", false), ("/abcabd", "*abd", true), ("/aab", "*a*b", true),
    ("/x/y/z", "x/*/z", true), ("/x/z", "x/*/z", false),
  ])
  func `path patterns match as CloudFront's do`(_ path: String, _ pattern: String, _ match: Bool) {
    #expect(CloudFrontModel.matches(path, pattern: pattern) == match)
  }
}

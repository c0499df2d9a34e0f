import FerryCore
import Foundation

@testable import FerryModel

/// A model with hosted zones, called as a client calls Route 53 and asked as a resolver asks DNS.
struct ZoneWorld {
  static let account = "111111111111"
  let clock = VirtualClock()
  let model: SharedModel

  init(_ behaviours: [String] = [], propagation: Double = 40) throws {
    var chosen = Behaviours()
    for text in behaviours { try chosen.set(text) }
    model = SharedModel(
      CloudFrontModel(
        accounts: [Self.account, "222222222222"], propagationSeconds: propagation,
        behaviours: chosen))
  }

  struct Reply {
    var status: Int
    var body: XElement
    var code: String? { body.text(at: "Error/Code") }
    var message: String? { body.text(at: "Error/Message") }
  }
  @discardableResult
  func call(
    _ method: String, _ path: String, _ query: [String: String] = [:], body: String = "",
    account: String = Self.account
  ) -> Reply {
    let request = ServiceRequest(
      AWSService(environmentName: "", configKey: "", signingName: "route53"), "",
      region: "us-east-1", method: method, path: "/2013-04-01/" + path,
      query: query.map { .init($0.key, $0.value) }, body: Array(body.utf8))
    let now = clock.now
    let answer = model.with {
      $0.handle(request, account: account, callerARN: "arn:test", now: now)
    }
    return Reply(
      status: answer.status, body: (try? XMLReader.read(answer.body)) ?? XElement("none"))
  }
  private func document(_ root: String, _ inner: String) -> String {
    "<\(root) xmlns=\"\(Route53.namespace)\">\(inner)</\(root)>"
  }

  func create(
    _ name: String, reference: String? = nil, more: String = "", account: String = Self.account
  ) -> Reply {
    call(
      "POST", "hostedzone",
      body: document(
        "CreateHostedZoneRequest",
        "<Name>\(name)</Name>\(more)<CallerReference>\(reference ?? name)</CallerReference>"),
      account: account)
  }
  /// A zone whose servers all have it.
  func zone(_ name: String) -> String {
    let reply = create(name)
    clock.advance(seconds: 1000)
    return Route53.bare(reply.body.text(at: "HostedZone/Id") ?? "")
  }

  /// `CREATE www CNAME 300 target`, or `CREATE www A alias ZONE target`.
  func change(_ zone: String, _ lines: String...) -> Reply { change(zone, lines) }
  func change(_ zone: String, _ lines: [String], account: String = Self.account) -> Reply {
    let changes = lines.map { line in
      let words = line.split(separator: " ", maxSplits: 4).map(String.init)
      var set = "<Name>\(words[1])</Name><Type>\(words[2])</Type>"
      if words[3] == "alias" {
        let target = words[4].split(separator: " ")
        set +=
          "<AliasTarget><HostedZoneId>\(target[0])</HostedZoneId><DNSName>\(target[1])</DNSName><EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget>"
      } else {
        let values = words[4].split(separator: "|").map {
          "<ResourceRecord><Value>\($0)</Value></ResourceRecord>"
        }
        set += "<TTL>\(words[3])</TTL><ResourceRecords>\(values.joined())</ResourceRecords>"
      }
      return
        "<Change><Action>\(words[0])</Action><ResourceRecordSet>\(set)</ResourceRecordSet></Change>"
    }
    return call(
      "POST", "hostedzone/\(zone)/rrset/",
      body: document(
        "ChangeResourceRecordSetsRequest",
        "<ChangeBatch><Changes>\(changes.joined())</Changes></ChangeBatch>"), account: account)
  }
  func records(_ zone: String, _ query: [String: String] = [:]) -> [String] {
    call("GET", "hostedzone/\(zone)/rrset", query).body.first("ResourceRecordSets")?.children.map {
      "\($0.text(at: "Name") ?? "") \($0.text(at: "Type") ?? "")"
    } ?? []
  }

  func ask(_ name: String, _ type: RRType, recursive: Bool = false, server: Int = 0) -> DNSMessage {
    let now = clock.now
    return model.with {
      $0.answer(
        RecordKey(DomainName(wire: name), type), recursionDesired: recursive, server: server,
        now: now)
    }
  }

  /// A distribution with these names, as an inventory brings it.
  func distribution(_ id: String, ipv6: Bool = true, httpVersion: String = "http2") throws {
    let now = clock.now
    let document: JSONValue = [
      "schema": "edgeferry.inventory/1",
      "accounts": [
        [
          "id": .string(Self.account),
          "distributions": [
            [
              "id": .string(id),
              "config": [
                "CallerReference": .string(id), "Comment": "", "Enabled": true,
                "IsIPV6Enabled": .bool(ipv6), "HttpVersion": .string(httpVersion),
                "Origins": [
                  "Quantity": 1,
                  "Items": [["Id": "o", "DomainName": "o.example.net"]],
                ],
                "DefaultCacheBehavior": [
                  "TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all",
                ],
              ],
            ]
          ],
        ]
      ],
    ]
    try model.with { (it: inout CloudFrontModel) throws(FerryError) in
      try it.load(document, now: now)
    }
  }
}

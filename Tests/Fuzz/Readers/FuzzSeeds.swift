import FerryCore
import FerryDNS
import Foundation

/// What fuzzing begins with: real files of every kind, small ones first.
public enum FuzzSeeds {
  static let package = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// Inputs that once broke a reader: `Tests/Fuzz/Found/READER-what.ext`.
  public static func found(_ reader: FuzzReader) -> [(name: String, bytes: [UInt8])] {
    let folder = package.appendingPathComponent("Tests/Fuzz/Found")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.sorted().filter { $0.hasPrefix(reader.rawValue + "-") }.compactMap { name in
      (try? Data(contentsOf: folder.appendingPathComponent(name))).map { (name, Array($0)) }
    }
  }

  /// - Parameter bytesMax: larger ones are left out.
  public static func all(_ reader: FuzzReader, bytesMax: Int = FuzzReader.bytesMax) -> [[UInt8]] {
    var out = written(reader).map { Array($0.utf8) } + octets(reader) + found(reader).map(\.bytes)
    for file in files(reader) {
      guard let data = try? Data(contentsOf: file), data.count <= bytesMax else { continue }
      out.append(Array(data))
    }
    return out.filter { $0.count <= bytesMax }.sorted { $0.count < $1.count }
  }

  private static func list(_ folder: URL, _ endings: String...) -> [URL] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.sorted().filter { name in endings.contains { name.hasSuffix($0) } }
      .map { folder.appendingPathComponent($0) }
  }
  private static func files(_ reader: FuzzReader) -> [URL] {
    let shared = package.deletingLastPathComponent().appendingPathComponent("shared")
    switch reader {
    case .xml, .answer:
      return ["distributions", "policies"].flatMap {
        list(shared.appendingPathComponent("corpus/\($0)"), ".xml")
      }
    case .plan: return list(package.appendingPathComponent("plans"), ".plan.json")
    case .inventory:
      return list(package.appendingPathComponent("Tests/Fixtures"), ".inventory.json")
    case .template: return list(package.appendingPathComponent("runbooks"), ".json", ".yaml")
    default: return []
    }
  }

  private static func written(_ reader: FuzzReader) -> [String] {
    switch reader {
    case .xml:
      [
        "<DistributionConfig><Aliases><Quantity>1</Quantity><Items><CNAME>a.b</CNAME></Items></Aliases><Enabled>true</Enabled></DistributionConfig>",
        "<?xml version=\"1.0\"?><!-- c --><a x='1'>&lt;&#65;&#x42;<![CDATA[ <b> ]]><b/></a>",
        "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
      ]
    case .answer:
      [
        "<ErrorResponse><Error><Code>NoSuchDistribution</Code><Message>m</Message></Error><RequestId>r</RequestId></ErrorResponse>",
        "{\"__type\":\"x#ThrottlingException\",\"message\":\"m\"}", "",
      ]
    case .plan: [plan]
    case .inventory:
      [
        #"{"schema":"edgeferry.inventory/1","takenAt":"2026-11-24T10:00:00Z","complete":true,"gaps":[{"account":"1","call":"c","reason":"r"}],"accounts":[{"id":"111111111111","distributions":[{"id":"E1","arn":"a","domainName":"d.cloudfront.net","status":"Deployed","etag":"V","lastModified":"2026-11-24T10:00:00Z","tags":{},"config":{"Enabled":true,"Staging":true,"Aliases":{"Quantity":1,"Items":["a.b"]}}}],"continuousDeploymentPolicies":[{"id":"P1","etag":"V","lastModified":"2026-01-24T10:00:00Z","config":{"Enabled":true,"StagingDistributionDnsNames":{"Quantity":1,"Items":["d.cloudfront.net"]},"TrafficConfig":{"Type":"SingleWeight","SingleWeightConfig":{"Weight":0.05}}}}],"stacks":[{"id":"s","name":"n","region":"r","status":"DELETE_COMPLETE","resources":[{"logicalId":"l","type":"t","physicalId":"E1","status":"x"}]}]}]}"#
      ]
    case .settings:
      [
        """
        version: 1
        accounts: { source: { profile: a, roleArn: "arn:aws:iam::1:role/r" } }
        zones: { example.net: { provider: rfc2136, server: "127.0.0.1:53", tsig: { name: k., algorithm: hmac-sha256, secretFile: f } } }
        windows: { dns: { timeZone: Europe/London, allow: ["Tue,Thu 10:00-12:00"], freeze: ["2026-12-18/2027-01-04"], leadTime: 48h } }
        resolvers: ["127.0.0.1:5300", "https://dns.example/q"]
        cutover: { ttl: 60, margin: { percent: 10, minimum: 60s } }
        health: { url: "https://{name}/h", expectStatus: 200 }
        signatures: { required: 1, keys: [a.pub] }
        sweep: { grace: 14d, maxDeletions: 5, keep: { ids: [E*], tags: { a: b } } }
        """,
        #"{"version":1,"windows":{"dns":{"timeZone":"Europe/London","allow":["Tue,Thu 10:00-12:00"],"freeze":["2026-12-18/2027-01-04"],"leadTime":"48h"},"cloudfront":{"allow":["Mon..Fri 23:00-24:00"]}},"polling":{"deployed":"20s","authoritative":"10s","rounds":3},"cutover":{"ttl":60,"margin":{"percent":10,"minimum":"60s","maximum":"1h"},"resolverCap":"7d","restoreTTL":true},"health":{"url":"https://{name}/h","expectStatus":200,"marker":{"header":"h"}},"edge":{"port":443},"promote":{"window":"10m","minRequests":100,"maxErrorRateIncrease":1.5,"maxClientErrorRateIncrease":5},"sweep":{"grace":"14d","maxDeletions":5,"maxPercent":30,"keep":{"ids":["E*"],"tags":{"a":"b"}},"notify":{"webhook":"https://h.example/x","always":true}},"resolvers":["127.0.0.1:53"],"zones":{"example.com":{"provider":"route53","zoneId":"Z1"}}}"#,
        "a: &x [1, 2]\nb: *x\n", "--- !!map {? [a]: b}\n",
      ]
    case .map:
      [
        "version: 1\ncertificates: { \"arn:a\": \"arn:b\" }\nbuckets: {}\naccounts: { \"111111111111\": \"222222222222\" }\n"
      ]
    case .ledger:
      [
        #"{"schema":"edgeferry.ledger/1","account":"111111111111","lastRun":"2026-11-24T10:00:00Z","entries":[{"finding":{"code":"c","severity":"high","verdict":"orphan","account":"111111111111","resource":{"type":"distribution","id":"E1","arn":"a"},"related":[{"role":"primary","type":"distribution","id":"E2"}],"evidence":[{"call":"c","at":"2026-11-24T10:00:00Z","says":"s"}],"overturnedBy":[],"owner":{"kind":"none","id":""}},"firstSeen":"2026-11-24T10:00:00Z","lastSeen":"2026-11-24T10:00:00Z","dueAt":"2026-12-24T10:00:00Z","state":"due"}],"runs":[{"at":"2026-11-24T10:00:00Z","new":1,"inGrace":0,"due":1,"kept":0,"healed":0,"removed":0,"unknown":0,"gaps":0}],"acting":{"plan":"p","digest":"d","findings":["c:E1"],"resources":["E1"]},"gaps":[{"account":"1","call":"c","reason":"r"}]}"#
      ]
    case .state:
      [
        #"{"schema":"edgeferry.state/1","journal":[{"sequence":1,"plan":"sha256:p","step":"a","kind":"applied","at":"2026-11-24T10:00:00Z","body":"{\"writes\":1,\"outputs\":{\"id\":\"E1\"},\"wallMilliseconds\":1,\"elapsedMilliseconds\":1,\"clock\":\"c\"}","hash":"h"},{"sequence":2,"plan":"sha256:p","step":"a","kind":"verified","at":"2026-11-24T10:00:01Z","body":"{\"wallMilliseconds\":9,\"elapsedMilliseconds\":9,\"clock\":\"c\"}","hash":"h"}],"heads":[{"plan":"sha256:p","count":2,"hash":"h"}],"images":[],"plans":[],"ledgers":[]}"#,
        #"{"schema":"edgeferry.object/1","digest":"sha256:0","content":{"row":{"sequence":1,"plan":"p","kind":"held","at":"2026-11-24T10:00:00Z","body":"{}","hash":""},"writer":"w"}}"#,
      ]
    case .signatures:
      [
        #"{"schema":"edgeferry.signature/1","planDigest":"sha256:0","signatures":[{"keyId":"sha256:k","signature":"AAAA","signedAt":"2026-11-24T10:00:00Z","by":"ops"}]}"#
      ]
    case .key:
      [
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEABwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n-----END PUBLIC KEY-----\n",
      ]
    case .http:
      [
        "GET /2020-05-31/distribution?Marker=x HTTP/1.1\r\nHost: a\r\nAuthorization: AWS4-HMAC-SHA256 Credential=A/20261124/us-east-1/cloudfront/aws4_request, SignedHeaders=host, Signature=0\r\n",
        "PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\nConnection: keep-alive\r\n",
      ]
    case .profiles:
      [
        "[default]\nregion = us-east-1\n[profile a]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = b\n[profile b]\nsource_profile = a\nrole_arn = x\ncredential_process = \"/bin/x\" 'y z'\ns3 =\n  max = 1\n[sso-session s]\nsso_region = eu-west-1\n",
        "[profile default]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\nservices = t\n[services t]\ns3 =\n  endpoint_url = http://127.0.0.1:1\n",
      ]
    case .cache:
      [
        #"{"startUrl":"https://x.example","region":"us-east-1","accessToken":"t","expiresAt":"2026-11-24T10:05:00Z","clientId":"c","clientSecret":"s","refreshToken":"r","registrationExpiresAt":"2099-01-01T00:00:00Z","expiresIn":3600}"#,
        #"{"accessToken":{"accessKeyId":"A","secretAccessKey":"s","sessionToken":"t","expiresAt":"2026-11-24T09:00:00Z"},"clientId":"c","refreshToken":"r","dpopKey":"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----","expiresIn":9}"#,
        #"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"s","SessionToken":"t","Expiration":"2026-11-24T10:00:00UTC"}"#,
        #"{"roleCredentials":{"accessKeyId":"A","secretAccessKey":"s","sessionToken":"t","expiration":1795514400000}}"#,
      ]
    case .tfstate:
      [
        #"{"version":4,"resources":[{"mode":"managed","module":"module.a","type":"aws_cloudfront_distribution","name":"d","instances":[{"index_key":0,"attributes":{"id":"E1","staging":false,"publish":true}},{"index_key":"b","status":"tainted","deposed":"x","attributes":{"id":"E2"}}]}]}"#
      ]
    case .tfplan:
      [
        #"{"format_version":"1.2","resource_changes":[{"address":"aws_cloudfront_distribution.d","mode":"managed","type":"aws_cloudfront_distribution","name":"d","change":{"actions":["update"],"before":{"id":"E1","enabled":true,"origin":[{"origin_id":"o","domain_name":"x"}]},"after":{"id":"E1","enabled":false,"origin":[{"origin_id":"o"}]},"after_unknown":{"etag":true},"replace_paths":[["staging"]]}}],"resource_drift":[]}"#
      ]
    case .template:
      [
        "Parameters:\n  P: { Type: String, Default: x }\nResources:\n  D:\n    Type: AWS::CloudFront::Distribution\n    Properties:\n      DistributionConfig:\n        Enabled: true\n        Comment: !Sub \"${P} c\"\n        Origins: [ { Id: !Ref P, DomainName: !GetAtt B.DomainName, CustomOriginConfig: { OriginProtocolPolicy: https-only, HTTPPort: 80 } } ]\n        DefaultCacheBehavior: { TargetOriginId: o, ViewerProtocolPolicy: https-only, MinTTL: 0.5 }\n",
        #"{"Resources":{"D":{"Type":"AWS::CloudFront::Distribution","Properties":{"DistributionConfig":{"Enabled":true,"Aliases":[{"Fn::Join":["",["a",{"Ref":"P"}]]}]}}}}}"#,
        "Resources:\n  A: { Type: \"AWS::CloudFront::Function\", Properties: { Name: !Join [ \"\", [ a, b ] ] } }\n",
      ]
    case .hcl:
      [
        "resource \"aws_cloudfront_distribution\" \"d\" {\n  enabled = true\n  # c\n  aliases = [\"a\", var.b]\n  origin {\n    origin_id = \"o\"\n    weight = -1.5e3\n    m = { \"a\" = null }\n  }\n}\n",
        "secret = \"a\\\"b\\u0041\"\n",
      ]
    case .lists:
      [
        "www.example.com,d1.cloudfront.net\n\"a.example.com\" , d2.cloudfront.net\n",
        "https://www.example.com/a?b\n/path\n",
        "key \"k.\" {\n\talgorithm hmac-sha256;\n\tsecret \"c2VjcmV0IG9mIHNpeHRlZW4gYnl0ZXM=\";\n};\n",
      ]
    case .texts:
      [
        "www.example.com.", "bücher.example", "2026-11-24T10:00:00.5+02:00", "48h",
        "[2001:db8::1]:53",
        "Europe/London\nTue,Thu 10:00-12:00\n2026-12-18/2027-01-04",
        "UTC\nMon..Fri 23:30-00:30\n2026-12-18/2026-12-18", "arn:aws:iam::1:role/r",
        "\u{202E}\u{1B}[2J",
      ]
    case .probe:
      [
        #"{"schema":"edgeferry.probe/1","at":"2026-11-24T10:00:00Z","names":[{"name":"www.example.com.","zone":"example.com.","servers":[{"name":"ns1.example.com.","address":"192.0.2.1:53","authoritative":true,"rcode":"NOERROR","answers":[{"name":"www.example.com.","type":"CNAME","ttl":60,"data":["d1.cloudfront.net."]}],"soaSerial":1,"rttMilliseconds":1.5,"verdict":"ok"}],"chain":[{"name":"www.example.com.","zone":"example.com.","type":"CNAME","ttl":60,"target":"d1.cloudfront.net."}],"negativeTTL":60,"dnssec":{"state":"insecure","earliestExpiration":null},"because":["x"],"recursives":[{"address":"192.0.2.53:53","rcode":"NOERROR","answers":[{"name":"www.example.com.","type":"CNAME","ttl":60,"data":["d1.cloudfront.net."]}],"remainingTTL":30,"clamp":"floor 60","habits":["fixed-ttl"],"verdict":"ok"}],"verdict":"ok"}]}"#
      ]
    case .policy:
      [
        #"{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Condition":{"StringEquals":{"AWS:SourceArn":"arn:aws:cloudfront::111111111111:distribution/E1"}}},{"Sid":"b","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1OAI","*"]},"Action":["s3:GetObject"],"Resource":"*"}]}"#,
        #"{"Statement":{"Effect":"Allow","Principal":{"CanonicalUser":["0123abcd"]},"Action":"kms:Decrypt","Resource":"*","Condition":{"ArnLike":{"AWS:SourceArn":["arn:aws:cloudfront::111111111111:distribution/*"]},"StringEquals":{"AWS:SourceAccount":"111111111111"}}}}"#,
      ]
    case .metadata:
      [
        #"{"Code":"Success","LastUpdated":"2026-11-24T09:00:00Z","Type":"AWS-HMAC","AccessKeyId":"A","SecretAccessKey":"s","Token":"t","Expiration":"2026-11-24T15:00:00Z"}"#,
        #"{"RoleArn":"r","AccessKeyId":"A","SecretAccessKey":"s","Token":"t","Expiration":"2026-11-24T09:59:00+00:00"}"#,
        "role-of-this-instance\nand another",
      ]
    case .reply:
      [
        "HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 10:00:00 GMT\r\nETag: \"E1\"\r\nSet-Cookie: a\r\nset-cookie: b\r\nx-amz-retry-after: 50\r\nContent-Type: application/dns-message\r\nAge: 5\r\nX-Empty:\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/2 403\r\nx-amzn-errortype: Throttling:http://x\r\nx-amz-bucket-region: eu-west-1\r\nx-amzn-requestid: r\r\n\r\n",
      ]
    case .dns, .tsig: []
    }
  }

  private static let plan = #"""
    {"schema":"edgeferry.plan/1","name":"x","capability":"orphans","createdAt":"2026-11-24T10:00:00Z","tool":"t","accounts":{"default":"111111111111"},"observed":{"inventoryDigest":"sha256:0","images":{}},"steps":[{"id":"disable","title":"Disable E1","account":"111111111111","action":{"type":"cloudfront.setEnabled","distribution":"E1","from":true,"to":false},"expects":{"etag":"V1","configDigest":"sha256:1"},"window":"cloudfront","earliest":"2026-11-24T10:00:00Z","wait":{"from":"last-authoritative-change","seconds":60,"terms":[{"term":"old TTL","seconds":60,"source":"s"}]},"checks":[{"type":"cloudfront.deployed","distribution":"E1","typicalSeconds":300,"limitSeconds":5400}],"inverse":{"type":"cloudfront.setEnabled","distribution":"E1","from":false,"to":true},"rollbackSeconds":270}],"schedule":{"start":"2026-11-24T10:00:00Z","end":"2026-11-24T10:05:00Z","criticalPathSeconds":300,"exposureSeconds":0},"debts":[],"risks":[{"code":"c","text":"t","accepted":true}],"notes":["n"],"permissions":["a:b"],"digest":""}
    """#

  /// DNS messages: answers, a referral, a denial, an update and its refusal.
  private static func octets(_ reader: FuzzReader) -> [[UInt8]] {
    guard reader == .dns || reader == .tsig,
      let name = try? DomainName("www.example.com."), let zone = try? DomainName("example.com.")
    else { return [] }
    var alias = DNSMessage(id: 0x1234, isResponse: true, question: RecordKey(name, .cname))
    alias.isAuthoritative = true
    alias.answer = [DNSRecord(name, .cname, ttl: 60, "d111111abcdef8.cloudfront.net.")]
    var rich = alias
    rich.authority = [DNSRecord(zone, .ns, ttl: 3600, "ns1.example.com.")]
    rich.additional = [
      DNSRecord(name, .a, ttl: 60, "192.0.2.1"), DNSRecord(name, .aaaa, ttl: 60, "2001:db8::1"),
      DNSRecord(name, .txt, ttl: 60, "\"a\" \"b\""),
    ]
    rich.edns = .init()
    var denial = DNSMessage(id: 1, isResponse: true, question: RecordKey(name, .a))
    denial.authority = [
      DNSRecord(zone, .soa, ttl: 60, "ns1.example.com. h.example.com. 1 2 3 4 4294967295")
    ]
    let update = DNSMessage(
      id: 2, isResponse: true, opcode: 5, question: RecordKey(zone, .soa))
    return [alias, rich, denial, update].compactMap { try? DNSWire.encode($0) }
  }
}

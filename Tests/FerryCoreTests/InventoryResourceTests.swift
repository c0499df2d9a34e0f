import FerryTestSupport
import Foundation
import Testing

@testable import FerryCore

struct InventoryResourceTests {
  static func inventory(_ resources: [Inventory.Resource]) -> Inventory {
    Inventory(
      takenAt: Date(timeIntervalSince1970: 0), gaps: [],
      accounts: [.init(id: "111111111111", resources: resources)])
  }
  static let store = Inventory.Resource(
    .keyValueStore, id: "flags", name: "flags",
    extras: ["items": ["a": "canary-value", "b": ""], "status": "READY"])

  @Test func `every kind has its array and survives the file, unknown members included`() throws {
    let resources = ResourceKind.kept.map { kind in
      Inventory.Resource(
        kind, id: "ID-\(kind)", name: "n", arn: "arn:x", etag: "E1",
        lastModified: "2026-01-01T00:00:00Z", tags: ["k": "v"],
        document: kind.configElement.map { XElement($0, [XElement("Invented", text: "kept")]) },
        json: kind.configElement == nil ? ["a": [1, "b", true]] : nil,
        extras: ["later": ["x": 1]])
    }
    let it = Self.inventory(resources)
    let text = FerryJSON.document(it)
    #expect(try Inventory.read(Array(text.utf8), named: "x") == it)
    let document = try JSONValue.read(Array(text.utf8), what: "x")
    let account = document["accounts"]?.array?.first
    #expect(
      Set((account?.object ?? [:]).keys) == [
        "id", "distributions", "continuousDeploymentPolicies", "stacks", "regions",
        "originAccessControls", "originAccessIdentities", "cachePolicies",
        "originRequestPolicies", "responseHeadersPolicies", "functions", "keyValueStores",
        "publicKeys", "keyGroups", "fieldLevelEncryptionProfiles", "fieldLevelEncryptionConfigs",
        "realtimeLogConfigs", "vpcOrigins", "monitoringSubscriptions", "certificates", "webACLs",
        "lambdaFunctions", "buckets", "kmsKeys", "logDeliveries", "serverCertificates",
      ])
    let policy = account?["cachePolicies"]?.array?.first
    #expect(policy?["configXML"]?.string?.hasPrefix("<CachePolicyConfig>") == true)
    #expect(policy?["config"]?["Invented"] == "kept" && policy?["later"]?["x"] == 1)
  }

  @Test func `an account without them writes no array of them`() {
    #expect(!FerryJSON.document(Self.inventory([])).contains("cachePolicies"))
  }

  @Test func `the config alone may be given, and the document wins`() throws {
    let head =
      #"{"schema":"edgeferry.inventory/1","takenAt":"2026-01-01T00:00:00Z","complete":true,"gaps":[],"accounts":[{"id":"111111111111","keyGroups":[{"id":"K","#
    let tail = #""config":{"Name":"from-json","Items":["P1"]}}]}]}"#
    let alone = try Inventory.read(Array((head + tail).utf8), named: "x")
    let it = try #require(alone.accounts[0].resources.first)
    #expect(it.document?.text(at: "Name") == "from-json")
    #expect(it.document?.at("Items/PublicKey")?.text == "P1")
    let both = try Inventory.read(
      Array(
        (head + #""configXML":"<KeyGroupConfig><Name>from-xml</Name></KeyGroupConfig>","# + tail)
          .utf8), named: "x")
    #expect(both.accounts[0].resources.first?.document?.text(at: "Name") == "from-xml")
  }

  @Test(arguments: [
    #"{}"#, #"{"id":7}"#, #"[]"#, #"{"id":"x","configXML":"<Other/>"}"#,
    #"{"id":"x","configXML":"<broken"}"#,
  ])
  func `an item that is broken or of another kind is refused with its place`(_ item: String) {
    let text =
      #"{"schema":"edgeferry.inventory/1","takenAt":"2026-01-01T00:00:00Z","complete":true,"gaps":[],"accounts":[{"id":"111111111111","publicKeys":[\#(item)]}]}"#
    let error = #expect(throws: FerryError.self) {
      try Inventory.read(Array(text.utf8), named: "x")
    }
    #expect(error?.exit == .usage && error?.why.contains("publicKeys") == true)
  }

  @Test func `values of a store are redacted once and nothing else of it is`() throws {
    let redacted = Self.inventory([Self.store]).redacted
    let it = try #require(redacted.accounts[0].resources.first)
    #expect(!FerryJSON.document(redacted).contains("canary"))
    #expect(it.extras["items"]?["a"]?.string == Digest.tagged("canary-value"))
    #expect(it.extras["redacted"] == true && it.extras["status"] == "READY")
    #expect(redacted.redacted == redacted)
    #expect(Self.store.holdsSecrets && !it.holdsSecrets)
  }

  @Test func `the code of a function is no secret, what a Lambda or a web ACL hides is one`() {
    let function = Inventory.Resource(.function, id: "f", extras: ["code": "Y2FuYXJ5"])
    #expect(function.redacted == function)
    let lambda = Inventory.Resource(
      .lambdaFunction, id: "arn",
      json: ["Environment": ["Variables": ["KEY": "canary"]], "Runtime": "nodejs22.x"])
    #expect(lambda.redacted.json?["Environment"]?["Variables"]?["KEY"] != "canary")
    #expect(lambda.redacted.json?["Runtime"] == "nodejs22.x")
    let acl = Inventory.Resource(
      .webACL, id: "arn",
      json: [
        "WebACL": [
          "Rules": [
            [
              "Action": [
                "Allow": [
                  "CustomRequestHandling": ["InsertHeaders": [["Name": "x", "Value": "canary"]]]
                ]
              ]
            ]
          ]
        ]
      ])
    #expect(acl.redacted.json?.canonical.contains("canary") == false)
    #expect(acl.redacted.redacted == acl.redacted)
  }
}

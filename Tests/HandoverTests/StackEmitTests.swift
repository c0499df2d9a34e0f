import FerryCore
import FerryTestSupport
import Foundation
import Testing

@testable import FerryCode
@testable import Handover

/// Templates for an account, and what of it came back.
struct StackEmitTests {
  private static func emitted(_ account: Inventory.Account) throws -> (
    code: StackCode, left: [NotExpressed]
  ) {
    let subjects = Subject.all(in: account)
    let code = try StackCode(
      subjects,
      managed: [.init(kind: .originRequestPolicy, id: "managed-1", name: "Managed-AllViewer")])
    return (code, try StackRoundTrip(code, subjects).left)
  }

  @Test func `a trio and all it refers to is one template of references, and all of it retained`()
    throws
  {
    let (code, left) = try Self.emitted(Account.whole())
    let resources = code.template.resources
    func resource(_ id: String) -> JSONValue { resources[id]?["Properties"] ?? .null }
    let primary = resource("WwwExampleComDistribution")["DistributionConfig"]
    #expect(
      primary?["ContinuousDeploymentPolicyId"]?["Ref"]?.string?.hasSuffix(
        "ContinuousDeploymentPolicy") == true)
    #expect(primary?["Staging"] == nil || primary?["Staging"] == false)
    let behaviour = primary?["DefaultCacheBehavior"]
    #expect(behaviour?["CachePolicyId"] == ["Ref": "ShortLivedCachePolicy"])
    // AWS's own policy is its id, told in the metadata.
    #expect(behaviour?["OriginRequestPolicyId"] == "managed-1")
    #expect(code.template.body["Metadata"]?["ManagedPolicies"]?["managed-1"] == "Managed-AllViewer")
    #expect(behaviour?["TrustedKeyGroups"]?.array?.first?["Ref"] != nil)
    #expect(
      behaviour?["FunctionAssociations"]?.array?.first?["FunctionARN"]
        == ["Fn::GetAtt": ["RewriteFunction", "FunctionARN"]])
    let staging = resource("WwwExampleComStagingDistribution")["DistributionConfig"]
    #expect(staging?["Staging"] == true && staging?["ContinuousDeploymentPolicyId"] == nil)
    #expect(
      staging?["Origins"]?.array?.first?["S3OriginConfig"]?["OriginAccessIdentity"]
        == ["Fn::Sub": "origin-access-identity/cloudfront/${LegacyCloudFrontOriginAccessIdentity}"])
    for (id, it) in resources {
      #expect(it["DeletionPolicy"] == "Retain" && it["UpdateReplacePolicy"] == "Retain", "\(id)")
      #expect(id.allSatisfy { $0.isLetter || $0.isNumber })
    }
    let encrypted = resources.first {
      $0.value["Type"] == "AWS::CloudFront::FieldLevelEncryptionConfig"
    }
    #expect(
      encrypted.map {
        behaviour?["FieldLevelEncryptionId"] == ["Fn::GetAtt": [.string($0.key), "Id"]]
      }
        == true)
    #expect(left.contains { $0.path == "Tags/aws:owner" })
    #expect(left.allSatisfy { $0.reason != RoundTrip.unexplained }, "\(left)")
    #expect(code.notes.contains { $0.contains("after a promote") })
  }

  @Test func `values of origin headers are parameters without an echo, and in a file of their own`()
    throws
  {
    let (code, _) = try Self.emitted(Account.whole())
    let template = code.files.first { $0.path == StackCode.templateFile }
    #expect(template?.text.contains("canary") == false && template?.isSecret == false)
    #expect(code.template.body["Parameters"]?["XKey"]?["NoEcho"] == true)
    #expect(code.template.body["Parameters"]?["XKey"]?["Default"] == nil)
    let values = try #require(code.files.first { $0.path == StackCode.parametersFile })
    #expect(values.isSecret && values.text.contains("canary"))
    let ignored = code.files.first { $0.path == ".gitignore" }?.text
    #expect(ignored?.contains(StackCode.parametersFile) == true)
  }

  @Test func `what is imported is named as each type asks for`() throws {
    let (code, _) = try Self.emitted(Account.whole())
    let file = code.files.first { $0.path == StackCode.importsFile }
    let list = try JSONValue.read(Array((file?.text ?? "").utf8), what: "imports").array ?? []
    #expect(list.count == code.template.resources.count)
    func named(_ type: String) -> JSONValue? {
      list.first { $0["ResourceType"]?.string == "AWS::CloudFront::\(type)" }?["ResourceIdentifier"]
    }
    #expect(named("ContinuousDeploymentPolicy") == ["Id": "cdp-1"])
    #expect(
      named("Function") == ["FunctionARN": "arn:aws:cloudfront::111111111111:function/rewrite"])
    #expect(named("KeyValueStore")?["Name"] != nil)
    #expect(named("RealtimeLogConfig")?["Arn"]?.string?.hasPrefix("arn:") == true)
  }

  @Test func `more than a template may hold is refused`() throws {
    var account = Inventory.Account(id: Account.id)
    account.resources = try (0..<501).map {
      try Account.resource(.cachePolicy, "c\($0)", ["Name": .string("p\($0)"), "MinTTL": 1])
    }
    let error = #expect(throws: FerryError.self) { try Self.emitted(account) }
    #expect(error?.code == "template-too-large" && error?.exit == .usage)
    account.resources.removeLast(300)
    #expect(try Self.emitted(account).code.notes.contains { $0.contains("--template-url") })
  }

  @Test func `the same account gives the same files`() throws {
    #expect(
      try Self.emitted(Account.whole()).code.files == Self.emitted(Account.whole()).code.files)
  }

  @Test func `what came back different is told by its path`() throws {
    let subjects = Subject.all(in: try Account.whole())
    var code = try StackCode(subjects, managed: [])
    let index = try #require(code.files.firstIndex { $0.path == StackCode.templateFile })
    let text = code.files[index].text
    code.files[index].text = text.replacing("redirect-to-https", with: "allow-all")
    let left = try StackRoundTrip(code, subjects).left
    #expect(left.contains { $0.path == "DefaultCacheBehavior/ViewerProtocolPolicy" })
    code.files[index].text = text.replacing("\"RewriteFunction\"", with: "\"OtherFunction\"")
    #expect(throws: FerryError.self) { try StackRoundTrip(code, subjects) }
  }

  @Test func `every distribution of the corpus comes back from its template`() throws {
    guard let corpus = Shared.folder("corpus") else { return }
    let folder = corpus.appendingPathComponent("distributions")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasSuffix(".xml") && !$0.contains("with-tags") }.sorted()
    var reasons: [String: Int] = [:]
    for name in names {
      let config = try XMLReader.read(
        String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8))
      var account = Inventory.Account(id: Account.id)
      account.distributions = [Account.distribution("E1", config)]
      for left in try Self.emitted(account).left {
        #expect(left.reason != RoundTrip.unexplained, "\(name) \(left.path)")
        reasons[left.path.split(separator: "/").last.map(String.init) ?? "", default: 0] += 1
      }
    }
    print("corpus: \(names.count) distributions, not expressed: \(reasons)")
    #expect(names.count > 50)
  }

  @Test func `every policy and resource of the corpus comes back from its template`() throws {
    guard let corpus = Shared.folder("corpus/policies") else { return }
    var count = 0
    for name in try FileManager.default.contentsOfDirectory(atPath: corpus.path).sorted()
    where name.hasSuffix(".xml") {
      let document = try XMLReader.read(
        String(contentsOf: corpus.appendingPathComponent(name), encoding: .utf8))
      var account = Inventory.Account(id: Account.id)
      if document.name == "ContinuousDeploymentPolicyConfig" {
        account.continuousDeploymentPolicies = [
          Inventory.Policy(id: "cdp", etag: "E", lastModified: "", config: document)
        ]
      } else if let kind = ResourceKind.kept.first(where: { $0.configElement == document.name }),
        StackKind.of(kind) != nil
      {
        account.resources = [
          Inventory.Resource(kind, id: "X1", name: document.text(at: "Name"), document: document)
        ]
      } else {
        continue
      }
      count += 1
      #expect(try Self.emitted(account).left == [], "\(name)")
    }
    print("corpus: \(count) policies and resources")
    #expect(count > 20)
  }
}

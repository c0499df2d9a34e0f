import FerryCloudFront
import FerryCore
import FerryModel
import FerryTestSupport
import Foundation
import Testing

@testable import Migration

struct ClosureReaderTests {
  func reader(
    _ model: SharedModel, calls: Calls = Calls(),
    refuse: @escaping @Sendable (ServiceRequest) -> ServiceResponse? = { _ in nil }
  ) -> ClosureReader {
    ClosureReader(
      transport: ModelTransport(
        model, account: Fixture.account, clock: VirtualClock(),
        faults: .init(before: { request, _ throws(FerryError) in
          calls.count(request)
          return refuse(request) ?? Fixture.neighbours(request)
        })), account: Fixture.account)
  }
  func denied(_ operation: String) -> @Sendable (ServiceRequest) -> ServiceResponse? {
    { request in
      request.operation == operation
        ? .awsError(status: 403, code: "AccessDenied", message: "no", requestID: "r") : nil
    }
  }

  @Test func `everything a distribution refers to is read, each thing once, and nothing else`()
    async throws
  {
    let calls = Calls()
    let closure = try await reader(Fixture.model(), calls: calls).read(["EPRIMARY"])
    #expect(closure.gaps == [] && closure.missing == [])
    #expect(closure.account.distributions.map(\.id) == ["EPRIMARY", "ESTAGING"])
    #expect(closure.account.distributions.first?.tags == ["team": "web"])
    #expect(closure.account.continuousDeploymentPolicies.map(\.id) == ["cdp-1"])
    #expect(
      closure.account.resources.map { "\($0.kind.rawValue) \($0.id)" } == [
        "origin-access-control EOAC", "cache-policy custom-cache",
        "origin-request-policy custom-request", "response-headers-policy custom-response",
        "key-value-store flags", "function rewrite", "public-key K1", "key-group group-1",
        "certificate arn:aws:acm:us-east-1:111111111111:certificate/v",
        "web-acl arn:aws:wafv2:us-east-1:111111111111:global/webacl/w/1", "bucket assets-1",
        "kms-key arn:aws:kms:us-east-1:111111111111:key/k-1", "log-delivery del-1",
      ])
    #expect(closure.managed.map(\.id) == [Fixture.cachingOptimized])
    #expect(closure.managed.first?.name.hasSuffix("CachingOptimized") == true)
    #expect(calls.twice == [])
  }

  @Test func `an export can be loaded into an empty account and exported again to the same`()
    async throws
  {
    let model = try await Fixture.model()
    let first = try await reader(model).read(["EPRIMARY"])
    let whole = Inventory(
      takenAt: Date(timeIntervalSince1970: 0), gaps: [], accounts: [first.account])
    let text = FerryJSON.document(whole)
    #expect(try Inventory.read(Array(text.utf8), named: "x") == whole)
    let second = SharedModel(CloudFrontModel(accounts: [Fixture.account]))
    try second.with { (it: inout CloudFrontModel) throws(FerryError) in
      try it.load(JSONValue.read(Array(text.utf8), what: "x"), now: Date())
    }
    let again = try await reader(second).read(["EPRIMARY"])
    #expect(
      again.account.distributions.map { "\($0.id) \($0.etag) \($0.config.configDigest)" }
        == first.account.distributions.map { "\($0.id) \($0.etag) \($0.config.configDigest)" })
    for kind in [ResourceKind.cachePolicy, .keyGroup, .publicKey, .originAccessControl] {
      #expect(
        again.account.resources.filter { $0.kind == kind }.map { $0.document?.configDigest }
          == first.account.resources.filter { $0.kind == kind }.map { $0.document?.configDigest })
    }
  }

  @Test(arguments: [
    ("GetOriginAccessControl", "cloudfront:GetOriginAccessControl"),
    ("GetKeyGroup", "cloudfront:GetKeyGroup"),
    ("GetContinuousDeploymentPolicy", "cloudfront:GetContinuousDeploymentPolicy"),
    ("ListTagsForResource", "cloudfront:ListTagsForResource"),
    ("ListCachePolicies", "cloudfront:ListCachePolicies"),
    ("GetMonitoringSubscription", "cloudfront:GetMonitoringSubscription"),
    ("ListKeys", "cloudfront-keyvaluestore:ListKeys"),
    ("DescribeCertificate", "acm:DescribeCertificate"), ("GetWebACL", "wafv2:GetWebACL"),
    ("GetBucketPolicy", "s3:GetBucketPolicy"),
    ("GetBucketEncryption", "s3:GetEncryptionConfiguration"),
    ("GetKeyPolicy", "kms:GetKeyPolicy"), ("DescribeDeliveries", "logs:DescribeDeliveries"),
  ])
  func `what is refused is a gap that names the action, and the rest is read`(
    _ operation: String, _ action: String
  ) async throws {
    let closure = try await reader(Fixture.model(), refuse: denied(operation)).read(["EPRIMARY"])
    #expect(!closure.gaps.isEmpty)
    #expect(
      closure.gaps.allSatisfy { $0.call == operation && $0.action == action }, "\(closure.gaps)")
    #expect(ClosureActions.all.contains(action))
    #expect(closure.account.distributions.contains { $0.id == "EPRIMARY" })
    #expect(closure.account.resources.count >= 10)
  }

  @Test func `every call that an export makes is among its declared actions`() async throws {
    let calls = Calls()
    _ = try await reader(Fixture.model(), calls: calls).read(["EPRIMARY"])
    let declared = Set(ClosureActions.operations.values.flatMap { $0 })
    #expect(calls.made.subtracting(declared).isEmpty, "\(calls.made.subtracting(declared))")
  }

  @Test func `a distribution that cannot be read at all is the refusal itself`() async throws {
    let model = try await Fixture.model()
    let it = reader(model, refuse: denied("GetDistribution"))
    let error = await #expect(throws: FerryError.self) { try await it.read(["EPRIMARY"]) }
    #expect(error?.exit == .denied)
  }

  @Test func `an interruption ends the export and is no gap`() async throws {
    struct Interrupted: ServiceTransport {
      func send(_ request: ServiceRequest) async throws(FerryError) -> ServiceResponse {
        throw FerryError(
          "interrupted", exit: .interrupted, what: "stopped", why: "a signal", next: "again")
      }
    }
    let it = ClosureReader(transport: Interrupted(), account: Fixture.account)
    let error = await #expect(throws: FerryError.self) { try await it.read(["EPRIMARY"]) }
    #expect(error?.exit == .interrupted)
  }

  @Test func `a policy is read as the account's own when AWS's cannot be told, and that is a gap`()
    async throws
  {
    let model = try await Fixture.model()
    let it = reader(model, refuse: denied("ListCachePolicies"))
    let closure = try await it.read(["EPRIMARY", "ESTAGING"])
    #expect(closure.managed == [])
    #expect(closure.gaps.map(\.call) == ["ListCachePolicies"])
    #expect(closure.account.resources.contains { $0.id == Fixture.cachingOptimized })
  }

  @Test func `an id that the account does not have is missing, and no gap`() async throws {
    let closure = try await reader(Fixture.model()).read(["ENOSUCH", "EOTHER"])
    #expect(closure.missing == ["ENOSUCH"] && closure.gaps == [])
    #expect(closure.account.distributions.map(\.id) == ["EOTHER"])
  }

  @Test func `a staging distribution that is gone is a gap of the primary's closure`() async throws
  {
    let model = try await Fixture.model()
    let it = reader(model) { request in
      request.operation == "ListDistributions"
        ? .init(status: 200, body: Array("<DistributionList/>".utf8)) : nil
    }
    let closure = try await it.read(["EPRIMARY"])
    #expect(closure.account.distributions.map(\.id) == ["EPRIMARY"])
    #expect(closure.gaps.map(\.resource) == ["d2.cloudfront.net"])
  }

  @Test func `many distributions share what they refer to`() async throws {
    let calls = Calls()
    let closure = try await reader(Fixture.model(), calls: calls).read([
      "EPRIMARY", "EOTHER", "ESTAGING",
    ])
    #expect(closure.account.distributions.map(\.id) == ["EOTHER", "EPRIMARY", "ESTAGING"])
    #expect(closure.account.resources.count { $0.kind == .originAccessControl } == 1)
    #expect(calls.twice == [])
  }

  @Test func `every distribution of the corpus is exported and loaded again to the same config`()
    async throws
  {
    guard let folder = Shared.folder("corpus") else { return }
    var distributions: [JSONValue] = []
    let names = try FileManager.default.contentsOfDirectory(
      atPath: folder.appendingPathComponent("distributions").path
    ).filter { $0.hasSuffix(".xml") && !$0.contains("with-tags") }.sorted()
    for (index, name) in names.enumerated() {
      let text = try String(
        contentsOf: folder.appendingPathComponent("distributions/\(name)"), encoding: .utf8)
      distributions.append(["id": .string("E\(1000 + index)"), "configXML": .string(text)])
    }
    func model(_ account: JSONValue) throws -> SharedModel {
      let model = SharedModel(CloudFrontModel(accounts: [Fixture.account]))
      try model.with { (it: inout CloudFrontModel) throws(FerryError) in
        try it.load(
          ["schema": "edgeferry.inventory/1", "accounts": [account]],
          now: Date(timeIntervalSince1970: 1_767_225_600))
      }
      return model
    }
    let ids = names.indices.map { "E\(1000 + $0)" }
    let first = try await reader(
      model(["id": .string(Fixture.account), "distributions": .array(distributions)])
    ).read(ids)
    #expect(first.account.distributions.count == names.count && first.missing == [])
    let text = FerryJSON.document(first.account)
    let second = try await reader(model(JSONValue.read(Array(text.utf8), what: "x"))).read(ids)
    for (left, right) in zip(first.account.distributions, second.account.distributions) {
      #expect(left.config.means(right.config), "\(left.id)")
    }
    print("corpus: \(names.count) distributions, \(first.gaps.count) references that dangle")
  }
}

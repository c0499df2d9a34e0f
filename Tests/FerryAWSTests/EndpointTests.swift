import FerryCore
import FerryTestSupport
import Foundation
import Testing

@testable import FerryAWS

struct EndpointTests {
  @Test(arguments: ["cloudfront", "route53", "sts", "cloudformation"])
  func `every case of the rule set comes out right`(_ name: String) throws {
    guard let folder = Shared.folder("vectors/endpoints") else { return }
    let services = [
      "cloudfront": AWSService.cloudFront, "route53": .route53, "sts": .sts,
      "cloudformation": .cloudFormation,
    ]
    let service = try #require(services[name])
    let file = try JSONValue.read(
      Array(Data(contentsOf: folder.appendingPathComponent("\(name).json"))), what: name)
    var count = 0
    for test in file["testCases"]?.array ?? [] {
      let params = test["params"]
      // The legacy global endpoint of STS is not offered.
      if params?["UseGlobalEndpoint"]?.bool == true { continue }
      let result = Result { () throws(FerryError) in
        try Endpoints.resolve(
          service, region: params?["Region"]?.string, custom: params?["Endpoint"]?.string,
          fips: params?["UseFIPS"]?.bool ?? false, dualStack: params?["UseDualStack"]?.bool ?? false
        )
      }
      let note = Comment(rawValue: test["documentation"]?.string ?? "")
      if let url = test["expect"]?["endpoint"]?["url"]?.string {
        #expect((try? result.get())?.url == url, note)
        let scheme = test["expect"]?["endpoint"]?["properties"]?["authSchemes"]?.array?.first
        if let region = scheme?["signingRegion"]?.string {
          #expect((try? result.get())?.signingRegion == region, note)
        }
      } else {
        #expect(throws: FerryError.self, note) { try result.get() }
      }
      count += 1
    }
    #expect(count >= 20)
  }

  @Test func `every configured endpoint of profiles and variables comes out right`() throws {
    guard let folder = Shared.folder("vectors/profiles") else { return }
    let file = try JSONValue.read(
      Array(Data(contentsOf: folder.appendingPathComponent("configured-endpoint-urls.json"))),
      what: "vectors")
    for suite in file["testSuites"]?.array ?? [] {
      var services: [String: [String: String]] = [:]
      for (section, inner) in suite["services"]?.object ?? [:] {
        for (service, keys) in inner.object ?? [:] {
          for (key, value) in keys.object ?? [:] {
            services[section, default: [:]]["\(service).\(key)"] = value.string
          }
        }
      }
      func texts(_ value: JSONValue?) -> [String: String] {
        (value?.object ?? [:]).compactMapValues(\.string)
      }
      for test in suite["endpointUrlTests"]?.array ?? [] {
        let name = test["service"]?.string ?? ""
        let service = AWSService(
          environmentName: name.uppercased(), configKey: name, signingName: name)
        let client = suite["client_configs"]?[test["client_config"]?.string ?? ""]
        var environment = texts(suite["environments"]?[test["environment"]?.string ?? ""])
        if client?["ignore_configured_endpoint_urls"] == true {
          environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true"
        }
        let found = Endpoints.configured(
          service, argument: client?["endpoint_url"]?.string, environment: environment,
          profile: texts(suite["profiles"]?[test["profile"]?.string ?? ""]), services: services)
        // Where nothing is configured the service's own endpoint stands there.
        let wanted = test["output"]?["endpointUrl"]?.string
        let isOwn = wanted?.hasSuffix("fake-region-10.amazonaws.com") == true
        #expect(
          found == (isOwn ? nil : wanted),
          Comment(rawValue: test["name"]?.string ?? ""))
      }
    }
  }

  @Test func `CloudFront is global and signed for its partition's own region`() throws {
    let endpoint = try Endpoints.resolve(.cloudFront, region: "eu-west-1", custom: nil)
    #expect(
      endpoint
        == Endpoint(
          url: "https://cloudfront.amazonaws.com", signingRegion: "us-east-1", isAWS: true))
    #expect(
      try Endpoints.resolve(.cloudFront, region: "eu-west-1", custom: "http://127.0.0.1:1")
        == Endpoint(url: "http://127.0.0.1:1", signingRegion: "us-east-1", isAWS: false))
  }
  @Test func `other tools are sent where this program sends its own calls`() throws {
    func variables(
      _ argument: String?, _ environment: [String: String] = [:], profile: [String: String] = [:]
    ) throws -> [String: String] {
      try EndpointPlace(
        argument: argument, environment: environment, profile: profile, services: [:],
        region: "us-east-1", fips: false, dualStack: false
      ).variables
    }
    let lab = "http://127.0.0.1:1"
    #expect(try variables(nil) == [:])
    for found in [
      try variables(lab), try variables(lab, ["AWS_ENDPOINT_URL_CLOUDFRONT": "https://x.example"]),
      try variables(lab, ["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"]),
      try variables(nil, ["AWS_ENDPOINT_URL": lab]),
      try variables(nil, profile: ["endpoint_url": lab]),
    ] {
      for name in ["CLOUDFRONT", "CLOUDFORMATION", "STS", "IAM", "S3"] {
        #expect(found["AWS_ENDPOINT_URL_\(name)"] == lab, "\(name)")
      }
      #expect(found["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] == "false")
    }
    #expect(try variables(lab)["AWS_ENDPOINT_URL"] == lab)
    // A state in a bucket has an endpoint of its own.
    let own = try variables(lab, ["AWS_ENDPOINT_URL_S3": "https://s3.example"])
    #expect(own["AWS_ENDPOINT_URL_S3"] == "https://s3.example")
    // CloudFront alone is elsewhere: the rest stays at AWS, as this program's own calls do.
    let one = try variables(nil, ["AWS_ENDPOINT_URL_CLOUDFRONT": lab])
    #expect(
      one.keys.sorted() == ["AWS_ENDPOINT_URL_CLOUDFRONT", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"])
  }
  @Test func `a region that is none is refused`() {
    #expect(throws: FerryError.self) {
      try Endpoints.resolve(.sts, region: "evil.example/", custom: nil)
    }
  }
}

struct ClosureEndpointTests {
  @Test(arguments: [
    (AWSService.acm, "us-east-1", "acm.us-east-1.amazonaws.com", "us-east-1"),
    (.wafv2, "us-east-1", "wafv2.us-east-1.amazonaws.com", "us-east-1"),
    (.lambda, "us-east-1", "lambda.us-east-1.amazonaws.com", "us-east-1"),
    (.logs, "us-east-1", "logs.us-east-1.amazonaws.com", "us-east-1"),
    (.kms, "eu-west-1", "kms.eu-west-1.amazonaws.com", "eu-west-1"),
    (.s3, "eu-west-1", "s3.eu-west-1.amazonaws.com", "eu-west-1"),
    (.iam, "eu-west-1", "iam.amazonaws.com", "us-east-1"),
    (.iam, "us-gov-east-1", "iam.us-gov.amazonaws.com", "us-gov-west-1"),
    (.iam, "cn-northwest-1", "iam.cn-north-1.amazonaws.com.cn", "cn-north-1"),
    (.keyValueStore, "eu-west-1", "cloudfront-kvs.global.api.aws", "us-east-1"),
  ])
  func `what a closure reads is where AWS has it`(
    _ service: AWSService, _ region: String, _ host: String, _ signing: String
  ) throws {
    let endpoint = try Endpoints.resolve(service, region: region, custom: nil)
    #expect(endpoint.url == "https://\(host)" && endpoint.signingRegion == signing)
  }
  @Test func `a bucket has a host of its own for both families of addresses`() throws {
    let endpoint = try Endpoints.resolve(.s3, region: "eu-west-1", custom: nil, dualStack: true)
    #expect(endpoint.url == "https://s3.dualstack.eu-west-1.amazonaws.com")
  }
}

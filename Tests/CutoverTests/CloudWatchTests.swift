import FerryAWS
import FerryHTTP
import FerryModel
import FerryTestSupport
import Foundation
import Testing

@testable import Cutover
@testable import FerryCloudFront
@testable import FerryCommand
@testable import FerryCore

struct CloudWatchTests {
  private let minute = Date(timeIntervalSince1970: 1_800_000_000)

  @Test func `moto gives the same numbers by minute as were put there`() async throws {
    // moto forgets what is older than two weeks, so the time is now's.
    let seconds = Int(Date().timeIntervalSince1970) / 60 * 60 - 600
    let start = Date(timeIntervalSince1970: Double(seconds))
    let variables = ProcessInfo.processInfo.environment
    let program = Shared.package.appendingPathComponent(
      "Tests/EndToEndTests/clients/moto_metrics.py")
    let process = try Subprocess(
      [variables["EDGEFERRY_PYTHON"] ?? "python3", program.path, "\(seconds)"],
      environment: variables.filter { !$0.key.hasPrefix("AWS_") })
    let ready = try JSONValue.read(Array(await process.firstLine().utf8), what: "ready line")
    defer { process.signal(SIGTERM) }
    let session = try AWSSession(
      profile: nil, roleARN: nil, region: nil, endpointURL: try #require(ready["endpoint"]?.string),
      environment: [
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "HOME": "/nowhere",
      ], engine: try HTTPEngine(), clock: SystemClock())
    let client = CloudWatchClient(session.transport)
    let counts = try await client.requests(of: ["E1", "E2", "E3"], from: start, to: start + 300)
    #expect(
      counts == [
        "E1": [.init(at: start, requests: 7), .init(at: start + 120, requests: 1)],
        "E2": [.init(at: start + 60, requests: 7)], "E3": [],
      ])
    // Half of seven and all of one; a quarter of one. E2 has no rate for its minute.
    let errors = try await client.errorCounts(of: ["E1", "E2", "E3"], from: start, to: start + 300)
    #expect(
      errors == [
        "E1": ErrorCounts(
          server: RequestCount(requests: 8, errors: 4.5),
          client: RequestCount(requests: 1, errors: 0.25))
      ])
    let later = try await client.errorCounts(of: ["E1"], from: start + 1, to: start + 300)
    #expect(
      later["E1"]?.server == RequestCount(requests: 1, errors: 1), "a minute that began before")
  }

  private func lab() -> (SharedModel, CloudWatchClient) {
    let model = SharedModel(CloudFrontModel(accounts: ["111111111111", "222222222222"]))
    let transport = ModelTransport(model, account: "111111111111", clock: VirtualClock(minute))
    return (model, CloudWatchClient(transport))
  }
  private static func inventory() throws -> JSONValue {
    try JSONValue.read(
      Array(
        #"{"schema":"edgeferry.inventory/1","takenAt":"2026-01-01T00:00:00Z","complete":true,"gaps":[],"accounts":[{"id":"111111111111","distributions":[{"id":"E1","domainName":"d111.cloudfront.net","config":{"CallerReference":"a","Aliases":{"Quantity":0},"Origins":{"Quantity":1,"Items":[{"Id":"o","DomainName":"o.example.net","S3OriginConfig":{"OriginAccessIdentity":""}}]},"DefaultCacheBehavior":{"TargetOriginId":"o","ViewerProtocolPolicy":"allow-all","CachePolicyId":"658327ea-f89d-4fab-a63d-7e88639e58f6"},"Comment":"","Enabled":true}}]}]}"#
          .utf8), what: "inventory")
  }

  @Test func `the lab counts what its edge served, by the minute and for its own account alone`()
    async throws
  {
    let (model, client) = lab()
    let loaded = try Self.inventory()
    let minute = self.minute
    try model.with { (it: inout CloudFrontModel) throws(FerryError) in
      try it.load(loaded, now: minute)
      for offset in [0.0, 59, 60, 300] { it.countRequest(by: "E1", now: minute + offset) }
      it.countRequest(by: "E9", now: minute)
    }
    let counts = try await client.requests(of: ["E1", "E9"], from: minute + 30, to: minute + 300)
    #expect(
      counts == [
        "E1": [.init(at: minute, requests: 2), .init(at: minute + 60, requests: 1)], "E9": [],
      ])
    let byFive = try await client.requests(
      of: ["E1"], from: minute, to: minute + 600, periodSeconds: 300)
    #expect(byFive["E1"]?.map(\.requests) == [3, 1])
    let other = CloudWatchClient(
      ModelTransport(model, account: "222222222222", clock: VirtualClock(minute)))
    #expect(try await other.requests(of: ["E1"], from: minute, to: minute + 60)["E1"] == [])
  }
  @Test func `the lab counts 4xx and 5xx apart and together`() async throws {
    let (model, client) = lab()
    let loaded = try Self.inventory()
    let minute = self.minute
    try model.with { (it: inout CloudFrontModel) throws(FerryError) in
      try it.load(loaded, now: minute)
      for (status, times) in [(200, 4), (301, 1), (404, 2), (403, 1), (502, 2)] {
        it.countRequest(by: "E1", status: status, times: times, now: minute)
      }
    }
    let counts = try await client.errorCounts(of: ["E1"], from: minute, to: minute + 60)
    #expect(
      counts == [
        "E1": ErrorCounts(
          server: RequestCount(requests: 10, errors: 2),
          client: RequestCount(requests: 10, errors: 3))
      ])
    let transport = ModelTransport(model, account: "111111111111", clock: VirtualClock(minute))
    for (metric, percent) in [
      ("4xxErrorRate", "30.0"), ("5xxErrorRate", "20.0"), ("TotalErrorRate", "50.0"),
    ] {
      let form = [
        "Namespace": "AWS/CloudFront", "MetricName": metric, "Statistics.member.1": "Average",
        "Period": "60", "StartTime": Timestamp.text(minute), "EndTime": Timestamp.text(minute + 60),
        "Dimensions.member.1.Name": "DistributionId", "Dimensions.member.1.Value": "E1",
        "Dimensions.member.2.Name": "Region", "Dimensions.member.2.Value": "Global",
      ]
      let answer = try await query(
        transport, .cloudWatch, "GetMetricStatistics", form, version: "2010-08-01",
        region: "us-east-1")
      let point = answer.at("GetMetricStatisticsResult/Datapoints/member")
      #expect(point?.text(at: "Average") == percent && point?.text(at: "Unit") == "Percent")
    }
  }
  @Test func `what CloudWatch refuses, the lab refuses`() async throws {
    let (_, client) = lab()
    for (start, end, period) in [(minute, minute, 60), (minute, minute + 60, 90)] {
      let error = await #expect(throws: FerryError.self) {
        try await client.requests(of: ["E1"], from: start, to: end, periodSeconds: period)
      }
      #expect(error?.service?.code == "InvalidParameterValue")
    }
  }
  @Test func `evidence says how many requests there were and when the last was`() {
    let domain = DomainName(wire: "d111.cloudfront.net")
    #expect(
      RequestEvidence.line(domain, "E1", [])
        == "CloudWatch: E1 (d111.cloudfront.net) had no request in 15 min")
    #expect(
      RequestEvidence.line(
        domain, "E1",
        [
          .init(at: minute, requests: 5), .init(at: minute + 60, requests: 2),
          .init(at: minute + 120, requests: 0),
        ])
        == "CloudWatch: E1 (d111.cloudfront.net) had 7 requests in 15 min, the last in the minute from \(Timestamp.text(minute + 60))"
    )
  }
}

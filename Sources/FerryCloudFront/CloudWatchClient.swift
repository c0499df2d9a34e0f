import FerryCore
import Foundation

/// What CloudFront counted, as CloudWatch tells it; a minute or more behind.
public struct CloudWatchClient: Sendable {
  public var transport: any ServiceTransport
  public init(_ transport: any ServiceTransport) { self.transport = transport }

  /// Viewer requests of one distribution in one period.
  public struct Count: Codable, Equatable, Sendable {
    public var at: Date
    public var requests: Double
    public init(at: Date, requests: Double) {
      self.at = at
      self.requests = requests
    }
  }

  /// Requests of each distribution, by minute or longer periods; a period without one is left out.
  ///
  /// - Parameters:
  ///   - ids: at most 100 are asked about.
  ///   - periodSeconds: a multiple of 60.
  /// - Throws: `.accessDenied` without `cloudwatch:GetMetricData`.
  /// - Source: CloudFront Developer Guide, "Viewing CloudFront and edge function metrics": namespace
  ///   AWS/CloudFront, dimensions DistributionId and Region=Global, in us-east-1 alone.
  public func requests(
    of ids: [String], from start: Date, to end: Date, periodSeconds: Int = 60
  ) async throws(FerryError) -> [String: [Count]] {
    var form = ["StartTime": Timestamp.text(start), "EndTime": Timestamp.text(end)]
    form["ScanBy"] = "TimestampAscending"
    let ids = ids.prefix(100)
    for (index, id) in ids.enumerated() {
      let query = "MetricDataQueries.member.\(index + 1)"
      form["\(query).Id"] = "q\(index)"
      form["\(query).MetricStat.Stat"] = "Sum"
      form["\(query).MetricStat.Period"] = "\(max(60, periodSeconds))"
      let metric = "\(query).MetricStat.Metric"
      form["\(metric).Namespace"] = "AWS/CloudFront"
      form["\(metric).MetricName"] = "Requests"
      form["\(metric).Dimensions.member.1.Name"] = "DistributionId"
      form["\(metric).Dimensions.member.1.Value"] = id
      form["\(metric).Dimensions.member.2.Name"] = "Region"
      form["\(metric).Dimensions.member.2.Value"] = "Global"
    }
    var out = Dictionary(ids.map { ($0, [Count]()) }, uniquingKeysWith: { first, _ in first })
    var token: String?
    repeat {
      form["NextToken"] = token
      let root = try await query(
        transport, .cloudWatch, "GetMetricData", form, version: "2010-08-01", region: "us-east-1")
      let result = root.first("GetMetricDataResult")
      for series in result?.first("MetricDataResults")?.all("member") ?? [] {
        let index = Int(series.text(at: "Id")?.dropFirst() ?? "") ?? -1
        guard ids.indices.contains(index) else { continue }
        let times = series.first("Timestamps")?.all("member").map(\.text) ?? []
        let values = series.first("Values")?.all("member").map(\.text) ?? []
        guard times.count == values.count else {
          throw CloudFrontClient.unreadable("GetMetricData", "it has values without times")
        }
        for (time, value) in zip(times, values) {
          guard let at = Timestamp.read(time), let requests = Double(value), requests.isFinite
          else {
            throw CloudFrontClient.unreadable("GetMetricData", "a value or a time is none")
          }
          out[ids[index], default: []].append(Count(at: at, requests: requests))
        }
      }
      let next = result?.text(at: "NextToken").flatMap { $0.isEmpty ? nil : $0 }
      if let next, next == token {
        throw CloudFrontClient.unreadable(
          "GetMetricData", "the next page's token is this page's own")
      }
      token = next
    } while token != nil
    return out.mapValues { $0.sorted { $0.at < $1.at } }
  }
}

extension AWSService {
  public static let cloudWatch = AWSService(
    environmentName: "CLOUDWATCH", configKey: "cloudwatch", signingName: "monitoring")
}

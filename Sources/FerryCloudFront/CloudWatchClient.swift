import FerryCore
import Foundation

/// What CloudFront counted, as CloudWatch tells it; a minute or more behind.
public struct CloudWatchClient: Sendable {
  /// How far it may be behind.
  ///
  /// - Source: reference facts on CloudFront, section 9: 5 to 10 minutes; unconfirmed.
  public static let delaySeconds = 600.0
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
    let found = try await series(
      [Metric(name: "Requests", statistic: "Sum")], of: ids, from: start, to: end,
      periodSeconds: periodSeconds)
    return found.mapValues { $0.first ?? [] }
  }

  /// Requests with their 5xx and 4xx answers of each distribution, from minutes of which both numbers are known.
  ///
  /// A rate is of one minute's requests, so errors are added up minute by minute: a mean of rates would count a quiet
  /// minute as much as a busy one.
  /// - Parameter ids: at most 100 are asked about.
  /// - Returns: no entry for a distribution without such a minute.
  /// - Source: the page named above: 5xxErrorRate is "the percentage of all viewer requests for which the response's
  ///   HTTP status code is 5xx", and 4xxErrorRate likewise.
  public func errorCounts(of ids: [String], from start: Date, to end: Date)
    async throws(FerryError) -> [String: ErrorCounts]
  {
    let found = try await series(
      [
        Metric(name: "Requests", statistic: "Sum"),
        Metric(name: "5xxErrorRate", statistic: "Average"),
        Metric(name: "4xxErrorRate", statistic: "Average"),
      ], of: ids, from: start, to: end, periodSeconds: 60)
    var out: [String: ErrorCounts] = [:]
    for (id, all) in found where all.count == 3 {
      let counts = ErrorCounts(
        server: Self.count(all[0], rates: all[1], from: start),
        client: Self.count(all[0], rates: all[2], from: start))
      if counts != ErrorCounts() { out[id] = counts }
    }
    return out
  }
  private static func count(_ requests: [Count], rates: [Count], from start: Date) -> RequestCount {
    let percent = Dictionary(
      rates.map { ($0.at, $0.requests) }, uniquingKeysWith: { first, _ in first })
    var out = RequestCount()
    // Metrics count by whole minutes: one that began before the start holds requests of before.
    for minute in requests where minute.at >= start {
      guard let rate = percent[minute.at] else { continue }
      out.requests += minute.requests
      out.errors += minute.requests * rate / 100
    }
    return out
  }

  private struct Metric {
    var name: String
    var statistic: String
  }
  /// By id, one series for each metric, in their order.
  private func series(
    _ metrics: [Metric], of ids: [String], from start: Date, to end: Date, periodSeconds: Int
  ) async throws(FerryError) -> [String: [[Count]]] {
    var form = ["StartTime": Timestamp.text(start), "EndTime": Timestamp.text(end)]
    form["ScanBy"] = "TimestampAscending"
    let ids = Array(ids.prefix(100))
    let asked = ids.flatMap { id in metrics.map { (id: id, metric: $0) } }
    for (index, it) in asked.enumerated() {
      let query = "MetricDataQueries.member.\(index + 1)"
      form["\(query).Id"] = "q\(index)"
      form["\(query).MetricStat.Stat"] = it.metric.statistic
      form["\(query).MetricStat.Period"] = "\(max(60, periodSeconds))"
      let metric = "\(query).MetricStat.Metric"
      form["\(metric).Namespace"] = "AWS/CloudFront"
      form["\(metric).MetricName"] = it.metric.name
      form["\(metric).Dimensions.member.1.Name"] = "DistributionId"
      form["\(metric).Dimensions.member.1.Value"] = it.id
      form["\(metric).Dimensions.member.2.Name"] = "Region"
      form["\(metric).Dimensions.member.2.Value"] = "Global"
    }
    var out = [[Count]](repeating: [], count: asked.count)
    // Of each series the last page's: one that says PartialData goes on, or ends as what it is.
    var statuses = [String?](repeating: nil, count: asked.count)
    var token: String?
    repeat {
      form["NextToken"] = token
      let root = try await query(
        transport, .cloudWatch, "GetMetricData", form, version: "2010-08-01", region: "us-east-1")
      let result = root.first("GetMetricDataResult")
      for series in result?.first("MetricDataResults")?.all("member") ?? [] {
        let index = Int(series.text(at: "Id")?.dropFirst() ?? "") ?? -1
        guard asked.indices.contains(index) else { continue }
        statuses[index] = series.text(at: "StatusCode") ?? ""
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
          out[index].append(Count(at: at, requests: requests))
        }
      }
      let next = result?.text(at: "NextToken").flatMap { $0.isEmpty ? nil : $0 }
      if let next, next == token {
        throw CloudFrontClient.unreadable(
          "GetMetricData", "the next page's token is this page's own")
      }
      token = next
    } while token != nil
    // An answer without numbers says "no request" only where it is whole.
    for (it, status) in zip(asked, statuses) where status != "Complete" {
      throw CloudFrontClient.unreadable(
        "GetMetricData",
        "\(it.metric.name) of \(it.id) is \(status.map { $0.isEmpty ? "without a status" : $0 } ?? "missing")"
      )
    }
    var byID: [String: [[Count]]] = [:]
    for (index, id) in ids.enumerated() {
      let from = index * metrics.count
      byID[id] = out[from..<(from + metrics.count)].map { $0.sorted { $0.at < $1.at } }
    }
    return byID
  }
}

extension AWSService {
  public static let cloudWatch = AWSService(
    environmentName: "CLOUDWATCH", configKey: "cloudwatch", signingName: "monitoring")
}

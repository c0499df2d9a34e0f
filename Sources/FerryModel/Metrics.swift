import FerryCore
import Foundation

/// Viewer requests of one distribution, by the minute.
public struct ViewerRequests: Equatable, Sendable {
  struct Minute: Equatable, Sendable {
    var requests = 0
    /// Answered with 5xx.
    var errors = 0
    /// Answered with 4xx.
    var clientErrors = 0
    /// Of one of CloudWatch's metrics; nil for one that is none.
    func value(_ metric: String) -> Double? {
      func percent(_ count: Int) -> Double { 100 * Double(count) / Double(requests) }
      return switch metric {
      case "Requests": Double(requests)
      case "5xxErrorRate": percent(errors)
      case "4xxErrorRate": percent(clientErrors)
      case "TotalErrorRate": percent(errors + clientErrors)
      default: nil
      }
    }
  }
  public private(set) var total = 0
  /// By minutes since 1970; those of the last day at least.
  private(set) var minutes: [Int: Minute] = [:]
  private static let minutesKept = 1440

  mutating func add(_ count: Int, status: Int, at now: Date) {
    total += count
    let minute = CloudFrontModel.minute(now)
    // Seldom, so that counting costs the same however much there is.
    if minutes[minute] == nil, minutes.count >= 2 * Self.minutesKept {
      minutes = minutes.filter { $0.key > minute - Self.minutesKept }
    }
    minutes[minute, default: Minute()].requests += count
    switch status {
    case 500...: minutes[minute, default: Minute()].errors += count
    case 400...: minutes[minute, default: Minute()].clientErrors += count
    default: break
    }
  }
}

/// CloudWatch's two reads of AWS/CloudFront's metrics of requests and errors, from what the edge served.
extension CloudFrontModel {
  static let cloudWatchNamespace = "http://monitoring.amazonaws.com/doc/2010-08-01/"

  static func minute(_ date: Date) -> Int {
    Int((date.timeIntervalSince1970 / 60).rounded(.down))
  }
  /// Notes that the edge served a request, or so many alike.
  public mutating func countRequest(
    by distribution: String, status: Int = 200, times: Int = 1, now: Date
  ) {
    viewerRequests[distribution, default: ViewerRequests()].add(times, status: status, at: now)
  }

  /// Both operations of CloudWatch that the lab serves.
  func cloudWatch(_ form: [String: String], _ call: Call, requestID: String)
    throws(Refusal) -> Answer
  {
    let action = form["Action"] ?? ""
    let result: [XElement]
    switch action {
    case "GetMetricData": result = try metricData(form, call)
    case "GetMetricStatistics": result = try metricStatistics(form, call)
    default: throw .unknownOperation(call.request)
    }
    return answer(action, result, namespace: Self.cloudWatchNamespace, requestID: requestID)
  }

  private static func invalid(_ message: String) -> Refusal {
    Refusal(400, "InvalidParameterValue", message)
  }
  private static func span(_ form: [String: String]) throws(Refusal) -> (Date, Date) {
    guard let start = form["StartTime"].flatMap(Timestamp.read),
      let end = form["EndTime"].flatMap(Timestamp.read)
    else { throw Refusal(400, "MissingParameter", "StartTime and EndTime are required.") }
    guard start < end else {
      throw invalid("The parameter StartTime must be less than the parameter EndTime.")
    }
    return (start, end)
  }

  private func metricData(_ form: [String: String], _ call: Call) throws(Refusal) -> [XElement] {
    let (start, end) = try Self.span(form)
    var members: [XElement] = []
    for index in 1...500 {
      let place = "MetricDataQueries.member.\(index)"
      guard let id = form["\(place).Id"] else { break }
      let metric = "\(place).MetricStat.Metric"
      let counts = try counts(
        form, at: metric, period: form["\(place).MetricStat.Period"],
        statistic: form["\(place).MetricStat.Stat"], from: start, to: end, call)
      let ordered = form["ScanBy"] == "TimestampAscending" ? counts : counts.reversed()
      members.append(
        XElement(
          "member",
          [
            XElement("Id", text: id), XElement("Label", text: form["\(metric).MetricName"] ?? ""),
            XElement(
              "Timestamps", ordered.map { XElement("member", text: Self.timestamp($0.at)) }),
            XElement("Values", ordered.map { XElement("member", text: "\($0.value)") }),
            XElement("StatusCode", text: "Complete"),
          ]))
    }
    guard !members.isEmpty else {
      throw Refusal(400, "MissingParameter", "The parameter MetricDataQueries is required.")
    }
    return [XElement("MetricDataResults", members)]
  }
  private func metricStatistics(_ form: [String: String], _ call: Call) throws(Refusal)
    -> [XElement]
  {
    let (start, end) = try Self.span(form)
    let counts = try counts(
      form, at: nil, period: form["Period"], statistic: form["Statistics.member.1"], from: start,
      to: end, call)
    let points = counts.map {
      XElement(
        "member",
        [
          XElement("Timestamp", text: Self.timestamp($0.at)),
          XElement(form["Statistics.member.1"] ?? "Sum", text: "\($0.value)"),
          XElement("Unit", text: form["MetricName"] == "Requests" ? "None" : "Percent"),
        ])
    }
    return [
      XElement("Label", text: form["MetricName"] ?? ""), XElement("Datapoints", points),
    ]
  }

  /// The metrics that are served, and the statistic that says something of each.
  /// - Source: CloudFront Developer Guide, "Viewing CloudFront and edge function metrics".
  private static let statistics = [
    "Requests": "Sum", "4xxErrorRate": "Average", "5xxErrorRate": "Average",
    "TotalErrorRate": "Average",
  ]

  /// By period, ascending; a period without a request is left out, as CloudWatch does. CloudWatch's average of a longer
  /// period is that of its minutes.
  private func counts(
    _ form: [String: String], at place: String?, period: String?, statistic: String?,
    from start: Date, to end: Date, _ call: Call
  ) throws(Refusal) -> [(at: Date, value: Double)] {
    func given(_ key: String) -> String? { form[place.map { "\($0).\(key)" } ?? key] }
    guard let seconds = period.flatMap({ Int($0) }), seconds >= 60, seconds % 60 == 0,
      seconds <= 86_400
    else { throw Self.invalid("The value for parameter Period must be a multiple of 60.") }
    let name = given("MetricName") ?? ""
    guard statistic == Self.statistics[name] ?? "Sum" else {
      throw Self.invalid(
        "The lab serves the Sum of Requests and the Average of 4xxErrorRate, 5xxErrorRate and TotalErrorRate."
      )
    }
    var dimensions: [String: String] = [:]
    for index in 1...30 {
      guard let name = given("Dimensions.member.\(index).Name") else { break }
      dimensions[name] = given("Dimensions.member.\(index).Value") ?? ""
    }
    // What AWS does not have is no error: it has no data.
    guard call.request.region ?? "us-east-1" == "us-east-1", given("Namespace") == "AWS/CloudFront",
      Self.statistics[name] != nil, dimensions["Region"] == "Global", dimensions.count == 2,
      let id = dimensions["DistributionId"],
      accounts[call.account]?.distributions[id] != nil, let seen = viewerRequests[id]
    else { return [] }
    var values: [Int: [Double]] = [:]
    for (minute, count) in seen.minutes {
      let at = minute * 60 / seconds * seconds
      let date = Date(timeIntervalSince1970: Double(at))
      guard date + Double(seconds) > start, date < end, let value = count.value(name) else {
        continue
      }
      values[at, default: []].append(value)
    }
    return values.sorted { $0.key < $1.key }.map { at, values in
      let sum = values.reduce(0, +)
      return (
        Date(timeIntervalSince1970: Double(at)),
        name == "Requests" ? sum : sum / Double(values.count)
      )
    }
  }
}

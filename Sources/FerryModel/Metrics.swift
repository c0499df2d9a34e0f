import FerryCore
import Foundation

/// Viewer requests of one distribution, by the minute.
public struct ViewerRequests: Equatable, Sendable {
  public private(set) var total = 0
  /// By minutes since 1970; those of the last day.
  private(set) var minutes: [Int: Int] = [:]
  private static let minutesKept = 1440

  mutating func add(at now: Date) {
    total += 1
    let minute = CloudFrontModel.minute(now)
    if minutes[minute] == nil, minutes.count >= Self.minutesKept {
      minutes = minutes.filter { $0.key > minute - Self.minutesKept }
    }
    minutes[minute, default: 0] += 1
  }
}

/// CloudWatch's two reads of one metric: AWS/CloudFront Requests, from what the edge served.
extension CloudFrontModel {
  static let cloudWatchNamespace = "http://monitoring.amazonaws.com/doc/2010-08-01/"

  static func minute(_ date: Date) -> Int {
    Int((date.timeIntervalSince1970 / 60).rounded(.down))
  }
  /// Notes that the edge served a request.
  public mutating func countRequest(by distribution: String, now: Date) {
    viewerRequests[distribution, default: ViewerRequests()].add(at: now)
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
            XElement("Values", ordered.map { XElement("member", text: "\(Double($0.sum))") }),
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
          XElement("Sum", text: "\(Double($0.sum))"), XElement("Unit", text: "None"),
        ])
    }
    return [
      XElement("Label", text: form["MetricName"] ?? ""), XElement("Datapoints", points),
    ]
  }

  /// Sums by period, ascending; a period without a request is left out, as CloudWatch does.
  private func counts(
    _ form: [String: String], at place: String?, period: String?, statistic: String?,
    from start: Date, to end: Date, _ call: Call
  ) throws(Refusal) -> [(at: Date, sum: Int)] {
    func given(_ key: String) -> String? { form[place.map { "\($0).\(key)" } ?? key] }
    guard let seconds = period.flatMap({ Int($0) }), seconds >= 60, seconds % 60 == 0,
      seconds <= 86_400
    else { throw Self.invalid("The value for parameter Period must be a multiple of 60.") }
    guard statistic == "Sum" else {
      throw Self.invalid("The lab serves the statistic Sum alone.")
    }
    var dimensions: [String: String] = [:]
    for index in 1...30 {
      guard let name = given("Dimensions.member.\(index).Name") else { break }
      dimensions[name] = given("Dimensions.member.\(index).Value") ?? ""
    }
    // What AWS does not have is no error: it has no data.
    guard call.request.region ?? "us-east-1" == "us-east-1", given("Namespace") == "AWS/CloudFront",
      given("MetricName") == "Requests", dimensions["Region"] == "Global", dimensions.count == 2,
      let id = dimensions["DistributionId"],
      accounts[call.account]?.distributions[id] != nil, let seen = viewerRequests[id]
    else { return [] }
    var sums: [Int: Int] = [:]
    for (minute, count) in seen.minutes {
      let at = minute * 60 / seconds * seconds
      let date = Date(timeIntervalSince1970: Double(at))
      if date + Double(seconds) > start, date < end { sums[at, default: 0] += count }
    }
    return sums.sorted { $0.key < $1.key }.map {
      (Date(timeIntervalSince1970: Double($0.key)), $0.value)
    }
  }
}

import FerryCore

/// Additional metrics of a distribution: there or not there, outside its config.
extension CloudFrontModel {
  private func monitoring(_ id: String, _ call: Call) throws(Refusal) -> XElement {
    guard let it = try distribution(id, call).monitoring else {
      throw Refusal(
        404, "NoSuchMonitoringSubscription",
        "A monitoring subscription does not exist for the specified distribution.")
    }
    return it
  }

  func getMonitoring(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    Answer(body: try monitoring(id, call))
  }

  mutating func createMonitoring(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    let root = try body(call, root: "MonitoringSubscription")
    var it = try distribution(id, call)
    let status = root.text(
      at: "RealtimeMetricsSubscriptionConfig/RealtimeMetricsSubscriptionStatus")
    guard status == "Enabled" || status == "Disabled" else {
      throw .malformed("RealtimeMetricsSubscriptionStatus must be Enabled or Disabled.")
    }
    guard it.monitoring == nil else {
      throw Refusal(
        409, "MonitoringSubscriptionAlreadyExists",
        "A monitoring subscription already exists for the specified distribution.")
    }
    it.monitoring = root
    accounts[call.account]?.put(it)
    return Answer(body: root, effective: true)
  }

  mutating func deleteMonitoring(_ id: String, _ call: Call) throws(Refusal) -> Answer {
    _ = try monitoring(id, call)
    var it = try distribution(id, call)
    it.monitoring = nil
    accounts[call.account]?.put(it)
    return Answer(effective: true)
  }
}

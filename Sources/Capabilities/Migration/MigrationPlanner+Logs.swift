import FerryCloudFront
import FerryCore

/// Standard logs (v2) stand outside the config: their deliveries are made for the copy after it is there.
extension MigrationPlanner {
  /// - Parameter copy: the copy's id, as later steps refer to it.
  mutating func deliverLogs(of it: Inventory.Distribution, _ move: Move, _ copy: String) {
    var count = 0
    for found in input.closure.resources where found.delivers(logsOf: it) {
      guard let document = LogDeliveryClient.document(of: found.json),
        let old = document.text(at: "DestinationArn"), let type = document.text(at: "LogType")
      else { continue }
      guard let new = destination(old) else {
        builder.note(
          "\(it.id) delivers standard logs (v2) to \(old), which is the source account's, so the copy does not: make a destination in \(target), or let its policy admit that account (logs put-delivery-destination-policy), map it under logDestinations: and plan again"
        )
        continue
      }
      if new == old, source != target {
        builder.note(
          "\(old) gets the logs of the copy of \(it.id), too: its destination policy must admit account \(target)"
        )
      }
      count += 1
      let step = "deliver-logs-\(it.id.lowercased())" + (count > 1 ? "-\(count)" : "")
      let name = "cloudfront-\(copy)" + (type == "ACCESS_LOGS" ? "" : "-\(type)") + "/" + new
      var edits = [
        ConfigEdit(
          path: "ResourceArn", from: it.arn,
          to: "arn:aws:cloudfront::\(target):distribution/\(copy)")
      ]
      if new != old { edits.append(.init(path: "DestinationArn", from: old, to: new)) }
      add(
        Step(
          id: step, title: "Deliver the logs of the copy of \(it.id) to \(new)", account: target,
          action: .create(
            ResourceDraft(
              kind: .logDelivery, name: name, image: builder.image(document), set: edits))),
        parts: part(move),
        rollback: [
          Step(
            id: "un\(step)", title: "Deliver the logs of the copy of \(it.id) to \(new) no longer",
            account: target, action: .delete(kind: .logDelivery, id: name), undoes: step)
        ])
    }
  }
  /// As the map has it; nil for one of the source account, which another account may not use unasked.
  private func destination(_ old: String) -> String? {
    if let mapped = input.map.logDestinations[old] { return mapped }
    return source == target || ARN(old)?.account != source ? old : nil
  }
}

extension Inventory.Resource {
  /// Whether it is a delivery of that distribution's standard logs (v2).
  func delivers(logsOf it: Inventory.Distribution) -> Bool {
    kind == .logDelivery
      && json?["source"]?["resourceArns"]?.array?.contains(.string(it.arn)) ?? false
  }
}

import FerryCloudFront
import FerryCore

/// Deliveries of standard logs (v2) of a pair: what is delivered where, and in which form.
extension Comparison {
  mutating func deliveries(
    _ source: Inventory.Distribution, _ target: Inventory.Distribution, at place: String
  ) {
    func all(_ side: Side, _ it: Inventory.Distribution) -> [XElement] {
      side.account.resources.filter { $0.delivers(logsOf: it) }.map {
        var out = LogDeliveryClient.document(of: $0.json) ?? XElement("LogDelivery")
        // Whose logs they are is the pair itself.
        out.put(XElement("ResourceArn"))
        return out
      }
    }
    func text(_ it: XElement, _ name: String) -> String { it.text(at: name) ?? "" }
    let path = "\(place)/logDeliveries"
    var rest = all(self.target, target)
    for one in all(self.source, source) {
      let old = text(one, "DestinationArn")
      let wanted = intent.successors[old] ?? intent.map.logDestinations[old] ?? old
      let found = rest.firstIndex {
        text($0, "DestinationArn") == wanted && text($0, "LogType") == text(one, "LogType")
      }
      guard let found else {
        differ(
          path, old, nil, false,
          "the target delivers no logs to \(wanted); one of the source account has to be mapped under logDestinations:"
        )
        continue
      }
      let other = rest.remove(at: found)
      if old != wanted { differ("\(path)/DestinationArn", old, wanted, true, "mapped") }
      for it in one.differences(to: other) where it.path != "DestinationArn" {
        differ("\(path)/\(it.path)", it.planned, it.found, false, nil)
      }
    }
    for other in rest {
      differ(path, nil, text(other, "DestinationArn"), false, "the source has no such delivery")
    }
  }
}

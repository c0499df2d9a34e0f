import FerryCore

/// Finds what a config names among an account's resources: by id, ARN or name, the first of its kind.
struct ResourceIndex: Sendable {
  private let resources: [Inventory.Resource]
  private let places: [ResourceKind: [String: Int]]

  init(_ resources: [Inventory.Resource]) {
    self.resources = resources
    var places: [ResourceKind: [String: Int]] = [:]
    for (place, it) in resources.enumerated() {
      for key in [it.id, it.arn, it.name] {
        guard let key, places[it.kind]?[key] == nil else { continue }
        places[it.kind, default: [:]][key] = place
      }
    }
    self.places = places
  }
  subscript(_ kind: ResourceKind, _ key: String) -> Inventory.Resource? {
    places[kind]?[key].map { resources[$0] }
  }
}

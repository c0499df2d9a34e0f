import FerryCore

/// What runs look up in a plan again and again; one can serve many runs of the same plan.
public struct PlanIndex: Sendable {
  let digest: String
  /// Of the steps, by their id.
  let places: [String: Int]
  /// Steps whose records hold references to what earlier steps make, by their place.
  let referring: Set<Int>
  /// For a step that observes, the places of the steps before it that change something of the same parts.
  private let changesBefore: [[Int]]

  public init(_ plan: Plan) {
    digest = plan.digest
    let steps = plan.steps
    var places: [String: Int] = [:]
    var referring: Set<Int> = []
    var changes: [[Int]] = []
    changes.reserveCapacity(steps.count)
    var all: [Int] = []
    // Those of no part are of all of them.
    var shared: [Int] = []
    var byPart: [String: [Int]] = [:]
    for place in steps.indices {
      if places[steps[place].id] == nil { places[steps[place].id] = place }
      if steps[place].hasRecordReferences { referring.insert(place) }
      let parts = steps[place].parts
      guard steps[place].action != .observe else {
        changes.append(
          parts.map { parts in Set(shared + parts.flatMap { byPart[$0] ?? [] }).sorted() } ?? all)
        continue
      }
      changes.append([])
      all.append(place)
      if parts == nil { shared.append(place) }
      for part in parts ?? [] { byPart[part, default: []].append(place) }
    }
    self.places = places
    self.referring = referring
    changesBefore = changes
  }
  func changes(beforeObserving place: Int) -> [Int] {
    changesBefore.indices.contains(place) ? changesBefore[place] : []
  }
}

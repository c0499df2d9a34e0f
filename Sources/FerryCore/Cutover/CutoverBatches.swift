/// Changes of one zone that go together.
///
/// - Source: Route 53 quotas, ChangeResourceRecordSets: 1,000 ResourceRecord elements and 32,000 characters
///   of values in a request, an UPSERT counted twice.
struct CutoverBatch: Equatable, Sendable {
  static let elementsMax = 1000
  static let charactersMax = 32_000

  var zone: ZoneSettings
  var account: AccountID?
  var changes: [RecordChange] = []
  /// How many names they are of.
  var names = 0
  private var elements = 0
  private var characters = 0

  init(zone: ZoneSettings, account: AccountID?) {
    self.zone = zone
    self.account = account
  }
  var action: Action {
    changes.count == 1
      ? .replace(zone: zone.name, changes[0]) : .batch(zone: zone.name, changes: changes)
  }
  /// What takes it back; one value for the plan and its rollback plan.
  private(set) var inverse = Action.observe
  private mutating func close() {
    inverse =
      changes.count == 1
      ? .replace(zone: zone.name, changes[0].inverse)
      : .batch(zone: zone.name, changes: changes.map(\.inverse))
  }

  /// One phase of all moves in as few batches as the limits allow; one name's changes stay together.
  static func of(_ moves: [CutoverMove], _ phase: CutoverPlanner.Phase) -> [CutoverBatch] {
    var out: [CutoverBatch] = []
    var last: [DomainName: Int] = [:]
    for place in moves.indices {
      // Not by key path: that copies the whole move.
      let changes =
        switch phase {
        case .lower: moves[place].lower
        case .flip: moves[place].flip
        case .restore: moves[place].restore
        }
      guard !changes.isEmpty else { continue }
      var size = (0, 0)
      for index in changes.indices {
        let own = cost(changes[index].from?.data, changes[index].to?.data)
        size = (size.0 + own.0, size.1 + own.1)
      }
      let zone = moves[place].zone.name
      var index = last[zone]
      if let at = index,
        out[at].elements + size.0 > elementsMax || out[at].characters + size.1 > charactersMax
      {
        index = nil
      }
      let at = index ?? out.count
      if index == nil {
        out.append(CutoverBatch(zone: moves[place].zone, account: moves[place].account))
      }
      last[zone] = at
      if index == nil { out[at].changes.reserveCapacity(min(moves.count, elementsMax / 2)) }
      out[at].changes += changes
      out[at].names += 1
      out[at].elements += size.0
      out[at].characters += size.1
    }
    for index in out.indices { out[index].close() }
    return out
  }
  /// As an UPSERT or as DELETE and CREATE, whichever is more.
  private static func cost(_ old: [String]?, _ new: [String]?) -> (Int, Int) {
    func size(_ data: [String]?) -> (Int, Int) {
      guard let data else { return (0, 0) }
      return (max(1, data.count), data.reduce(0) { $0 + $1.utf8.count })
    }
    let (from, to) = (size(old), size(new))
    guard old != nil, new != nil else { return (from.0 + to.0, from.1 + to.1) }
    return (max(2 * to.0, from.0 + to.0), max(2 * to.1, from.1 + to.1))
  }
}

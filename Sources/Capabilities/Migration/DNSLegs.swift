import FerryCore
import Foundation

/// The steps of a cutover, sorted by what they do, with the target's name as a reference to the step that makes it.
struct DNSLegs: Sendable {
  var lower: [Step] = []
  /// Waits for records that others change; goes right before the flips.
  var repoint: [Step] = []
  var flip: [Step] = []
  var bake: [Step] = []
  var restore: [Step] = []
  /// What takes them back, in order.
  var undoLower: [Step] = []
  var undoRepoint: [Step] = []
  var undoFlip: [Step] = []
  var undoRestore: [Step] = []
  /// Until copies with the restored TTL have run out.
  var drains: [Step] = []
  /// All that makes DNS lead to the target, and back.
  var turn: [Step] { repoint + flip }
  var undoTurn: [Step] { undoFlip + undoRepoint }
  /// What must be left of the window when a step begins: it and one rollback.
  var reserveSeconds = 0

  /// Stands for a name that CloudFront gives only when the distribution is made.
  static func placeholder(_ distribution: String) -> DomainName {
    DomainName(wire: "edgeferry-\(distribution.lowercased()).cloudfront.net.")
  }

  /// - Parameters:
  ///   - suffix: keeps the ids of several cutovers in one plan apart.
  ///   - references: placeholder → `${step.domainname}` and what a title says instead.
  mutating func add(
    _ legs: CutoverLegs, suffix: String,
    references: [(name: DomainName, step: String, title: String)]
  ) {
    reserveSeconds = legs.reserveSeconds
    func carried(_ step: Step) -> Step {
      var out = step
      out.id += suffix
      if let undoes = out.undoes { out.undoes = undoes + suffix }
      for it in references {
        out.title = out.title.replacing(it.name.text, with: it.title)
        out = out.replacing(it.name.text, with: "${\(it.step).domainname}.")
      }
      return out
    }
    for step in legs.steps {
      let it = carried(step)
      if step.id.hasPrefix("lower-ttl") {
        lower.append(it)
      } else if step.id.hasPrefix("flip") {
        flip.append(it)
      } else if step.id.hasPrefix("restore-ttl") {
        restore.append(it)
      } else {
        bake.append(it)
      }
    }
    for step in legs.rollback {
      let it = carried(step)
      if step.id.hasPrefix("drain-") {
        drains.append(it)
      } else if step.undoes?.hasPrefix("restore-ttl") == true {
        undoRestore.append(it)
      } else if step.undoes?.hasPrefix("flip") == true {
        undoFlip.append(it)
      } else {
        undoLower.append(it)
      }
    }
  }
}

extension Step {
  /// Another target in every record that the step writes, expects or looks for.
  fileprivate func replacing(_ old: String, with new: String) -> Step {
    var out = self
    out.action = action.replacing(old, with: new)
    out.inverse = inverse?.replacing(old, with: new)
    out.expects.records = expects.records?.map { $0.replacing(old, with: new) }
    for index in out.checks.indices {
      out.checks[index].records = checks[index].records?.map { $0.replacing(old, with: new) }
    }
    return out
  }
}
extension Action {
  fileprivate func replacing(_ old: String, with new: String) -> Action {
    switch self {
    case .replace(let zone, let change): .replace(zone: zone, change.replacing(old, with: new))
    case .batch(let zone, let changes):
      .batch(zone: zone, changes: changes.map { $0.replacing(old, with: new) })
    default: self
    }
  }
}
extension RecordChange {
  fileprivate func replacing(_ old: String, with new: String) -> RecordChange {
    RecordChange(key, from: from?.replacing(old, with: new), to: to?.replacing(old, with: new))
  }
}
extension RecordState {
  fileprivate func replacing(_ old: String, with new: String) -> RecordState {
    RecordState(key, value?.replacing(old, with: new))
  }
}
extension RecordValue {
  fileprivate func replacing(_ old: String, with new: String) -> RecordValue {
    var out = self
    out.data = data.map { $0.replacing(old, with: new) }
    out.alias?.dnsName = DomainName(wire: alias?.dnsName.text.replacing(old, with: new) ?? "")
    return out
  }
}

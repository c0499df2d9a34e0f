import FerryCore
import Foundation

/// The steps of a cutover, sorted by what they do, with the target's name as a reference to the step that makes it.
struct DNSLegs: Sendable {
  var lower: [Step] = []
  var flip: [Step] = []
  var bake: [Step] = []
  var restore: [Step] = []
  /// What takes them back, in order.
  var undoLower: [Step] = []
  var undoFlip: [Step] = []
  var undoRestore: [Step] = []
  /// Until copies with the restored TTL have run out.
  var drains: [Step] = []
  var plans: CutoverPlans?

  /// Stands for a name that CloudFront gives only when the distribution is made.
  static func placeholder(_ distribution: String) -> DomainName {
    DomainName(wire: "edgeferry-\(distribution.lowercased()).cloudfront.net.")
  }

  /// - Parameters:
  ///   - suffix: keeps the ids of several cutovers in one plan apart.
  ///   - references: placeholder → `${step.domainname}` and what a title says instead.
  init(
    _ plans: CutoverPlans, suffix: String,
    references: [(name: DomainName, step: String, title: String)]
  ) throws(FerryError) {
    self.plans = plans
    func carried(_ step: Step) throws(FerryError) -> Step {
      var out = step
      out.id += suffix
      if let undoes = out.undoes { out.undoes = undoes + suffix }
      let title = references.reduce(out.title) {
        $0.replacing($1.name.text, with: $1.title)
      }
      var json = JSONValue.of(out)
      for it in references {
        json = json.replacing(it.name.text, with: "${\(it.step).domainname}.")
      }
      out = try json.decoded(Step.self, what: "step \(step.id)")
      out.title = title
      return out
    }
    for step in plans.plan.steps {
      let it = try carried(step)
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
    for step in plans.rollback.steps {
      let it = try carried(step)
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
  init() {}
}

extension JSONValue {
  fileprivate func replacing(_ old: String, with new: String) -> JSONValue {
    switch self {
    case .string(let text): .string(text.contains(old) ? text.replacing(old, with: new) : text)
    case .array(let items): .array(items.map { $0.replacing(old, with: new) })
    case .object(let members): .object(members.mapValues { $0.replacing(old, with: new) })
    default: self
    }
  }
}

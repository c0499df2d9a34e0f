import FerryCode
import FerryCore

extension Inventory.Account {
  /// The resources of a stack that are of this closure, by logical id.
  func moved(in stack: Inventory.Stack) -> [String: StackEdits.Moved] {
    var out: [String: StackEdits.Moved] = [:]
    for it in stack.resources where it.status != "DELETE_COMPLETE" {
      guard let kind = StackKind.of(it.type), let attributes = attributes(kind.kind, it.physicalId)
      else { continue }
      out[it.logicalId] = .init(
        physicalID: it.physicalId, attributes: attributes,
        identifier: [kind.identifier: it.physicalId])
    }
    return out
  }
}

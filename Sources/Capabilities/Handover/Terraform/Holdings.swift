import FerryCode
import FerryCore

/// What of the subjects Terraform states hold already.
struct Holdings: Sendable {
  /// A thing that a state holds at an address that code of one folder cannot have.
  struct NotTaken: Codable, Equatable, Sendable {
    var kind: String
    var id: String
    var address: String
    var state: String
    var reason: String
  }
  /// What is held at an address that the code keeps.
  struct Taken: Equatable, Sendable {
    var name: String
    var state: String
    var settings: [String: Bool] = [:]
  }
  /// What code is written for.
  var free: [Subject] = []
  /// By the subjects' addresses in CloudFront.
  var taken: [Subject.Key: Taken] = [:]
  var notTaken: [NotTaken] = []

  /// - Throws: `two-owners` (4) for a thing that is held twice: the next run of one would undo what the other did.
  init(_ subjects: [Subject], states: [HeldState]) throws(FerryError) {
    for it in subjects {
      let found = states.flatMap { state in
        state.items(of: it.resource.kind, [it.id, it.importID]).map {
          (state: state.place, item: $0)
        }
      }
      guard found.count <= 1 else {
        let places = found.map { "\($0.item.address) in \($0.state)" }
        throw FerryError(
          "two-owners", exit: .blocked,
          what: "could not write code for \(it.resource.kind.rawValue) \(it.id)",
          why: "it is held more than once: \(places.joined(separator: ", "))",
          next: "have all but one let go of it (terraform state rm); nothing was written")
      }
      guard let one = found.first else {
        free.append(it)
        continue
      }
      if let reason = one.item.notTakeable {
        notTaken.append(
          NotTaken(
            kind: it.resource.kind.rawValue, id: it.id, address: one.item.address,
            state: one.state, reason: reason))
      } else {
        taken[it.key] = Taken(
          name: one.item.name, state: one.state, settings: one.item.settings)
        free.append(it)
      }
    }
  }
}

extension Subject {
  struct Key: Hashable, Sendable {
    var kind: ResourceKind
    var id: String
  }
  var key: Key { Key(kind: resource.kind, id: id) }
}

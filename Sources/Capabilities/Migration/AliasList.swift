import FerryCore

/// The alias list of a config, as edits of its fields.
enum AliasList {
  static let path = "Aliases"

  /// From one list to another; what the runner sends is the whole list.
  static func edits(from old: [String], to new: [String]) -> [ConfigEdit] {
    let count = max(old.count, new.count)
    guard count > 0 else { return [] }
    func place(_ index: Int) -> String {
      "\(path)/Items/CNAME" + (count > 1 ? "[\(index)]" : "")
    }
    var out = [
      ConfigEdit(path: "\(path)/Quantity", from: "\(old.count)", to: "\(new.count)")
    ]
    for index in new.indices where index >= old.count || old[index] != new[index] {
      out.append(
        .init(path: place(index), from: index < old.count ? old[index] : nil, to: new[index]))
    }
    for index in old.indices.reversed() where index >= new.count {
      out.append(.init(path: place(index), from: old[index], to: nil))
    }
    return out.filter { $0.from != $0.to }
  }
}

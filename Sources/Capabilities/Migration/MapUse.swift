import FerryCore

/// Which entries of a map stand for something of the closure.
enum MapUse {
  /// - Returns: the entries whose key nothing in the closure is or names, in the order of the file.
  static func unused(of map: MigrationMap, in closure: Inventory.Account) -> [(
    section: String, key: String
  )] {
    let known = Known(closure)
    return MigrationMap.sections.flatMap { section in
      map[keyPath: section.path].keys.sorted().filter { !known.has($0, section.key) }.map {
        (section.key, $0)
      }
    }
  }

  /// Everything that an entry may be keyed by.
  private struct Known {
    private var names: Set<String> = []
    private var account: AccountID

    init(_ closure: Inventory.Account) {
      account = closure.id
      var documents = closure.distributions.map { ($0.config, ResourceKind.distribution) }
      documents += closure.resources.compactMap { it in it.document.map { ($0, it.kind) } }
      for (document, kind) in documents {
        names.formUnion(Reference.all(in: document, of: kind).map(\.id))
        add(document)
      }
      for it in closure.resources {
        names.formUnion([it.id, it.arn, it.name].compactMap { $0 })
        if let json = it.json { add(json) }
      }
    }
    /// An account may be a part of any ARN.
    func has(_ key: String, _ section: String) -> Bool {
      names.contains(key)
        || section == "accounts" && (key == account || names.contains { $0.contains(key) })
    }
    private mutating func add(_ element: XElement) {
      names.insert(element.text)
      for child in element.children { add(child) }
    }
    private mutating func add(_ value: JSONValue) {
      switch value {
      case .string(let text): names.insert(text)
      case .array(let items): for item in items { add(item) }
      case .object(let members): for item in members.values { add(item) }
      default: break
      }
    }
  }
}

import FerryCore
import FerryReport

/// What changed from one inventory to the next: `edgeferry.inventory-diff/1`.
public struct InventoryDiff: Codable, Equatable, Sendable {
  public enum Kind: String, Codable, Sendable { case added, removed, changed }
  public struct Entry: Codable, Equatable, Sendable {
    public var kind: Kind
    public var account: AccountID
    public var type: String
    public var id: String
    /// `planned` is the old value, `found` the new one.
    public var fields: [Field]
  }
  public struct Field: Codable, Equatable, Sendable {
    public var path: String
    public var old: String?
    public var new: String?
  }
  public var schema = "edgeferry.inventory-diff/1"
  /// Whether both files were read whole.
  public var complete: Bool
  public var entries: [Entry]
  private enum CodingKeys: String, CodingKey { case schema, complete, entries }

  /// What an inventory could not read: of that it says nothing, so nothing of it is new or gone.
  private struct Unread: Equatable, Sendable {
    private var accounts: Set<AccountID> = []
    private var isMissingAccounts = false
    private var ids: Set<String> = []
    private var lists: Set<AccountID> = []
    init() {}
    init(_ it: Inventory) {
      accounts = Set(it.accounts.map(\.id))
      for gap in it.gaps {
        if gap.call == "GetCallerIdentity" { isMissingAccounts = true }
        if let id = gap.resource { ids.insert("\(gap.account) \(id)") }
        if gap.resource == nil, gap.call.hasPrefix("List") { lists.insert(gap.account) }
      }
    }
    func mayHave(_ id: String, _ account: AccountID) -> Bool {
      guard accounts.contains(account) else { return isMissingAccounts }
      return lists.contains(account) || ids.contains("\(account) \(id)")
    }
  }
  private var oldGaps = Unread()
  private var newGaps = Unread()

  public init(from old: Inventory, to new: Inventory) {
    complete = old.complete && new.complete
    entries = []
    (oldGaps, newGaps) = (Unread(old), Unread(new))
    let accounts = Set(old.accounts.map(\.id)).union(new.accounts.map(\.id)).sorted()
    for account in accounts {
      let before = old.accounts.first { $0.id == account } ?? .init(id: account)
      let after = new.accounts.first { $0.id == account } ?? .init(id: account)
      compare(
        account, "distribution", before.distributions.map { ($0.id, Self.fields($0), $0.config) },
        after.distributions.map { ($0.id, Self.fields($0), $0.config) })
      compare(
        account, "continuous-deployment-policy",
        before.continuousDeploymentPolicies.map { ($0.id, [:], $0.config) },
        after.continuousDeploymentPolicies.map { ($0.id, [:], $0.config) })
      for kind in ResourceKind.kept {
        compare(
          account, kind.rawValue, before.resources.filter { $0.kind == kind }.map(Self.item),
          after.resources.filter { $0.kind == kind }.map(Self.item))
      }
    }
  }
  private static func item(_ it: Inventory.Resource) -> Item {
    let it = it.redacted
    var fields: [String: String] = [:]
    for (key, value) in it.tags { fields["tags/\(key)"] = value }
    for (key, value) in it.extras where key != "redacted" {
      value.leaves(path: key, into: &fields)
    }
    if it.document == nil { it.json?.leaves(path: "config", into: &fields) }
    return (it.id, fields, it.document ?? XElement("none"))
  }
  private static func fields(_ it: Inventory.Distribution) -> [String: String] {
    Dictionary(it.tags.map { ("tags/\($0.key)", $0.value) }) { first, _ in first }
  }
  private typealias Item = (id: String, fields: [String: String], config: XElement)
  private mutating func compare(_ account: AccountID, _ type: String, _ old: [Item], _ new: [Item])
  {
    let before = Dictionary(old.map { ($0.id, $0) }) { first, _ in first }
    let after = Dictionary(new.map { ($0.id, $0) }) { first, _ in first }
    for id in Set(before.keys).union(after.keys).sorted() {
      switch (before[id], after[id]) {
      case (nil, _?) where oldGaps.mayHave(id, account),
        (_?, nil) where newGaps.mayHave(id, account):
        continue
      case (nil, _?):
        entries.append(.init(kind: .added, account: account, type: type, id: id, fields: []))
      case (_?, nil):
        entries.append(.init(kind: .removed, account: account, type: type, id: id, fields: []))
      case (let left?, let right?):
        var fields = left.config.differences(to: right.config).map {
          Field(path: $0.path, old: $0.planned, new: $0.found)
        }
        for key in Set(left.fields.keys).union(right.fields.keys).sorted()
        where left.fields[key] != right.fields[key] {
          fields.append(Field(path: key, old: left.fields[key], new: right.fields[key]))
        }
        if !fields.isEmpty {
          entries.append(
            .init(kind: .changed, account: account, type: type, id: id, fields: fields))
        }
      case (nil, nil): break
      }
    }
  }

  public var text: String {
    if entries.isEmpty { return "no difference\n" }
    var out = ""
    for entry in entries {
      let sign = entry.kind == .added ? "+" : entry.kind == .removed ? "-" : "~"
      out += "\(sign) \(entry.type) \(safe(entry.id)) (\(safe(entry.account)))\n"
      for field in entry.fields {
        out += "    \(safe(field.path)): \(Self.value(field.old)) -> \(Self.value(field.new))\n"
      }
    }
    let count = { (kind: Kind) in entries.count { $0.kind == kind } }
    return out + "\(count(.added)) added, \(count(.removed)) removed, \(count(.changed)) changed\n"
  }
  private static func value(_ text: String?) -> String {
    text.map { $0.isEmpty ? "(empty)" : safe($0) } ?? "(absent)"
  }
}

extension JSONValue {
  /// Every leaf by its path; a list's items by their place.
  fileprivate func leaves(path: String, into out: inout [String: String]) {
    switch self {
    case .object(let members):
      for (key, value) in members { value.leaves(path: "\(path)/\(key)", into: &out) }
    case .array(let items):
      for (index, item) in items.enumerated() {
        item.leaves(path: "\(path)[\(index)]", into: &out)
      }
    case .string(let text): out[path] = text
    default: out[path] = canonical
    }
  }
}

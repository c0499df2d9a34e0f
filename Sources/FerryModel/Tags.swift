import FerryCore

/// Tags of distributions, functions, key value stores and VPC origins; nothing else of the model can be tagged.
extension CloudFrontModel {
  /// At most 50, none of AWS's own.
  static func tags(_ element: XElement?) throws(Refusal) -> [String: String] {
    var out: [String: String] = [:]
    for tag in element?.first("Items")?.all("Tag") ?? [] {
      let key = tag.text(at: "Key") ?? ""
      guard (1...128).contains(key.count), !key.lowercased().hasPrefix("aws:"), out[key] == nil
      else { throw Refusal(400, "InvalidTagging", "The tagging specified is not valid.") }
      out[key] = tag.text(at: "Value") ?? ""
    }
    guard out.count <= 50 else {
      throw Refusal(400, "InvalidTagging", "The tagging specified is not valid: too many tags.")
    }
    return out
  }

  /// What carries the tags.
  private enum Tagged {
    case distribution(String)
    case function(String)
    case store(String)
    case vpcOrigin(String)
  }

  private func tagged(_ call: Call) throws(Refusal) -> (Tagged, id: String, tags: [String: String])
  {
    let arn = call.query("Resource") ?? ""
    let parts = arn.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 6, parts[0] == "arn", parts[2] == "cloudfront" else {
      throw .invalidArgument("The parameter Resource is not a valid ARN.")
    }
    guard parts[4] == call.account else {
      throw .accessDenied("The resource belongs to another account.")
    }
    let path = parts[5].split(separator: "/").map(String.init)
    let account = accounts[call.account] ?? Account()
    if path.count == 2, path[0] == "distribution", let it = account.distributions[path[1]] {
      return (.distribution(it.id), it.id, it.tags)
    }
    if path.count == 2, path[0] == "function", let it = account.functions[path[1]] {
      return (.function(it.name), it.name, it.tags)
    }
    if path.count == 2, path[0] == "key-value-store",
      let it = account.stores.values.first(where: { $0.id == path[1] })
    {
      return (.store(it.name), it.name, it.tags)
    }
    if path.count == 2, path[0] == "vpcorigin", let it = account.vpcOrigins[path[1]] {
      return (.vpcOrigin(it.id), it.id, it.tags)
    }
    throw Refusal(404, "NoSuchResource", "The specified resource does not exist.")
  }

  private mutating func put(_ tags: [String: String], on it: Tagged, _ call: Call) throws(Refusal) {
    guard tags.count <= 50 else {
      throw Refusal(400, "InvalidTagging", "The tagging specified is not valid: too many tags.")
    }
    switch it {
    case .distribution(let id):
      guard var it = accounts[call.account]?.distributions[id] else { return }
      it.tags = tags
      accounts[call.account]?.put(it)
    case .function(let name): accounts[call.account]?.functions[name]?.tags = tags
    case .store(let name): accounts[call.account]?.stores[name]?.tags = tags
    case .vpcOrigin(let id): accounts[call.account]?.vpcOrigins[id]?.tags = tags
    }
  }

  func listTags(_ call: Call) throws(Refusal) -> Answer {
    let (_, id, tags) = try tagged(call)
    let items = tags.sorted { $0.key < $1.key }.map {
      XElement("Tag", [XElement("Key", text: $0.key), XElement("Value", text: $0.value)])
    }
    return Answer(body: XElement("Tags", [XElement("Items", items)]), resource: id)
  }

  mutating func tag(_ call: Call) throws(Refusal) -> Answer {
    let added = try Self.tags(try body(call, root: "Tags"))
    let (it, id, tags) = try tagged(call)
    try put(tags.merging(added) { $1 }, on: it, call)
    return Answer(status: 204, resource: id, effective: true)
  }

  mutating func untag(_ call: Call) throws(Refusal) -> Answer {
    let root = try body(call, root: "TagKeys")
    let (it, id, tags) = try tagged(call)
    let gone = Set(root.first("Items")?.all("Key").map(\.text) ?? [])
    try put(tags.filter { !gone.contains($0.key) }, on: it, call)
    return Answer(status: 204, resource: id, effective: true)
  }
}

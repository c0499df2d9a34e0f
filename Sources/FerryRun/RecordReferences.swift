import FerryCore

/// References to what earlier steps make, in the records that later ones write and look for, and in what they ask.
extension Step {
  var hasRecordReferences: Bool {
    func refers(_ records: [RecordState]?) -> Bool {
      records?.contains { $0.value?.hasReference ?? false } ?? false
    }
    return action.dns?.changes.contains {
      ($0.from?.hasReference ?? false) || ($0.to?.hasReference ?? false)
    } ?? false || refers(expects.records)
      || checks.contains {
        refers($0.records) || ($0.at?.hasReference ?? false) || ($0.url?.hasReference ?? false)
      }
  }
  func resolvingRecords(_ resolve: (String) throws(Runner.Stop) -> String) throws(Runner.Stop)
    -> Step
  {
    var out = self
    switch action {
    case .replace(let zone, let change):
      out.action = .replace(zone: zone, try change.resolving(resolve))
    case .batch(let zone, let changes):
      var all: [RecordChange] = []
      for change in changes { all.append(try change.resolving(resolve)) }
      out.action = .batch(zone: zone, changes: all)
    default: break
    }
    for index in out.checks.indices {
      if let url = out.checks[index].url { out.checks[index].url = try resolve(url) }
      if let at = out.checks[index].at { out.checks[index].at = try resolve(at) }
      guard let records = out.checks[index].records else { continue }
      out.checks[index].records = try Self.resolving(records, resolve)
    }
    if let records = expects.records {
      out.expects.records = try Self.resolving(records, resolve)
    }
    return out
  }
  private static func resolving(
    _ records: [RecordState], _ resolve: (String) throws(Runner.Stop) -> String
  ) throws(Runner.Stop) -> [RecordState] {
    var out = records
    for index in out.indices { out[index].value = try out[index].value?.resolving(resolve) }
    return out
  }
}

extension RecordChange {
  fileprivate func resolving(_ resolve: (String) throws(Runner.Stop) -> String)
    throws(Runner.Stop) -> RecordChange
  {
    RecordChange(key, from: try from?.resolving(resolve), to: try to?.resolving(resolve))
  }
}

extension RecordValue {
  fileprivate var hasReference: Bool {
    data.contains(where: \.hasReference) || alias?.dnsName.text.hasPrefix("${") ?? false
  }
  fileprivate func resolving(_ resolve: (String) throws(Runner.Stop) -> String)
    throws(Runner.Stop) -> RecordValue
  {
    guard hasReference else { return self }
    if var alias {
      alias.dnsName = DomainName(wire: try resolve(alias.dnsName.text))
      return RecordValue(alias: alias)
    }
    var values: [String] = []
    for item in data { values.append(try resolve(item).lowercased()) }
    return RecordValue(ttl: ttl ?? 0, data: values)
  }
}

extension String {
  /// Whether it names what an earlier step puts out.
  var hasReference: Bool {
    var isOpen = false
    for byte in utf8 {
      if isOpen, byte == UInt8(ascii: "{") { return true }
      isOpen = byte == UInt8(ascii: "$")
    }
    return false
  }
}

import FerryCore

/// Writes documents as blocks and reads blocks as documents, by one table.
package enum Codec {
  /// What code needs from its surroundings: addresses, files and variables.
  package protocol Writing: AnyObject {
    /// The address of a thing by what names it, or nil for one that the code does not hold.
    func reference(_ kind: ResourceKind, _ value: String) -> String?
    /// - Returns: the path of a file with that content.
    func file(_ content: String, folder: String, ending: String) -> String
    /// - Returns: the name of a variable that holds what a header says.
    func variable(_ header: String, _ secret: String) -> String
  }
  /// The way back.
  package protocol Reading {
    func value(of reference: String) -> JSONValue?
    func content(of path: String) -> String?
  }

  // MARK: Writing

  package static func write(
    _ document: JSONValue, _ arguments: [TerraformArgument], with code: any Writing
  )
    -> (attributes: [HCLValue.Pair], blocks: [HCLBlock])
  {
    var attributes: [HCLValue.Pair] = []
    var blocks: [HCLBlock] = []
    func block(_ name: String, _ inside: [TerraformArgument], _ document: JSONValue) {
      var out = HCLBlock(name)
      (out.attributes, out.blocks) = write(document, inside, with: code)
      blocks.append(out)
    }
    for it in arguments {
      let found = document.at(it.path)
      switch it.form {
      case .scalar, .numeral:
        let value = found == nil || found == .null ? it.always ? it.fallback : nil : found
        guard let value, it.always || !(value.isBlank || value == it.fallback) else { continue }
        attributes.append(.init(key: it.name, value: scalar(value, it, with: code)))
      case .list(let member):
        let items = found?.items ?? []
        guard it.always || !items.isEmpty else { continue }
        let values = items.map { member.flatMap($0.at) ?? $0 }.map { scalar($0, it, with: code) }
        attributes.append(.init(key: it.name, value: .list(values)))
      case .count:
        attributes.append(.init(key: it.name, value: .number(String(found?.items.count ?? 0))))
      case .map:
        guard let members = found?.object, !members.isEmpty else { continue }
        let pairs = members.sorted { $0.key < $1.key }.map {
          HCLValue.Pair(key: $0.key, value: .string($0.value.string ?? ""))
        }
        attributes.append(.init(key: it.name, value: .map(pairs)))
      case .block(let inside):
        let isOn = it.switched.map { found?.at($0) == true } ?? true
        let isThere = found.map { !$0.isBlank || presence.contains(it.path) } ?? false
        guard it.always || (isOn && isThere) else { continue }
        block(it.name, inside, found ?? .object([:]))
        // What is there may be all beyond the provider's arguments.
        if !it.always, blocks.last?.attributes.isEmpty == true, blocks.last?.blocks.isEmpty == true
        {
          blocks.removeLast()
        }
      case .blocks(let inside):
        for item in found?.items ?? [] { block(it.name, inside, item) }
      case .file(let folder, let ending):
        guard let content = found?.string else { continue }
        attributes.append(
          .init(
            key: it.name, value: .file(code.file(content, folder: folder, ending: ending))))
      case .secret(let header):
        let name = document[header]?.string ?? ""
        attributes.append(
          .init(
            key: it.name,
            value: .reference("var." + code.variable(name, found?.string ?? ""))))
      }
    }
    return (attributes, blocks)
  }

  private static func scalar(
    _ value: JSONValue, _ argument: TerraformArgument, with code: any Writing
  )
    -> HCLValue
  {
    switch value {
    case .string(let text):
      if let kind = argument.names, let address = code.reference(kind, text) {
        return .reference(address)
      }
      if case .numeral = argument.form, Int(text) != nil { return .number(text) }
      return .string(text)
    case .int(let it): return .number(String(it))
    case .double(let it): return .number("\(it)")
    case .bool(let it): return .bool(it)
    default: return .string("")
    }
  }

  /// Structures whose being there says something, whatever is in them.
  package static let presence: Set = [
    "ContentTypeOptions", "XSSProtection", "FrameOptions", "ReferrerPolicy", "CorsConfig",
    "StrictTransportSecurity", "ContentSecurityPolicy",
  ]

  // MARK: Reading

  /// The document that code stands for, with what the provider assumes where nothing is written.
  package static func read(
    _ block: HCLBlock, _ arguments: [TerraformArgument], with code: any Reading
  )
    -> JSONValue
  {
    var out = JSONValue.object([:])
    for it in arguments {
      let written = block.attribute(it.name)
      let inner = block.blocks.filter { $0.type == it.name }
      switch it.form {
      case .scalar, .numeral, .file, .secret:
        guard let value = written.map({ plain($0, with: code) }) ?? it.fallback else { continue }
        if case .numeral = it.form, case .int(let number) = value {
          out = out.setting(.string(String(number)), at: it.path)
        } else {
          out = out.setting(value, at: it.path)
        }
      case .list(let member):
        guard case .list(let items)? = written else { continue }
        let values = items.map { item in
          let value = plain(item, with: code)
          return member.map { JSONValue.object([$0: value]) } ?? value
        }
        out = out.setting(["Items": .array(values)], at: it.path)
        if let flag = it.switched, !values.isEmpty { out = out.setting(true, at: flag) }
      case .count: continue
      case .map:
        guard case .map(let pairs)? = written else { continue }
        let members = pairs.map { ($0.key, plain($0.value, with: code)) }
        out = out.setting(.object(Dictionary(members) { $1 }), at: it.path)
      case .block(let inside):
        guard let first = inner.first else { continue }
        var value = read(first, inside, with: code)
        if let flag = it.switched { value = value.setting(true, at: flag) }
        out = out.setting(value, at: it.path)
      case .blocks(let inside):
        guard !inner.isEmpty else { continue }
        out = out.setting(
          ["Items": .array(inner.map { read($0, inside, with: code) })], at: it.path)
      }
    }
    return out
  }

  private static func plain(_ value: HCLValue, with code: any Reading) -> JSONValue {
    switch value {
    case .string(let it): .string(it)
    case .bool(let it): .bool(it)
    case .number(let it):
      Int64(it).map(JSONValue.int) ?? Double(it).map(JSONValue.double) ?? .null
    case .reference(let it): code.value(of: it) ?? .null
    case .file(let path): code.content(of: path).map(JSONValue.string) ?? .null
    case .list(let items): .array(items.map { plain($0, with: code) })
    case .map(let pairs):
      .object(Dictionary(pairs.map { ($0.key, plain($0.value, with: code)) }) { $1 })
    }
  }

  /// A document with the provider's defaults where it says nothing, so that both sides of a comparison do.
  package static func filled(_ document: JSONValue, _ arguments: [TerraformArgument]) -> JSONValue {
    var out = document
    for it in arguments {
      let found = out.at(it.path)
      switch it.form {
      case .scalar, .numeral:
        if let fallback = it.fallback, found == nil || found == .null {
          out = out.setting(fallback, at: it.path)
        }
      case .block(let inside):
        guard it.always || found?.isBlank == false || presence.contains(it.path) && found != nil
        else { continue }
        if let flag = it.switched, found?.at(flag) != true { continue }
        out = out.setting(filled(found ?? .object([:]), inside), at: it.path)
      case .blocks(let inside):
        guard let items = found?.items, !items.isEmpty else { continue }
        out = out.setting(["Items": .array(items.map { filled($0, inside) })], at: it.path)
      default: continue
      }
    }
    return out
  }

  // MARK: Comparing

  /// Every leaf that says something by its path. The order of plain values in a list says nothing.
  package static func leaves(_ document: JSONValue) -> [String: JSONValue] {
    var out: [String: JSONValue] = [:]
    func visit(_ value: JSONValue, _ path: String) {
      switch value {
      case .object(let members):
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        if presence.contains(name) { out[path] = "there" }
        for (key, member) in members where key != "Quantity" {
          // With `Items` around them or without, items are items.
          visit(member, key == "Items" ? path : path.isEmpty ? key : "\(path)/\(key)")
        }
      case .array(let items):
        let isPlain = items.allSatisfy { $0.object == nil && $0.array == nil }
        let sorted = isPlain ? items.sorted { $0.canonical < $1.canonical } : items
        for (index, item) in sorted.enumerated() { visit(item, "\(path)[\(index)]") }
      case .double(let number) where number == number.rounded() && abs(number) < 1e15:
        // 50.0 and 50 are one number.
        out[path] = .int(Int64(number))
      default:
        if !value.isBlank { out[path] = value }
      }
    }
    visit(document, "")
    return out
  }
  /// The paths at which two documents say different things, sorted.
  package static func differences(_ one: JSONValue, _ other: JSONValue) -> [String] {
    let one = leaves(one)
    let other = leaves(other)
    return Set(one.keys).union(other.keys).filter { one[$0] != other[$0] }.sorted()
  }
}

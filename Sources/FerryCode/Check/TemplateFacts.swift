import FerryCore

/// A template of CloudFormation beside what is live.
package struct TemplateFacts {
  package var template: StackTemplate
  /// Values of parameters: those of a file, and otherwise the defaults.
  package var parameters: [String: String]
  /// Logical ids, and what names the thing to CloudFormation.
  package var known: [String: String]
  package var name: String

  package init(
    template: StackTemplate, parameters: [String: String], known: [String: String], name: String
  ) {
    self.template = template
    self.parameters = parameters
    self.known = known
    self.name = name
  }

  /// - Throws: `not-in-template` (1) for a distribution or policy asked for that it does not hold.
  package func facts(of subjects: [Subject], asked: [String]) throws(FerryError) -> [DriftFacts] {
    var logical: [String: Subject] = [:]
    for (id, resource) in template.resources {
      guard let kind = StackKind.of(resource["Type"]?.string ?? "") else { continue }
      let candidates = subjects.filter { $0.resource.kind == kind.kind }
      logical[id] = match(id, resource, kind, candidates)
    }
    let reading = StackReading(logical: logical, parameters: values)
    reading.mark = Self.mark
    let facts = logical.sorted { $0.key < $1.key }.compactMap { id, it -> DriftFacts? in
      guard let kind = StackKind.of(it.resource.kind) else { return nil }
      let properties = template.resources[id]?["Properties"] ?? .object([:])
      let code = StackCodec.read(properties, kind.properties, with: reading)
      return compared(code, kind, it, at: id)
    }
    let kinds: [ResourceKind] = [.distribution, .continuousDeploymentPolicy]
    for id in asked where !facts.contains(where: { kinds.contains($0.kind) && $0.id == id }) {
      throw FerryError(
        "not-in-template", what: "could not check \(id)",
        why:
          "no resource of \(name) is it for sure: no stack says so, and aliases and comment match none alone",
        next: "give the template of its stack, or put resources-to-import.json beside it")
    }
    return facts
  }

  private var values: [String: String] {
    var out: [String: String] = [:]
    for (name, parameter) in template.body["Parameters"]?.object ?? [:] {
      out[name] = parameter["Default"]?.string
    }
    return out.merging(parameters) { $1 }
  }
  /// By what a stack or an import list says, or as the only one that can be meant.
  private func match(
    _ id: String, _ resource: JSONValue, _ kind: StackKind, _ candidates: [Subject]
  ) -> Subject? {
    if let named = known[id] {
      return candidates.first { kind.identity(of: $0) == named || $0.id == named }
    }
    let reading = StackReading(logical: [:], parameters: values)
    let said = StackCodec.read(
      resource["Properties"] ?? .object([:]), kind.properties, with: reading)
    func alike(_ path: String) -> [Subject] {
      let value = said.at(path)
      guard let value, !value.isBlank else { return [] }
      return candidates.filter {
        Codec.differences(["v": $0.document.at(path) ?? .null], ["v": value]).isEmpty
      }
    }
    for path in ["Aliases", "Name", "Comment"] {
      let found = alike(path)
      if found.count == 1 { return found.first }
    }
    let rivals = template.resources.values.filter { $0["Type"] == resource["Type"] }
    return candidates.count == 1 && rivals.count == 1 ? candidates.first : nil
  }

  // MARK: Comparing

  /// Stands where nobody can know what a function gives before it runs.
  private static let mark = JSONValue.string("\u{0}unknown")

  private func compared(_ code: JSONValue, _ kind: StackKind, _ it: Subject, at id: String)
    -> DriftFacts
  {
    var unknown = DriftFacts.leaves(code).filter {
      $0.value == Self.mark || $0.value.array?.contains(Self.mark) == true
    }.map(\.key)
    unknown.sort()
    var out = DriftFacts(kind: it.resource.kind, id: it.id, address: id)
    out.notCompared = unknown
    out.differences = DriftFacts.between(code: code, live: kind.document(of: it)).filter { found in
      !unknown.contains {
        found.path == $0 || found.path.hasPrefix($0 + "/") || found.path.hasPrefix($0 + "[")
      }
    }
    // - Source: the registry's schemas: createOnlyProperties.
    if [.function, .keyValueStore, .realtimeLogConfig].contains(it.resource.kind),
      out.differences.contains(where: { $0.path == "Name" })
    {
      out.replaces = ["Name: CloudFormation would make another one of the new name"]
    }
    return out
  }
}

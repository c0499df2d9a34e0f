import FerryCore

extension ByHand {
  /// A reference to a step's output, as a word that a person has to replace.
  static func known(_ text: String) -> String {
    guard text.hasPrefix("${"), text.hasSuffix("}") else { return shellWord(text) }
    let inside = text.dropFirst(2).dropLast()
    let step = inside.prefix { $0 != "." }
    let otherwise = inside.range(of: ":-").map { inside[$0.upperBound...] } ?? ""
    let made = "ID-MADE-BY-\(step)"
    return shellWord(otherwise.isEmpty ? made : "\(otherwise)-OR-\(made)")
  }
  /// The AWS CLI calls that do the same.
  static func cloudFront(_ action: Action, checks: [Step.Check]) -> [String] {
    func edit(_ edits: [ConfigEdit]) -> String {
      "# in config.json set "
        + edits.map { "\(safe($0.path)) to \"\(safe($0.to ?? ""))\"" }.joined(separator: " and ")
        + ", leave all else as it is"
    }
    func get(_ verb: String, _ id: String, _ key: String) -> [String] {
      [
        "aws cloudfront \(verb) --id \(known(id)) > read.json",
        "jq -r .ETag read.json; jq .\(key) read.json > config.json",
      ]
    }
    let deployed = checks.filter { $0.type == .deployed }.compactMap(\.distribution).map {
      "aws cloudfront wait distribution-deployed --id \(known($0))"
    }
    switch action {
    case .updateConfig(let id, let set):
      return get("get-distribution-config", id, "DistributionConfig") + [
        edit(set),
        "aws cloudfront update-distribution --id \(known(id)) --if-match ETAG --distribution-config file://config.json",
      ] + deployed
    case .setEnabled(let id, _, _):
      return get("get-distribution-config", id, "DistributionConfig") + [
        edit(action.edits),
        "aws cloudfront update-distribution --id \(known(id)) --if-match ETAG --distribution-config file://config.json",
      ] + deployed
    case .deleteDistribution(let id):
      return [
        "aws cloudfront get-distribution --id \(known(id)) --query '[ETag,Distribution.Status]'",
        "aws cloudfront delete-distribution --id \(known(id)) --if-match ETAG",
      ]
    case .updatePolicy(let id, let set):
      return get("get-continuous-deployment-policy-config", id, "ContinuousDeploymentPolicyConfig")
        + [
          edit(set),
          "aws cloudfront update-continuous-deployment-policy --id \(known(id)) --if-match ETAG --continuous-deployment-policy-config file://config.json",
        ] + deployed
    case .deletePolicy(let id):
      return [
        "aws cloudfront get-continuous-deployment-policy --id \(known(id)) --query ETag",
        "aws cloudfront delete-continuous-deployment-policy --id \(known(id)) --if-match ETAG",
      ]
    case .createPolicy(let image, _):
      return [
        "# config.json: the saved image \(safe(image)), in `edgeferry state export`",
        "aws cloudfront create-continuous-deployment-policy --continuous-deployment-policy-config file://config.json",
      ]
    case .createDistribution(let image, _, let reference, _):
      return [
        "# config.json: the saved image \(safe(image)) with CallerReference \(safe(reference)), in `edgeferry state export`",
        "aws cloudfront create-distribution --distribution-config file://config.json",
      ] + deployed
    case .create(let draft): return created(draft)
    case .delete(let kind, let id): return deleted(kind, id)
    case .moveAlias(let alias, _, let to):
      return [
        "aws cloudfront get-distribution --id \(known(to)) --query ETag",
        "aws cloudfront update-domain-association --domain \(shellWord(alias)) --target-resource DistributionId=\(known(to)) --if-match ETAG",
      ] + deployed
    case .promote(let id, let staging):
      return [id, staging].map {
        "aws cloudfront get-distribution --id \(known($0)) --query '[ETag,Distribution.Status]'"
      } + [
        "aws cloudfront get-distribution-config --id \(known(id)) > before.json   # the way back",
        "aws cloudfront update-distribution-with-staging-config --id \(known(id)) --staging-distribution-id \(known(staging)) --if-match 'ETAG, STAGING-ETAG'",
      ] + deployed
    case .restoreConfig(let id, let image, let members):
      return get("get-distribution-config", id, "DistributionConfig") + [
        "# in config.json take \(members.map { safe($0) }.joined(separator: ", ")) from the saved image \(safe(image)), in `edgeferry state export`",
        "aws cloudfront update-distribution --id \(known(id)) --if-match ETAG --distribution-config file://config.json",
      ] + deployed
    case .editStatements(let edit): return statements(edit)
    case .external(let it): return it.commands.map { safe($0) }
    case .replace, .batch, .observe: return []
    }
  }
}

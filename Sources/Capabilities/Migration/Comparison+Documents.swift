import FerryCore
import Foundation

/// Two documents of one kind, leaf by leaf.
extension Comparison {
  /// A place in both documents: how it is called in the answer, and where it is in each.
  private struct Place {
    var shown: String
    var source: String
    var target: String
    func child(_ name: String, shown: String, _ source: String, _ target: String) -> Place {
      func join(_ path: String, _ suffix: String) -> String {
        (path.isEmpty ? "" : path + "/") + name + suffix
      }
      return Place(
        shown: "\(self.shown)/\(name)\(shown)", source: join(self.source, source),
        target: join(self.target, target))
    }
  }
  private struct Scene {
    var kind: ResourceKind
    var owner: Inventory.Distribution?
    var source: [String: Reference]
    var target: [String: Reference]
  }
  /// What tells the entries of a list apart; without such a field they are told apart by their place.
  private static let keys = [
    "Origin": "Id", "OriginGroup": "Id", "OriginCustomHeader": "HeaderName",
    "CustomErrorResponse": "ErrorCode", "FunctionAssociation": "EventType",
    "LambdaFunctionAssociation": "EventType",
  ]

  mutating func documents(
    _ source: XElement, _ target: XElement, _ kind: ResourceKind, at place: String,
    owner: Inventory.Distribution? = nil
  ) {
    let (source, target) = (source.digestForm, target.digestForm)
    func references(_ config: XElement) -> [String: Reference] {
      Dictionary(
        Reference.all(in: config, of: kind).map { ($0.path, $0) }, uniquingKeysWith: { $1 })
    }
    let scene = Scene(
      kind: kind, owner: owner, source: references(source), target: references(target))
    walk(source, target, Place(shown: place, source: "", target: ""), scene)
    // A policy that neither side names has no element to be compared.
    if let owner, owner.policyID == nil, intent.detached[owner.id] != nil,
      (target.text(at: "ContinuousDeploymentPolicyId") ?? "").isEmpty
    {
      policies(owner, nil, nil, at: "\(place)/ContinuousDeploymentPolicyId")
    }
  }

  private mutating func walk(
    _ source: XElement?, _ target: XElement?, _ place: Place, _ scene: Scene
  ) {
    let (left, right) = (source?.children ?? [], target?.children ?? [])
    guard !left.isEmpty || !right.isEmpty else {
      leaf(source?.text, target?.text, place, scene)
      return
    }
    var done: Set<String> = []
    for name in (left + right).map(\.name) where done.insert(name).inserted {
      // Counts the entries that are compared one by one; the aliases have rules of their own.
      if name == "Quantity" || (scene.kind == .distribution && name == "Aliases") { continue }
      if name == "Certificate", Self.repeats(source), Self.repeats(target) { continue }
      let olds = left.filter { $0.name == name }
      let news = right.filter { $0.name == name }
      func suffix(_ index: Int?, of list: [XElement]) -> String {
        list.count > 1 ? "[\(index ?? list.count)]" : ""
      }
      for (old, new, label) in matched(olds, news, name, place, scene) {
        walk(
          old.map { olds[$0] }, new.map { news[$0] },
          place.child(name, shown: label, suffix(old, of: olds), suffix(new, of: news)), scene)
      }
    }
  }

  /// `Certificate` is an older name of what stands beside it.
  /// - Source: CloudFront API Reference, ViewerCertificate.
  private static func repeats(_ viewer: XElement?) -> Bool {
    guard let text = viewer?.text(at: "Certificate") else { return true }
    return [viewer?.text(at: "ACMCertificateArn"), viewer?.text(at: "IAMCertificateId")]
      .contains(text)
  }

  /// Which entries of two lists of one name belong together, by their indices, and how each is called.
  private func matched(
    _ olds: [XElement], _ news: [XElement], _ name: String, _ place: Place, _ scene: Scene
  ) -> [(old: Int?, new: Int?, label: String)] {
    if olds.count <= 1, news.count <= 1, Self.keys[name] == nil {
      return [(olds.isEmpty ? nil : 0, news.isEmpty ? nil : 0, "")]
    }
    let tags: (old: [String], new: [String])
    if let key = Self.keys[name] {
      tags = (
        olds.map { $0.text(at: key)?.lowercased() ?? "" },
        news.map { $0.text(at: key)?.lowercased() ?? "" }
      )
    } else if (olds + news).allSatisfy({ $0.children.isEmpty }) {
      // A set: of values, or of things that are known by their names in both accounts.
      tags = (
        olds.indices.map { index in
          tag(
            olds[index].text, source,
            scene.source[place.child(name, shown: "", suffix(index, olds), "").source])
        },
        news.indices.map { index in
          tag(
            news[index].text, target,
            scene.target[place.child(name, shown: "", "", suffix(index, news)).target])
        }
      )
      if Set(tags.old).isDisjoint(with: tags.new) { return Self.byPlace(olds.count, news.count) }
    } else {
      return Self.byPlace(olds.count, news.count)
    }
    guard Set(tags.old).count == olds.count, Set(tags.new).count == news.count else {
      return Self.byPlace(olds.count, news.count)
    }
    var out: [(old: Int?, new: Int?, label: String)] = []
    for (index, tag) in tags.old.enumerated() {
      out.append((index, tags.new.firstIndex(of: tag), "[\(tag)]"))
    }
    for (index, tag) in tags.new.enumerated() where !tags.old.contains(tag) {
      out.append((nil, index, "[\(tag)]"))
    }
    return out
  }
  private func suffix(_ index: Int, _ list: [XElement]) -> String {
    list.count > 1 ? "[\(index)]" : ""
  }
  private func tag(_ text: String, _ side: Side, _ reference: Reference?) -> String {
    guard let reference, let kind = reference.kind else {
      return side.account.id == source.account.id ? intent.map.accounts[text] ?? text : text
    }
    return side.resource(kind, reference.id)?.name ?? text
  }
  private static func byPlace(_ old: Int, _ new: Int) -> [(old: Int?, new: Int?, label: String)] {
    (0..<max(old, new)).map {
      ($0 < old ? $0 : nil, $0 < new ? $0 : nil, max(old, new) > 1 ? "[\($0)]" : "")
    }
  }

  // MARK: Leaves

  private mutating func leaf(_ old: String?, _ new: String?, _ place: Place, _ scene: Scene) {
    let one = scene.source[place.source]
    let other = scene.target[place.target]
    if let owner = scene.owner, place.source == "ContinuousDeploymentPolicyId" {
      policies(owner, one?.id, other?.id, at: place.shown)
      return
    }
    if let one, let other, let kind = one.kind, kind == other.kind {
      reference(kind, one, other, old ?? "", new ?? "", place)
      return
    }
    guard old != new else { return }
    let (expected, reason) = judged(old, new, place, scene)
    differ(place.shown, old, new, expected, reason)
  }

  /// Texts that are no names of things.
  private func judged(_ old: String?, _ new: String?, _ place: Place, _ scene: Scene) -> (
    Bool, String?
  ) {
    if place.source == "CallerReference", old != nil, new != nil {
      return (true, "every copy has its own")
    }
    if scene.kind == .distribution, replacesIAMCertificate(place, scene) {
      return (true, "mapped to a certificate of ACM")
    }
    if scene.kind == .keyValueStore, ["ARN", "Id", "LastModifiedTime"].contains(place.source) {
      return (true, "the copy's own")
    }
    if let owner = scene.owner, place.source == "Enabled", old == "false", new == "true",
      intent.disabled.contains(owner.id)
    {
      return (true, "the plan disabled the source")
    }
    if place.target.hasSuffix("VpcOriginConfig/OwnerAccountId"), (old ?? "").isEmpty,
      new == source.account.id
    {
      return (true, "the VPC origin is the source's, shared through AWS RAM")
    }
    if let old, place.source.contains("AwsAccountNumber"), intent.map.accounts[old] == new {
      return (true, "mapped under accounts:")
    }
    return (false, nil)
  }

  static let iamCertificate = "ViewerCertificate/IAMCertificateId"
  static let acmCertificate = "ViewerCertificate/ACMCertificateArn"
  /// Whether the place tells of a certificate in IAM that the map or the plan puts one of ACM in the place of.
  private func replacesIAMCertificate(_ place: Place, _ scene: Scene) -> Bool {
    guard
      [Self.iamCertificate, Self.acmCertificate, "ViewerCertificate/CertificateSource"].contains(
        place.source),
      let id = scene.source[Self.iamCertificate]?.id,
      let arn = intent.successors[id] ?? intent.map.certificates[id]
    else { return false }
    return scene.target[Self.acmCertificate]?.id == arn
      && scene.target[Self.iamCertificate] == nil
  }

  private mutating func reference(
    _ kind: ResourceKind, _ one: Reference, _ other: Reference, _ old: String, _ new: String,
    _ place: Place
  ) {
    if isSameAccount, old == new { return }
    let isManaged = (source.managed.contains(one.id), target.managed.contains(other.id))
    if isManaged.0 || isManaged.1 {
      if old != new { differ(place.shown, old, new, false, "AWS's own policies keep their ids") }
      return
    }
    if Carrier.order.contains(kind),
      kind != .realtimeLogConfig || successor(kind, one.id, old) == nil
    {
      let isSame = resources(kind, one.id, other.id)
      // The id itself is no difference where both accounts use the same.
      guard old != new || isSame == nil else { return }
      differ(
        place.shown, old, new, isSame ?? false,
        isSame.map { $0 ? Self.copied : Self.differing } ?? Self.unread)
      return
    }
    if kind == .distribution {
      let isSame = resources(kind, one.id, other.id)
      guard old != new else { return }
      differ(
        place.shown, old, new, isSame ?? false,
        isSame.map { $0 ? "the copy of the staging distribution" : Self.differing } ?? Self.unread)
      return
    }
    guard old != new || successor(kind, one.id, old) != nil else { return }
    if let wanted = successor(kind, one.id, old) {
      guard wanted != new || old != new else { return }
      differ(
        place.shown, old, new, wanted == new,
        wanted == new ? "mapped" : "it is mapped to \(wanted)")
      return
    }
    let (expected, reason) = equivalent(kind, one.id, other.id)
    differ(place.shown, old, new, expected, reason)
  }

  /// What the map or the plan says that stands in the target for a text of the source.
  private func successor(_ kind: ResourceKind, _ id: String, _ text: String) -> String? {
    if let it = intent.successors[text] { return it }
    func of(_ section: [String: String]) -> String? { section[id] ?? section[text] }
    switch kind {
    case .certificate: return of(intent.map.certificates)
    case .webACL: return of(intent.map.webACLs)
    case .lambdaFunction: return of(intent.map.lambdaFunctions)
    case .realtimeLogConfig:
      return of(intent.map.realtimeLogConfigs)
    case .bucket: return intent.map.buckets[id].map { $0 + text.dropFirst(id.count) }
    default: return of(intent.map.others)
    }
  }

  /// What is not mapped, but was read on both sides and does the same.
  private func equivalent(_ kind: ResourceKind, _ old: String, _ new: String) -> (Bool, String) {
    let one = source.resource(kind, old)
    let other = target.resource(kind, new)
    switch kind {
    case .certificate:
      let names = (Set(Carrier.names(of: one)), Set(Carrier.names(of: other)))
      if !names.0.isEmpty, names.0.isSubset(of: names.1) {
        return (true, "another certificate, for the same names")
      }
    case .lambdaFunction:
      if let digest = one?.json?["CodeSha256"]?.string,
        digest == other?.json?["CodeSha256"]?.string,
        one?.json?["Runtime"] == other?.json?["Runtime"]
      {
        return (true, "a function with the same code and runtime")
      }
    default: break
    }
    return (false, "not mapped: name the target's under --map")
  }
}

import FerryCore
import Foundation

/// What the target account holds already, as far as the move asks.
struct TargetScene: Sendable {
  struct Certificate: Codable, Equatable, Sendable {
    var arn: String
    /// Lower case.
    var names: [String]
    var isIssued: Bool
  }
  var account: AccountID
  /// Things of the same kind and name as one of the source's.
  var resources: [Inventory.Resource] = []
  var certificates: [Certificate] = []
  /// Those of the source that the account may use as they are, by the account that owns each.
  var vpcOrigins: [String: AccountID] = [:]
  var gaps: [Inventory.Gap] = []
}

/// Decides for everything a closure holds: made anew, reused, mapped, or asked of a person; and rewrites what
/// names it.
struct Carrier {
  /// Something that has no counterpart yet.
  struct Missing: Hashable, Sendable {
    /// The section of the map file.
    var section: String
    var id: String
    var why: String
  }
  struct Creation: Sendable {
    var step: String
    var draft: ResourceDraft
    var title: String
    /// The distributions whose closure it is of.
    var users: Set<String>
    var content: (digest: String, text: String)?
  }
  private struct Key: Hashable {
    var kind: ResourceKind
    var id: String
  }
  /// What stands in a config for a thing of the source.
  private struct Successor {
    var id: String
    var arn: String
  }

  let closure: Inventory.Account
  private let index: ResourceIndex
  let managed: Set<String>
  let target: TargetScene
  /// Filled with what could be matched.
  private(set) var map: MigrationMap
  let planName: String
  private var successors: [Key: Successor] = [:]
  private(set) var creations: [Creation] = []
  private(set) var reused: [String] = []
  private(set) var missing: Set<Missing> = []
  private(set) var collisions: [String] = []
  private(set) var notes: [String] = []
  private(set) var images: [String: XElement] = [:]

  init(
    _ closure: Inventory.Account, managed: Set<String>, target: TargetScene, map: MigrationMap,
    planName: String
  ) {
    self.closure = closure
    index = ResourceIndex(closure.resources)
    self.managed = managed
    self.target = target
    self.map = map
    self.planName = planName
    // Within one account everything is where it is wanted.
    guard !isSameAccount else { return }
    matchCertificates()
    let users = usersOfEach()
    for kind in Self.order {
      for it in closure.resources where it.kind == kind {
        carry(it, users: users[Key(kind: kind, id: it.id)] ?? [])
      }
    }
  }
  var isSameAccount: Bool { closure.id == target.account }
  /// What is referred to comes before what refers to it.
  static let order: [ResourceKind] = [
    .publicKey, .keyGroup, .fieldLevelEncryptionProfile, .fieldLevelEncryption, .keyValueStore,
    .function, .cachePolicy, .originRequestPolicy, .responseHeadersPolicy, .originAccessControl,
    .originAccessIdentity, .realtimeLogConfig,
  ]

  // MARK: Who uses what

  private func usersOfEach() -> [Key: Set<String>] {
    var out: [Key: Set<String>] = [:]
    func visit(_ config: XElement, _ kind: ResourceKind, _ user: String) {
      for reference in Reference.all(in: config, of: kind) {
        guard let kind = reference.kind, let it = resource(kind, reference.id) else { continue }
        let key = Key(kind: kind, id: it.id)
        guard out[key, default: []].insert(user).inserted, let inner = it.document else { continue }
        visit(inner, kind, user)
      }
    }
    for it in closure.distributions { visit(it.config, .distribution, it.id) }
    return out
  }
  private func resource(_ kind: ResourceKind, _ id: String) -> Inventory.Resource? {
    index[kind, id]
  }

  // MARK: One thing

  private mutating func carry(_ it: Inventory.Resource, users: Set<String>) {
    guard let document = it.document else { return }
    if it.kind == .realtimeLogConfig, let arn = it.arn {
      if let mapped = map.realtimeLogConfigs[arn] {
        successors[Key(kind: it.kind, id: it.id)] = Successor(id: mapped, arn: mapped)
      } else {
        missing.insert(
          Missing(
            section: "realtimeLogConfigs", id: arn,
            why: "its stream and role are in the source account"))
      }
      return
    }
    let name = it.kind.hasName ? it.name ?? it.id : it.id
    var edits = rewriting(document, of: it.kind)
    if let reference = document.text(at: "CallerReference") {
      edits.append(.init(path: "CallerReference", from: reference, to: callerReference(it.id)))
    }
    let isSettled = !edits.contains { ($0.to ?? "").contains("${") }
    if it.kind.hasName,
      let there = target.resources.first(where: { $0.kind == it.kind && $0.name == name })
    {
      let wanted = document.edited(edits, shape: it.kind.configElement ?? "DistributionConfig")
      if isSettled, there.document.map({ alike(wanted, $0) }) == true,
        it.extras["code"] == there.extras["code"], it.extras["items"] == there.extras["items"]
      {
        reused.append("\(it.kind.rawValue) \(name)")
        successors[Key(kind: it.kind, id: it.id)] = Successor(
          id: there.id, arn: there.arn ?? there.id)
        return
      }
      collisions.append(
        "\(it.kind.rawValue) \(name): account \(target.account) has one of that name with other content"
      )
    }
    let step = stepID("create-\(it.kind.rawValue)", name)
    var content: (digest: String, text: String)?
    switch it.kind {
    case .function:
      if let code = it.extras["code"]?.string {
        content = Self.content("FunctionCode", code)
      } else {
        missing.insert(
          Missing(section: "others", id: name, why: "the code of function \(name) was not read"))
      }
    case .keyValueStore:
      if let items = it.extras["items"], it.extras["redacted"] == nil {
        content = Self.content("Items", items.canonical)
      } else {
        missing.insert(
          Missing(
            section: "others", id: name, why: "the contents of store \(name) were not read"))
      }
    default: break
    }
    images[document.configDigest] = document
    let draft = ResourceDraft(
      kind: it.kind, name: name, image: document.configDigest, set: edits,
      content: content?.digest, tags: it.tags.filter { !$0.key.hasPrefix("aws:") })
    creations.append(
      Creation(
        step: step, draft: draft, title: "Create \(it.kind.rawValue) \(name)", users: users,
        content: content))
    let known = ["id", "arn"].map { "${\(step).\($0)}" }
    successors[Key(kind: it.kind, id: it.id)] = Successor(id: known[0], arn: known[1])
  }
  /// Kept as configs are: an element, by its digest.
  private static func content(_ name: String, _ text: String) -> (digest: String, text: String) {
    let element = XElement(name, text: text)
    return (element.configDigest, element.xml)
  }
  /// The same but for what every copy has anew.
  private func alike(_ one: XElement, _ other: XElement) -> Bool {
    one.differences(to: other).allSatisfy { ["CallerReference", "ARN"].contains($0.path) }
  }
  func callerReference(_ id: String) -> String {
    "edgeferry-"
      + Digest.hex(Digest.sha256(Array("\(planName) \(closure.id) \(target.account) \(id)".utf8)))
      .prefix(32)
  }
  private func stepID(_ stem: String, _ name: String) -> String {
    let plain = String(
      name.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }.prefix(80))
    let id = "\(stem)-\(plain)"
    return creations.contains { $0.step == id }
      ? "\(id)-\(creations.count + 1)" : id
  }

  // MARK: Rewriting

  /// Edits that let a config name the target's things instead of the source's.
  mutating func rewriting(_ config: XElement, of kind: ResourceKind) -> [ConfigEdit] {
    guard !isSameAccount else { return [] }
    var out: [ConfigEdit] = []
    for reference in Reference.all(in: config, of: kind) {
      guard let from = config.value(at: reference.path) else { continue }
      if reference.kind == .vpcOrigin, map.others[reference.id] == nil {
        out += vpcOrigin(reference, in: config)
        continue
      }
      if reference.kind == .serverCertificate, let arn = map.certificates[reference.id] {
        // The one of IAM gives way to one of ACM.
        let path = "ViewerCertificate/ACMCertificateArn"
        out.append(.init(path: reference.path, from: from, to: nil))
        out.append(.init(path: path, from: config.value(at: path), to: arn))
        continue
      }
      guard let to = successor(of: reference, text: from), to != from else { continue }
      out.append(.init(path: reference.path, from: from, to: to))
    }
    return out + Self.echoes(in: config, of: out)
  }
  /// `Certificate` and `CertificateSource`, older names of what stands beside them, follow it.
  ///
  /// - Source: CloudFront API Reference, ViewerCertificate.
  private static func echoes(in config: XElement, of edits: [ConfigEdit]) -> [ConfigEdit] {
    let place = "ViewerCertificate"
    var wanted: [(path: String, text: String)] = []
    for (name, source) in [("ACMCertificateArn", "acm"), ("IAMCertificateId", "iam")] {
      guard let to = edits.first(where: { $0.path == "\(place)/\(name)" })?.to else { continue }
      wanted = [("\(place)/Certificate", to), ("\(place)/CertificateSource", source)]
    }
    return wanted.compactMap { path, text in
      guard let from = config.value(at: path), from != text else { return nil }
      return ConfigEdit(path: path, from: from, to: text)
    }
  }
  /// One that is shared through AWS RAM stays, with its owner named; any other one has to be mapped.
  private mutating func vpcOrigin(_ reference: Reference, in config: XElement) -> [ConfigEdit] {
    let path = reference.path.dropLast("VpcOriginId".count) + "OwnerAccountId"
    let stated = config.value(at: String(path))
    let owner = stated.flatMap { $0.isEmpty ? nil : $0 } ?? closure.id
    guard let there = target.vpcOrigins[reference.id] else {
      missing.insert(
        Missing(
          section: "others", id: reference.id,
          why:
            "the VPC origin is account \(owner)'s and not shared with \(target.account); share it through AWS RAM, or make one there"
        ))
      return []
    }
    notes.append("VPC origin \(reference.id) of account \(there) is shared with \(target.account)")
    return owner == there && stated == there
      ? [] : [.init(path: String(path), from: stated, to: there)]
  }
  private mutating func successor(of reference: Reference, text: String) -> String? {
    guard let kind = reference.kind else { return nil }
    if managed.contains(reference.id) { return nil }
    func mapped(_ section: String, _ entries: [String: String], _ why: String) -> String? {
      if let it = entries[reference.id] ?? entries[text] { return it }
      missing.insert(Missing(section: section, id: text, why: why))
      return nil
    }
    switch kind {
    case .certificate:
      return mapped("certificates", map.certificates, "the key of a certificate cannot be read")
    case .webACL:
      return mapped("webACLs", map.webACLs, "a web ACL of another account cannot be used")
    case .lambdaFunction:
      return mapped(
        "lambdaFunctions", map.lambdaFunctions, "a function of another account cannot be used")
    case .serverCertificate:
      return map.others[reference.id]
        ?? mapped(
          "certificates", [:], "the key of a certificate in IAM cannot be read: give one of ACM")
    case .vpcOrigin, .trustStore, .anycastIPList, .connectionFunction:
      return mapped("others", map.others, "a \(kind.rawValue) is not copied")
    case .bucket:
      guard let to = map.buckets[reference.id] else { return nil }
      return to + text.dropFirst(reference.id.count)
    case .continuousDeploymentPolicy, .distribution: return nil
    default: break
    }
    guard let it = resource(kind, reference.id),
      let successor = successors[Key(kind: kind, id: it.id)]
    else {
      if kind != .realtimeLogConfig {
        missing.insert(
          Missing(section: "others", id: text, why: "the \(kind.rawValue) was not read"))
      }
      return map.others[text]
    }
    switch kind {
    case .originAccessIdentity: return "origin-access-identity/cloudfront/\(successor.id)"
    case .function, .keyValueStore, .realtimeLogConfig: return successor.arn
    default: return successor.id
    }
  }
  /// What bucket policies say of the source, and what of the copy.
  func grantSuccessors(distribution: Inventory.Distribution, reference: String) -> [String: String]
  {
    var out = [
      distribution.arn: "arn:aws:cloudfront::\(target.account):distribution/\(reference)"
    ]
    for found in Reference.all(in: distribution.config, of: .distribution)
    where found.kind == .originAccessIdentity {
      guard let it = resource(.originAccessIdentity, found.id),
        let successor = successors[Key(kind: .originAccessIdentity, id: it.id)]
      else { continue }
      out["CloudFront Origin Access Identity \(it.id)"] =
        "CloudFront Origin Access Identity \(successor.id)"
    }
    return out
  }

  /// Origin access identities of a distribution by their canonical user, under which a bucket policy may admit them.
  func identities(of distribution: Inventory.Distribution) -> [String: String] {
    var out: [String: String] = [:]
    for found in Reference.all(in: distribution.config, of: .distribution)
    where found.kind == .originAccessIdentity {
      guard let it = resource(.originAccessIdentity, found.id),
        let user = it.extras["s3CanonicalUserId"]?.string, !user.isEmpty
      else { continue }
      out[user] = it.id
    }
    return out
  }

  // MARK: Certificates

  /// An issued certificate of the target that covers every alias of the distribution stands for its own.
  private mutating func matchCertificates() {
    for it in closure.distributions {
      guard let arn = it.config.text(at: "ViewerCertificate/ACMCertificateArn"), !arn.isEmpty,
        map.certificates[arn] == nil
      else { continue }
      let sharing = closure.distributions.filter {
        $0.config.text(at: "ViewerCertificate/ACMCertificateArn") == arn
      }
      let names = sharing.flatMap(\.aliases)
      let source = closure.resources.first { $0.kind == .certificate && $0.id == arn }
      let wanted = Set(Self.names(of: source) + names.map { $0.lowercased() })
      let fitting = target.certificates.filter { certificate in
        certificate.isIssued && names.allSatisfy { AliasMethods.covers(certificate.names, $0) }
      }
      // Rather the one that lists all that the old one does: a bridge needs its wildcard.
      if let best = fitting.max(by: {
        ($0.names.count { wanted.contains($0) }, $1.arn)
          < ($1.names.count { wanted.contains($0) }, $0.arn)
      }) {
        map.certificates[arn] = best.arn
        notes.append("certificate \(arn) becomes \(best.arn), which covers every alias")
      }
    }
  }
  static func names(of certificate: Inventory.Resource?) -> [String] {
    guard let json = certificate?.json else { return [] }
    let names = json["SubjectAlternativeNames"]?.array?.compactMap(\.string) ?? []
    return (names + [json["DomainName"]?.string].compactMap { $0 }).map { $0.lowercased() }
  }
  /// Names on the certificate that the target will show; nil when it is none that was read.
  func certificateNames(for it: Inventory.Distribution) -> [String]? {
    let texts = ["ACMCertificateArn", "IAMCertificateId"].compactMap {
      it.config.text(at: "ViewerCertificate/\($0)")
    }
    guard let arn = texts.first(where: { !$0.isEmpty }) else { return nil }
    let successor = map.certificates[arn] ?? (isSameAccount ? arn : "")
    return target.certificates.first { $0.arn == successor }?.names
      ?? (isSameAccount
        ? Self.names(of: closure.resources.first { $0.kind == .certificate && $0.id == arn }) : nil)
  }
}

import FerryCore

/// What ties field-level encryption together: a config names profiles, a profile names public keys.
extension CloudFrontModel {
  static func publicKeys(ofProfile config: XElement) -> [String] {
    config.at("EncryptionEntities/Items")?.children.compactMap { $0.text(at: "PublicKeyId") } ?? []
  }

  /// The profiles that a config names, by query argument and by content type.
  static func profiles(ofEncryption config: XElement) -> [String] {
    [
      "QueryArgProfileConfig/QueryArgProfiles/Items",
      "ContentTypeProfileConfig/ContentTypeProfiles/Items",
    ].flatMap { config.at($0)?.children ?? [] }
      .compactMap { $0.text(at: "ProfileId") }.filter { !$0.isEmpty }
  }

  /// Everything that a profile or a config names must be there; other kinds pass.
  func judgeEncryption(_ it: ModelEntity, _ kind: EntityKind, _ call: Call) throws(Refusal) {
    let named: (kind: String, ids: [String])
    switch kind.name {
    case "FieldLevelEncryptionProfile":
      named = ("PublicKey", Self.publicKeys(ofProfile: it.config))
      guard !named.ids.isEmpty else {
        throw .invalidArgument("The parameter EncryptionEntities must name a public key.")
      }
    case "FieldLevelEncryption":
      named = ("FieldLevelEncryptionProfile", Self.profiles(ofEncryption: it.config))
      let types = it.config.at("ContentTypeProfileConfig/ContentTypeProfiles/Items")
      guard types?.children.allSatisfy({ $0.text(at: "Format") == "URLEncoded" }) ?? true else {
        throw .invalidArgument("The parameter Format must be URLEncoded.")
      }
    default: return
    }
    guard let wanted = EntityKind.named(named.kind) else { return }
    for id in named.ids where entity(wanted, id, account: call.account) == nil {
      throw Refusal(
        404, "NoSuch\(wanted.name)", "The specified \(wanted.name) \(id) does not exist.")
    }
  }
}

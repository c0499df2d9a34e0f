import FerryCore

/// What a distribution's config names, by kind; what is empty is left out.
enum References {
  static func of(_ config: XElement) -> [String: Set<String>] {
    var out: [String: Set<String>] = [:]
    func add(_ kind: String, _ value: String?) {
      if let value, !value.isEmpty { out[kind, default: []].insert(value) }
    }
    for origin in config.at("Origins/Items")?.children ?? [] {
      add("OriginAccessControl", origin.text(at: "OriginAccessControlId"))
      add("VpcOrigin", origin.text(at: "VpcOriginConfig/VpcOriginId"))
      let identity = origin.text(at: "S3OriginConfig/OriginAccessIdentity") ?? ""
      // Without an id behind the last slash it names none.
      add(
        "CloudFrontOriginAccessIdentity",
        identity.split(separator: "/", omittingEmptySubsequences: false).last.map(String.init))
    }
    for behaviour in Validation.behaviours(config) {
      for kind in ["CachePolicy", "OriginRequestPolicy", "ResponseHeadersPolicy"] {
        add(kind, behaviour.text(at: "\(kind)Id"))
      }
      add("RealtimeLogConfig", behaviour.text(at: "RealtimeLogConfigArn"))
      add("FieldLevelEncryption", behaviour.text(at: "FieldLevelEncryptionId"))
      for group in behaviour.at("TrustedKeyGroups/Items")?.children ?? [] {
        add("KeyGroup", group.text)
      }
      for function in behaviour.at("FunctionAssociations/Items")?.children ?? [] {
        add("Function", function.text(at: "FunctionARN"))
      }
      for function in behaviour.at("LambdaFunctionAssociations/Items")?.children ?? [] {
        add("LambdaFunction", function.text(at: "LambdaFunctionARN"))
      }
    }
    add("WebACL", config.text(at: "WebACLId"))
    add("Certificate", config.text(at: "ViewerCertificate/ACMCertificateArn"))
    return out
  }
}

extension CloudFrontModel {
  /// Everything newly named must exist; what was named before may dangle.
  func referencesExist(_ it: ModelDistribution, besides old: XElement? = nil) throws(Refusal) {
    let kept = old.map(References.of) ?? [:]
    for (name, ids) in References.of(it.config).sorted(by: { $0.key < $1.key }) {
      for id in ids.subtracting(kept[name] ?? []).subtracting(assumed).sorted() {
        switch name {
        case "Function":
          guard function(arn: id, account: it.account)?.live != nil else {
            throw Refusal(
              400, "InvalidFunctionAssociation",
              "The function \(id) does not exist in this account or is not published.")
          }
        case "RealtimeLogConfig": try logConfigExists(id, account: it.account)
        case "VpcOrigin": try vpcOriginExists(id, it)
        case "WebACL", "LambdaFunction", "Certificate":
          try isOwn(arn: id, name, account: it.account)
        default:
          guard let kind = EntityKind.named(name), entity(kind, id, account: it.account) == nil
          else { continue }
          throw Refusal(
            kind.dangling.status, kind.dangling.code, "The specified \(name) \(id) does not exist.")
        }
      }
    }
  }

  /// What lives in another service the lab cannot look up; of its ARN it knows the account.
  /// - Source: undocumented for web ACLs and Lambda functions (`foreign-arns`); a certificate must be the
  ///   distribution's own account's, Developer Guide "Requirements for using SSL/TLS certificates".
  private func isOwn(arn: String, _ kind: String, account: AccountID) throws(Refusal) {
    guard behaviours.refusesForeignARNs, let owner = Self.account(ofARN: arn), owner != account
    else { return }
    switch kind {
    case "WebACL":
      throw Refusal(400, "InvalidWebACLId", "The web ACL \(arn) is not one of this account.")
    case "LambdaFunction":
      throw Refusal(
        400, "InvalidLambdaFunctionAssociation",
        "The Lambda function \(arn) is not one of this account.")
    default:
      throw Refusal(
        400, "InvalidViewerCertificate",
        "The specified SSL certificate doesn't exist, isn't in us-east-1 region, isn't valid, or doesn't include a valid certificate chain."
      )
    }
  }

  /// The account that an ARN names; nil for what is no ARN or names none.
  static func account(ofARN text: String) -> AccountID? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count >= 6, parts[0] == "arn", parts[4].count == 12,
      parts[4].allSatisfy({ $0.isASCII && $0.isNumber })
    else { return nil }
    return AccountID(parts[4])
  }

  /// Whether a distribution of the account, or another of its entities, names it.
  func uses(_ kind: EntityKind, _ id: String, account: AccountID) -> Bool {
    let entities = accounts[account]?.entities ?? [:]
    switch kind.name {
    case "PublicKey":
      return entities["KeyGroup"]?.values.contains { group in
        group.config.first("Items")?.children.contains { $0.text == id } == true
      } == true
        || entities["FieldLevelEncryptionProfile"]?.values.contains {
          Self.publicKeys(ofProfile: $0.config).contains(id)
        } == true
    case "FieldLevelEncryptionProfile":
      return entities["FieldLevelEncryption"]?.values.contains {
        Self.profiles(ofEncryption: $0.config).contains(id)
      } == true
    default: break
    }
    return !users(kind.name, id, account: account).isEmpty
  }

  /// The ids of the distributions that name it, sorted.
  func users(_ kind: String, _ id: String, account: AccountID) -> [String] {
    guard let it = accounts[account] else { return [] }
    return it.distributionIDs.filter {
      it.distributions[$0].map { References.of($0.config)[kind]?.contains(id) == true } == true
    }
  }

  func listDistributionIDs(_ operation: String, _ id: String, _ call: Call) throws(Refusal)
    -> Answer
  {
    var name = String(operation.dropFirst("ListDistributionsBy".count))
    if name.hasSuffix("Id") { name.removeLast(2) }
    if let kind = EntityKind.named(name), entity(kind, id, account: call.account) == nil {
      throw Refusal(
        404, kind.missing ?? "NoSuch\(name)", "The specified \(name) does not exist.")
    }
    if name == "VpcOrigin" { _ = try vpcOrigin(id, call) }
    return list(
      "DistributionIdList", users(name, id, account: call.account), truncates: true,
      try paging(call)
    ) { XElement("DistributionId", text: $0) }
  }

  private func listDistributions(
    _ paging: (marker: String, limit: Int), _ call: Call, where wanted: (ModelDistribution) -> Bool
  ) -> Answer {
    let account = accounts[call.account] ?? Account()
    return list(
      "DistributionList",
      account.distributionIDs.filter { account.distributions[$0].map(wanted) == true },
      truncates: true, paging
    ) { account.distributions[$0].map { summary($0, now: call.now) } }
  }

  /// - Parameter webACL: the word `null` asks for those without one.
  func listDistributions(webACL: String, _ call: Call) throws(Refusal) -> Answer {
    let wanted = webACL == "null" ? "" : webACL
    return listDistributions(try paging(call), call) {
      ($0.config.text(at: "WebACLId") ?? "") == wanted
    }
  }

  func listDistributionsByLogConfig(_ call: Call) throws(Refusal) -> Answer {
    let root = try body(call, root: "ListDistributionsByRealtimeLogConfigRequest")
    let arn = root.text(at: "RealtimeLogConfigArn") ?? ""
    let name = root.text(at: "RealtimeLogConfigName") ?? ""
    guard arn.isEmpty != name.isEmpty else {
      throw .invalidArgument("Name either RealtimeLogConfigName or RealtimeLogConfigArn.")
    }
    let paging = try paging(root.text(at: "Marker"), root.text(at: "MaxItems"))
    return listDistributions(paging, call) {
      References.of($0.config)["RealtimeLogConfig"]?.contains {
        $0 == arn || (!name.isEmpty && $0.hasSuffix("realtime-log-config/\(name)"))
      } == true
    }
  }
}

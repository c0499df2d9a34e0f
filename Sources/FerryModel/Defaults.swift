import FerryCore

extension XElement {
  /// Edits the first child of that name in place.
  mutating func change(_ name: String, _ edit: (inout XElement) -> Void) {
    for (index, node) in nodes.enumerated() {
      if case .element(var child) = node, child.name == name {
        edit(&child)
        nodes[index] = .element(child)
        return
      }
    }
  }
  /// Edits every child element in place.
  mutating func changeChildren(_ edit: (inout XElement) -> Void) {
    for (index, node) in nodes.enumerated() {
      if case .element(var child) = node {
        edit(&child)
        nodes[index] = .element(child)
      }
    }
  }
  fileprivate mutating func fill(_ name: String, _ text: String, in order: [String]) {
    fill(XElement(name, text: text), in: order)
  }
  fileprivate mutating func fill(_ child: XElement, in order: [String]) {
    if first(child.name) == nil { put(child, order: order) }
  }
  static func none(_ name: String) -> XElement {
    XElement(name, [XElement("Quantity", text: "0")])
  }
  fileprivate static func list(_ name: String, _ item: String, _ values: [String]) -> XElement {
    XElement(
      name,
      [
        XElement("Quantity", text: String(values.count)),
        XElement("Items", values.map { XElement(item, text: $0) }),
      ])
  }
}

/// Fills in what CloudFront's Get returns for members that were left out.
///
/// - Source: Developer Guide "Required fields for creating and updating distributions" and the
///   defaults named in the API model's member texts. A document that passed through Get can be put
///   back unchanged.
enum Defaults {
  static func filled(_ given: XElement) -> XElement {
    var config = given
    let order = Shape.named("DistributionConfig")?.order ?? []
    config.fill(.none("Aliases"), in: order)
    config.fill("DefaultRootObject", "", in: order)
    config.fill(.none("OriginGroups"), in: order)
    config.fill(.none("CacheBehaviors"), in: order)
    config.fill(.none("CustomErrorResponses"), in: order)
    config.fill(
      XElement(
        "Logging",
        [
          XElement("Enabled", text: "false"), XElement("IncludeCookies", text: "false"),
          XElement("Bucket"), XElement("Prefix"),
        ]), in: order)
    config.fill("PriceClass", "PriceClass_All", in: order)
    config.fill(
      XElement(
        "ViewerCertificate",
        [
          XElement("CloudFrontDefaultCertificate", text: "true"),
          XElement("SSLSupportMethod", text: "vip"),
          XElement("MinimumProtocolVersion", text: "TLSv1"),
          XElement("CertificateSource", text: "cloudfront"),
        ]), in: order)
    config.fill(
      XElement(
        "Restrictions",
        [
          XElement(
            "GeoRestriction",
            [XElement("RestrictionType", text: "none"), XElement("Quantity", text: "0")])
        ]), in: order)
    config.fill("WebACLId", "", in: order)
    config.fill("HttpVersion", "http2", in: order)
    config.fill("IsIPV6Enabled", "false", in: order)
    config.fill("ContinuousDeploymentPolicyId", "", in: order)
    config.fill("Staging", "false", in: order)
    config.change("ViewerCertificate", certificate)
    config.change("Origins") { $0.change("Items") { $0.changeChildren(origin) } }
    config.change("DefaultCacheBehavior") { behaviour(&$0) }
    config.change("CacheBehaviors") { $0.change("Items") { $0.changeChildren(behaviour) } }
    return config
  }

  /// The same for a cache policy: the longest and the usual time are never below what the shorter one says.
  static func filled(cachePolicy given: XElement) -> XElement {
    var config = given
    let order = Shape.named("CachePolicyConfig")?.order ?? []
    func seconds(_ name: String) -> Int64 { config.text(at: name).flatMap(Int64.init) ?? 0 }
    config.fill("DefaultTTL", String(max(86_400, seconds("MinTTL"))), in: order)
    config.fill("MaxTTL", String(max(31_536_000, seconds("DefaultTTL"))), in: order)
    config.fill(
      XElement(
        "ParametersInCacheKeyAndForwardedToOrigin",
        [
          XElement("EnableAcceptEncodingGzip", text: "false"),
          XElement("EnableAcceptEncodingBrotli", text: "false"),
          XElement("HeadersConfig", [XElement("HeaderBehavior", text: "none")]),
          XElement("CookiesConfig", [XElement("CookieBehavior", text: "none")]),
          XElement("QueryStringsConfig", [XElement("QueryStringBehavior", text: "none")]),
        ]), in: order)
    return config
  }

  /// `Certificate` and `CertificateSource` are deprecated echoes of the other members.
  private static func certificate(_ it: inout XElement) {
    let order = Shape.named("ViewerCertificate")?.order ?? []
    it.fill("CloudFrontDefaultCertificate", "false", in: order)
    for (member, source) in [("ACMCertificateArn", "acm"), ("IAMCertificateId", "iam")] {
      guard let value = it.text(at: member), !value.isEmpty else { continue }
      it.put(XElement("Certificate", text: value), order: order)
      it.put(XElement("CertificateSource", text: source), order: order)
      it.fill("MinimumProtocolVersion", "TLSv1", in: order)
      return
    }
    it.fill("SSLSupportMethod", "vip", in: order)
    it.fill("MinimumProtocolVersion", "TLSv1", in: order)
    it.fill("CertificateSource", "cloudfront", in: order)
  }

  private static func origin(_ it: inout XElement) {
    let order = Shape.named("Origin")?.order ?? []
    it.fill("OriginPath", "", in: order)
    it.fill(.none("CustomHeaders"), in: order)
    it.fill("ConnectionAttempts", "3", in: order)
    it.fill("ConnectionTimeout", "10", in: order)
    it.fill(XElement("OriginShield", [XElement("Enabled", text: "false")]), in: order)
    it.fill("OriginAccessControlId", "", in: order)
    it.change("CustomOriginConfig") {
      let order = Shape.named("CustomOriginConfig")?.order ?? []
      $0.fill(.list("OriginSslProtocols", "SslProtocol", ["TLSv1", "SSLv3"]), in: order)
      $0.fill("OriginReadTimeout", "30", in: order)
      $0.fill("OriginKeepaliveTimeout", "5", in: order)
    }
    it.change("VpcOriginConfig") {
      let order = Shape.named("VpcOriginConfig")?.order ?? []
      $0.fill("OriginReadTimeout", "30", in: order)
      $0.fill("OriginKeepaliveTimeout", "5", in: order)
    }
  }

  private static func behaviour(_ it: inout XElement) {
    let order = Shape.named("CacheBehavior")?.order ?? []
    for name in ["TrustedSigners", "TrustedKeyGroups"] {
      it.fill(
        XElement(name, [XElement("Enabled", text: "false"), XElement("Quantity", text: "0")]),
        in: order)
    }
    it.fill(.list("AllowedMethods", "Method", ["HEAD", "GET"]), in: order)
    it.change("AllowedMethods") {
      $0.fill(
        .list("CachedMethods", "Method", ["HEAD", "GET"]),
        in: Shape.named("AllowedMethods")?.order ?? [])
    }
    it.fill("SmoothStreaming", "false", in: order)
    it.fill("Compress", "false", in: order)
    it.fill(.none("LambdaFunctionAssociations"), in: order)
    it.fill(.none("FunctionAssociations"), in: order)
    it.fill("FieldLevelEncryptionId", "", in: order)
    it.fill(XElement("GrpcConfig", [XElement("Enabled", text: "false")]), in: order)
    if it.first("ForwardedValues") != nil {
      it.fill("MinTTL", "0", in: order)
      it.fill("DefaultTTL", "86400", in: order)
      it.fill("MaxTTL", "31536000", in: order)
    }
  }
}

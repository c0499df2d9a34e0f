import FerryCore
import Foundation

/// The policies of AWS's own: the same ids in every account, never changed or deleted.
/// - Source: Developer Guide "Use managed cache policies", "Use managed origin request policies" and
///   "Use managed response headers policies"; ids also in aws/aws-cdk, aws-cloudfront/lib.
enum Managed {
  /// By kind, then by id.
  static let entities: [String: [String: ModelEntity]] = [
    "CachePolicy": byID(cache, cachePolicy),
    "OriginRequestPolicy": byID(originRequest, originRequestPolicy),
    "ResponseHeadersPolicy": byID(responseHeaders, responseHeadersPolicy),
  ]

  private static func byID(_ text: String, _ config: ([String]) -> XElement)
    -> [String: ModelEntity]
  {
    var out: [String: ModelEntity] = [:]
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      out[words[0]] = ModelEntity(
        id: words[0], etag: "E" + words[0].uppercased().filter { $0 != "-" }.prefix(13),
        lastModified: Date(timeIntervalSince1970: 1_577_836_800),
        config: config(Array(words.dropFirst())), isManaged: true)
    }
    return out
  }

  private static func text(_ name: String, _ value: String) -> XElement {
    XElement(name, text: value)
  }
  /// `none`, `all`, or the names that are let through, separated by commas.
  private static func choice(
    _ element: String, _ behaviour: String, _ list: String, _ given: String
  ) -> XElement {
    let parts = given.split(separator: ":").map(String.init)
    var out = XElement(element, [text(behaviour, parts[0])])
    if parts.count > 1 {
      let names = parts[1].split(separator: ",").map(String.init)
      out.put(
        XElement(
          list,
          [
            text("Quantity", "\(names.count)"), XElement("Items", names.map { text("Name", $0) }),
          ]))
    }
    return out
  }

  /// Id, name, MinTTL, DefaultTTL, MaxTTL, gzip, Brotli, headers, cookies, query strings.
  private static let cache = """
    2e54312d-136d-493c-8eb9-b001f22f67d2 Amplify 2 2 600 true true whitelist:Authorization,CloudFront-Viewer-Country,Host all all
    4135ea2d-6df8-44a3-9df3-4b5a84be39ad CachingDisabled 0 0 0 false false none none none
    658327ea-f89d-4fab-a63d-7e88639e58f6 CachingOptimized 1 86400 31536000 true true none none none
    b2884449-e4de-46a7-ac36-70bc7f1ddd6d CachingOptimizedForUncompressedObjects 1 86400 31536000 false false none none none
    08627262-05a9-4f76-9ded-b50ca2e3a84f Elemental-MediaPackage 0 86400 31536000 true false whitelist:Origin none whitelist:aws.manifestfilter,start,end,m
    83da9c7e-98b4-4e11-a168-04f0df8e2c65 UseOriginCacheControlHeaders 0 0 31536000 true true whitelist:Host,Origin,X-HTTP-Method-Override,X-HTTP-Method,X-Method-Override all none
    4cc15a8a-d715-48a4-82b8-cc0b614638fe UseOriginCacheControlHeaders-QueryStrings 0 0 31536000 true true whitelist:Host,Origin,X-HTTP-Method-Override,X-HTTP-Method,X-Method-Override all all
    """

  private static func cachePolicy(_ it: [String]) -> XElement {
    XElement(
      "CachePolicyConfig",
      [
        text("Comment", ""), text("Name", it[0]), text("DefaultTTL", it[2]), text("MaxTTL", it[3]),
        text("MinTTL", it[1]),
        XElement(
          "ParametersInCacheKeyAndForwardedToOrigin",
          [
            text("EnableAcceptEncodingGzip", it[4]), text("EnableAcceptEncodingBrotli", it[5]),
            choice("HeadersConfig", "HeaderBehavior", "Headers", it[6]),
            choice("CookiesConfig", "CookieBehavior", "Cookies", it[7]),
            choice("QueryStringsConfig", "QueryStringBehavior", "QueryStrings", it[8]),
          ]),
      ])
  }

  /// Id, name, headers, cookies, query strings.
  private static let originRequest = """
    216adef6-5c7f-47e4-b989-5492eafa07d3 AllViewer allViewer all all
    33f36d7e-f396-46d9-90e0-52428a34d9dc AllViewerAndCloudFrontHeaders-2022-06 allViewerAndWhitelistCloudFront:CloudFront-Forwarded-Proto,CloudFront-Is-Android-Viewer,CloudFront-Is-Desktop-Viewer,CloudFront-Is-IOS-Viewer,CloudFront-Is-Mobile-Viewer,CloudFront-Is-SmartTV-Viewer,CloudFront-Is-Tablet-Viewer,CloudFront-Viewer-Address,CloudFront-Viewer-ASN,CloudFront-Viewer-City,CloudFront-Viewer-Country,CloudFront-Viewer-Country-Name,CloudFront-Viewer-Country-Region,CloudFront-Viewer-Country-Region-Name,CloudFront-Viewer-Http-Version,CloudFront-Viewer-Latitude,CloudFront-Viewer-Longitude,CloudFront-Viewer-Metro-Code,CloudFront-Viewer-Postal-Code,CloudFront-Viewer-Time-Zone,CloudFront-Viewer-TLS all all
    b689b0a8-53d0-40ab-baf2-68738e2966ac AllViewerExceptHostHeader allExcept:Host all all
    59781a5b-3903-41f3-afcb-af62929ccde1 CORS-CustomOrigin whitelist:Origin none none
    88a5eaf4-2fd4-4709-b370-b4c650ea3fcf CORS-S3Origin whitelist:Origin,Access-Control-Request-Headers,Access-Control-Request-Method none none
    775133bc-15f2-49f9-abea-afb2e0bf67d2 Elemental-MediaTailor-PersonalizedManifests whitelist:Origin,Access-Control-Request-Headers,Access-Control-Request-Method,User-Agent,X-Forwarded-For none all
    acba4595-bd28-49b8-b9fe-13317c0390fa UserAgentRefererHeaders whitelist:User-Agent,Referer none none
    """

  private static func originRequestPolicy(_ it: [String]) -> XElement {
    XElement(
      "OriginRequestPolicyConfig",
      [
        text("Comment", ""), text("Name", it[0]),
        choice("HeadersConfig", "HeaderBehavior", "Headers", it[1]),
        choice("CookiesConfig", "CookieBehavior", "Cookies", it[2]),
        choice("QueryStringsConfig", "QueryStringBehavior", "QueryStrings", it[3]),
      ])
  }

  /// Id, name, the methods that CORS allows, `security` for the security headers.
  private static let responseHeaders = """
    e61eb60c-9c35-4d20-a928-2b84e02af89c CORS-and-SecurityHeadersPolicy GET security
    5cc3b908-e619-4b99-88e5-2cf7f45965bd CORS-With-Preflight GET,HEAD,PUT,POST,PATCH,DELETE,OPTIONS
    eaab4381-ed33-4a86-88ca-d9558dc6cd63 CORS-with-preflight-and-SecurityHeadersPolicy GET,HEAD,PUT,POST,PATCH,DELETE,OPTIONS security
    67f7725c-6f97-4210-82d7-5512b31e9d03 SecurityHeadersPolicy - security
    60669652-455b-4ae9-85a4-c4c02393f86c SimpleCORS GET
    """

  private static func responseHeadersPolicy(_ it: [String]) -> XElement {
    var out = XElement("ResponseHeadersPolicyConfig", [text("Comment", ""), text("Name", it[0])])
    func list(_ name: String, _ item: String, _ values: [String]) -> XElement {
      XElement(
        name,
        [
          text("Quantity", "\(values.count)"),
          XElement("Items", values.map { text(item, $0) }),
        ])
    }
    let methods = it[1].split(separator: ",").map(String.init)
    if it[1] != "-" {
      var cors = XElement(
        "CorsConfig",
        [
          list("AccessControlAllowOrigins", "Origin", ["*"]),
          list("AccessControlAllowHeaders", "Header", ["*"]),
          list("AccessControlAllowMethods", "Method", methods),
          text("AccessControlAllowCredentials", "false"), text("OriginOverride", "false"),
        ])
      if methods.count > 1 {
        cors.put(
          list("AccessControlExposeHeaders", "Header", ["*"]),
          order: Shape.named("ResponseHeadersPolicyCorsConfig")?.order ?? [])
      }
      out.put(cors)
    }
    if it.last == "security" {
      out.put(
        XElement(
          "SecurityHeadersConfig",
          [
            XElement(
              "XSSProtection",
              [text("Override", "false"), text("Protection", "true"), text("ModeBlock", "true")]),
            XElement(
              "FrameOptions", [text("Override", "false"), text("FrameOption", "SAMEORIGIN")]),
            XElement(
              "ReferrerPolicy",
              [
                text("Override", "false"),
                text("ReferrerPolicy", "strict-origin-when-cross-origin"),
              ]),
            XElement("ContentTypeOptions", [text("Override", "true")]),
            XElement(
              "StrictTransportSecurity",
              [text("Override", "false"), text("AccessControlMaxAgeSec", "31536000")]),
          ]))
    }
    return out
  }
}

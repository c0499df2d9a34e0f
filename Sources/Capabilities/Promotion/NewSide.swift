import FerryCore

/// Where a blue/green deploy goes: another path of the same origin, or another origin.
enum NewSide: Equatable, Sendable {
  /// `/green`; empty for the origin's root
  case path(String)
  case domain(String)

  /// - Throws: `bad-usage` (64) for both, and for what can be neither.
  static func of(path: String?, domain: String?) throws(FerryError) -> NewSide? {
    func refuse(_ why: String, _ next: String) -> FerryError {
      .badInput("bad-usage", what: "could not tell what staging is to serve", why: why, next: next)
    }
    if path != nil, domain != nil {
      throw refuse("--origin-path and --origin exclude each other", "give one of them")
    }
    if let path {
      // - Source: API reference of Origin: OriginPath begins with a slash, ends with none, 255 characters at most.
      let isPath =
        path.hasPrefix("/") && !path.hasSuffix("/") && path.utf8.count <= 255
        && path.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
      guard path.isEmpty || path == "/" || isPath else {
        throw refuse(
          "\(path.debugDescription) is no origin path",
          "write it as /releases/42: it begins with a slash and does not end with one")
      }
      return .path(path == "/" ? "" : path)
    }
    guard let domain else { return nil }
    // - Source: API reference of Origin, and Developer Guide, "Origin settings": the domain name of an origin is a DNS
    //   name that can be resolved publicly. CloudFront refuses addresses.
    let bare =
      domain.hasPrefix("[") && domain.hasSuffix("]") ? domain.dropFirst().dropLast() : domain[...]
    guard !DNSServer.isAddress(String(bare)) else {
      throw refuse(
        "\(domain.debugDescription) is an IP address, and CloudFront wants the domain name of an origin",
        "give a name that has that address, as origin.example.com")
    }
    let name = try DomainName(domain)
    guard name != .root, !name.isWildcard else {
      throw refuse("\(domain.debugDescription) can be no origin", "give the origin's domain name")
    }
    // A last label of digits is how an address begins that is written in parts: 127.1.
    guard name.labels.count > 1, name.labels.last?.allSatisfy(\.isNumber) == false else {
      throw refuse(
        "\(domain.debugDescription) is no name that CloudFront can resolve",
        "give the origin's whole public name, as origin.example.com")
    }
    return .domain(name.host)
  }
  var says: String {
    switch self {
    case .path(let path): "origin path \(path.isEmpty ? "/" : path)"
    case .domain(let domain): "origin \(domain)"
    }
  }

  /// What points the default behaviour's origin there; none where it is there already.
  ///
  /// - Throws: exit 4, `origin-group` or `origin-kind`.
  func edits(_ staging: Inventory.Distribution) throws(FerryError) -> [ConfigEdit] {
    func refuse(_ code: FerryError.Code, _ why: String, _ next: String) -> FerryError {
      FerryError(
        code, exit: .blocked, what: "could not point \(staging.id) at \(says)", why: why, next: next
      )
    }
    let target = staging.config.text(at: "DefaultCacheBehavior/TargetOriginId") ?? ""
    let origins = staging.config.at("Origins/Items")?.children ?? []
    guard let place = origins.firstIndex(where: { $0.text(at: "Id") == target }) else {
      throw refuse(
        "origin-group", "its default behaviour goes to \(target), which is no single origin",
        "change the staging distribution yourself, then edgeferry promote plan without --origin")
    }
    let origin = origins[place]
    let path = "Origins/Items/Origin" + (origins.count > 1 ? "[\(place)]" : "")
    func edit(_ member: String, _ value: String) -> [ConfigEdit] {
      let old = origin.text(at: member)
      return (old ?? "") == value
        ? [] : [ConfigEdit(path: "\(path)/\(member)", from: old, to: value)]
    }
    switch self {
    case .path(let value): return edit("OriginPath", value)
    case .domain(let value):
      let isBucket = origin.first("S3OriginConfig") != nil
      guard isBucket == (BucketName.of(origin: value) != nil) else {
        throw refuse(
          "origin-kind",
          isBucket
            ? "origin \(target) is a bucket, and \(value) is none"
            : "\(value) is a bucket, and origin \(target) is none",
          "add the origin to the staging distribution yourself, then plan without --origin")
      }
      return edit("DomainName", value)
    }
  }
}

import FerryCore
import Foundation

/// CloudFront's control plane over any transport: typed calls, documents kept as the XML that was read.
///
/// Every call throws `FerryError`; one that CloudFront refused carries `service` with its code.
public struct CloudFrontClient: Sendable {
  public var transport: any ServiceTransport
  /// Where polls are many and answers the same: what they were read as.
  private let known: DistributionMemory?
  public init(_ transport: any ServiceTransport) {
    self.transport = transport
    known = nil
  }
  public init(_ transport: any ServiceTransport, remembering known: DistributionMemory) {
    self.transport = transport
    self.known = known
  }

  public struct Distribution: Equatable, Sendable {
    public var id: String
    public var arn: String
    /// `InProgress` or `Deployed`.
    public var status: String
    public var domainName: String
    public var lastModified: String
    public var etag: String
    /// The `DistributionConfig` element as read.
    public var config: XElement
  }
  public struct Policy: Equatable, Sendable {
    public var id: String
    public var lastModified: String
    /// Empty when it came from a list, which carries no versions.
    public var etag: String
    /// The `ContinuousDeploymentPolicyConfig` element as read.
    public var config: XElement
  }
  public struct Page<Item: Sendable>: Sendable {
    public var items: [Item]
    public var nextMarker: String?
    /// The list's own Quantity, where it has one.
    public var quantity: Int?
  }

  // MARK: Distributions

  public func distribution(_ id: String) async throws(FerryError) -> Distribution {
    let answer = try await call("GetDistribution", path: "/distribution/\(percentEncoded(id))")
    if let it = known?.read(answer, of: id) { return it }
    let it = try Self.distribution(answer, operation: "GetDistribution")
    known?.keep(it, from: answer, of: id)
    return it
  }

  /// One page of `DistributionSummary` elements.
  public func distributions(marker: String?) async throws(FerryError) -> Page<XElement> {
    try await page(
      "ListDistributions", "/distribution", item: "DistributionSummary", marker: marker)
  }

  /// One page of ids; the rest of each summary, 5 kB and more, is read and not kept.
  /// A distribution as a list names it; nil for what the list did not say.
  public struct Listed: Equatable, Sendable {
    public var id: String
    public var etag: String?
    public var status: String?
  }
  public func distributionVersions(marker: String?) async throws(FerryError) -> Page<Listed> {
    let page = try await page(
      "ListDistributions", "/distribution", item: "DistributionSummary", marker: marker,
      selection: .init(depth: 4, names: ["Id", "ETag", "Status"]))
    return Page(
      items: page.items.compactMap { it in
        it.text(at: "Id").map {
          Listed(id: $0, etag: it.text(at: "ETag"), status: it.text(at: "Status"))
        }
      }, nextMarker: page.nextMarker, quantity: page.quantity)
  }

  public func updateDistribution(_ id: String, config: XElement, ifMatch: String)
    async throws(FerryError) -> Distribution
  {
    let answer = try await call(
      "UpdateDistribution", method: "PUT", path: "/distribution/\(percentEncoded(id))/config",
      headers: ["if-match": ifMatch], body: config)
    return try Self.distribution(answer, operation: "UpdateDistribution")
  }

  public func deleteDistribution(_ id: String, ifMatch: String) async throws(FerryError) {
    _ = try await call(
      "DeleteDistribution", method: "DELETE", path: "/distribution/\(percentEncoded(id))",
      headers: ["if-match": ifMatch])
  }

  /// - Parameter tags: empty uses CreateDistribution, else CreateDistributionWithTags.
  public func createDistribution(config: XElement, tags: [String: String] = [:])
    async throws(FerryError) -> Distribution
  {
    let answer: ServiceResponse
    if tags.isEmpty {
      answer = try await call(
        "CreateDistribution", method: "POST", path: "/distribution", body: config)
    } else {
      var inner = config
      inner.attributes.removeAll { $0.name == "xmlns" }
      let body = XElement("DistributionConfigWithTags", [inner, Self.tagsElement(tags)])
      answer = try await call(
        "CreateDistributionWithTags", method: "POST", path: "/distribution",
        query: [.init("WithTags", nil)], body: body)
    }
    return try Self.distribution(answer, operation: "CreateDistribution")
  }

  /// Takes an alias from whichever distribution of the account holds it.
  /// - Parameter ifMatch: the target's ETag.
  public func moveAlias(_ alias: String, to id: String, ifMatch: String) async throws(FerryError) {
    _ = try await call(
      "UpdateDomainAssociation", method: "POST", path: "/domain-association",
      headers: ["if-match": ifMatch],
      body: XElement(
        "UpdateDomainAssociationRequest",
        [
          XElement("Domain", text: alias),
          XElement("TargetResource", [XElement("DistributionId", text: id)]),
        ]))
  }

  /// Copies the staging distribution's config over the primary's and disables the policy between them.
  /// - Parameter ifMatch: the newest ETags of both, `PRIMARY, STAGING`.
  /// - Returns: the primary.
  /// - Source: API reference of UpdateDistributionWithStagingConfig.
  public func promote(_ id: String, staging: String, ifMatch: String)
    async throws(FerryError) -> Distribution
  {
    let operation = "UpdateDistributionWithStagingConfig"
    let answer = try await call(
      operation, method: "PUT", path: "/distribution/\(percentEncoded(id))/promote-staging-config",
      query: [.init("StagingDistributionId", staging)],
      headers: ["if-match": ifMatch])
    return try Self.distribution(answer, operation: operation)
  }

  /// One that holds an alias which is the name asked for, or over or under it; ids of others are partly masked.
  public struct ConflictingAlias: Equatable, Sendable {
    public var alias: String
    public var distribution: String
    public var account: String
  }
  /// - Parameter distribution: one of one's own whose certificate covers the name.
  public func conflictingAliases(_ alias: String, distribution: String)
    async throws(FerryError) -> [ConflictingAlias]
  {
    let operation = "ListConflictingAliases"
    var out: [ConflictingAlias] = []
    try await eachPage(of: operation) { marker throws(FerryError) in
      var query: [ServiceRequest.QueryItem] = [
        .init("DistributionId", distribution), .init("Alias", alias),
      ]
      if let marker { query.append(.init("Marker", marker)) }
      query.append(.init("MaxItems", "100"))
      let answer = try await call(operation, path: "/conflicting-alias", query: query)
      let root = try Self.document(answer, operation: operation)
      for it in root.first("Items")?.all("ConflictingAlias") ?? [] {
        out.append(
          ConflictingAlias(
            alias: it.text(at: "Alias") ?? "", distribution: it.text(at: "DistributionId") ?? "",
            account: it.text(at: "AccountId") ?? ""))
      }
      return root
    }
    return out
  }
  /// Asks page by page, from nil on, as long as an answer names another one.
  private func eachPage(
    of operation: String, _ ask: (_ marker: String?) async throws(FerryError) -> XElement
  ) async throws(FerryError) {
    var marker: String?
    repeat {
      let next = try await ask(marker).text(at: "NextMarker").flatMap { $0.isEmpty ? nil : $0 }
      if let next, next == marker {
        throw Self.unreadable(operation, "the next page's marker is this page's own")
      }
      marker = next
    } while marker != nil
  }

  /// The same as CloudFront's newer list has it, which knows distribution tenants too.
  /// - Parameter distribution: one of one's own whose certificate covers the name.
  /// - Source: botocore 1.43.11, ListDomainConflicts; each item of the list is called as the list is.
  public func domainConflicts(_ name: String, distribution: String)
    async throws(FerryError) -> [ConflictingAlias]
  {
    let operation = "ListDomainConflicts"
    var out: [ConflictingAlias] = []
    try await eachPage(of: operation) { marker throws(FerryError) in
      var members = [
        XElement("Domain", text: name),
        XElement(
          "DomainControlValidationResource", [XElement("DistributionId", text: distribution)]),
        XElement("MaxItems", text: "100"),
      ]
      if let marker { members.append(XElement("Marker", text: marker)) }
      let answer = try await call(
        operation, method: "POST", path: "/domain-conflicts",
        body: XElement("ListDomainConflictsRequest", members))
      let root = try Self.document(answer, operation: operation)
      guard root.name == "ListDomainConflictsResult" else {
        throw Self.unreadable(operation, "it holds no ListDomainConflictsResult")
      }
      for it in root.first("DomainConflicts")?.all("DomainConflicts") ?? [] {
        out.append(
          ConflictingAlias(
            alias: it.text(at: "Domain") ?? "", distribution: it.text(at: "ResourceId") ?? "",
            account: it.text(at: "AccountId") ?? ""))
      }
      return root
    }
    return out
  }

  /// The aliases of all of the account's distributions, in lower case, by their summaries.
  public func aliases() async throws(FerryError) -> [(alias: String, distribution: String)] {
    var out: [(alias: String, distribution: String)] = []
    var marker: String?
    repeat {
      let page = try await page(
        "ListDistributions", "/distribution", item: "DistributionSummary", marker: marker,
        selection: .init(depth: 4, names: ["Id", "Aliases"]))
      for it in page.items {
        let id = it.text(at: "Id") ?? ""
        out += (it.at("Aliases/Items")?.children ?? []).map { ($0.text.lowercased(), id) }
      }
      marker = page.nextMarker
    } while marker != nil
    return out
  }

  public func tags(arn: String) async throws(FerryError) -> [String: String] {
    let answer = try await call(
      "ListTagsForResource", path: "/tagging", query: [.init("Resource", arn)])
    let root = try Self.document(answer, operation: "ListTagsForResource")
    var tags: [String: String] = [:]
    for tag in root.at("Items")?.children ?? [] {
      tags[tag.text(at: "Key") ?? ""] = tag.text(at: "Value") ?? ""
    }
    return tags
  }

  // MARK: Continuous-deployment policies

  public func policy(_ id: String) async throws(FerryError) -> Policy {
    let operation = "GetContinuousDeploymentPolicy"
    let answer = try await call(
      operation, path: "/continuous-deployment-policy/\(percentEncoded(id))")
    return try Self.policy(answer, operation: operation)
  }

  /// One page of policies with their whole configs.
  public func policies(marker: String?) async throws(FerryError) -> Page<Policy> {
    let page = try await page(
      "ListContinuousDeploymentPolicies", "/continuous-deployment-policy",
      item: "ContinuousDeploymentPolicySummary", marker: marker)
    var items: [Policy] = []
    for summary in page.items {
      guard let it = summary.first("ContinuousDeploymentPolicy") else {
        throw Self.unreadable("ListContinuousDeploymentPolicies", "a summary without its policy")
      }
      items.append(try Self.policy(it, etag: "", operation: "ListContinuousDeploymentPolicies"))
    }
    return Page(items: items, nextMarker: page.nextMarker, quantity: page.quantity)
  }

  public func createPolicy(config: XElement) async throws(FerryError) -> Policy {
    let operation = "CreateContinuousDeploymentPolicy"
    let answer = try await call(
      operation, method: "POST", path: "/continuous-deployment-policy", body: config)
    return try Self.policy(answer, operation: operation)
  }

  public func updatePolicy(_ id: String, config: XElement, ifMatch: String)
    async throws(FerryError) -> Policy
  {
    let operation = "UpdateContinuousDeploymentPolicy"
    let answer = try await call(
      operation, method: "PUT", path: "/continuous-deployment-policy/\(percentEncoded(id))",
      headers: ["if-match": ifMatch], body: config)
    return try Self.policy(answer, operation: operation)
  }

  public func deletePolicy(_ id: String, ifMatch: String) async throws(FerryError) {
    _ = try await call(
      "DeleteContinuousDeploymentPolicy", method: "DELETE",
      path: "/continuous-deployment-policy/\(percentEncoded(id))", headers: ["if-match": ifMatch])
  }

  // MARK: The wire

  static let version = "/2020-05-31"

  public func call(
    _ operation: String, method: String = "GET", path: String,
    query: [ServiceRequest.QueryItem] = [], headers: [String: String] = [:],
    body: XElement? = nil
  ) async throws(FerryError) -> ServiceResponse {
    var request = ServiceRequest(
      .cloudFront, operation, method: method, path: Self.version + path, query: query,
      headers: headers)
    if var root = body {
      if !root.attributes.contains(where: { $0.name == "xmlns" }) {
        root.attributes.insert(.init(name: "xmlns", value: cloudFrontNamespace), at: 0)
      }
      request.body = Array(("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + root.xml).utf8)
      request.headers["content-type"] = "text/xml"
    }
    let response = try await transport.send(request)
    return try accepted(response, operation: operation)
  }

  func page(
    _ operation: String, _ path: String, item: String, marker: String?,
    selection: XMLReader.Selection? = nil, given: [ServiceRequest.QueryItem] = []
  ) async throws(FerryError) -> Page<XElement> {
    var query = given
    if let marker { query.append(.init("Marker", marker)) }
    query.append(.init("MaxItems", "100"))
    let answer = try await call(operation, path: path, query: query)
    let root = try Self.document(answer, operation: operation, selection: selection)
    let next = root.text(at: "NextMarker").flatMap { $0.isEmpty ? nil : $0 }
    if next == nil, root.text(at: "IsTruncated") == "true" {
      throw Self.unreadable(operation, "the list says it is truncated but names no next marker")
    }
    if let next, next == marker {
      throw Self.unreadable(operation, "the next page's marker is this page's own")
    }
    return Page(
      items: root.first("Items")?.all(item) ?? [], nextMarker: next,
      quantity: root.text(at: "Quantity").flatMap { Int($0) })
  }

  static func document(
    _ answer: ServiceResponse, operation: String, selection: XMLReader.Selection? = nil
  ) throws(FerryError) -> XElement {
    if selection == nil, let document = answer.document { return document }
    do {
      return try XMLReader.read(answer.body, selection: selection)
    } catch {
      throw unreadable(operation, error.why)
    }
  }
  static func unreadable(_ operation: String, _ why: String) -> FerryError {
    FerryError(
      .unreadableAnswer, what: "could not read the answer to \(operation)", why: why,
      next: "run the command again; if it persists, check the endpoint and any proxy before it")
  }
  private static func distribution(_ answer: ServiceResponse, operation: String)
    throws(FerryError) -> Distribution
  {
    let root = try document(answer, operation: operation)
    guard let config = root.first("DistributionConfig"), let id = root.text(at: "Id"), !id.isEmpty
    else { throw unreadable(operation, "it holds no DistributionConfig") }
    guard let etag = answer.headers["etag"], !etag.isEmpty else {
      throw unreadable(operation, "it names no version (ETag)")
    }
    return Distribution(
      id: id, arn: root.text(at: "ARN") ?? "", status: root.text(at: "Status") ?? "",
      domainName: root.text(at: "DomainName") ?? "",
      lastModified: root.text(at: "LastModifiedTime") ?? "",
      etag: etag, config: config)
  }
  private static func policy(_ answer: ServiceResponse, operation: String) throws(FerryError)
    -> Policy
  {
    guard let etag = answer.headers["etag"], !etag.isEmpty else {
      throw unreadable(operation, "it names no version (ETag)")
    }
    return try policy(document(answer, operation: operation), etag: etag, operation: operation)
  }
  private static func policy(_ root: XElement, etag: String, operation: String)
    throws(FerryError) -> Policy
  {
    guard let config = root.first("ContinuousDeploymentPolicyConfig"), let id = root.text(at: "Id"),
      !id.isEmpty
    else { throw unreadable(operation, "it holds no ContinuousDeploymentPolicyConfig") }
    return Policy(
      id: id, lastModified: root.text(at: "LastModifiedTime") ?? "", etag: etag, config: config)
  }
  static func tagsElement(_ tags: [String: String]) -> XElement {
    XElement(
      "Tags",
      [
        XElement(
          "Items",
          tags.sorted { $0.key < $1.key }.map {
            XElement("Tag", [XElement("Key", text: $0.key), XElement("Value", text: $0.value)])
          })
      ])
  }
}

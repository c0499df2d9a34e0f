import FerryCore

/// How many of each kind an account has, by the lists that CloudFront gives of them; AWS's own are left out.
extension ResourceClient {
  /// - Returns: all of the account's distributions, and how many of them are staging distributions.
  public func distributionCounts() async throws(FerryError) -> (all: Int, staging: Int) {
    let found = try await items(
      "ListDistributions", "/distribution", "DistributionSummary",
      selection: .init(depth: 4, names: ["Id", "Staging"]))
    return (found.count, found.count { $0.text(at: "Staging") == "true" })
  }
  public func policyCount() async throws(FerryError) -> Int {
    try await items(
      "ListContinuousDeploymentPolicies", "/continuous-deployment-policy",
      "ContinuousDeploymentPolicySummary"
    ).count
  }
  /// - Throws: also for a kind of which CloudFront has no list.
  public func count(_ kind: ResourceKind) async throws(FerryError) -> Int {
    switch kind {
    case .function:
      // Every function has that stage, and is listed once for each that it has.
      return try await items(
        "ListFunctions", "/function", "FunctionSummary", given: [.init("Stage", "DEVELOPMENT")]
      ).count
    case .keyValueStore:
      return try await items("ListKeyValueStores", "/key-value-store", "KeyValueStore").count
    default:
      guard let it = Self.spelling(kind) else { throw Self.unknown(kind) }
      let isManaged = CloudFrontClient.managedKinds.contains(kind)
      return try await items(
        "List\(it.plural)", it.path, it.summary, given: isManaged ? [.init("Type", "custom")] : []
      ).count
    }
  }

  private func items(
    _ operation: String, _ path: String, _ item: String,
    given: [ServiceRequest.QueryItem] = [], selection: XMLReader.Selection? = nil
  ) async throws(FerryError) -> [XElement] {
    var out: [XElement] = []
    var marker: String?
    repeat {
      let page = try await cloudFront.page(
        operation, path, item: item, marker: marker, selection: selection, given: given)
      out += page.items
      marker = page.nextMarker
    } while marker != nil
    return out
  }
}

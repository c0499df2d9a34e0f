import FerryCore

/// Which operation a request asks for: method, path and, where two share them, the query.
struct Route: Sendable {
  var operation: String
  var method: String
  /// The path after the API's version; `{}` stands for the id.
  var path: [String]
  /// `Name` or `Name=value` that the query must hold.
  var query: (name: String, value: String?)?
  /// Set for what the kinds of entities share.
  var entity: (kind: EntityKind, verb: EntityKind.Verb)?

  init(_ operation: String, _ method: String, _ target: String) {
    self.operation = operation
    self.method = method
    let sides = target.split(separator: "?")
    path = sides[0].split(separator: "/").map(String.init)
    if sides.count > 1 {
      let pair = sides[1].split(separator: "=")
      query = (String(pair[0]), pair.count > 1 ? String(pair[1]) : nil)
    }
  }

  /// The row that a request asks for and the id in its path; nil for what the model does not serve.
  static func matching(_ request: ServiceRequest) -> (route: Route, id: String)? {
    var parts = request.path.split(separator: "/").map { percentDecoded(String($0)) }
    let rows: Table
    switch request.service.signingName {
    case "cloudfront-keyvaluestore": rows = keyRows
    case let service:
      let isZones = service == "route53"
      guard parts.first == (isZones ? "2013-04-01" : "2020-05-31") else { return nil }
      parts.removeFirst()
      rows = isZones ? zoneRows : cloudFrontRows
    }
    for route in rows[request.method, parts.count] {
      guard zip(route.path, parts).allSatisfy({ $0 == "{}" || $0 == $1 }) else { continue }
      if let query = route.query {
        let found = request.query.first { $0.name == query.name }
        guard let found, query.value == nil || query.value == found.value else { continue }
      }
      return (route, route.path.firstIndex(of: "{}").map { parts[$0] } ?? "")
    }
    return nil
  }

  /// - Source: botocore 1.43.11 service model, CloudFront API 2020-05-31, `http` of each operation.
  static let table: [Route] = read(text) + EntityKind.all.flatMap(\.routes)
  private static let cloudFrontRows = Table(table)
  private static let zoneRows = Table(zones)
  private static let keyRows = Table(keys)

  /// Rows by method and length of the path, in their order.
  private struct Table: Sendable {
    private var rows: [String: [[Route]]] = [:]
    init(_ all: [Route]) {
      for route in all {
        var byLength = rows[route.method] ?? []
        while byLength.count <= route.path.count { byLength.append([]) }
        byLength[route.path.count].append(route)
        rows[route.method] = byLength
      }
    }
    subscript(_ method: String, _ length: Int) -> [Route] {
      guard let byLength = rows[method], byLength.indices.contains(length) else { return [] }
      return byLength[length]
    }
  }
  /// - Source: botocore 1.43.11 service model, Route 53 2013-04-01, `http` of each operation.
  static let zones: [Route] = read(
    """
    CreateHostedZone POST hostedzone
    ListHostedZones GET hostedzone
    GetHostedZone GET hostedzone/{}
    UpdateHostedZoneComment POST hostedzone/{}
    DeleteHostedZone DELETE hostedzone/{}
    GetDNSSEC GET hostedzone/{}/dnssec
    ListResourceRecordSets GET hostedzone/{}/rrset
    ChangeResourceRecordSets POST hostedzone/{}/rrset
    ListHostedZonesByName GET hostedzonesbyname
    GetHostedZoneCount GET hostedzonecount
    GetChange GET change/{}
    ListTagsForResource GET tags/hostedzone/{}
    ChangeTagsForResource POST tags/hostedzone/{}
    TestDNSAnswer GET testdnsanswer
    """)

  /// - Source: botocore 1.43.11 service model, CloudFront KeyValueStore 2022-07-26, `http` of each operation.
  static let keys: [Route] = read(
    """
    DescribeKeyValueStore GET key-value-stores/{}
    ListKeys GET key-value-stores/{}/keys
    UpdateKeys POST key-value-stores/{}/keys
    GetKey GET key-value-stores/{}/keys/{}
    PutKey PUT key-value-stores/{}/keys/{}
    DeleteKey DELETE key-value-stores/{}/keys/{}
    """)

  private static func read(_ text: String) -> [Route] {
    text.split(separator: "\n").map { line in
      let words = line.split(separator: " ").map(String.init)
      return Route(words[0], words[1], words[2])
    }
  }

  private static let text = """
    CreateDistributionWithTags POST distribution?WithTags
    CreateDistribution POST distribution
    ListDistributions GET distribution
    GetDistribution GET distribution/{}
    DeleteDistribution DELETE distribution/{}
    GetDistributionConfig GET distribution/{}/config
    UpdateDistribution PUT distribution/{}/config
    CopyDistribution POST distribution/{}/copy
    UpdateDistributionWithStagingConfig PUT distribution/{}/promote-staging-config
    AssociateAlias PUT distribution/{}/associate-alias
    ListConflictingAliases GET conflicting-alias
    UpdateDomainAssociation POST domain-association
    ListDomainConflicts POST domain-conflicts
    ListDistributionsByCachePolicyId GET distributionsByCachePolicyId/{}
    ListDistributionsByOriginRequestPolicyId GET distributionsByOriginRequestPolicyId/{}
    ListDistributionsByResponseHeadersPolicyId GET distributionsByResponseHeadersPolicyId/{}
    ListDistributionsByKeyGroup GET distributionsByKeyGroupId/{}
    ListDistributionsByWebACLId GET distributionsByWebACLId/{}
    ListDistributionsByVpcOriginId GET distributionsByVpcOriginId/{}
    ListDistributionsByRealtimeLogConfig POST distributionsByRealtimeLogConfig
    CreateContinuousDeploymentPolicy POST continuous-deployment-policy
    ListContinuousDeploymentPolicies GET continuous-deployment-policy
    GetContinuousDeploymentPolicy GET continuous-deployment-policy/{}
    UpdateContinuousDeploymentPolicy PUT continuous-deployment-policy/{}
    DeleteContinuousDeploymentPolicy DELETE continuous-deployment-policy/{}
    GetContinuousDeploymentPolicyConfig GET continuous-deployment-policy/{}/config
    CreateFunction POST function
    ListFunctions GET function
    GetFunction GET function/{}
    UpdateFunction PUT function/{}
    DeleteFunction DELETE function/{}
    DescribeFunction GET function/{}/describe
    PublishFunction POST function/{}/publish
    CreateMonitoringSubscription POST distributions/{}/monitoring-subscription
    GetMonitoringSubscription GET distributions/{}/monitoring-subscription
    DeleteMonitoringSubscription DELETE distributions/{}/monitoring-subscription
    CreateKeyValueStore POST key-value-store
    ListKeyValueStores GET key-value-store
    DescribeKeyValueStore GET key-value-store/{}
    UpdateKeyValueStore PUT key-value-store/{}
    DeleteKeyValueStore DELETE key-value-store/{}
    CreateRealtimeLogConfig POST realtime-log-config
    ListRealtimeLogConfigs GET realtime-log-config
    UpdateRealtimeLogConfig PUT realtime-log-config
    GetRealtimeLogConfig POST get-realtime-log-config
    DeleteRealtimeLogConfig POST delete-realtime-log-config
    CreateVpcOrigin POST vpc-origin
    ListVpcOrigins GET vpc-origin
    GetVpcOrigin GET vpc-origin/{}
    UpdateVpcOrigin PUT vpc-origin/{}
    DeleteVpcOrigin DELETE vpc-origin/{}
    ListTagsForResource GET tagging
    TagResource POST tagging?Operation=Tag
    UntagResource POST tagging?Operation=Untag
    """
}

extension CloudFrontModel {
  /// The operations of CloudFront that the model serves.
  public static let operations: [String] = Route.table.map(\.operation).sorted()

  /// The operations of the key value stores' data plane that the model serves.
  public static let keyOperations: [String] = Route.keys.map(\.operation).sorted()

  /// The operations of Route 53 that the model serves.
  public static let zoneOperations: [String] = Route.zones.map(\.operation).sorted()

  mutating func route53(_ route: Route, _ id: String, _ call: Call) throws(Refusal) -> Answer {
    guard accounts[call.account] != nil else { throw .accessDenied("the account is not known") }
    switch route.operation {
    case "CreateHostedZone": return try createZone(call)
    case "ListHostedZones": return try listZones(call)
    case "GetHostedZone": return try getZone(id, call)
    case "UpdateHostedZoneComment": return try updateZoneComment(id, call)
    case "DeleteHostedZone": return try deleteZone(id, call)
    case "GetDNSSEC": return try getDNSSEC(id, call)
    case "ListResourceRecordSets": return try listRecordSets(id, call)
    case "ChangeResourceRecordSets": return try changeRecordSets(id, call)
    case "ListHostedZonesByName": return try listZonesByName(call)
    case "GetHostedZoneCount": return countZones(call)
    case "GetChange": return try getChange(id, call)
    case "ListTagsForResource": return try listZoneTags(id, call)
    case "ChangeTagsForResource": return try changeZoneTags(id, call)
    case "TestDNSAnswer": return try testAnswer(call)
    default: throw .unknownOperation(call.request)
    }
  }

  mutating func cloudFront(_ route: Route, _ id: String, _ call: Call) throws(Refusal) -> Answer {
    guard accounts[call.account] != nil else { throw .accessDenied("the account is not known") }
    if let (kind, verb) = route.entity { return try entity(kind, verb, id, call) }
    switch route.operation {
    case "CreateDistribution": return try createDistribution(call, withTags: false)
    case "CreateDistributionWithTags": return try createDistribution(call, withTags: true)
    case "CopyDistribution": return try copyDistribution(id, call)
    case "GetDistribution": return try getDistribution(id, call)
    case "GetDistributionConfig": return try getDistributionConfig(id, call)
    case "UpdateDistribution": return try updateDistribution(id, call)
    case "UpdateDistributionWithStagingConfig": return try promote(id, call)
    case "DeleteDistribution": return try deleteDistribution(id, call)
    case "ListDistributions": return try listDistributions(call)
    case "AssociateAlias": return try associateAlias(id, call)
    case "UpdateDomainAssociation": return try updateDomainAssociation(call)
    case "ListConflictingAliases": return try listConflictingAliases(call)
    case "ListDomainConflicts": return try listDomainConflicts(call)
    case "ListDistributionsByCachePolicyId", "ListDistributionsByOriginRequestPolicyId",
      "ListDistributionsByResponseHeadersPolicyId", "ListDistributionsByKeyGroup",
      "ListDistributionsByVpcOriginId":
      return try listDistributionIDs(route.operation, id, call)
    case "ListDistributionsByWebACLId": return try listDistributions(webACL: id, call)
    case "ListDistributionsByRealtimeLogConfig": return try listDistributionsByLogConfig(call)
    case "CreateContinuousDeploymentPolicy": return try createPolicy(call)
    case "GetContinuousDeploymentPolicy": return try getPolicy(id, call)
    case "GetContinuousDeploymentPolicyConfig": return try getPolicyConfig(id, call)
    case "UpdateContinuousDeploymentPolicy": return try updatePolicy(id, call)
    case "DeleteContinuousDeploymentPolicy": return try deletePolicy(id, call)
    case "ListContinuousDeploymentPolicies": return try listPolicies(call)
    case "CreateFunction": return try createFunction(call)
    case "DescribeFunction": return try describeFunction(id, call)
    case "GetFunction": return try getFunction(id, call)
    case "UpdateFunction": return try updateFunction(id, call)
    case "PublishFunction": return try publishFunction(id, call)
    case "DeleteFunction": return try deleteFunction(id, call)
    case "ListFunctions": return try listFunctions(call)
    case "CreateMonitoringSubscription": return try createMonitoring(id, call)
    case "GetMonitoringSubscription": return try getMonitoring(id, call)
    case "DeleteMonitoringSubscription": return try deleteMonitoring(id, call)
    case "CreateKeyValueStore": return try createStore(call)
    case "DescribeKeyValueStore": return try describeStore(id, call)
    case "UpdateKeyValueStore": return try updateStore(id, call)
    case "DeleteKeyValueStore": return try deleteStore(id, call)
    case "ListKeyValueStores": return try listStores(call)
    case "CreateRealtimeLogConfig": return try createLogConfig(call)
    case "GetRealtimeLogConfig": return try getLogConfig(call)
    case "UpdateRealtimeLogConfig": return try updateLogConfig(call)
    case "DeleteRealtimeLogConfig": return try deleteLogConfig(call)
    case "ListRealtimeLogConfigs": return try listLogConfigs(call)
    case "CreateVpcOrigin": return try createVPCOrigin(call)
    case "GetVpcOrigin": return try getVPCOrigin(id, call)
    case "UpdateVpcOrigin": return try updateVPCOrigin(id, call)
    case "DeleteVpcOrigin": return try deleteVPCOrigin(id, call)
    case "ListVpcOrigins": return try listVPCOrigins(call)
    case "ListTagsForResource": return try listTags(call)
    case "TagResource": return try tag(call)
    case "UntagResource": return try untag(call)
    default: throw .unknownOperation(call.request)
    }
  }
}

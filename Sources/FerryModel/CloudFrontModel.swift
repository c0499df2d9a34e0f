import FerryCloudFront
import FerryCore
import Foundation

/// CloudFront's control plane, in memory and driven by the time that is passed in.
///
/// The lab server, the runner's tests and rehearsals share it. Requests come and go at the level of
/// the wire: method, path, query, headers, XML.
/// - Source: botocore 1.43.11 service models of CloudFront 2020-05-31, STS 2011-06-15 and
///   CloudFormation 2010-05-15; rules that only the guides and issue threads tell name them where
///   they are written.
public struct CloudFrontModel: Sendable {
  /// Seconds from a write until the last POP has it and `Status` is `Deployed`.
  public private(set) var propagationSeconds: Double
  public let pops: Int
  public var behaviours: Behaviours
  /// Distributions whose `Status` stays `InProgress` for ever.
  public var stuck: Set<String> = []
  /// What may be created.
  public var quotas = Quotas()
  /// TXT records that DNS would answer, by name in lower case without the last dot.
  public var txtRecords: [String: Set<String>] = [:]
  /// Ids and ARNs that a config may name although the model has nothing of that name.
  public var assumed: Set<String> = []
  /// What the edge served, by distribution.
  public internal(set) var viewerRequests: [String: ViewerRequests] = [:]
  /// How many changes edges heard of, or will: while it stays the same, what they answer changes with the time alone.
  public internal(set) var edgeChanges = 0
  /// Every handled request, oldest first.
  public internal(set) var log: [LoggedRequest] = []
  /// Every accepted access key, by its id.
  public internal(set) var credentials: [String: ModelCredential] = [:]

  struct Account: Sendable {
    var distributions: [String: ModelDistribution] = [:]
    /// Sorted; lists page over it.
    var distributionIDs: [String] = []
    /// Ids by `d….cloudfront.net`.
    var domainNames: [String: String] = [:]
    var policies: [String: ModelPolicy] = [:]
    /// By kind, then by id.
    var entities: [String: [String: ModelEntity]] = [:]
    /// By name.
    var functions: [String: ModelFunction] = [:]
    /// By name.
    var stores: [String: ModelStore] = [:]
    /// By name.
    var logConfigs: [String: ModelLogConfig] = [:]
    /// By id.
    var vpcOrigins: [String: ModelVPCOrigin] = [:]
    var stacks: [ModelStack] = []
    /// What ACM describes, by ARN.
    var certificates: [String: JSONValue] = [:]
    /// What an inventory says may be created, and the value that it gives.
    var quotas: [AccountQuota: ModelQuota] = [:]

    mutating func put(_ it: ModelDistribution) {
      if let name = distributions[it.id]?.domainName { domainNames[name] = nil }
      domainNames[it.domainName] = it.id
      if distributions.updateValue(it, forKey: it.id) == nil {
        // Loads come in any order; a binary search keeps large inventories quick.
        var low = 0
        var high = distributionIDs.count
        while low < high {
          let middle = (low + high) / 2
          if distributionIDs[middle] < it.id { low = middle + 1 } else { high = middle }
        }
        distributionIDs.insert(it.id, at: low)
      }
    }
    mutating func removeDistribution(_ id: String) {
      if let name = distributions[id]?.domainName { domainNames[name] = nil }
      distributions[id] = nil
      distributionIDs.removeAll { $0 == id }
    }
  }
  var accounts: [AccountID: Account] = [:]
  /// Hosted zones of every account, by id.
  var zones: [String: ModelZone] = [:]
  /// The public ones by name, the oldest first.
  var publicZones: [DomainName: [String]] = [:]
  /// Changes of hosted zones, by id.
  var changes: [String: ModelChange] = [:]
  /// Where the four name servers listen.
  public var nameServerAddresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"]
  /// Seconds by which a name server is later than its turn.
  public var nameServerLagSeconds: [Int: Double] = [:]
  /// Where the edge listens: what every distribution's name resolves to. nil: not over IPv6.
  public var edgeAddress = "127.0.0.1"
  public var edgeIPv6Address: String?
  /// The turn in which each name server changes over, 0 first.
  private(set) var nameServerTurns: [Int]
  var ghosts: [GhostAlias] = []
  /// Names that crossed accounts a short while ago.
  var swapGaps: [SwapGap] = []
  var random: SplitMix64
  /// The turn in which each POP changes over, 0 first.
  private(set) var popTurns: [Int]

  /// - Parameters:
  ///   - propagationSeconds: 0 deploys at once.
  ///   - pops: 1 or more.
  ///   - seed: the same seed gives the same ids, versions and access keys for the same requests.
  public init(
    accounts: [AccountID], propagationSeconds: Double = 2, pops: Int = 8,
    behaviours: Behaviours = Behaviours(), seed: UInt64 = 1
  ) {
    precondition(pops >= 1 && propagationSeconds >= 0, "a model needs a POP and a span of time")
    self.propagationSeconds = propagationSeconds
    self.pops = pops
    self.behaviours = behaviours
    random = SplitMix64(seed: seed)
    (popTurns, nameServerTurns) = Self.turns(pops: pops, seed: seed)
    self.seed = seed
    for account in accounts { add(account: account) }
  }
  private var seed: UInt64

  private static func turns(pops: Int, seed: UInt64) -> (pops: [Int], servers: [Int]) {
    var order = SplitMix64(seed: seed ^ 0x504F_5053)
    var servers = SplitMix64(seed: seed ^ 0x444E_53)
    return (
      Array(0..<pops).shuffled(using: &order),
      Array(0..<Self.nameServerCount).shuffled(using: &servers)
    )
  }
  /// The same state of the world, from now on with other chances and another span until changes are everywhere.
  public mutating func reseed(_ seed: UInt64, propagationSeconds: Double) {
    self.seed = seed
    self.propagationSeconds = propagationSeconds
    random = SplitMix64(seed: seed)
    (popTurns, nameServerTurns) = Self.turns(pops: pops, seed: seed)
  }

  /// Adds an account with one access key; the key depends on account and seed alone.
  mutating func add(account: AccountID) {
    guard accounts[account] == nil else { return }
    accounts[account] = Account()
    accountIDs = accounts.keys.sorted()
    var own = SplitMix64(seed: (UInt64(account) ?? 0) &* 31 &+ seed)
    let key = own.accessKeyID(prefix: "AKIA")
    credentials[key] = ModelCredential(
      accessKeyID: key, secretAccessKey: own.secret(), sessionToken: nil, account: account,
      arn: "arn:aws:iam::\(account):user/edgeferry-lab", expires: nil)
  }

  /// Sorted.
  public private(set) var accountIDs: [AccountID] = []
  /// The long-lived access key of an account.
  public func accessKey(of account: AccountID) -> ModelCredential? {
    credentials.values.filter { $0.account == account && $0.sessionToken == nil }
      .min { $0.accessKeyID < $1.accessKeyID }
  }

  // MARK: Handling

  /// What a handler answers when the request is accepted.
  struct Answer {
    var status = 200
    var headers: [String: String] = [:]
    var body: XElement?
    /// Sent as it is in place of a body.
    var raw: [UInt8]?
    var resource = ""
    var effective = false
  }
  /// A request with what the handlers need of it.
  struct Call {
    var request: ServiceRequest
    var account: AccountID
    var callerARN: String
    var now: Date
    func query(_ name: String) -> String? {
      request.query.first { $0.name == name }.map { $0.value ?? "" }
    }
  }

  /// Answers one request as the service would.
  ///
  /// - Parameters:
  ///   - request: `operation` is ignored; method, path, query and body say what is asked.
  ///   - account: the account of whoever signed it.
  ///   - callerARN: the identity that signed it.
  public mutating func handle(
    _ request: ServiceRequest, account: AccountID, callerARN: String, now: Date
  ) -> ServiceResponse {
    let requestID = random.uuid()
    let call = Call(request: request, account: account, callerARN: callerARN, now: now)
    let service = request.service.signingName
    let hasPaths = Self.pathServices.contains(service)
    let form = hasPaths ? [:] : Self.form(request)
    let asked = hasPaths ? Route.matching(request) : nil
    let operation =
      hasPaths ? asked?.route.operation ?? "" : Self.operation(of: request, form: form)
    let namespace: String
    switch service {
    case "sts": namespace = Self.stsNamespace
    case "cloudformation": namespace = Self.cloudFormationNamespace
    case "monitoring": namespace = Self.cloudWatchNamespace
    case "route53": namespace = Route53.namespace
    default: namespace = cloudFrontNamespace
    }
    var entry = LoggedRequest(
      at: now, account: account, service: service, operation: operation,
      resource: asked?.id ?? "", status: 200, effective: false)
    defer { log.append(entry) }
    do throws(Refusal) {
      let answer: Answer
      switch service {
      case "cloudfront":
        guard let asked else { throw .unknownOperation(request) }
        answer = try cloudFront(asked.route, asked.id, call)
      case "route53":
        guard let asked else { throw .unknownOperation(request) }
        answer = try route53(asked.route, asked.id, call)
      case "cloudfront-keyvaluestore":
        guard let asked else { throw .unknownOperation(request) }
        answer = try keyValues(asked.route, asked.id, call)
      case "acm": answer = try certificates(operation, call)
      case "servicequotas": answer = try serviceQuotas(operation, call)
      case "logs": answer = try logDeliveries(operation, call)
      case "tagging": answer = try tagging(operation, call)
      case "sts": answer = try sts(form, call, requestID: requestID)
      case "cloudformation": answer = try cloudFormation(form, call, requestID: requestID)
      case "monitoring": answer = try cloudWatch(form, call, requestID: requestID)
      default: throw .unknownOperation(request)
      }
      entry.status = answer.status
      entry.effective = answer.effective
      if !answer.resource.isEmpty { entry.resource = answer.resource }
      var headers = answer.headers
      headers["x-amzn-requestid"] = requestID
      guard var root = answer.body else {
        return ServiceResponse(status: answer.status, headers: headers, body: answer.raw ?? [])
      }
      if !root.attributes.contains(where: { $0.name == "xmlns" }) {
        root.attributes.append(.init(name: "xmlns", value: namespace))
      }
      headers["content-type"] = "text/xml"
      return ServiceResponse(status: answer.status, headers: headers, document: root)
    } catch {
      entry.status = error.status
      entry.code = error.code
      if service == "cloudfront-keyvaluestore" { return error.restJSON(requestID: requestID) }
      let type = request.headers["content-type"] ?? ""
      if type.hasPrefix("application/x-amz-json") || type.hasPrefix("application/json") {
        return error.jsonResponse(requestID: requestID)
      }
      if let messages = error.messages, behaviours.listsBatchMessages {
        return Refusal.batchResponse(messages, requestID: requestID)
      }
      return error.response(namespace: namespace, requestID: requestID)
    }
  }

  static func document(_ root: XElement) -> [UInt8] {
    Array(("<?xml version=\"1.0\"?>\n" + root.xml).utf8)
  }

  /// CloudFront's form of a time: milliseconds, UTC.
  static func timestamp(_ date: Date) -> String {
    let seconds = date.timeIntervalSince1970.rounded(.down)
    let milliseconds = Int(((date.timeIntervalSince1970 - seconds) * 1000).rounded(.down))
    let digits = String(repeating: "0", count: 3 - "\(milliseconds)".count) + "\(milliseconds)"
    return Timestamp.text(date).dropLast() + ".\(digits)Z"
  }

  // MARK: What handlers share

  /// The request's document, with the root and the namespace that the API asks for.
  func body(_ call: Call, root name: String, namespace: String = cloudFrontNamespace)
    throws(Refusal) -> XElement
  {
    guard !call.request.body.isEmpty else {
      throw Refusal(
        400, "MissingBody",
        "This operation requires a body. Ensure that the body is present and the Content-Type header is set."
      )
    }
    var root: XElement
    do {
      root = try XMLReader.read(call.request.body)
    } catch {
      throw .malformed("The XML document is malformed: \(error.why)")
    }
    guard root.name == name else {
      throw .malformed("The root element is \(root.name); \(name) was expected.")
    }
    guard root.attributes.first(where: { $0.name == "xmlns" })?.value == namespace else {
      throw .malformed("The namespace of the root element must be \(namespace)")
    }
    root.attributes.removeAll { $0.name == "xmlns" }
    return root
  }

  /// The versions in `If-Match`, checked against what they must be.
  func ifMatch(_ call: Call, _ wanted: [String]) throws(Refusal) {
    if wanted.count == 1, call.request.headers["if-match"] == wanted[0] { return }
    let given = (call.request.headers["if-match"] ?? "").split(separator: ",")
      .map { $0.trimmingPrefix { $0 == " " } }
      .map { String($0.reversed().drop { $0 == " " }.reversed()) }
    let wellFormed = given.allSatisfy { version in
      !version.isEmpty && version.utf8.count <= 128
        && version.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
    }
    guard given.count == wanted.count, wellFormed else {
      throw Refusal(
        400, "InvalidIfMatchVersion",
        "The If-Match version is missing or not valid for the resource.")
    }
    guard given == wanted else {
      throw Refusal(
        412, "PreconditionFailed",
        "The request failed because it didn't meet the preconditions in one or more request-header fields."
      )
    }
  }
}

/// How many of a thing may be created; loads are exempt.
///
/// `AccountQuota` has those of an account; an inventory may give an account its own.
/// - Source: Developer Guide "Quotas".
public struct Quotas: Equatable, Sendable {
  /// nil: no limit, as in the lab; AWS's own default is 200.
  public var distributions: Int?
  /// Of one distribution.
  public var aliases = 100
  public var origins = 25
  public var originGroups = 10
  /// Besides the default one.
  public var behaviours = 25
  public init() {}
}

/// How a service says no.
struct Refusal: Error {
  var status: Int
  var code: String
  var message: String
  /// Of an InvalidChangeBatch, one by one.
  var messages: [String]?
  init(_ status: Int, _ code: String, _ message: String) {
    self.status = status
    self.code = code
    self.message = message
  }

  static func invalidArgument(_ message: String) -> Refusal {
    Refusal(400, "InvalidArgument", message)
  }
  static func malformed(_ message: String) -> Refusal { Refusal(400, "MalformedXML", message) }
  static func illegalUpdate(_ message: String) -> Refusal { Refusal(400, "IllegalUpdate", message) }
  static func accessDenied(_ message: String) -> Refusal { Refusal(403, "AccessDenied", message) }
  static func unknownOperation(_ request: ServiceRequest) -> Refusal {
    if request.service.signingName == "cloudfront" {
      return Refusal(
        404, "NoSuchResource",
        "The lab does not serve \(request.method) \(request.path) of CloudFront.")
    }
    if request.service.signingName == "cloudfront-keyvaluestore" {
      return Refusal(
        404, "UnknownOperationException",
        "The lab does not serve \(request.method) \(request.path) of key value stores.")
    }
    if request.service.signingName == "route53" {
      return Refusal(
        404, "NoSuchResource",
        "The lab does not serve \(request.method) \(request.path) of Route 53."
      )
    }
    return Refusal(
      400, "InvalidAction",
      "The lab does not serve this action of \(request.service.signingName).")
  }

  /// The form that services of the JSON protocols use.
  /// - Source: Smithy, AWS JSON 1.1 protocol, "Operation error serialization".
  func jsonResponse(requestID: String) -> ServiceResponse {
    let body: JSONValue = [
      "__type": .string(code == "InvalidAction" ? "UnknownOperationException" : code),
      "message": .string(message),
    ]
    return ServiceResponse(
      status: status,
      headers: ["content-type": "application/x-amz-json-1.1", "x-amzn-requestid": requestID],
      body: Array(body.canonical.utf8))
  }

  /// - Source: API reference of ChangeResourceRecordSets, example of an error.
  static func batchResponse(_ messages: [String], requestID: String) -> ServiceResponse {
    let root = XElement(
      "InvalidChangeBatch", attributes: [.init(name: "xmlns", value: Route53.namespace)],
      nodes: [
        .element(XElement("Messages", messages.map { XElement("Message", text: $0) })),
        .element(XElement("RequestId", text: requestID)),
      ])
    return ServiceResponse(
      status: 400, headers: ["content-type": "text/xml", "x-amzn-requestid": requestID],
      body: CloudFrontModel.document(root))
  }

  /// - Source: the error body as logged in terraform-provider-aws PR #3034.
  func response(namespace: String, requestID: String) -> ServiceResponse {
    let root = XElement(
      "ErrorResponse", attributes: [.init(name: "xmlns", value: namespace)],
      nodes: [
        .element(
          XElement(
            "Error",
            [
              XElement("Type", text: status >= 500 ? "Receiver" : "Sender"),
              XElement("Code", text: code), XElement("Message", text: message),
            ])),
        .element(XElement("RequestId", text: requestID)),
      ])
    return ServiceResponse(
      status: status, headers: ["content-type": "text/xml", "x-amzn-requestid": requestID],
      document: root)
  }
}

extension ServiceResponse {
  /// An error in the form every query and rest-xml service of AWS uses, for faults and refusals
  /// that come before the model.
  public static func awsError(status: Int, code: String, message: String, requestID: String)
    -> ServiceResponse
  {
    Refusal(status, code, message).response(namespace: cloudFrontNamespace, requestID: requestID)
  }
  /// The same in the form of the services that speak rest-json.
  public static func restJSONError(
    status: Int, code: String, message: String, requestID: String
  ) -> ServiceResponse {
    Refusal(status, code, message).restJSON(requestID: requestID)
  }
}

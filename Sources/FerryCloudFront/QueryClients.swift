import FerryCore
import Foundation

/// STS over any transport.
public struct STSClient: Sendable {
  public var transport: any ServiceTransport
  public var region: String?
  public init(_ transport: any ServiceTransport, region: String? = nil) {
    self.transport = transport
    self.region = region
  }
  public struct Identity: Equatable, Sendable {
    public var account: AccountID
    public var arn: String
    public init(account: AccountID, arn: String) {
      self.account = account
      self.arn = arn
    }
  }
  public func callerIdentity() async throws(FerryError) -> Identity {
    let root = try await query(
      transport, .sts, "GetCallerIdentity", version: "2011-06-15", region: region)
    guard let account = root.text(at: "GetCallerIdentityResult/Account"), account.count == 12 else {
      throw CloudFrontClient.unreadable("GetCallerIdentity", "it names no account")
    }
    return Identity(account: account, arn: root.text(at: "GetCallerIdentityResult/Arn") ?? "")
  }
}

extension STSClient {
  public struct TemporaryKeys: Sendable {
    public var accessKeyID: String
    public var secretAccessKey: String
    public var sessionToken: String
    public var expiration: Date?
  }
  /// - Parameters:
  ///   - durationSeconds: 900 to 43200; nil is STS's own default of an hour.
  ///   - mfa: the serial number of a device and the code that it shows now.
  public func assumeRole(
    _ arn: String, sessionName: String, externalID: String?, durationSeconds: Int?,
    mfa: (serial: String, code: String)? = nil
  ) async throws(FerryError) -> TemporaryKeys {
    var parameters = ["RoleArn": arn, "RoleSessionName": sessionName]
    parameters["ExternalId"] = externalID
    parameters["DurationSeconds"] = durationSeconds.map(String.init)
    parameters["SerialNumber"] = mfa?.serial
    parameters["TokenCode"] = mfa?.code
    return try await temporaryKeys("AssumeRole", parameters)
  }
  /// The token is the proof: the call needs no signature.
  public func assumeRole(_ arn: String, sessionName: String, webIdentityToken: String)
    async throws(FerryError) -> TemporaryKeys
  {
    try await temporaryKeys(
      "AssumeRoleWithWebIdentity",
      ["RoleArn": arn, "RoleSessionName": sessionName, "WebIdentityToken": webIdentityToken])
  }
  private func temporaryKeys(_ operation: String, _ parameters: [String: String])
    async throws(FerryError) -> TemporaryKeys
  {
    let root = try await query(
      transport, .sts, operation, parameters, version: "2011-06-15", region: region)
    let keys = root.at("\(operation)Result/Credentials")
    guard let id = keys?.text(at: "AccessKeyId"), let secret = keys?.text(at: "SecretAccessKey"),
      let token = keys?.text(at: "SessionToken")
    else { throw CloudFrontClient.unreadable(operation, "it holds no keys") }
    return TemporaryKeys(
      accessKeyID: id, secretAccessKey: secret, sessionToken: token,
      expiration: keys?.text(at: "Expiration").flatMap(Timestamp.read))
  }
}

/// The CloudFormation reads that tell who owns a resource, in one region.
public struct CloudFormationClient: Sendable {
  public var transport: any ServiceTransport
  public var region: String
  public init(_ transport: any ServiceTransport, region: String) {
    self.transport = transport
    self.region = region
  }
  public struct StackSummary: Equatable, Sendable {
    public var id: String
    public var name: String
    public var status: String
  }
  public struct StackResource: Equatable, Sendable {
    public var logicalID: String
    public var type: String
    public var physicalID: String
    public var status: String
  }

  /// Every stack, deleted ones of the last 90 days included; reads all pages.
  public func stacks() async throws(FerryError) -> [StackSummary] {
    try await pages("ListStacks", [:], list: "StackSummaries").map {
      StackSummary(
        id: $0.text(at: "StackId") ?? "", name: $0.text(at: "StackName") ?? "",
        status: $0.text(at: "StackStatus") ?? "")
    }
  }
  /// - Parameter stack: the stack's id; a deleted stack is not found by name.
  public func resources(stack: String) async throws(FerryError) -> [StackResource] {
    try await pages("ListStackResources", ["StackName": stack], list: "StackResourceSummaries").map
    {
      StackResource(
        logicalID: $0.text(at: "LogicalResourceId") ?? "", type: $0.text(at: "ResourceType") ?? "",
        physicalID: $0.text(at: "PhysicalResourceId") ?? "",
        status: $0.text(at: "ResourceStatus") ?? "")
    }
  }
  /// The template that somebody gave the stack, JSON or YAML.
  /// - Parameter stack: the stack's id; a deleted stack is not found by name.
  public func template(stack: String) async throws(FerryError) -> String {
    let operation = "GetTemplate"
    let root = try await query(
      transport, .cloudFormation, operation,
      ["StackName": stack, "TemplateStage": "Original"], version: "2010-05-15", region: region)
    guard let text = root.first(operation + "Result")?.text(at: "TemplateBody"), !text.isEmpty
    else { throw CloudFrontClient.unreadable(operation, "it holds no TemplateBody") }
    return text
  }
  private func pages(_ operation: String, _ parameters: [String: String], list: String)
    async throws(FerryError) -> [XElement]
  {
    var out: [XElement] = []
    var token: String?
    repeat {
      var given = parameters
      given["NextToken"] = token
      let root = try await query(
        transport, .cloudFormation, operation, given, version: "2010-05-15", region: region)
      let result = root.first(operation + "Result")
      out += result?.first(list)?.all("member") ?? []
      let next = result?.text(at: "NextToken").flatMap { $0.isEmpty ? nil : $0 }
      if let next, next == token {
        throw CloudFrontClient.unreadable(operation, "the next page's token is this page's own")
      }
      token = next
    } while token != nil
    return out
  }
}

/// One call of the AWS query protocol: a form in, XML out.
func query(
  _ transport: any ServiceTransport, _ service: AWSService, _ operation: String,
  _ parameters: [String: String] = [:], version: String, region: String?
) async throws(FerryError) -> XElement {
  var form = ["Action": operation, "Version": version]
  form.merge(parameters) { $1 }
  let body = form.sorted { $0.key < $1.key }
    .map { "\(percentEncoded($0.key))=\(percentEncoded($0.value))" }.joined(separator: "&")
  let request = ServiceRequest(
    service, operation, region: region, method: "POST", path: "/",
    headers: ["content-type": "application/x-www-form-urlencoded; charset=utf-8"],
    body: Array(body.utf8))
  let answer = try accepted(try await transport.send(request), operation: operation)
  return try CloudFrontClient.document(answer, operation: operation)
}

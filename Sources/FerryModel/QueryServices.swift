import FerryCore
import Foundation

/// STS, CloudFormation and CloudWatch: the query protocol, a form in and XML out.
extension CloudFrontModel {
  static let stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"
  static let cloudFormationNamespace = "http://cloudformation.amazonaws.com/doc/2010-05-15/"

  /// The form's fields; a GET carries them in the query.
  static func form(_ request: ServiceRequest) -> [String: String] {
    var out: [String: String] = [:]
    for item in request.query { out[item.name] = item.value ?? "" }
    func decoded(_ text: ArraySlice<UInt8>) -> String {
      let blanks = text.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 }
      return percentDecoded(String(decoding: blanks, as: UTF8.self))
    }
    for pair in request.body.split(separator: UInt8(ascii: "&")) {
      let name = pair.prefix { $0 != UInt8(ascii: "=") }
      out[decoded(name)] = decoded(pair[name.endIndex...].dropFirst())
    }
    return out
  }

  func answer(
    _ action: String, _ result: [XElement], namespace: String, requestID: String
  ) -> Answer {
    Answer(
      body: XElement(
        "\(action)Response", attributes: [.init(name: "xmlns", value: namespace)],
        nodes: [
          .element(XElement("\(action)Result", result)),
          .element(
            XElement("ResponseMetadata", [XElement("RequestId", text: requestID)])),
        ]))
  }

  // MARK: STS

  mutating func sts(_ form: [String: String], _ call: Call, requestID: String) throws(Refusal)
    -> Answer
  {
    switch form["Action"] {
    case "GetCallerIdentity":
      return answer(
        "GetCallerIdentity",
        [
          XElement("Arn", text: call.callerARN), XElement("UserId", text: "AIDALAB\(call.account)"),
          XElement("Account", text: call.account),
        ], namespace: Self.stsNamespace, requestID: requestID)
    case "AssumeRole": return try assumeRole(form, call, requestID: requestID)
    default: throw .unknownOperation(call.request)
    }
  }

  private mutating func assumeRole(_ form: [String: String], _ call: Call, requestID: String)
    throws(Refusal) -> Answer
  {
    let roleARN = form["RoleArn"] ?? ""
    let session = form["RoleSessionName"] ?? ""
    let duration = Int(form["DurationSeconds"] ?? "3600") ?? 0
    guard (2...64).contains(session.count), (900...43_200).contains(duration) else {
      throw Refusal(
        400, "ValidationError", "1 validation error detected in RoleSessionName or DurationSeconds")
    }
    let parts = roleARN.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 6, parts[0] == "arn", parts[2] == "iam", parts[5].hasPrefix("role/") else {
      throw Refusal(400, "ValidationError", "\(roleARN) is invalid")
    }
    guard accounts[parts[4]] != nil else {
      throw .accessDenied(
        "User: \(call.callerARN) is not authorized to perform: sts:AssumeRole on resource: \(roleARN)"
      )
    }
    let role = parts[5].split(separator: "/").last.map(String.init) ?? ""
    let credential = ModelCredential(
      accessKeyID: random.accessKeyID(prefix: "ASIA"), secretAccessKey: random.secret(),
      sessionToken: random.secret(120), account: parts[4],
      arn: "arn:aws:sts::\(parts[4]):assumed-role/\(role)/\(session)",
      expires: call.now.addingTimeInterval(Double(duration)))
    credentials[credential.accessKeyID] = credential
    return answer(
      "AssumeRole",
      [
        XElement(
          "Credentials",
          [
            XElement("AccessKeyId", text: credential.accessKeyID),
            XElement("SecretAccessKey", text: credential.secretAccessKey),
            XElement("SessionToken", text: credential.sessionToken ?? ""),
            XElement(
              "Expiration", text: Timestamp.text(credential.expires ?? call.now)),
          ]),
        XElement(
          "AssumedRoleUser",
          [
            XElement("AssumedRoleId", text: "AROALAB\(parts[4]):\(session)"),
            XElement("Arn", text: credential.arn),
          ]),
      ], namespace: Self.stsNamespace, requestID: requestID)
  }
}

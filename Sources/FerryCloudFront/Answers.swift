import FerryCore
import Foundation

/// Turns an HTTP error into a `FerryError` that carries the service's own code, message and request id.
public func accepted(_ response: ServiceResponse, operation: String) throws(FerryError)
  -> ServiceResponse
{
  guard response.status >= 300 else { return response }
  guard var failure = ServiceFailure(response) else {
    // A status without the service's own code may be a proxy's word: it proves nothing, least of all absence.
    throw CloudFrontClient.unreadable(
      operation, "HTTP \(response.status) without an AWS error code")
  }
  failure.operation = operation
  let denied = ServiceFailure.deniedCodes.contains(failure.code)
  throw FerryError(
    denied ? .accessDenied : .serviceRefused, exit: denied ? .denied : .failed,
    what: "\(operation) was refused",
    why: "\(failure.code) (HTTP \(failure.status)): \(failure.message)",
    next: denied
      ? ServiceFailure.allowing([operation])
      : "see the message; request id \(failure.requestID)",
    service: failure)
}

extension ServiceFailure {
  /// What is next when calls are denied.
  static func allowing(_ operations: [String]) -> String {
    let actions = operations.flatMap(CalledActions.actions(operation:))
    let named = Set(actions).sorted().joined(separator: ", ")
    return "have the action\(Set(actions).count == 1 ? "" : "s") \(named) allowed for this identity"
  }
  static let deniedCodes: Set = ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"]

  /// What a service says in XML or in JSON; nil without a code of its own.
  /// - Source: botocore 1.43.11 parsers.py: `x-amzn-errortype`, `__type` or `code`, a name space before `#` and
  ///   an address behind `:`.
  public init?(_ response: ServiceResponse) {
    let id = response.headers["x-amzn-requestid"] ?? response.headers["x-amz-request-id"] ?? ""
    if let root = response.document ?? (try? XMLReader.read(response.body)) {
      let error = root.first("Error") ?? root.at("Errors/Error") ?? root
      guard let code = error.text(at: "Code"), !code.isEmpty else { return nil }
      self.init(
        operation: "", status: response.status, code: code,
        message: error.text(at: "Message") ?? "",
        requestID: root.text(at: "RequestId") ?? root.text(at: "RequestID") ?? id)
      return
    }
    let document = try? JSONValue.read(response.body, what: "answer")
    // An error type alone is the service's word too: an answer to HEAD, and some of Lambda's, have no body.
    guard document?.object != nil || response.body.isEmpty else { return nil }
    let type =
      response.headers["x-amzn-errortype"] ?? document?["__type"]?.string
      ?? document?["code"]?.string ?? document?["Code"]?.string ?? ""
    let code = type.split(separator: "#").last?.split(separator: ":").first.map(String.init) ?? ""
    guard !code.isEmpty else { return nil }
    self.init(
      operation: "", status: response.status, code: code,
      message: document?["message"]?.string ?? document?["Message"]?.string ?? "", requestID: id)
  }
}

/// A successful answer as JSON.
func jsonDocument(_ answer: ServiceResponse, operation: String) throws(FerryError) -> JSONValue {
  do throws(FerryError) {
    let document = try JSONValue.read(answer.body, what: "answer")
    guard document.object != nil else {
      throw CloudFrontClient.unreadable(operation, "it is no object")
    }
    return document
  } catch {
    throw CloudFrontClient.unreadable(operation, error.why)
  }
}

/// One call of the JSON 1.1 protocol.
func jsonCall(
  _ transport: any ServiceTransport, _ service: AWSService, target: String, _ operation: String,
  _ input: JSONValue, region: String
) async throws(FerryError) -> JSONValue {
  let request = ServiceRequest(
    service, operation, region: region, method: "POST", path: "/",
    headers: [
      "content-type": "application/x-amz-json-1.1", "x-amz-target": "\(target).\(operation)",
    ], body: Array(input.canonical.utf8))
  let answer = try accepted(try await transport.send(request), operation: operation)
  return try jsonDocument(answer, operation: operation)
}

/// All pages of a JSON 1.1 list.
func jsonPages(
  _ transport: any ServiceTransport, _ service: AWSService, target: String, _ operation: String,
  list: String, region: String
) async throws(FerryError) -> [JSONValue] {
  var out: [JSONValue] = []
  var token: JSONValue?
  repeat {
    let page = try await jsonCall(
      transport, service, target: target, operation, token.map { ["nextToken": $0] } ?? [:],
      region: region)
    out += page[list]?.array ?? []
    let next = page["nextToken"].flatMap { $0 == .null || $0 == "" ? nil : $0 }
    if let next, next == token {
      throw CloudFrontClient.unreadable(operation, "the next page's token is this page's own")
    }
    token = next
  } while token != nil
  return out
}

import FerryCore

/// ACM as far as a move asks it: which certificates an account has, and for which names.
///
/// - Source: botocore 1.43.11, ACM 2015-12-08 (json 1.1).
extension CloudFrontModel {
  func certificates(_ operation: String, _ call: Call) throws(Refusal) -> Answer {
    let own = accounts[call.account]?.certificates ?? [:]
    let input = try Self.input(call)
    switch operation {
    case "ListCertificates":
      let asked = input["MaxItems"].flatMap { item -> Int? in
        if case .int(let it) = item { Int(it) } else { nil }
      }
      let limit = asked ?? 1000
      guard (1...1000).contains(limit) else {
        throw Refusal(400, "ValidationException", "MaxItems must be between 1 and 1000.")
      }
      let (page, next) = Self.page(
        own.keys.sorted(), (input["NextToken"]?.string ?? "", limit))
      var out: [String: JSONValue] = [
        "CertificateSummaryList": .array(
          page.map { arn in
            var summary: [String: JSONValue] = ["CertificateArn": .string(arn)]
            for key in ["DomainName", "Status"] { summary[key] = own[arn]?[key] }
            return .object(summary)
          })
      ]
      out["NextToken"] = next.map(JSONValue.string)
      return answer(.object(out))
    case "DescribeCertificate":
      let arn = input["CertificateArn"]?.string ?? ""
      guard let it = own[arn] else {
        throw Refusal(
          400, "ResourceNotFoundException", "Could not find certificate \(arn).")
      }
      return answer(.object(["Certificate": it]))
    default: throw .unknownOperation(call.request)
    }
  }
  /// What was sent to a service that speaks JSON.
  static func input(_ call: Call) throws(Refusal) -> JSONValue {
    do {
      return try JSONValue.read(call.request.body, what: "request")
    } catch {
      throw Refusal(400, "SerializationException", "The body is no JSON: \(error.why)")
    }
  }
  func answer(_ value: JSONValue) -> Answer {
    Answer(
      headers: ["content-type": "application/x-amz-json-1.1"], raw: Array(value.canonical.utf8))
  }
}

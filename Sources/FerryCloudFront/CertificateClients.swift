import FerryCore

/// Certificates of ACM; their keys cannot be read.
public struct CertificateClient: Sendable {
  public var transport: any ServiceTransport
  public init(_ transport: any ServiceTransport) { self.transport = transport }

  /// The ARN of every certificate of us-east-1, where CloudFront looks, of all key types.
  ///
  /// - Source: botocore 1.43.11, ACM: without `Includes.keyTypes` most keys are left out.
  public func arns() async throws(FerryError) -> [String] {
    let operation = "ListCertificates"
    var arns: [String] = []
    var token: String?
    repeat {
      var input: [String: JSONValue] = [
        "Includes": [
          "keyTypes": .array(
            [
              "RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1",
              "EC_secp521r1",
            ].map(JSONValue.string))
        ]
      ]
      if let token { input["NextToken"] = .string(token) }
      let page = try await jsonCall(
        transport, .acm, target: "CertificateManager", operation, .object(input),
        region: "us-east-1")
      arns +=
        page["CertificateSummaryList"]?.array?.compactMap { $0["CertificateArn"]?.string } ?? []
      let next = page["NextToken"]?.string.flatMap { $0.isEmpty ? nil : $0 }
      if let next, next == token {
        throw CloudFrontClient.unreadable(operation, "the next page's token is this page's own")
      }
      token = next
    } while token != nil
    return arns
  }

  public func certificate(_ arn: String) async throws(FerryError) -> Inventory.Resource {
    let operation = "DescribeCertificate"
    guard let name = ARN(arn), name.service == "acm", !name.region.isEmpty else {
      throw CloudFrontClient.unreadable(operation, "\(arn.debugDescription) names no certificate")
    }
    let answer = try await jsonCall(
      transport, .acm, target: "CertificateManager", operation, ["CertificateArn": .string(arn)],
      region: name.region)
    guard let it = answer["Certificate"] else {
      throw CloudFrontClient.unreadable(operation, "it holds no Certificate")
    }
    return Inventory.Resource(
      .certificate, id: arn, name: it["DomainName"]?.string, arn: arn, json: it)
  }
}

/// Certificates that were uploaded to IAM; without their keys.
public struct ServerCertificateClient: Sendable {
  public var transport: any ServiceTransport
  public init(_ transport: any ServiceTransport) { self.transport = transport }
  private static let version = "2010-05-08"

  /// The names of all certificates by id: distributions name an id, calls a name.
  public func names() async throws(FerryError) -> [String: String] {
    let operation = "ListServerCertificates"
    var out: [String: String] = [:]
    var marker: String?
    repeat {
      let root = try await query(
        transport, .iam, operation, marker.map { ["Marker": $0] } ?? [:], version: Self.version,
        region: "us-east-1")
      let result = root.first(operation + "Result")
      for it in result?.first("ServerCertificateMetadataList")?.all("member") ?? [] {
        out[it.text(at: "ServerCertificateId") ?? ""] = it.text(at: "ServerCertificateName")
      }
      let next =
        result?.text(at: "IsTruncated") == "true" ? result?.text(at: "Marker") ?? "" : nil
      if let next, next.isEmpty || next == marker {
        throw CloudFrontClient.unreadable(operation, "it is truncated and names no next page")
      }
      marker = next
    } while marker != nil
    return out
  }

  public func certificate(_ id: String, name: String) async throws(FerryError)
    -> Inventory.Resource
  {
    let operation = "GetServerCertificate"
    let root = try await query(
      transport, .iam, operation, ["ServerCertificateName": name], version: Self.version,
      region: "us-east-1")
    guard let it = root.at("\(operation)Result/ServerCertificate"),
      let about = it.first("ServerCertificateMetadata")
    else { throw CloudFrontClient.unreadable(operation, "it holds no ServerCertificate") }
    guard about.text(at: "ServerCertificateId") == id else {
      throw CloudFrontClient.unreadable(operation, "it is of another certificate")
    }
    return Inventory.Resource(
      .serverCertificate, id: id, name: name, arn: about.text(at: "Arn"),
      json: Shape.json(it, shape: "ServerCertificate"))
  }
}

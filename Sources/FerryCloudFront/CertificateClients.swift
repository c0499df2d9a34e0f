import FerryCore

/// Certificates of ACM; their keys cannot be read.
public struct CertificateClient: Sendable {
  public var transport: any ServiceTransport
  public init(_ transport: any ServiceTransport) { self.transport = transport }

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

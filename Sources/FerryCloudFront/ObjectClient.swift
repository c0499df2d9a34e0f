import FerryCore
import Foundation

/// The objects of one bucket: whole reads, conditional writes and lists, path-style, wherever the bucket is.
///
/// - Source: Amazon S3 API Reference, GetObject, PutObject, ListObjectsV2; Amazon S3 User Guide, "How to prevent
///   object overwrites with conditional writes".
public final class ObjectClient: Sendable {
  public struct Object: Equatable, Sendable {
    public var bytes: [UInt8]
    public var etag: String
  }
  public enum Condition: Equatable, Sendable {
    /// No object of that key is there.
    case absent
    /// The object is still the one that was read.
    case match(String)
    case none
  }
  public enum Put: Equatable, Sendable {
    case written(etag: String)
    /// The condition does not hold: nothing was written by this call.
    case refused
    /// It may or may not have been written: no answer, the service's own trouble, or a write of another at the
    /// same time, after which S3 asks for the upload again.
    case unknown(FerryError)
  }

  public let bucket: String
  private let transport: any ServiceTransport
  private let region: Locked<String>
  /// - Parameter region: where the bucket is looked for first; S3 says where it is.
  public init(_ transport: any ServiceTransport, bucket: String, region: String) {
    self.transport = transport
    self.bucket = bucket
    self.region = Locked(region)
  }

  /// nil when there is none of that key.
  /// - Parameter limitBytes: a larger object is refused (64, `file-too-large`), and no more of it is fetched.
  public func get(_ key: String, limitBytes: Int? = nil) async throws(FerryError) -> Object? {
    let headers = limitBytes.map { ["range": "bytes=0-\($0)"] } ?? [:]
    let answer = try await send("GetObject", "GET", key, headers: headers)
    // Of nothing there is no range.
    if limitBytes != nil, answer.status == 416 { return Object(bytes: [], etag: "") }
    do throws(FerryError) {
      let object = try accepted(answer, operation: "GetObject")
      if let limitBytes, object.body.count > limitBytes {
        throw .badInput(
          "file-too-large", what: "could not read s3://\(bucket)/\(key)",
          why: "it is larger than \(limitBytes >> 20) MiB", next: "check the bucket and the key")
      }
      guard let etag = object.headers["etag"] else {
        throw CloudFrontClient.unreadable("GetObject", "it has no ETag")
      }
      return Object(bytes: object.body, etag: etag)
    } catch {
      if error.isService("NoSuchKey") { return nil }
      throw explained(error, "s3:GetObject and s3:ListBucket")
    }
  }

  /// - Throws: what is no question of the condition: denied (77), no such bucket (64).
  public func put(_ key: String, _ bytes: [UInt8], if condition: Condition)
    async throws(FerryError) -> Put
  {
    var headers = ["content-type": "application/octet-stream"]
    switch condition {
    case .absent: headers["if-none-match"] = "*"
    case .match(let etag): headers["if-match"] = etag
    case .none: break
    }
    let answer: ServiceResponse
    do throws(FerryError) {
      answer = try await send("PutObject", "PUT", key, headers: headers, body: bytes)
    } catch {
      guard error.code == .noAnswer else { throw error }
      return .unknown(error)
    }
    do throws(FerryError) {
      let written = try accepted(answer, operation: "PutObject")
      guard let etag = written.headers["etag"] else {
        return .unknown(CloudFrontClient.unreadable("PutObject", "it has no ETag"))
      }
      return .written(etag: etag)
    } catch {
      if answer.status == 412 { return .refused }
      // If-Match of an object that is not there.
      if error.isService("NoSuchKey") { return .refused }
      if error.isService("ConditionalRequestConflict") || answer.status >= 500 {
        return .unknown(error)
      }
      throw explained(error, "s3:PutObject")
    }
  }

  /// The keys that begin so, in order, all pages.
  public func keys(under prefix: String) async throws(FerryError) -> [String] {
    let operation = "ListObjectsV2"
    var out: [String] = []
    var token: String?
    repeat {
      var query = [
        ServiceRequest.QueryItem("list-type", "2"), .init("prefix", prefix),
      ]
      if let token { query.append(.init("continuation-token", token)) }
      let root: XElement
      do throws(FerryError) {
        root = try CloudFrontClient.document(
          accepted(try await send(operation, "GET", nil, query: query), operation: operation),
          operation: operation)
      } catch {
        throw explained(error, "s3:ListBucket")
      }
      out += root.all("Contents").compactMap { $0.text(at: "Key") }
      let next =
        root.text(at: "IsTruncated") == "true" ? root.text(at: "NextContinuationToken") : nil
      if let next, next == token {
        throw CloudFrontClient.unreadable(operation, "the next page's token is this page's own")
      }
      token = next
    } while token != nil
    return out
  }

  private func send(
    _ operation: String, _ method: String, _ key: String?, query: [ServiceRequest.QueryItem] = [],
    headers: [String: String] = [:], body: [UInt8] = []
  ) async throws(FerryError) -> ServiceResponse {
    let path =
      "/\(percentEncoded(bucket))" + (key.map { "/" + percentEncoded($0, keeping: "/") } ?? "")
    var headers = headers
    headers["x-amz-content-sha256"] = Digest.hex(Digest.sha256(body))
    var place = region.withLock { $0 }
    let request = ServiceRequest(
      .s3, operation, method: method, path: path, query: query, headers: headers, body: body)
    let answer = try await followingRegion(request, transport, place: &place)
    let found = place
    region.withLock { $0 = found }
    return answer
  }

  private func explained(_ error: FerryError, _ actions: String) -> FerryError {
    var out = error
    if error.exit == .denied {
      out.why = "\(error.why) (bucket \(bucket))"
      out.next = "have \(actions) allowed for this identity; docs/commands/state.md has the policy"
    } else if error.isService("NoSuchBucket") {
      out = .badInput(
        "no-bucket", what: "could not use the bucket \(bucket)",
        why: "S3 says that there is none of that name",
        next: "correct --state, or make the bucket (edgeferry makes none)")
      out.service = error.service
    }
    return out
  }
}

/// Sends a request about a bucket, and once more to where S3 says that the bucket is.
/// - Parameter place: where it is looked for; afterwards, where it was found.
func followingRegion(
  _ request: ServiceRequest, _ transport: any ServiceTransport, place: inout String
) async throws(FerryError) -> ServiceResponse {
  var request = request
  request.region = place
  let answer = try await transport.send(request)
  guard [301, 307, 400].contains(answer.status),
    let elsewhere = answer.headers["x-amz-bucket-region"]
      ?? (try? XMLReader.read(answer.body))?.text(at: "Region"), elsewhere != place
  else { return answer }
  place = elsewhere
  request.region = elsewhere
  return try await transport.send(request)
}

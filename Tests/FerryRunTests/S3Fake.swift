import FerryCore
import FerryModel
import Foundation

/// A bucket with S3's conditional writes, in memory; each request is one moment.
final class S3Fake: ServiceTransport, @unchecked Sendable {
  /// What becomes of a request.
  enum Fate: Sendable {
    case served
    /// Never arrives; no answer either.
    case lostBefore
    /// Arrives; the answer does not.
    case lostAfter
    /// Refused without effect.
    case refused(Int, String)
    case fails(FerryError)
    /// Arrives, and the caller fails all the same, as one that is killed then.
    case failsAfter(FerryError)
  }
  typealias Hook = @Sendable (ServiceRequest, Int) async -> Fate

  private let lock = NSLock()
  private var objects: [String: (bytes: [UInt8], etag: String)] = [:]
  private var count = 0
  private var etags = 0
  private var log: [String] = []
  private let hook: Hook?
  private let parent: S3Fake?
  static let bucket = "state-bucket"

  init() {
    hook = nil
    parent = nil
  }
  private init(_ parent: S3Fake, _ hook: @escaping Hook) {
    self.parent = parent
    self.hook = hook
  }
  /// The same bucket as one caller meets it.
  func meeting(_ hook: @escaping Hook) -> S3Fake { S3Fake(self, hook) }

  var requests: Int { lock.withLock { count } }
  var lines: [String] { lock.withLock { log } }
  var stored: [String: [UInt8]] {
    get { lock.withLock { objects.mapValues(\.bytes) } }
    set {
      lock.withLock {
        objects = newValue.mapValues { bytes in
          etags += 1
          return (bytes, "\"\(etags)\"")
        }
      }
    }
  }

  func send(_ request: ServiceRequest) async throws(FerryError) -> ServiceResponse {
    let number = lock.withLock {
      count += 1
      log.append("\(request.method) \(request.path)")
      return count
    }
    guard let parent, let hook else { return serve(request) }
    switch await hook(request, number) {
    case .served: return try await parent.send(request)
    case .lostBefore: throw ModelTransport.Faults.lost(request)
    case .lostAfter:
      _ = try await parent.send(request)
      throw ModelTransport.Faults.lost(request)
    case .refused(let status, let code): return Self.refusal(status, code)
    case .fails(let error): throw error
    case .failsAfter(let error):
      _ = try await parent.send(request)
      throw error
    }
  }
  private static func refusal(_ status: Int, _ code: String) -> ServiceResponse {
    .awsError(status: status, code: code, message: "said the fake", requestID: "r")
  }

  private func serve(_ request: ServiceRequest) -> ServiceResponse {
    let parts = request.path.dropFirst().split(separator: "/", maxSplits: 1).map(String.init)
    guard parts.first == Self.bucket else { return Self.refusal(404, "NoSuchBucket") }
    return lock.withLock {
      guard parts.count == 2 else { return list(request) }
      let key = parts[1]
      let found = objects[key]
      guard request.method == "PUT" else {
        guard let found else { return Self.refusal(404, "NoSuchKey") }
        return ServiceResponse(status: 200, headers: ["etag": found.etag], body: found.bytes)
      }
      if request.headers["if-none-match"] == "*", found != nil {
        return Self.refusal(412, "PreconditionFailed")
      }
      if let wanted = request.headers["if-match"] {
        guard let found else { return Self.refusal(404, "NoSuchKey") }
        guard found.etag == wanted else { return Self.refusal(412, "PreconditionFailed") }
      }
      etags += 1
      objects[key] = (request.body, "\"\(etags)\"")
      return ServiceResponse(status: 200, headers: ["etag": "\"\(etags)\""])
    }
  }
  /// Three keys a page, so that every list has pages.
  private func list(_ request: ServiceRequest) -> ServiceResponse {
    func asked(_ name: String) -> String { request.query.first { $0.name == name }?.value ?? "" }
    let all = objects.keys.filter { $0.hasPrefix(asked("prefix")) }.sorted()
      .filter { $0 > asked("continuation-token") }
    let page = all.prefix(3)
    let more =
      all.count > 3
      ? "<IsTruncated>true</IsTruncated><NextContinuationToken>\(page.last ?? "")</NextContinuationToken>"
      : "<IsTruncated>false</IsTruncated>"
    let keys = page.map { "<Contents><Key>\($0)</Key></Contents>" }.joined()
    return ServiceResponse(
      status: 200, body: Array("<ListBucketResult>\(keys)\(more)</ListBucketResult>".utf8))
  }
}

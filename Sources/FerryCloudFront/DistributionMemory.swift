import FerryCore
import Foundation

/// What answers to GetDistribution were read as: an answer of the same bytes is not read again.
public final class DistributionMemory: Sendable {
  private let last = Locked<
    [String: (answer: ServiceResponse, value: CloudFrontClient.Distribution)]
  >([:])
  public init() {}

  func read(_ answer: ServiceResponse, of id: String) -> CloudFrontClient.Distribution? {
    last.withLock { last in
      guard let known = last[id], known.answer.headers["etag"] == answer.headers["etag"],
        known.answer.hasBody(of: answer)
      else { return nil }
      return known.value
    }
  }
  func keep(
    _ value: CloudFrontClient.Distribution, from answer: ServiceResponse, of id: String
  ) {
    last.withLock { $0[id] = (answer, value) }
  }
}

import Foundation

/// What edgeferry's exit code says to the caller; one table, shown by `edgeferry help exit-codes`.
public enum ExitCode: Int32, Codable, CaseIterable, Sendable {
  case done = 0
  case failed = 1
  case found = 2
  case notYet = 3
  case blocked = 4
  case stale = 5
  case rolledBack = 6
  case usage = 64
  case denied = 77
  case interrupted = 130

  /// One line for the operator.
  public var meaning: String {
    switch self {
    case .done: "done, or nothing to do"
    case .failed: "failed"
    case .found: "what --fail-on asked to fail on is there: findings, changes, gaps, quota=N%"
    case .notYet: "not yet: waiting; the answer says until when and for what"
    case .blocked:
      "blocked: window, freeze, approval, hold, threshold, or a check that fails or is inconclusive"
    case .stale:
      "stale: the world is no longer what the plan was made for; the differing fields are shown"
    case .rolledBack:
      "rolled back: the run failed and the former state was restored and verified"
    case .usage: "bad usage or bad input file"
    case .denied: "permission missing; the IAM actions are named"
    case .interrupted: "interrupted; the journal is intact and the resume command is shown"
    }
  }
}

/// What a service answered when it refused: never parsed prose, only what it declared.
public struct ServiceFailure: Codable, Equatable, Sendable {
  public var operation: String
  /// HTTP status.
  public var status: Int
  /// The service's own error code, such as `PreconditionFailed`.
  public var code: String
  public var message: String
  public var requestID: String

  public init(operation: String, status: Int, code: String, message: String, requestID: String) {
    self.operation = operation
    self.status = status
    self.code = code
    self.message = message
    self.requestID = requestID
  }
}

extension ServiceFailure {
  /// The service takes no more calls for now: nothing was done, and later it may be.
  /// - Source: botocore 1.43.11 retries/standard.py.
  public static let throttlingCodes: Set = [
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException",
    "RequestThrottled", "TooManyRequestsException", "ProvisionedThroughputExceededException",
    "TransactionInProgressException", "RequestLimitExceeded", "BandwidthLimitExceeded",
    "LimitExceededException", "SlowDown", "PriorRequestNotComplete", "EC2ThrottledException",
  ]
  /// Faults that pass, whatever the status, and that the SDKs try again.
  public static let transientCodes: Set = [
    "RequestTimeout", "RequestTimeoutException", "IDPCommunicationError",
  ]
  /// The service's own trouble: not tried again by code alone, and no verdict on a request.
  public static let outageCodes: Set = ["ServiceUnavailable", "InternalError"]
  /// The keys were right once.
  public static let expiredCodes: Set = ["ExpiredToken", "ExpiredTokenException"]
}

/// The only error that crosses module borders: what failed, why, and what to do next.
///
/// Tests and scripts match `code`, never the prose.
public struct FerryError: Error, Equatable, Sendable {
  /// A stable, kebab-case identifier.
  public struct Code: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral {
    public var rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }
    public init(stringLiteral value: String) { rawValue = value }
  }

  public var code: Code
  public var what: String
  public var why: String
  public var next: String
  public var exit: ExitCode
  /// Each source that was tried, with its reason.
  public var causes: [String]
  public var service: ServiceFailure?

  public init(
    _ code: Code, exit: ExitCode = .failed, what: String, why: String, next: String,
    causes: [String] = [], service: ServiceFailure? = nil
  ) {
    self.code = code
    self.exit = exit
    self.what = what
    self.why = why
    self.next = next
    self.causes = causes
    self.service = service
  }

  /// An input that edgeferry refuses before it does anything (exit 64).
  public static func badInput(
    _ code: Code = "bad-input", what: String, why: String, next: String
  ) -> FerryError {
    FerryError(code, exit: .usage, what: what, why: why, next: next)
  }
}

extension FerryError.Code {
  /// The request may or may not have reached the service: resolve it by reading, never by writing again.
  public static let noAnswer: Self = "no-answer"
  public static let serviceRefused: Self = "service-refused"
  public static let accessDenied: Self = "access-denied"
  public static let credentials: Self = "credentials"
  public static let unreadableAnswer: Self = "unreadable-answer"
  public static let planDigest: Self = "plan-digest"
  public static let stale: Self = "stale"
}

extension FerryError {
  /// Whether the service answered with this error code.
  public func isService(_ code: String) -> Bool { service?.code == code }
}

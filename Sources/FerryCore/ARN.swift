/// An Amazon Resource Name, taken apart: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`.
public struct ARN: Equatable, Sendable {
  public var partition: String
  public var service: String
  /// Empty for global services.
  public var region: String
  /// Empty where the resource names none, as of a bucket.
  public var account: AccountID
  public var resource: String

  /// nil for what is no ARN, or has a region or account that cannot be one.
  public init?(_ text: String) {
    let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
    guard parts.count == 6, parts[0] == "arn", !parts[1].isEmpty, !parts[2].isEmpty,
      parts[3].allSatisfy({ $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "-") }),
      parts[4].isEmpty || parts[4].count == 12 && parts[4].allSatisfy({ $0.isASCII && $0.isNumber })
        || parts[4] == "aws", !parts[5].isEmpty
    else { return nil }
    partition = String(parts[1])
    service = String(parts[2])
    region = String(parts[3])
    account = String(parts[4])
    resource = String(parts[5])
  }
}

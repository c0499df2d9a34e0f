/// What cannot be copied, by what stands for it in the target account.
public struct MigrationMap: Codable, Equatable, Sendable {
  /// Source ARN, or the id of a certificate in IAM: target ARN.
  public var certificates: [String: String] = [:]
  public var webACLs: [String: String] = [:]
  public var lambdaFunctions: [String: String] = [:]
  public var realtimeLogConfigs: [String: String] = [:]
  public var kmsKeys: [String: String] = [:]
  /// Source ARN: target ARN, of delivery destinations of CloudWatch Logs. One of a third account stays.
  public var logDestinations: [String: String] = [:]
  /// Source name: target name. Buckets that are not named stay, and get a grant for the new distribution.
  public var buckets: [String: String] = [:]
  /// Source id: target id, of VPC origins, trust stores, anycast IP lists, connection functions, and of certificates
  /// in IAM for which the target has one there, too.
  public var others: [String: String] = [:]
  /// Source number: target number.
  public var accounts: [AccountID: AccountID] = [:]
  public init() {}

  /// The sections in the order of the file.
  public static let sections:
    [(key: String, path: WritableKeyPath<MigrationMap, [String: String]> & Sendable)] = [
      ("certificates", \.certificates), ("webACLs", \.webACLs),
      ("lambdaFunctions", \.lambdaFunctions), ("realtimeLogConfigs", \.realtimeLogConfigs),
      ("kmsKeys", \.kmsKeys), ("logDestinations", \.logDestinations), ("buckets", \.buckets),
      ("others", \.others),
      ("accounts", \.accounts),
    ]

  /// The file: every entry that is known, and those to fill in with an empty value, which nothing accepts.
  public func yaml(missing: [(section: String, id: String, why: String)]) -> String {
    var out = "version: 1\n"
    for (key, path) in Self.sections {
      let known = self[keyPath: path].sorted { $0.key < $1.key }
      let open = missing.filter { $0.section == key }
      if known.isEmpty, open.isEmpty {
        out += "\(key): {}\n"
        continue
      }
      out += "\(key):\n"
      for (source, target) in known { out += "  \(Self.quoted(source)): \(Self.quoted(target))\n" }
      for it in open {
        out += "  \(Self.quoted(it.id)): \"\"   # fill in: \(Self.plain(it.why))\n"
      }
    }
    return out
  }
  private static func quoted(_ text: String) -> String { JSONValue.string(text).canonical }
  private static func plain(_ text: String) -> String {
    String(text.map { $0.isNewline || $0.unicodeScalars.contains { $0.value < 0x20 } ? " " : $0 })
  }
}

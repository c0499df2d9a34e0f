import FerryCore
import Foundation

/// The AWS config and credentials files, as values.
///
/// - Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files"; botocore.
public struct Profiles: Sendable {
  /// Profile → key → value; a nested section (`s3 =` and indented keys) is `s3.endpoint_url`.
  public private(set) var profiles: [String: [String: String]] = [:]
  /// The `[services NAME]` sections, keys as above.
  public private(set) var services: [String: [String: String]] = [:]

  public init() {}

  /// - Parameters:
  ///   - config: the text of `~/.aws/config`; its sections are `[profile NAME]` and `[default]`.
  ///   - credentials: the text of `~/.aws/credentials`; its sections are `[NAME]` and win key by key.
  public init(config: String?, credentials: String?) {
    if let config {
      for (section, keys) in Self.sections(config) {
        let parts = section.split(separator: " ", maxSplits: 1).map {
          $0.trimmingCharacters(in: CharacterSet(charactersIn: " \t\"'"))
        }
        if parts == ["default"] {
          profiles["default", default: [:]].merge(keys) { $1 }
        } else if parts.count == 2, parts[0] == "profile" {
          profiles[parts[1], default: [:]].merge(keys) { $1 }
        } else if parts.count == 2, parts[0] == "services" {
          services[parts[1], default: [:]].merge(keys) { $1 }
        }
      }
    }
    if let credentials {
      for (section, keys) in Self.sections(credentials) {
        profiles[section, default: [:]].merge(keys) { $1 }
      }
    }
  }

  /// What the variables name, or `~/.aws/config` and `~/.aws/credentials`.
  public static func read(
    environment: [String: String], file: (String) -> String?
  ) -> Profiles {
    let home = environment["HOME"] ?? ""
    func path(_ variable: String, _ standard: String) -> String {
      let given = environment[variable].flatMap { $0.isEmpty ? nil : $0 } ?? standard
      return given.hasPrefix("~/") ? home + given.dropFirst() : given
    }
    return Profiles(
      config: file(path("AWS_CONFIG_FILE", "~/.aws/config")),
      credentials: file(path("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")))
  }

  private static func sections(_ text: String) -> [(String, [String: String])] {
    var out: [(String, [String: String])] = []
    var parent: String?
    for raw in text.split(whereSeparator: \.isNewline) {
      let line = raw.trimmingCharacters(in: .whitespaces)
      if line.isEmpty || line.hasPrefix("#") || line.hasPrefix(";") { continue }
      if line.hasPrefix("["), let close = line.firstIndex(of: "]") {
        let name = line[line.index(after: line.startIndex)..<close]
          .trimmingCharacters(in: .whitespaces)
        out.append((name, [:]))
        parent = nil
        continue
      }
      guard !out.isEmpty, let equals = line.firstIndex(of: "=") else { continue }
      let key = line[..<equals].trimmingCharacters(in: .whitespaces).lowercased()
      var value = line[line.index(after: equals)...].trimmingCharacters(in: .whitespaces)
      if let comment = value.range(of: " #") ?? value.range(of: " ;") {
        value = value[..<comment.lowerBound].trimmingCharacters(in: .whitespaces)
      }
      let isNested = raw.first == " " || raw.first == "\t"
      if isNested, let parent {
        out[out.count - 1].1["\(parent).\(key)"] = value
      } else {
        parent = value.isEmpty ? key : nil
        if !value.isEmpty { out[out.count - 1].1[key] = value }
      }
    }
    return out
  }
}

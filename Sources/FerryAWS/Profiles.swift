import FerryCore
import Foundation

/// The AWS config and credentials files, as values.
///
/// - Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files"; botocore 1.43.11
///   configloader.py and session.py.
public struct Profiles: Equatable, Sendable {
  public typealias Keys = [String: String]

  /// Profile → key → value of both files, the credentials file winning key by key; a nested section
  /// (`s3 =` and indented keys) is `s3.endpoint_url`.
  public private(set) var profiles: [String: Keys] = [:]
  /// What the config file alone says: its static keys come late in the order of sources.
  public private(set) var configured: [String: Keys] = [:]
  /// What the credentials file alone says: its static keys come early.
  public private(set) var shared: [String: Keys] = [:]
  /// The `[services NAME]` and `[sso-session NAME]` sections, keys as above.
  public private(set) var services: [String: Keys] = [:]
  public private(set) var ssoSessions: [String: Keys] = [:]

  public init() {}

  /// - Parameters:
  ///   - config: `~/.aws/config`; its profiles are `[profile NAME]` and `[default]`.
  ///   - credentials: `~/.aws/credentials`; its profiles are `[NAME]`.
  /// - Throws: `bad-profiles` (64) for what botocore cannot read either.
  public init(config: [UInt8]?, credentials: [UInt8]?) throws(FerryError) {
    for section in try Self.sections(config, named: "config") {
      let keys = try Self.flat(section, named: "config")
      if section.name == "default" { configured["default"] = keys }
      for kind in ["profile", "sso-session", "services"] where section.name.hasPrefix(kind) {
        guard let words = shellWords(section.name), words.count == 2 else { break }
        // A later section of the same name replaces the earlier one, as in botocore.
        switch kind {
        case "profile": configured[words[1]] = keys
        case "sso-session": ssoSessions[words[1]] = keys
        default: services[words[1]] = keys
        }
        break
      }
    }
    for section in try Self.sections(credentials, named: "credentials") {
      shared[section.name] = try Self.flat(section, named: "credentials")
    }
    profiles = configured
    for (name, keys) in shared { profiles[name, default: [:]].merge(keys) { $1 } }
  }

  public init(config: String?, credentials: String?) throws(FerryError) {
    try self.init(
      config: config.map { Array($0.utf8) }, credentials: credentials.map { Array($0.utf8) })
  }

  /// What the variables name, or `~/.aws/config` and `~/.aws/credentials`.
  ///
  /// - Parameter file: a file's bytes; nil when it is not there or cannot be opened.
  public static func read(environment: [String: String], file: (String) -> [UInt8]?)
    throws(FerryError) -> Profiles
  {
    func path(_ variable: String, _ standard: String) -> String {
      expanded(environment[variable] ?? standard, environment: environment)
    }
    return try Profiles(
      config: file(path("AWS_CONFIG_FILE", "~/.aws/config")),
      credentials: file(path("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")))
  }

  /// A path with its variables (`$NAME`, `${NAME}`) and then its home (`~`, `~user`) filled in; what is
  /// unknown stays as it stands.
  static func expanded(_ path: String, environment: [String: String]) -> String {
    var out = ""
    var rest = path[...]
    while let dollar = rest.firstIndex(of: "$") {
      out += rest[..<dollar]
      rest = rest[rest.index(after: dollar)...]
      let braced = rest.first == "{"
      let body = braced ? rest.dropFirst() : rest
      let name = body.prefix {
        braced ? $0 != "}" : $0 == "_" || ($0.isASCII && ($0.isLetter || $0.isNumber))
      }
      guard let value = environment[String(name)], !braced || body.endIndex > name.endIndex else {
        out += "$"
        continue
      }
      out += value
      rest = body[name.endIndex...].dropFirst(braced ? 1 : 0)
    }
    out += rest
    guard out.hasPrefix("~") else { return out }
    let user = out.dropFirst().prefix { $0 != "/" }
    let home =
      user.isEmpty
      ? environment["HOME"] ?? NSHomeDirectory() : NSHomeDirectoryForUser(String(user))
    return home.map { $0 + out.dropFirst(user.count + 1) } ?? out
  }

  private static func refuse(_ file: String, _ why: String) -> FerryError {
    .badInput(
      "bad-profiles", what: "could not read the AWS \(file) file", why: why,
      next: "correct the file; `aws configure list` has to accept it too")
  }
  private static func sections(_ bytes: [UInt8]?, named file: String) throws(FerryError)
    -> [INI.Section]
  {
    guard let bytes else { return [] }
    do throws(INI.Fault) {
      return try INI.read(bytes)
    } catch {
      throw refuse(file, "line \(error.line): \(error.why)")
    }
  }
  /// Nested sections become dotted keys.
  private static func flat(_ section: INI.Section, named file: String) throws(FerryError) -> Keys {
    var out: Keys = [:]
    for (key, value) in section.keys {
      guard value.hasPrefix("\n") else {
        out[key] = value
        continue
      }
      for line in value.split(separator: "\n") {
        guard let equals = line.firstIndex(of: "=") else {
          throw refuse(
            file, "the section \(section.name) nests something without a value under \(key)")
        }
        let inner = line[..<equals].trimmingCharacters(in: .whitespaces)
        out["\(key).\(inner)"] = line[line.index(after: equals)...].trimmingCharacters(
          in: .whitespaces)
      }
    }
    return out
  }
}

import FerryCore
import FerryHTTP
import Foundation

/// The role of an EC2 instance, from the instance metadata service, version 2 first.
///
/// - Source: botocore 1.43.11 `IMDSFetcher` and `InstanceMetadataFetcher`.
public struct InstanceMetadata: Equatable, Sendable {
  public var url: String
  public var attempts: Int
  public var timeoutSeconds: Double
  /// Without a token of version 2 there is no second try with version 1.
  public var isVersion1Off: Bool

  static func isDisabled(_ environment: [String: String]) -> Bool {
    environment["AWS_EC2_METADATA_DISABLED"]?.lowercased() == "true"
  }

  /// - Throws: `bad-metadata` (64) for a mode or a number that is none.
  init(_ environment: [String: String], profile: [String: String]) throws(FerryError) {
    func setting(_ name: String) -> String? {
      let value = environment["AWS_" + name.uppercased()] ?? profile[name]
      return value.flatMap { $0.isEmpty ? nil : $0 }
    }
    func refuse(_ name: String, _ why: String) -> FerryError {
      .badInput(
        "bad-metadata", what: "could not read \(name)", why: why,
        next: "correct AWS_\(name.uppercased()) or the profile")
    }
    func number(_ name: String) throws(FerryError) -> Int {
      guard let text = setting(name) else { return 1 }
      guard let value = Int(text), (1...60).contains(value) else {
        throw refuse(name, "\(text.debugDescription) is not 1 to 60")
      }
      return value
    }
    let mode = setting("ec2_metadata_service_endpoint_mode")?.lowercased()
    if let mode, mode != "ipv4", mode != "ipv6" {
      throw refuse(
        "ec2_metadata_service_endpoint_mode", "\(mode.debugDescription) is neither ipv4 nor ipv6")
    }
    let isIPv6 =
      mode.map { $0 == "ipv6" } ?? (setting("imds_use_ipv6")?.lowercased() == "true")
    let base =
      setting("ec2_metadata_service_endpoint")
      ?? (isIPv6 ? "http://[fd00:ec2::254]/" : "http://169.254.169.254/")
    url = base.hasSuffix("/") ? base : base + "/"
    attempts = try number("metadata_service_num_attempts")
    timeoutSeconds = Double(try number("metadata_service_timeout"))
    isVersion1Off = setting("ec2_metadata_v1_disabled")?.lowercased() == "true"
  }

  func load(_ world: any CredentialWorld) async throws(FerryError) -> AWSCredentials {
    do throws(FerryError) {
      try HTTPEngine.check(url, allowingMetadata: true)
    } catch {
      throw Self.refuse(error.why)
    }
    let token = try await token(world)
    if token == nil, isVersion1Off {
      throw Self.refuse("it gave no token of version 2, and version 1 is off")
    }
    let roles = "latest/meta-data/iam/security-credentials/"
    let text = try await get(roles, token, world) { _ in true }
    let role = String(decoding: text, as: UTF8.self).split(separator: "\n").first.map(String.init)
    guard let role, role.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw Self.refuse("it names no role")
    }
    let answer = try await get(roles + role, token, world) {
      (try? JSONValue.read($0, what: "the answer")) != nil
    }
    let json = try? JSONValue.read(answer, what: "the answer")
    guard let json, let id = json["AccessKeyId"]?.string,
      let secret = json["SecretAccessKey"]?.string, let session = json["Token"]?.string,
      let expiration = json["Expiration"]?.string.flatMap(expirationTime)
    else { throw Self.refuse("its answer for the role \(role) holds no keys") }
    return AWSCredentials(
      accessKeyID: id, secretAccessKey: secret, sessionToken: session,
      expiration: Self.extended(
        expiration, now: world.clock.now, jitterSeconds: .random(in: 120...600)))
  }

  /// Keys that the service hands out past their time stay in use while it is in trouble: AWS takes them.
  static func extended(_ expiration: Date, now: Date, jitterSeconds: Double) -> Date {
    let offset = 900 + jitterSeconds
    return now >= expiration - offset ? now + offset : expiration
  }

  private static func refuse(_ why: String) -> FerryError {
    .credentials(
      from: "the instance metadata", why,
      next: "give the instance a role, or set AWS_EC2_METADATA_DISABLED=true elsewhere")
  }

  private func request(_ path: String, _ method: String, _ header: (name: String, value: String)?)
    -> HTTPRequest
  {
    var out = HTTPRequest(
      method: method, url: url + path,
      headers: [(name: "user-agent", value: "edgeferry")] + (header.map { [$0] } ?? []),
      deadlineSeconds: timeoutSeconds)
    out.allowsMetadataHost = true
    return out
  }

  /// nil when the service knows no version 2, or is silent.
  private func token(_ world: any CredentialWorld) async throws(FerryError) -> String? {
    let ask = request(
      "latest/api/token", "PUT", (name: "x-aws-ec2-metadata-token-ttl-seconds", value: "21600"))
    for _ in 1...attempts {
      do throws(FerryError) {
        let answer = try await world.send(ask)
        switch answer.status {
        case 200: return String(decoding: answer.body, as: UTF8.self)
        case 403, 404, 405: return nil
        case 400: throw Self.refuse("it refused to give a token (HTTP 400)")
        default: continue
        }
      } catch {
        guard error.code == .noAnswer else { throw error }
      }
    }
    return nil
  }

  private func get(
    _ path: String, _ token: String?, _ world: any CredentialWorld, isGood: ([UInt8]) -> Bool
  ) async throws(FerryError) -> [UInt8] {
    let ask = request(path, "GET", token.map { (name: "x-aws-ec2-metadata-token", value: $0) })
    var why = ""
    for _ in 1...attempts {
      do throws(FerryError) {
        let answer = try await world.send(ask)
        if answer.status == 200, !answer.body.isEmpty, isGood(answer.body) { return answer.body }
        why =
          "it answered HTTP \(answer.status)" + (answer.status == 200 ? " with nothing of use" : "")
      } catch {
        guard error.code == .noAnswer else { throw error }
        why = error.why
      }
    }
    throw Self.refuse("\(url): \(why)")
  }
}

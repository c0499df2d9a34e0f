import FerryCore
import FerryHTTP
import Foundation

/// Credentials of a container in ECS or EKS, from the address that its variables name.
///
/// - Source: botocore 1.43.11 `ContainerProvider` and `ContainerMetadataFetcher`.
public struct ContainerCredentials: Equatable, Sendable {
  public var url: String

  static let attempts = 3
  static let timeoutSeconds = 2.0

  /// nil when neither variable is set; the relative one wins.
  init?(_ environment: [String: String]) {
    if let path = environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"], !path.isEmpty {
      url = "http://169.254.170.2" + path
    } else if let full = environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"], !full.isEmpty {
      url = full
    } else {
      return nil
    }
  }

  private static func refuse(_ why: String, next: String) -> FerryError {
    .credentials(from: "the container", why, next: next)
  }

  func load(_ world: any CredentialWorld) async throws(FerryError) -> AWSCredentials {
    do throws(FerryError) {
      try HTTPEngine.check(url, allowingMetadata: true)
    } catch {
      throw Self.refuse(
        error.why, next: "correct AWS_CONTAINER_CREDENTIALS_FULL_URI")
    }
    var headers = [(name: "accept", value: "application/json")]
    if let token = try token(world) { headers.append((name: "authorization", value: token)) }
    var request = HTTPRequest(
      url: url, headers: headers, deadlineSeconds: Self.timeoutSeconds)
    request.allowsMetadataHost = true
    var why = ""
    for attempt in 1...Self.attempts {
      do throws(FerryError) {
        let answer = try await world.send(request)
        if answer.status == 200, let json = try? JSONValue.read(answer.body, what: "the answer") {
          return try Self.keys(json)
        }
        why = answer.status == 200 ? "its answer is not JSON" : "it answered HTTP \(answer.status)"
      } catch {
        guard error.code == .noAnswer else { throw error }
        why = error.why
      }
      if attempt < Self.attempts { try await world.clock.sleep(seconds: 1) }
    }
    // Without the path, which is what gives the keys away.
    let host = URLComponents(string: url)?.host ?? ""
    throw Self.refuse("\(host): \(why)", next: "check the container's role and its agent")
  }

  /// The file wins over the variable and is read anew each time.
  private func token(_ world: any CredentialWorld) throws(FerryError) -> String? {
    let token: String
    if let file = world.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] {
      guard let bytes = world.file(file) else {
        throw Self.refuse(
          "the token file \(file) cannot be read",
          next: "correct AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
      }
      token = String(decoding: bytes, as: UTF8.self)
    } else if let text = world.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] {
      token = text
    } else {
      return nil
    }
    guard token.utf8.allSatisfy({ $0 != 0x0D && $0 != 0x0A && $0 != 0 }) else {
      throw Self.refuse(
        "the authorization token holds a line break", next: "write the token without one")
    }
    return token
  }

  private static func keys(_ json: JSONValue) throws(FerryError) -> AWSCredentials {
    guard let id = json["AccessKeyId"]?.string, let secret = json["SecretAccessKey"]?.string,
      let token = json["Token"]?.string,
      let expiration = json["Expiration"]?.string.flatMap(expirationTime)
    else {
      throw refuse(
        "its answer lacks one of AccessKeyId, SecretAccessKey, Token and Expiration",
        next: "check what answers there")
    }
    return AWSCredentials(
      accessKeyID: id, secretAccessKey: secret, sessionToken: token, expiration: expiration)
  }
}

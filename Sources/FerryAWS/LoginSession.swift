import FerryCloudFront
import FerryCore
import Foundation

/// The session that `aws login` left in its cache, refreshed with the key that it is bound to.
///
/// - Source: botocore 1.43.11 `LoginProvider` and `LoginCredentialFetcher`; its Signin service model.
public struct LoginSession: Equatable, Sendable {
  /// The profile's `login_session`.
  public var name: String
  public var region: String
  public var profile: String

  static let refreshSeconds = 300.0

  private func cacheFile(_ world: any CredentialWorld) -> String {
    let folder = world.environment["AWS_LOGIN_CACHE_DIRECTORY"] ?? "~/.aws/login/cache"
    return world.path(folder) + "/\(Digest.hex(Digest.sha256(Array(name.utf8)))).json"
  }
  private func loginNeeded(_ why: String) -> FerryError {
    .credentials(
      from: "the login session", why, next: "run aws login --profile \(profile)")
  }

  func load(_ world: any CredentialWorld) async throws(FerryError) -> AWSCredentials {
    let file = cacheFile(world)
    guard let cached = world.json(file) else { throw loginNeeded("there is no cached session") }
    guard let keys = Self.keys(cached) else {
      throw loginNeeded("the cached session is not complete")
    }
    let left = keys.expiration?.timeIntervalSince(world.clock.now) ?? 0
    if left > Self.refreshSeconds { return keys }
    do throws(FerryError) {
      return try await refreshed(cached, file, world)
    } catch {
      guard error.code == .credentials, left > 0 else { throw error }
      return keys
    }
  }

  private static func keys(_ document: JSONValue) -> AWSCredentials? {
    let token = document["accessToken"]
    guard let id = token?["accessKeyId"]?.string, let secret = token?["secretAccessKey"]?.string,
      let session = token?["sessionToken"]?.string,
      let expires = token?["expiresAt"]?.string.flatMap(expirationTime)
    else { return nil }
    return AWSCredentials(
      accessKeyID: id, secretAccessKey: secret, sessionToken: session, expiration: expires)
  }

  private func refreshed(_ cached: JSONValue, _ file: String, _ world: any CredentialWorld)
    async throws(FerryError) -> AWSCredentials
  {
    guard let client = cached["clientId"]?.string, let refresh = cached["refreshToken"]?.string,
      let pem = cached["dpopKey"]?.string
    else { throw loginNeeded("the cached session cannot be refreshed") }
    guard let key = DPoPKey(pem: pem) else {
      throw loginNeeded("the cached session's key is no P-256 key")
    }
    let base = try world.endpoint(Self.signin, region: region)
    let url = (base.hasSuffix("/") ? String(base.dropLast()) : base) + "/v1/token"
    guard
      let proof = key.proof(
        method: "POST", url: url, issued: world.clock.now, id: UUID().uuidString.lowercased())
    else { throw loginNeeded("the cached session's key does not sign") }
    let body = JSONValue.object([
      "clientId": .string(client), "grantType": "refresh_token", "refreshToken": .string(refresh),
    ])
    let request = ServiceRequest(
      Self.signin, "CreateOAuth2Token", region: region, method: "POST", path: "/v1/token",
      headers: ["content-type": "application/json", "dpop": proof],
      body: Array(body.canonical.utf8))
    let answer: ServiceResponse
    do throws(FerryError) {
      answer = try await UnsignedTransport(world: world).send(request)
    } catch {
      guard error.code == .noAnswer else { throw error }
      throw loginNeeded("the session could not be refreshed: \(error.why)")
    }
    guard answer.status == 200, var document = cached.object,
      var token = cached["accessToken"]?.object,
      let json = try? JSONValue.read(answer.body, what: "the token"),
      let fresh = json["accessToken"]?.object, let seconds = json["expiresIn"]?.int
    else {
      throw loginNeeded(
        "the session could not be refreshed (\(UnsignedTransport.code(answer)), HTTP \(answer.status))"
      )
    }
    // The account stays as it was; the answer has the three keys.
    token.merge(fresh) { $1 }
    token["expiresAt"] = .string(Timestamp.text(world.clock.now + Double(seconds)))
    document["accessToken"] = .object(token)
    if let next = json["refreshToken"] { document["refreshToken"] = next }
    world.keep(.object(document), at: file)
    guard let keys = Self.keys(.object(document)) else {
      throw loginNeeded("the refreshed session is not complete")
    }
    return keys
  }

  static let signin = AWSService(
    environmentName: "SIGNIN", configKey: "signin", signingName: "signin")
}

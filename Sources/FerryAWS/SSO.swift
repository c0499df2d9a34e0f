import COpenSSL
import FerryCloudFront
import FerryCore
import Foundation

/// A role handed out by IAM Identity Center for the token that `aws sso login` left in its cache.
///
/// - Source: botocore 1.43.11 `SSOProvider`, `SSOCredentialFetcher` and `SSOTokenProvider`.
public struct SSO: Equatable, Sendable {
  public var accountID: String
  public var roleName: String
  public var startURL: String
  public var region: String
  /// The `[sso-session]`; nil for the older form, whose token cannot be refreshed.
  public var session: String?
  public var profile: String

  static let portal = AWSService(
    environmentName: "SSO", configKey: "sso", signingName: "portal.sso")
  static let oidc = AWSService(
    environmentName: "SSO_OIDC", configKey: "sso_oidc", signingName: "oidc")
  static let refreshSeconds = 900.0

  var cacheFile: String {
    "~/.aws/sso/cache/\(SHA1.hex(Array((session ?? startURL).utf8))).json"
  }

  func load(_ world: any CredentialWorld) async throws(FerryError) -> AWSCredentials {
    let token = try await token(world)
    let request = ServiceRequest(
      Self.portal, "GetRoleCredentials", region: region, path: "/federation/credentials",
      query: [.init("role_name", roleName), .init("account_id", accountID)],
      headers: ["x-amz-sso_bearer_token": token])
    let answer = try await UnsignedTransport(world: world).send(request)
    guard answer.status == 200 else {
      let code = UnsignedTransport.code(answer)
      if answer.status == 401 {
        throw loginNeeded("the token is accepted no more (\(code), HTTP 401)")
      }
      throw .credentials(
        from: "SSO",
        "the portal refused the role \(roleName) in account \(accountID)"
          + " (\(code), HTTP \(answer.status))",
        next: "check sso_account_id and sso_role_name, and that the role is assigned to you")
    }
    let json = try? JSONValue.read(answer.body, what: "the portal's answer")
    guard let keys = json?["roleCredentials"], let id = keys["accessKeyId"]?.string,
      let secret = keys["secretAccessKey"]?.string, let session = keys["sessionToken"]?.string,
      let expiration = keys["expiration"]?.int
    else {
      throw .credentials(
        from: "SSO", "the portal's answer holds no roleCredentials",
        next: "check what answers at the portal's endpoint")
    }
    return AWSCredentials(
      accessKeyID: id, secretAccessKey: secret, sessionToken: session,
      expiration: Date(timeIntervalSince1970: (Double(expiration) / 1000).rounded(.down)))
  }

  private func loginNeeded(_ why: String) -> FerryError {
    .credentials(from: "SSO", why, next: "run aws sso login --profile \(profile)")
  }

  /// The cached token, refreshed first when it is about to expire and can be.
  private func token(_ world: any CredentialWorld) async throws(FerryError) -> String {
    guard let cached = world.json(world.path(cacheFile)) else {
      throw loginNeeded("there is no cached token of \(session ?? startURL)")
    }
    guard var token = cached["accessToken"]?.string,
      var expires = cached["expiresAt"]?.string.flatMap(expirationTime)
    else { throw loginNeeded("the cached token of \(session ?? startURL) is not complete") }
    if session != nil, expires.timeIntervalSince(world.clock.now) < Self.refreshSeconds,
      let fresh = try await refreshed(cached, world)
    {
      (token, expires) = fresh
    }
    guard expires > world.clock.now else {
      throw loginNeeded("the token expired at \(Timestamp.text(expires))")
    }
    return token
  }

  /// nil when it cannot be refreshed or the service will not; the old one may still do.
  private func refreshed(_ cached: JSONValue, _ world: any CredentialWorld)
    async throws(FerryError) -> (String, Date)?
  {
    guard let refresh = cached["refreshToken"]?.string, let id = cached["clientId"]?.string,
      let secret = cached["clientSecret"]?.string,
      let registered = cached["registrationExpiresAt"]?.string.flatMap(expirationTime),
      registered > world.clock.now
    else { return nil }
    let body = JSONValue.object([
      "grantType": "refresh_token", "clientId": .string(id), "clientSecret": .string(secret),
      "refreshToken": .string(refresh),
    ])
    let request = ServiceRequest(
      Self.oidc, "CreateToken", region: region, method: "POST", path: "/token",
      headers: ["content-type": "application/json"], body: Array(body.canonical.utf8))
    let answer: ServiceResponse
    do throws(FerryError) {
      answer = try await UnsignedTransport(world: world).send(request)
    } catch {
      guard error.code == .noAnswer else { throw error }
      return nil
    }
    guard answer.status == 200, var document = cached.object,
      let json = try? JSONValue.read(answer.body, what: "the token"),
      let token = json["accessToken"]?.string, let seconds = json["expiresIn"]?.int
    else { return nil }
    let expires = world.clock.now + Double(seconds)
    document["startUrl"] = .string(startURL)
    document["region"] = .string(region)
    document["accessToken"] = .string(token)
    document["expiresAt"] = .string(Timestamp.text(expires))
    if let next = json["refreshToken"] { document["refreshToken"] = next }
    world.keep(.object(document), at: world.path(cacheFile))
    return (token, expires)
  }
}

/// The names of the SSO cache's files; nothing rests on its strength.
enum SHA1 {
  static func hex(_ bytes: [UInt8]) -> String {
    var out = [UInt8](repeating: 0, count: 20)
    var length = 0
    let done = EVP_Q_digest(nil, "SHA1", nil, bytes, bytes.count, &out, &length)
    precondition(done == 1 && length == 20, "libcrypto has no SHA-1")
    return Digest.hex(out)
  }
}

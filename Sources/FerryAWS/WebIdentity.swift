import FerryCloudFront
import FerryCore

/// A role assumed with a token that a file holds, as in Kubernetes and in CI by OIDC.
///
/// - Source: botocore 1.43.11 `AssumeRoleWithWebIdentityProvider`.
public struct WebIdentity: Equatable, Sendable {
  public var tokenFile: String
  public var roleARN: String
  public var sessionName: String

  /// Reads the token anew each time: whoever writes the file rotates it.
  func load(_ world: any CredentialWorld) async throws(FerryError) -> AWSCredentials {
    guard let token = world.file(tokenFile) else {
      throw .credentials(
        from: "the web identity", "its token file \(tokenFile) cannot be read",
        next: "check web_identity_token_file or AWS_WEB_IDENTITY_TOKEN_FILE")
    }
    do throws(FerryError) {
      let text = String(decoding: token, as: UTF8.self)
      let client = STSClient(UnsignedTransport(world: world, secret: text))
      return AWSCredentials(
        try await client.assumeRole(roleARN, sessionName: sessionName, webIdentityToken: text))
    } catch {
      guard ["ExpiredTokenException", "InvalidIdentityToken"].contains(error.service?.code) else {
        throw error
      }
      throw .credentials(
        from: "the web identity",
        "STS takes the token of \(tokenFile) no more (\(error.service?.code ?? ""))",
        next: "have a fresh token written to the file")
    }
  }
}

import FerryCore
import Foundation

/// The certificate that an edge shows for a name.
public struct EdgeCertificate: Equatable, Sendable {
  /// The names it is for.
  public var names: [String]
  /// Whose it is; nil for CloudFront's own.
  public var account: AccountID?

  /// Every distribution's own name, and what a client gets that asks for no name or an unknown one.
  public static let standard = EdgeCertificate(names: ["*.cloudfront.net"], account: nil)
}

import FerryCloudFront
import FerryCommand
import FerryCore

extension TargetDistribution {
  /// Looks for it in every account of the settings; nil where no credentials can read it.
  static func find(_ id: String, _ context: Context) async -> TargetDistribution? {
    for account in (try? context.accounts(named: [])) ?? [] {
      guard let session = try? context.session(account),
        let it = try? await CloudFrontClient(session.transport).distribution(id)
      else { continue }
      return TargetDistribution(
        id: it.id, domainName: it.domainName, status: it.status, config: it.config)
    }
    return nil
  }
}

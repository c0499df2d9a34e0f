import FerryCloudFront
import FerryCore

/// What the target account has already under the names that the move would take, and its certificates.
struct TargetReader: Sendable {
  var transport: any ServiceTransport
  var account: AccountID

  /// - Throws: `interrupted`; anything else that cannot be read is a gap.
  func read(for closure: Inventory.Account) async throws(FerryError) -> TargetScene {
    var out = TargetScene(account: account)
    let client = ResourceClient(CloudFrontClient(transport))
    let wanted = closure.resources.filter {
      Carrier.order.contains($0.kind) && $0.kind.hasName && $0.document != nil
    }
    let found = await withTaskGroup(of: (Int, Result<Inventory.Resource?, FerryError>).self) {
      group in
      for (index, it) in wanted.enumerated() {
        group.addTask {
          do throws(FerryError) {
            return (
              index,
              .success(try await client.find(it.kind, named: it.name ?? it.id, reference: nil))
            )
          } catch {
            return (index, .failure(error))
          }
        }
      }
      var all: [Int: Result<Inventory.Resource?, FerryError>] = [:]
      for await (index, result) in group { all[index] = result }
      return all
    }
    for (index, it) in wanted.enumerated() {
      switch found[index] {
      case .success(let resource?): out.resources.append(resource)
      case .failure(let error):
        if error.exit == .interrupted { throw error }
        out.gaps.append(
          .init(
            account: account, call: error.service?.operation ?? "Get \(it.kind.rawValue)",
            reason: error.why, resource: it.name ?? it.id))
      default: break
      }
    }
    do throws(FerryError) {
      for it in try await CertificateClient(transport).all() {
        out.certificates.append(
          .init(
            arn: it.id, names: Carrier.names(of: it), isIssued: it.json?["Status"] == "ISSUED"))
      }
    } catch {
      if error.exit == .interrupted { throw error }
      out.gaps.append(
        .init(
          account: account, call: error.service?.operation ?? "ListCertificates",
          reason: error.why, action: "acm:ListCertificates"))
    }
    return out
  }
}

extension AliasScene.Overlap {
  /// Who else holds an alias or one over or under it, as CloudFront tells the one who holds it.
  ///
  /// - Returns: nil when that could not be asked.
  static func all(
    _ alias: String, of distribution: Inventory.Distribution, in client: CloudFrontClient
  )
    async throws(FerryError) -> [AliasScene.Overlap]?
  {
    do throws(FerryError) {
      let found = try await client.conflictingAliases(alias, distribution: distribution.id).map {
        let holder = matches($0.distribution, distribution.id) ? distribution.id : $0.distribution
        return AliasScene.Overlap(alias: $0.alias.lowercased(), holder: holder)
      }
      // CloudFront leaves out what the distribution holds itself.
      let own = distribution.aliases.map { $0.lowercased() }.filter { $0 != alias }
      return found + own.map { .init(alias: $0, holder: distribution.id) }
    } catch {
      if error.exit == .interrupted { throw error }
      return nil
    }
  }
  /// CloudFront masks part of an id that is not one's own.
  private static func matches(_ masked: String, _ id: String) -> Bool {
    masked.count == id.count && zip(masked, id).allSatisfy { $0 == "*" || $0 == $1 }
  }
}

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
    for id in Self.vpcOrigins(of: closure) {
      do throws(FerryError) {
        guard let it = try await client.find(.vpcOrigin, id: id) else { continue }
        out.vpcOrigins[id] = it.arn.flatMap(ARN.init)?.account
      } catch {
        // Then it is not shared with the account, and has to be mapped.
        if error.exit == .interrupted { throw error }
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

  private static func vpcOrigins(of closure: Inventory.Account) -> [String] {
    Set(
      closure.distributions.flatMap { Reference.all(in: $0.config, of: .distribution) }
        .filter { $0.kind == .vpcOrigin }.map(\.id)
    ).sorted()
  }
}

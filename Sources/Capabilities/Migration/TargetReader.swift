import FerryCloudFront
import FerryCore

/// What the target account has already under the names that the move would take, and its certificates.
struct TargetReader: Sendable {
  /// The IAM actions that it needs: of each kind that may be carried, what lists and reads it.
  static let actions =
    Carrier.order.flatMap(\.readActions).map { "cloudfront:\($0)" } + [
      "acm:DescribeCertificate", "acm:ListCertificates",
    ]
  var transport: any ServiceTransport
  var account: AccountID
  /// Calls in flight at once.
  static let concurrency = 64

  /// - Throws: `interrupted`; anything else that cannot be read is a gap.
  func read(for closure: Inventory.Account) async throws(FerryError) -> TargetScene {
    var out = TargetScene(account: account)
    let client = ResourceClient(CloudFrontClient(transport))
    let wanted = closure.resources.filter {
      Carrier.order.contains($0.kind) && $0.kind.hasName && $0.document != nil
    }
    // Each kind is listed once; what has none of the names is read no further.
    let kinds = Set(wanted.map(\.kind)).sorted { $0.rawValue < $1.rawValue }
    let lists = await Self.each(kinds) { kind throws(FerryError) in try await client.ids(kind) }
    var asked: [(kind: ResourceKind, name: String, id: String)] = []
    for (kind, list) in zip(kinds, lists) {
      switch list {
      case .success(let ids):
        for it in wanted where it.kind == kind {
          let name = it.name ?? it.id
          if let id = ids == nil ? name : ids?[name] { asked.append((kind, name, id)) }
        }
      case .failure(let error): try out.gap(error, kind, nil)
      }
    }
    let found = await Self.each(asked) { it throws(FerryError) in
      try await client.find(it.kind, id: it.id)
    }
    for (it, result) in zip(asked, found) {
      switch result {
      case .success(let resource): if let resource { out.resources.append(resource) }
      case .failure(let error): try out.gap(error, it.kind, it.name)
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
      let client = CertificateClient(transport)
      let found = await Self.each(try await client.arns()) { arn throws(FerryError) in
        try await client.certificate(arn)
      }
      for it in found {
        let it = try it.get()
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

  /// One answer for each, in order, so many asked at once.
  static func each<Item: Sendable, Value: Sendable>(
    _ items: [Item], _ ask: @escaping @Sendable (Item) async throws(FerryError) -> Value
  ) async -> [Result<Value, FerryError>] {
    await withTaskGroup(of: (Int, Result<Value, FerryError>).self) { group in
      var out: [Int: Result<Value, FerryError>] = [:]
      var next = 0
      while out.count < items.count {
        while next < items.count, next - out.count < concurrency {
          let index = next
          next += 1
          group.addTask {
            do throws(FerryError) {
              return (index, .success(try await ask(items[index])))
            } catch {
              return (index, .failure(error))
            }
          }
        }
        guard let (index, result) = await group.next() else { break }
        out[index] = result
      }
      return items.indices.compactMap { out[$0] }
    }
  }

  private static func vpcOrigins(of closure: Inventory.Account) -> [String] {
    Set(
      closure.distributions.flatMap { Reference.all(in: $0.config, of: .distribution) }
        .filter { $0.kind == .vpcOrigin }.map(\.id)
    ).sorted()
  }
}

extension TargetScene {
  /// - Throws: `interrupted` alone; the rest is kept as a gap.
  fileprivate mutating func gap(_ error: FerryError, _ kind: ResourceKind, _ name: String?)
    throws(FerryError)
  {
    if error.exit == .interrupted { throw error }
    gaps.append(
      .init(
        account: account, call: error.service?.operation ?? "Get \(kind.rawValue)",
        reason: error.why, resource: name))
  }
}

import FerryCore
import Foundation

/// A distribution and everything it refers to, as one account holds it.
package struct Closure: Sendable {
  /// A policy of AWS's own: named, never carried.
  package struct Managed: Codable, Hashable, Sendable {
    package var kind: ResourceKind
    package var id: String
    package var name: String
    package init(kind: ResourceKind, id: String, name: String) {
      self.kind = kind
      self.id = id
      self.name = name
    }
  }
  package var account: Inventory.Account
  package var gaps: [Inventory.Gap]
  package var managed: [Managed]
  /// Ids that were asked for and that the account does not have.
  package var missing: [String]

  package init(
    account: Inventory.Account, gaps: [Inventory.Gap] = [], managed: [Managed] = [],
    missing: [String] = []
  ) {
    self.account = account
    self.gaps = gaps
    self.managed = managed
    self.missing = missing
  }
}

/// Follows every reference from distributions on; each thing is read once, many at a time.
package struct ClosureReader: Sendable {
  /// How far references are followed.
  package enum Reach: Sendable {
    /// To other services, and into the values of key value stores.
    case everything
    /// CloudFront's own configuration alone.
    case configuration
  }
  package var transport: any ServiceTransport
  package var account: AccountID
  /// Where a bucket is looked for first.
  package var region: String
  package var reach: Reach
  /// Calls in flight at once; the account's own rate holds them back.
  package var concurrency: Int
  package var progress: @Sendable (_ done: Int, _ of: Int) -> Void

  package init(
    transport: any ServiceTransport, account: AccountID, region: String = "us-east-1",
    reach: Reach = .everything, concurrency: Int = 64,
    progress: @escaping @Sendable (_ done: Int, _ of: Int) -> Void = { _, _ in }
  ) {
    self.transport = transport
    self.account = account
    self.region = region
    self.reach = reach
    self.concurrency = concurrency
    self.progress = progress
  }

  /// One thing to read, by what names it.
  struct Wanted: Hashable, Sendable {
    var kind: ResourceKind
    var id: String
  }
  /// What came of one.
  struct Found: Sendable {
    var distribution: Inventory.Distribution?
    var policy: Inventory.Policy?
    var resources: [Inventory.Resource] = []
    var managed: Closure.Managed?
    var gaps: [Inventory.Gap] = []
    var next: [Wanted] = []
    var failure: FerryError?
  }

  /// - Parameters:
  ///   - ids: ids of distributions.
  ///   - policies: continuous-deployment policies, with the staging distributions that they name.
  /// - Throws: the first refusal when no distribution could be read and one was refused, and `interrupted`.
  package func read(_ ids: [String], policies: [String] = []) async throws(FerryError) -> Closure {
    try await read(
      ids.map { Wanted(kind: .distribution, id: $0) }
        + policies.map { Wanted(kind: .continuousDeploymentPolicy, id: $0) }, asked: ids)
  }
  /// What configs name that were read already, and all that this names in turn.
  package func follow(_ references: [Reference]) async throws(FerryError) -> Closure {
    var seen: Set<Wanted> = []
    let wanted = references.compactMap { it in it.kind.map { Wanted(kind: $0, id: it.id) } }
    return try await read(wanted.filter { seen.insert($0).inserted }, asked: [])
  }

  private func read(_ seeds: [Wanted], asked ids: [String]) async throws(FerryError) -> Closure {
    var out = Closure(account: .init(id: account))
    var failures: [FerryError] = []
    var interrupted: FerryError?
    let visit = ClosureVisit(self)
    await withTaskGroup(of: (Wanted, Found).self) { group in
      var waiting = seeds
      var seen = Set(waiting)
      var inFlight = 0
      var done = 0
      while true {
        while interrupted == nil, inFlight < concurrency, let wanted = waiting.popLast() {
          inFlight += 1
          group.addTask { (wanted, await visit.read(wanted)) }
        }
        guard let (wanted, found) = await group.next() else { break }
        inFlight -= 1
        done += 1
        if let error = found.failure {
          if error.exit == .interrupted {
            interrupted = interrupted ?? error
            group.cancelAll()
          }
          if wanted.kind == .distribution, ids.contains(wanted.id) {
            if error.isService("NoSuchDistribution") {
              out.missing.append(wanted.id)
              continue
            }
            failures.append(error)
          }
        }
        if let it = found.distribution { out.account.distributions.append(it) }
        if let it = found.policy { out.account.continuousDeploymentPolicies.append(it) }
        out.account.resources += found.resources
        if let it = found.managed { out.managed.append(it) }
        out.gaps += found.gaps
        for next in found.next where seen.insert(next).inserted { waiting.append(next) }
        progress(done, seen.count)
      }
    }
    if let interrupted { throw interrupted }
    if out.account.distributions.isEmpty, var error = failures.first {
      error.what = "could not read anything of account \(account)"
      throw error
    }
    out.sort()
    return out
  }
}

extension Closure {
  fileprivate mutating func sort() {
    account.distributions.sort { $0.id < $1.id }
    account.continuousDeploymentPolicies.sort { $0.id < $1.id }
    let ranks = Dictionary(
      ResourceKind.kept.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    var seen: Set<ClosureReader.Wanted> = []
    account.resources = account.resources.filter {
      seen.insert(.init(kind: $0.kind, id: $0.id)).inserted
    }
    .sorted { (ranks[$0.kind] ?? 0, $0.id) < (ranks[$1.kind] ?? 0, $1.id) }
    gaps = Set(gaps).sorted { ($0.call, $0.resource ?? "") < ($1.call, $1.resource ?? "") }
    managed.sort { ($0.kind.rawValue, $0.id) < ($1.kind.rawValue, $1.id) }
    missing.sort()
  }
}

/// Reads one thing at a time on behalf of a reader; what many need is read once.
private struct ClosureVisit: Sendable {
  typealias Wanted = ClosureReader.Wanted
  typealias Found = ClosureReader.Found

  let reader: ClosureReader
  private let client: CloudFrontClient
  private let managed: [ResourceKind: Once<[String: String]>]
  private let stores = Once<[String: String]>()
  private let domains = Once<[String: String]>()
  private let serverCertificates = Once<[String: String]>()
  private let deliveries = Once<[String: [Inventory.Resource]]>()

  init(_ reader: ClosureReader) {
    self.reader = reader
    client = CloudFrontClient(reader.transport)
    managed = Dictionary(
      uniqueKeysWithValues: CloudFrontClient.managedKinds.map { ($0, Once()) })
  }

  func read(_ wanted: Wanted) async -> Found {
    var found = Found()
    do throws(FerryError) {
      try await read(wanted, into: &found)
    } catch {
      found.failure = error
      if wanted.kind == .monitoringSubscription, error.isService("NoSuchMonitoringSubscription") {
        // Off, which is what most distributions are.
        return found
      }
      found.gaps.append(gap(wanted, error))
    }
    return found
  }

  private func gap(_ wanted: Wanted, _ error: FerryError, call: String? = nil) -> Inventory.Gap {
    let operations = ClosureActions.operations[wanted.kind] ?? []
    let call = call ?? error.service?.operation ?? operations.first ?? wanted.kind.rawValue
    return Inventory.Gap(
      account: reader.account, call: call, reason: error.why, resource: wanted.id,
      action: ClosureActions.action(wanted.kind, call))
  }

  private func read(_ wanted: Wanted, into found: inout Found) async throws(FerryError) {
    switch wanted.kind {
    case .distribution: try await distribution(wanted, into: &found)
    case .continuousDeploymentPolicy:
      let it = try await client.policy(wanted.id)
      found.policy = Inventory.Policy(
        id: it.id, etag: it.etag, lastModified: it.lastModified, config: it.config)
      found.next = references(in: it.config, of: wanted.kind)
    case .cachePolicy, .originRequestPolicy, .responseHeadersPolicy:
      if let name = await managedName(wanted, into: &found) {
        found.managed = .init(kind: wanted.kind, id: wanted.id, name: name)
        return
      }
      try await own(wanted, wanted.id, into: &found)
    case .keyValueStore: try await keyValueStore(wanted, into: &found)
    case .originAccessControl, .originAccessIdentity, .function, .publicKey, .keyGroup,
      .fieldLevelEncryptionProfile, .fieldLevelEncryption, .realtimeLogConfig, .vpcOrigin,
      .monitoringSubscription:
      try await own(wanted, wanted.id, into: &found)
    case .anycastIPList, .trustStore, .connectionFunction:
      // Nothing that could be read of them makes a new one; a migration says what a person does.
      return
    default: if reader.reach == .everything { try await neighbour(wanted, into: &found) }
    }
  }

  private func references(in config: XElement, of kind: ResourceKind) -> [Wanted] {
    Reference.all(in: config, of: kind).compactMap { reference in
      reference.kind.map { Wanted(kind: $0, id: reference.id) }
    }
  }

  private func distribution(_ wanted: Wanted, into found: inout Found) async throws(FerryError) {
    let id = wanted.id
    if id.contains(".") {
      // A policy names its staging distribution by domain name.
      let client = client
      let known = try await domains.value { () async throws(FerryError) in
        try await client.distributionIDsByDomain()
      }
      guard let there = known[id.lowercased()] else {
        throw FerryError(
          "staging-missing", what: "could not read distribution \(id)",
          why: "no distribution of the account has that domain name",
          next: "see `edgeferry orphans discover`")
      }
      found.next = [.init(kind: .distribution, id: there)]
      return
    }
    let it = try await client.distribution(id)
    var tags: [String: String] = [:]
    do throws(FerryError) {
      tags = try await client.tags(arn: it.arn)
    } catch {
      if error.exit == .interrupted { throw error }
      found.gaps.append(gap(wanted, error, call: "ListTagsForResource"))
    }
    found.distribution = Inventory.Distribution(
      id: it.id, arn: it.arn, domainName: it.domainName, status: it.status, etag: it.etag,
      lastModified: it.lastModified, tags: tags, config: it.config)
    found.next =
      references(in: it.config, of: .distribution) + [
        .init(kind: .monitoringSubscription, id: it.id), .init(kind: .logDelivery, id: it.arn),
      ]
  }

  private func managedName(_ wanted: Wanted, into found: inout Found) async -> String? {
    let client = client
    let kind = wanted.kind
    do throws(FerryError) {
      return try await managed[kind]?.value { () async throws(FerryError) in
        try await client.managedPolicies(kind)
      }[wanted.id]
    } catch {
      // Then it is read as one of the account's own: carried in the file, and known there to be unsure.
      var gap = gap(wanted, error, call: CloudFrontClient.managedOperation(kind))
      gap.resource = nil
      found.gaps.append(gap)
      return nil
    }
  }

  private func own(_ wanted: Wanted, _ id: String, into found: inout Found)
    async throws(FerryError)
  {
    var it = try await client.resource(wanted.kind, id)
    if [.function, .vpcOrigin].contains(wanted.kind), let arn = it.arn {
      do throws(FerryError) {
        it.tags = try await client.tags(arn: arn)
      } catch {
        if error.exit == .interrupted { throw error }
        found.gaps.append(gap(wanted, error, call: "ListTagsForResource"))
      }
    }
    if wanted.kind == .function, reader.reach == .configuration {
      do throws(FerryError) {
        it.extras["developmentIsLive"] = .bool(try await client.developmentIsLive(it))
      } catch {
        if error.exit == .interrupted { throw error }
        found.gaps.append(gap(wanted, error))
      }
    }
    if let document = it.document { found.next = references(in: document, of: wanted.kind) }
    found.resources = [it]
  }

  private func keyValueStore(_ wanted: Wanted, into found: inout Found) async throws(FerryError) {
    let client = client
    let names = try await stores.value { () async throws(FerryError) in
      try await client.keyValueStoreNames()
    }
    guard let name = names[wanted.id] else {
      throw FerryError(
        "store-missing", what: "could not read key value store \(wanted.id)",
        why: "the account lists no store of that ARN", next: "check the function that names it")
    }
    var it = try await client.resource(.keyValueStore, name)
    guard reader.reach == .everything else {
      found.resources = [it]
      return
    }
    do throws(FerryError) {
      let items = try await KeyValueClient(reader.transport).items(of: wanted.id)
      it.extras["items"] = .object(items.mapValues(JSONValue.string))
    } catch {
      if error.exit == .interrupted { throw error }
      found.gaps.append(gap(wanted, error, call: error.service?.operation ?? "ListKeys"))
    }
    found.resources = [it]
  }

  /// What other services hold.
  private func neighbour(_ wanted: Wanted, into found: inout Found) async throws(FerryError) {
    let transport = reader.transport
    switch wanted.kind {
    case .certificate:
      found.resources = [try await CertificateClient(transport).certificate(wanted.id)]
    case .serverCertificate:
      let names = try await serverCertificates.value { () async throws(FerryError) in
        try await ServerCertificateClient(transport).names()
      }
      guard let name = names[wanted.id] else {
        throw FerryError(
          "certificate-missing", what: "could not read IAM certificate \(wanted.id)",
          why: "the account lists no server certificate of that id",
          next: "check the distribution's viewer certificate")
      }
      found.resources = [
        try await ServerCertificateClient(transport).certificate(wanted.id, name: name)
      ]
    case .webACL:
      guard ARN(wanted.id) != nil else {
        throw FerryError(
          "waf-classic", what: "could not read web ACL \(wanted.id)",
          why: "it is of WAF Classic, which is not read", next: "move it to WAFv2 first")
      }
      let (it, failures) = try await WebACLClient(transport).webACL(wanted.id)
      found.resources = [it]
      found.gaps += failures.map {
        gap(.init(kind: .webACL, id: $0.arn), $0.error, call: $0.call)
      }
    case .lambdaFunction:
      found.resources = [try await LambdaClient(transport).function(wanted.id)]
    case .bucket:
      let (it, failures) = try await BucketClient(transport, region: reader.region).bucket(
        wanted.id)
      found.resources = [it]
      found.gaps += failures.map { gap(wanted, $0.error, call: $0.call) }
      if let key = it.json?["encryption"]?["kmsKey"]?.string {
        // A bare id is a key of the bucket's own region and account.
        let region = it.json?["region"]?.string ?? reader.region
        let arn = ARN(key) == nil ? "arn:aws:kms:\(region):\(reader.account):key/\(key)" : key
        found.next = [.init(kind: .kmsKey, id: arn)]
      }
    case .kmsKey: found.resources = [try await KeyPolicyClient(transport).key(wanted.id)]
    case .logDelivery:
      let all = try await deliveries.value { () async throws(FerryError) in
        try await LogDeliveryClient(transport).deliveries()
      }
      found.resources = all[wanted.id] ?? []
    default: preconditionFailure("\(wanted.kind) is CloudFront's own")
    }
  }
}

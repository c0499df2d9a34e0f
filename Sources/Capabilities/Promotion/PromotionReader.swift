import FerryAWS
import FerryCloudFront
import FerryCommand
import FerryCore
import FerryHTTP
import Foundation

/// Reads a primary, its policy and staging distribution, what they refer to, and what they showed; changes nothing.
struct PromotionReader: Sendable {
  var context: Context

  /// What was found of one primary.
  struct Found: Sendable {
    var account: AccountID
    /// The settings' name of the account.
    var name: String
    /// CloudFront's endpoint, only where it is not AWS's own.
    var endpoint: String?
    var closure: Closure
    var pair: PromotionPair?
    /// Why there is no pair to judge.
    var missing: [PromotionFinding] = []
    /// Accounts that did not answer before it was found.
    var unreached: [Inventory.Gap] = []
  }
  static let actions = ClosureActions.configuration + ["cloudwatch:GetMetricData"]

  /// - Throws: `unknown-distribution` (1) where no account has it; `bad-id` (64).
  func read(_ id: String, account: String?) async throws(FerryError) -> Found {
    guard (1...64).contains(id.count),
      id.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) })
    else {
      throw .badInput(
        "bad-id", what: "could not look at \(id.debugDescription)",
        why: "the id of a distribution is letters and digits, as E1EXAMPLE",
        next: "list them with `edgeferry inventory take`")
    }
    var failure: FerryError?
    var reach = Reach()
    for place in try context.accounts(named: account.map { [$0] } ?? []) {
      let session = try context.session(place)
      context.announce(session)
      let identity: STSClient.Identity
      let transport: AWSTransport
      do throws(FerryError) {
        (identity, transport) = try await session.proven()
      } catch {
        try reach.leave(place.name, error, isAsked: account != nil, in: context.settings)
        continue
      }
      let reader = ClosureReader(
        transport: transport, account: identity.account, region: session.regionName,
        reach: .configuration)
      do throws(FerryError) {
        let closure = try await reader.read([id])
        guard closure.account.distributions.contains(where: { $0.id == id }) else { continue }
        var found = Found(
          account: identity.account, name: place.name, endpoint: context.foreignEndpoint(session),
          closure: closure, unreached: reach.gaps)
        try await fill(&found, id, transport)
        return found
      } catch {
        if error.exit == .interrupted { throw error }
        failure = failure ?? error
      }
    }
    throw failure ?? reach.failure
      ?? FerryError(
        "unknown-distribution", what: "could not look at distribution \(id)",
        why: "no account that was read has it",
        next: "check the id with `edgeferry inventory take`, and the account with --account")
  }

  private func fill(_ found: inout Found, _ id: String, _ transport: any ServiceTransport)
    async throws(FerryError)
  {
    let link = try PromotionLink(id, in: found.closure, at: context.clock.now)
    found.missing = link.findings
    guard let staging = link.staging, let policy = link.policy else { return }
    let now = context.clock.now
    let terms = context.settings.promotion
    // Minutes before the last change of either side was everywhere say nothing of what would be promoted; when that was
    // is nowhere to be read.
    let changed = [link.primary, staging].compactMap {
      Timestamp.read($0.lastModified).map { $0 + Double(PlanBuilder.deployTypicalSeconds) }
    }
    let window = now - Double(terms.windowSeconds) - CloudWatchClient.delaySeconds
    let since = ([window] + changed).max() ?? now
    var pair = PromotionPair(
      account: found.account, primary: link.primary, staging: staging, policy: policy,
      resources: found.closure.account.resources, gaps: found.closure.gaps, readAt: now,
      terms: terms, traffic: PromotionTraffic(since: since, until: now))
    pair.traffic = try await traffic(pair, transport)
    pair.probe = await probe(pair)
    found.pair = pair
  }

  private func traffic(_ pair: PromotionPair, _ transport: any ServiceTransport)
    async throws(FerryError) -> PromotionTraffic
  {
    var out = pair.traffic
    let ids = [pair.staging.id, pair.primary.id]
    // Both sides were changed a moment ago: nothing counts yet.
    guard out.until >= out.since + 1 else { return out }
    do throws(FerryError) {
      let client = CloudWatchClient(transport)
      let requests = try await client.requests(of: ids, from: out.since, to: out.until)
      let judged = try await client.errorCounts(of: ids, from: out.since, to: out.until)
      func side(_ id: String) -> PromotionTraffic.Side {
        let minutes = (requests[id] ?? []).filter { $0.at >= out.since }
        return .init(
          minutes: minutes.count, requests: minutes.reduce(0) { $0 + $1.requests },
          judged: judged[id]?.server ?? .init(), judgedClient: judged[id]?.client ?? .init())
      }
      out.staging = side(ids[0])
      out.primary = side(ids[1])
    } catch {
      if error.exit == .interrupted { throw error }
      out.unread = error.why
      if error.exit == .denied { out.denied = "cloudwatch:GetMetricData" }
    }
    return out
  }

  /// Only where the settings name a URL; where staging cannot be reached by a header, it says why.
  private func probe(_ pair: PromotionPair) async -> StagingProbe? {
    guard let health = context.settings.health else { return nil }
    var out = StagingProbe(
      url: health.url, expected: health.expectStatus, hasMarker: health.marker != nil)
    guard case .header(let name, let value) = pair.share else {
      out.skipped = "policy \(pair.policy.id) has no header that would bring a request to staging"
      return out
    }
    guard let alias = pair.primary.aliases.first(where: { !$0.hasPrefix("*") }) else {
      out.skipped = "\(pair.primary.id) has no alias but wildcards to put for {name}"
      return out
    }
    out.url = health.url.replacingOccurrences(of: "{name}", with: alias)
    let (url, place) = (out.url, pair.primary.domainName)
    do throws(FerryError) {
      let probe = try context.servingProbe()
      async let without = probe.look(url: url, at: place, marker: health.marker)
      if pair.policy.isEnabled {
        out.with = await probe.look(
          url: url, at: place, marker: health.marker, headers: [(name: name, value: value)])
      } else {
        out.skipped =
          "policy \(pair.policy.id) is disabled, so that the header \(name) brings nobody to staging"
      }
      out.without = await without
    } catch {
      out.skipped = error.why
    }
    return out
  }
}

/// How a primary hangs together with a policy and a staging distribution.
struct PromotionLink {
  var primary: Inventory.Distribution
  var policy: Inventory.Policy?
  var staging: Inventory.Distribution?
  var findings: [PromotionFinding] = []

  /// - Throws: `not-a-primary` (64) for a staging distribution.
  init(_ id: String, in closure: Closure, at: Date) throws(FerryError) {
    let account = closure.account
    guard let primary = account.distributions.first(where: { $0.id == id }) else {
      throw FerryError(
        "unknown-distribution", what: "could not look at distribution \(id)",
        why: "the account has no such distribution", next: "check the id and the account")
    }
    self.primary = primary
    guard !primary.isStaging else {
      throw .badInput(
        "not-a-primary", what: "could not look at distribution \(id)",
        why: "it is a staging distribution", next: "name the primary that its policy is attached to"
      )
    }
    func finding(_ code: String, of resource: String, _ says: String, gap: Inventory.Gap? = nil) {
      var out = PromotionFinding(
        code, .blocker, unknown: gap != nil, of: resource, says,
        gap.map { [Finding.Evidence(call: $0.call, at: at, says: $0.reason)] } ?? [])
      if let gap, gap.reason.contains("AccessDenied") {
        out.denied = gap.action ?? "cloudfront:\(gap.call)"
      }
      findings.append(out)
    }
    guard let policyID = primary.policyID else {
      finding("no-policy", of: id, "\(id) has no continuous-deployment policy attached")
      return
    }
    policy = account.continuousDeploymentPolicies.first { $0.id == policyID }
    guard let policy else {
      let gap = closure.gaps.first { $0.resource == policyID }
      let isGone = gap?.reason.contains("NoSuchContinuousDeploymentPolicy") ?? false
      finding(
        isGone ? "policy-missing" : "policy-unread", of: policyID,
        isGone ? "policy \(policyID) of \(id) is gone" : "policy \(policyID) could not be read",
        gap: isGone ? nil : gap)
      return
    }
    let names = policy.stagingNames.map { $0.lowercased() }
    staging = account.distributions.first {
      $0.isStaging && names.contains($0.domainName.lowercased())
    }
    guard staging == nil else { return }
    let name = names.first ?? "(none)"
    let gap = closure.gaps.first { names.contains(($0.resource ?? "").lowercased()) }
    let isUnread = gap.map { !$0.reason.contains("no distribution of the account") } ?? false
    finding(
      isUnread ? "staging-unread" : "no-staging", of: policyID,
      isUnread
        ? "staging distribution \(name) of policy \(policyID) could not be read"
        : "policy \(policyID) names \(name), which no staging distribution of the account is",
      gap: isUnread ? gap : nil)
  }
}

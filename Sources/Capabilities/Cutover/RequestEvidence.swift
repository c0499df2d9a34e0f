import FerryCloudFront
import FerryCommand
import FerryCore
import FerryReport
import Foundation

/// Requests that CloudFront counted for both sides: evidence beside a verdict, never a gate.
struct RequestEvidence: Sendable {
  /// One side, in one line.
  private(set) var lines: [DomainName: String] = [:]
  /// Why a side may be missing.
  private(set) var denied: String?
  private static let spanSeconds = 900.0
  /// For everything: evidence is not worth a long wait.
  private static let patienceSeconds = 8.0

  /// What the credentials at hand can read; without any there are no lines.
  static func read(_ domains: [DomainName], _ context: Context) async -> RequestEvidence {
    let domains = Set(domains.filter { $0.text.hasSuffix(".cloudfront.net.") })
    guard !domains.isEmpty else { return RequestEvidence() }
    return await withTaskGroup(of: RequestEvidence?.self) { group in
      group.addTask { await asked(domains, context) }
      group.addTask {
        try? await context.clock.sleep(seconds: patienceSeconds)
        return nil
      }
      let first = await group.next() ?? nil
      group.cancelAll()
      return first ?? RequestEvidence()
    }
  }

  private static func asked(_ domains: Set<DomainName>, _ context: Context) async
    -> RequestEvidence
  {
    var out = RequestEvidence()
    for account in (try? context.accounts(named: [])) ?? [] where out.lines.count < domains.count {
      do throws(FerryError) {
        let transport = try context.session(account).transport
        let found = try await distributions(CloudFrontClient(transport), domains)
        guard !found.isEmpty else { continue }
        let now = context.clock.now
        let counts = try await CloudWatchClient(transport).requests(
          of: found.values.sorted(), from: now - spanSeconds, to: now)
        for (domain, id) in found { out.lines[domain] = line(domain, id, counts[id] ?? []) }
      } catch {
        guard error.code == .accessDenied else { continue }
        out.denied =
          "CloudWatch's counts could not be read: account \(account.name) allows cloudfront:ListDistributions or cloudwatch:GetMetricData not"
      }
    }
    return out
  }
  /// The ids of those of the domains that the account has.
  private static func distributions(_ client: CloudFrontClient, _ domains: Set<DomainName>)
    async throws(FerryError) -> [DomainName: String]
  {
    var out: [DomainName: String] = [:]
    var marker: String?
    repeat {
      let page = try await client.distributions(marker: marker)
      for item in page.items {
        let domain = DomainName(wire: item.text(at: "DomainName") ?? "")
        if domains.contains(domain), let id = item.text(at: "Id") { out[domain] = id }
      }
      marker = page.nextMarker
    } while marker != nil && out.count < domains.count
    return out
  }
  static func line(_ domain: DomainName, _ id: String, _ counts: [CloudWatchClient.Count])
    -> String
  {
    let total = Int(counts.reduce(0) { $0 + $1.requests }.rounded())
    let minutes = Int(spanSeconds / 60)
    guard total > 0, let last = counts.last(where: { $0.requests > 0 }) else {
      return "CloudWatch: \(id) (\(domain.host)) had no request in \(minutes) min"
    }
    return
      "CloudWatch: \(id) (\(domain.host)) had \(total) requests in \(minutes) min, the last in the minute from \(Timestamp.text(last.at))"
  }
}

import COpenSSL
import FerryAWS
import FerryCloudFront
import FerryCommand
import FerryCore
import FerryDNS
import FerryHTTP
import FerryRun
import Foundation

/// Looks at everything that a run will need; each look is a check, whatever happened to it.
struct Doctor: Sendable {
  typealias Check = DoctorReport.Check
  var context: Context

  /// The IAM actions that it needs.
  static let actions = [
    "cloudfront:ListContinuousDeploymentPolicies", "cloudfront:ListDistributions",
    "servicequotas:ListAWSDefaultServiceQuotas", "servicequotas:ListServiceQuotas",
  ]
  /// A clock further off than this is worth a word; AWS refuses what is 5 minutes off.
  static let offsetMax = 60.0
  /// From this share of a quota on.
  static let pressurePercent = 90

  func checks(_ accounts: [Settings.Account]) async -> [Check] {
    async let names = dns()
    async let state = state()
    var out = [versions, settingsFile] + settingsProblems()
    for account in accounts { out += await look(at: account) }
    return out + (await names) + [await state]
  }

  // MARK: This machine

  private var versions: Check {
    let openSSL = OpenSSL_version(OPENSSL_VERSION).map { String(cString: $0) } ?? "OpenSSL?"
    return Check(
      "versions", .ok,
      [
        Context.tool, "ldns \(DNSEngine.libraryVersion)", HTTPEngine.libraryVersion, openSSL,
        "SQLite \(SQLiteState.libraryVersion)",
      ].joined(separator: ", "))
  }
  private var settingsFile: Check {
    Check(
      "settings", .ok,
      context.settings.path.map { "\($0) was read" } ?? "no settings file; the built-in ones hold")
  }
  /// What a file of settings says that only its use would show.
  func settingsProblems() -> [Check] {
    let settings = context.settings
    var out: [Check] = []
    func file(_ name: String, _ what: String, isSecret: Bool) {
      let path = URL(fileURLWithPath: name, relativeTo: context.settingsFolder).path
      do throws(FerryError) {
        _ = try Files.read(path, what: what, limit: 1 << 20, isSecret: isSecret)
      } catch {
        out.append(Check("settings", error: error))
      }
    }
    for zone in settings.zones {
      if let name = zone.account, !settings.accounts.contains(where: { $0.name == name }) {
        out.append(
          Check(
            "settings", .failed,
            "zones: \(zone.name) is in account \(name), which accounts: has not",
            next: "name the account under accounts:, or correct the zone"))
      }
      if let tsig = zone.tsig { file(tsig.secretFile, "the TSIG secret", isSecret: true) }
    }
    if let name = settings.edgeCAFile { file(name, "edge.caFile", isSecret: false) }
    if let name = settings.notify?.secretFile {
      file(name, "sweep.notify.secretFile", isSecret: true)
    }
    return out
  }

  // MARK: Accounts

  func look(at account: Settings.Account) async -> [Check] {
    let session: AWSSession
    let identity: STSClient.Identity
    let watch: DateWatch
    do throws(FerryError) {
      session = try context.session(account)
      watch = DateWatch(session.transport, clock: context.clock)
      identity = try await STSClient(watch, region: nil).callerIdentity()
    } catch {
      return [Check("identity", account: account.name, error: error)]
    }
    let number = identity.account
    var out = [
      Check(
        "identity", account: number,
        .ok,
        "\(identity.arn)\(account.name == "default" ? "" : ", account \(account.name) of the settings")"
      )
    ]
    let endpoints = [AWSService.cloudFront, .sts, .route53].map { service -> String in
      let url = try? session.endpoint(for: service)
      return "\(service.signingName) \(url ?? "unknown")"
    }
    out.append(
      Check(
        "endpoints", account: number, .ok,
        endpoints.joined(separator: ", ")
          + (session.isAWSEndpoint ? "" : "; CloudFront is not AWS's")))
    out.append(Self.clock(watch.offsetSeconds, account: number))
    return out + (await quotas(session.transport, number))
  }

  /// - Parameter offset: what the server's clock has more than ours, in seconds.
  static func clock(_ offset: Double?, account: String) -> Check {
    guard let offset else {
      return Check(
        "clock", account: account, .unknown, "the answer has no readable Date",
        next: "compare the clock with a time server's")
    }
    let seconds = Int(offset.rounded())
    let says =
      abs(seconds) <= 1
      ? "as the endpoint's"
      : "\(abs(seconds)) s \(seconds > 0 ? "behind" : "ahead of") the endpoint's"
    return abs(offset) <= offsetMax
      ? Check("clock", account: account, .ok, says)
      : Check(
        "clock", account: account, .warning, says,
        next: "set this machine's clock, by NTP; calls more than 5 minutes off are refused")
  }

  private func quotas(_ transport: any ServiceTransport, _ account: String) async -> [Check] {
    var limits: [AccountQuota: Int] = [:]
    var unread: FerryError?
    let client = QuotaClient(transport)
    let wanted = [AccountQuota.policies, .stagingDistributions]
    do throws(FerryError) {
      for found in [try await client.applied(), try await client.standard()] {
        for quota in wanted where limits[quota] == nil {
          limits[quota] =
            found.filter { quota.matches(code: $0.code, name: $0.name) }.map(\.value).min()
        }
      }
    } catch {
      unread = error
    }
    let resources = ResourceClient(CloudFrontClient(transport))
    var used: [AccountQuota: Int] = [:]
    var out: [Check] = []
    do throws(FerryError) {
      used[.policies] = try await resources.policyCount()
      used[.stagingDistributions] = try await resources.distributionCounts().staging
    } catch {
      out.append(Check("quotas", account: account, .unknown, error: error))
    }
    for quota in wanted {
      guard let count = used[quota] else { continue }
      out.append(
        Self.quota(quota, used: count, limit: limits[quota], account: account, unread: unread?.why))
    }
    return out
  }
  /// - Parameter limit: nil when Service Quotas does not say it; the documented one is compared then.
  static func quota(
    _ quota: AccountQuota, used: Int, limit: Int?, account: String, unread: String?
  ) -> Check {
    let most = limit ?? quota.standard
    var says = "\(used) of \(most) \(quota.rawValue)"
    if limit == nil {
      says +=
        " (the documented limit; Service Quotas \(unread.map { "was not read: \($0)" } ?? "names none"))"
    }
    guard used * 100 >= most * pressurePercent else {
      return Check("quotas", account: account, .ok, says)
    }
    return Check(
      "quotas", account: account, .warning, says,
      next:
        "free some with `edgeferry orphans discover` and `orphans plan`, or ask for a higher quota")
  }

  // MARK: State

  private func state() async -> Check {
    let place = context.statePath
    do throws(FerryError) {
      let isRemote = S3Place.isOne(place)
      if !isRemote, FileManager.default.fileExists(atPath: place),
        let schema = try SQLiteState.olderSchema(place)
      {
        return Check(
          "state", .warning, "\(place) has the schema \(schema) of an older edgeferry",
          next: "nothing: the next command that writes brings it up to date")
      }
      guard let store = try context.existingStateStore() else {
        return Check("state", .ok, "there is none at \(place) yet")
      }
      let count = try await store.check()
      return Check(
        "state", .ok,
        "\(place)\(isRemote ? "" : ", mode 0600"): \(count) journal records, every hash in its chain"
      )
    } catch {
      return Check("state", error: error)
    }
  }
}

/// Passes calls on, and learns from the answers how far our clock is from the server's.
final class DateWatch: ServiceTransport {
  private let transport: any ServiceTransport
  private let clock: any FerryClock
  private let offset = Locked<Double?>(nil)
  init(_ transport: any ServiceTransport, clock: any FerryClock) {
    self.transport = transport
    self.clock = clock
  }
  /// What the server's clock has more than ours; nil before an answer with a Date.
  var offsetSeconds: Double? { offset.withLock { $0 } }

  func send(_ request: ServiceRequest) async throws(FerryError) -> ServiceResponse {
    let answer = try await transport.send(request)
    // When it was received: retries and a slow way there are no part of it.
    let now = clock.now
    if let text = answer.headers["date"], let date = ServerDate.read(text) {
      offset.withLock { $0 = date.timeIntervalSince(now) }
    }
    return answer
  }
}

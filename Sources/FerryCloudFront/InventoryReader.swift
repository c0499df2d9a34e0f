import FerryCore
import Foundation

/// Reads accounts as they are: many calls at once, and every read that failed is a gap.
public struct InventoryReader: Sendable {
  /// The IAM actions that reading an account needs.
  public static let actions = [
    "cloudformation:ListStackResources", "cloudformation:ListStacks",
    "cloudfront:GetContinuousDeploymentPolicy", "cloudfront:GetDistribution",
    "cloudfront:ListContinuousDeploymentPolicies", "cloudfront:ListDistributions",
    "cloudfront:ListTagsForResource",
  ]
  public struct Options: Sendable {
    /// Calls in flight at once.
    public var concurrency = 64
    public var regions: [String] = []
    public var includeSecrets = false
    /// Tags cost a call for each distribution.
    public enum Tags: Sendable { case none, ofStaging, all }
    public var tags = Tags.all
    /// What an earlier read found, by id: a config whose listed version is still that one is not read again.
    public var known: [String: Inventory.Distribution] = [:]
    /// Stacks cost a call each. They tell who owns policies and staging distributions, so an account without any
    /// can do without them.
    public var stacksAreNeeded = true
    public init() {}
  }
  public var client: CloudFrontClient
  public var account: AccountID
  public var options: Options
  /// How many distributions were read, of how many listed so far.
  public var progress: @Sendable (_ done: Int, _ of: Int) -> Void

  public init(
    _ client: CloudFrontClient, account: AccountID, options: Options = Options(),
    progress: @escaping @Sendable (Int, Int) -> Void = { _, _ in }
  ) {
    self.client = client
    self.account = account
    self.options = options
    self.progress = progress
  }

  /// Everything but the distributions, and the gaps of the whole read.
  public struct Rest: Sendable {
    public var policies: [Inventory.Policy] = []
    public var stacks: [Inventory.Stack] = []
    public var gaps: [Inventory.Gap] = []
  }

  /// Reads the account; distributions are handed over as they come, in no order, so that memory stays flat.
  /// - Throws: the first error when nothing at all could be read (77 when it was denied), and `interrupted`.
  public func read(
    _ each: (Inventory.Distribution) async throws(FerryError) -> Void
  ) async throws(FerryError) -> Rest {
    var rest = Rest()
    var failures: [FerryError] = []
    var succeeded = 0

    async let policies = readPolicies()
    async let stacks = options.stacksAreNeeded ? readStacks() : ([], [])
    var hasOwned = false

    // Gets start while further pages are still being listed.
    var listed = 0
    var done = 0
    var listFailure: FerryError?
    do {
      try await withThrowingTaskGroup(of: Part.self) { group in
        // The next page is asked for when few ids are left, so that an account's ids are never all held.
        var waiting: [CloudFrontClient.Listed] = []
        var marker: String?
        var inFlight = 1
        group.addTask { await self.page(nil) }
        while let part = try await group.next() {
          inFlight -= 1
          if case .page(let items, let next) = part {
            listed += items.count
            waiting += items
            marker = next
          }
          // The next calls leave before this answer is looked at.
          if let next = marker, waiting.count < 2 * max(100, options.concurrency) {
            marker = nil
            inFlight += 1
            group.addTask { await self.page(next) }
          }
          while inFlight < options.concurrency, !waiting.isEmpty {
            let it = waiting.removeLast()
            inFlight += 1
            group.addTask { await self.distribution(it) }
          }
          switch part {
          case .page: succeeded += 1
          case .listFailed(let error): listFailure = error
          case .distribution(let it, let gaps):
            succeeded += 1
            done += 1
            rest.gaps += gaps
            hasOwned = hasOwned || it.isStaging || it.policyID != nil
            try await each(it)
          case .unread(let id, let error):
            done += 1
            if let error {
              if error.exit == .interrupted { throw error }
              failures.append(error)
              rest.gaps.append(gap("GetDistribution", error, resource: id))
            }
          }
          progress(done, listed)
        }
      }
    } catch let error as FerryError {
      throw error
    } catch {
      throw FerryError(
        "inventory", what: "could not read account \(account)", why: "\(error)",
        next: "run the command again")
    }
    if let error = listFailure {
      if error.exit == .interrupted { throw error }
      failures.append(error)
      rest.gaps.append(gap("ListDistributions", error))
    }
    let (foundPolicies, policyFailures) = await policies
    rest.policies = foundPolicies
    for (call, resource, error) in policyFailures {
      failures.append(error)
      rest.gaps.append(gap(call, error, resource: resource))
    }
    if policyFailures.allSatisfy({ $0.call != "ListContinuousDeploymentPolicies" }) {
      succeeded += 1
    }
    var (foundStacks, stackFailures) = await stacks
    if !options.stacksAreNeeded, hasOwned || !foundPolicies.isEmpty {
      (foundStacks, stackFailures) = await readStacks()
    }
    rest.stacks = foundStacks
    for (call, resource, error) in stackFailures {
      rest.gaps.append(gap(call, error, resource: resource))
    }
    if succeeded == 0, let first = failures.first {
      var error = first
      error.what = "could not read anything of account \(account)"
      if error.exit == .denied {
        error.next = ServiceFailure.allowing(
          failures.filter { $0.exit == .denied }.compactMap(\.service?.operation))
      }
      throw error
    }
    rest.policies.sort { $0.id < $1.id }
    rest.stacks.sort { ($0.region, $0.id) < ($1.region, $1.id) }
    rest.gaps.sort { ($0.call, $0.resource ?? "") < ($1.call, $1.resource ?? "") }
    return rest
  }

  /// The whole account in memory, sorted by id.
  public func account() async throws(FerryError) -> (Inventory.Account, [Inventory.Gap]) {
    var distributions: [Inventory.Distribution] = []
    let rest = try await read { (it: Inventory.Distribution) async throws(FerryError) in
      distributions.append(it)
    }
    distributions.sort { $0.id < $1.id }
    return (
      Inventory.Account(
        id: account, distributions: distributions, policies: rest.policies, stacks: rest.stacks,
        regions: options.regions), rest.gaps
    )
  }

  private enum Part: Sendable {
    case page([CloudFrontClient.Listed], next: String?)
    case listFailed(FerryError)
    case distribution(Inventory.Distribution, [Inventory.Gap])
    /// nil: it was deleted meanwhile.
    case unread(String, FerryError?)
  }

  private func page(_ marker: String?) async -> Part {
    do throws(FerryError) {
      let page = try await client.distributionVersions(marker: marker)
      return .page(page.items, next: page.nextMarker)
    } catch {
      return .listFailed(error)
    }
  }

  private func distribution(_ listed: CloudFrontClient.Listed) async -> Part {
    let id = listed.id
    do throws(FerryError) {
      let it: CloudFrontClient.Distribution
      if let known = options.known[id], let etag = listed.etag, known.etag == etag {
        it = .init(
          id: id, arn: known.arn, status: listed.status ?? known.status,
          domainName: known.domainName, lastModified: known.lastModified, etag: etag,
          config: known.config)
      } else {
        it = try await client.distribution(id)
      }
      var gaps: [Inventory.Gap] = []
      var tags: [String: String] = [:]
      let isStaging = it.config.text(at: "Staging") == "true"
      if options.tags == .all || options.tags == .ofStaging && isStaging {
        do throws(FerryError) {
          tags = try await client.tags(arn: it.arn)
        } catch {
          if error.exit == .interrupted { throw error }
          gaps.append(gap("ListTagsForResource", error, resource: id))
        }
      }
      return .distribution(
        Inventory.Distribution(
          id: it.id, arn: it.arn, domainName: it.domainName, status: it.status, etag: it.etag,
          lastModified: it.lastModified, tags: tags,
          config: options.includeSecrets || !it.config.contains("OriginCustomHeader")
            ? it.config : it.config.redacted), gaps)
    } catch {
      return .unread(id, error.isService("NoSuchDistribution") ? nil : error)
    }
  }

  private typealias Failure = (call: String, resource: String?, error: FerryError)

  private func readPolicies() async -> ([Inventory.Policy], [Failure]) {
    var found: [CloudFrontClient.Policy] = []
    var failures: [Failure] = []
    var marker: String?
    repeat {
      do throws(FerryError) {
        let page = try await client.policies(marker: marker)
        found += page.items
        marker = page.nextMarker
      } catch {
        failures.append(("ListContinuousDeploymentPolicies", nil, error))
        marker = nil
      }
    } while marker != nil
    var out: [Inventory.Policy] = []
    await withTaskGroup(of: (CloudFrontClient.Policy?, CloudFrontClient.Policy, FerryError?).self) {
      group in
      for policy in found {
        group.addTask {
          do throws(FerryError) {
            return (try await client.policy(policy.id), policy, nil)
          } catch {
            return (nil, policy, error)
          }
        }
      }
      for await (read, listed, error) in group {
        if let error {
          if error.isService("NoSuchContinuousDeploymentPolicy") { continue }
          // The list carries the whole config; only the version is missing.
          failures.append(("GetContinuousDeploymentPolicy", listed.id, error))
        }
        let it = read ?? listed
        out.append(
          Inventory.Policy(
            id: it.id, etag: it.etag, lastModified: it.lastModified, config: it.config))
      }
    }
    return (out, failures)
  }

  private func readStacks() async -> ([Inventory.Stack], [Failure]) {
    var out: [Inventory.Stack] = []
    var failures: [Failure] = []
    for region in options.regions {
      let client = CloudFormationClient(client.transport, region: region)
      do throws(FerryError) {
        for stack in try await client.stacks() {
          do throws(FerryError) {
            let resources = try await client.resources(stack: stack.id)
              .filter { $0.type.hasPrefix("AWS::CloudFront::") || $0.type == "AWS::CDK::Metadata" }
            guard !resources.isEmpty else { continue }
            out.append(
              Inventory.Stack(
                id: stack.id, name: stack.name, region: region, status: stack.status,
                resources: resources.map {
                  .init(
                    logicalId: $0.logicalID, type: $0.type, physicalId: $0.physicalID,
                    status: $0.status)
                }))
          } catch {
            failures.append(("ListStackResources", region, error))
          }
        }
      } catch {
        failures.append(("ListStacks", region, error))
      }
    }
    return (out, failures)
  }

  private func gap(_ call: String, _ error: FerryError, resource: String? = nil) -> Inventory.Gap {
    Inventory.Gap(account: account, call: call, reason: error.why, resource: resource)
  }
}

import FerryCore
import Foundation

/// A primary with its policy and staging distribution, and what they showed.
struct PromotionPair: Sendable {
  var account: AccountID
  var primary: Inventory.Distribution
  var staging: Inventory.Distribution
  var policy: Inventory.Policy
  /// What both refer to, where it was read; AWS's own policies are left out.
  var resources: [Inventory.Resource] = []
  var gaps: [Inventory.Gap] = []
  var readAt: Date
  var terms = PromotionTerms()
  var traffic: PromotionTraffic
  var probe: StagingProbe?
  /// Whether staging is to be pointed at another side first: what it showed so far says nothing of that.
  var isPointedElsewhere = false

  /// With staging as it will be once it is pointed at the new side.
  ///
  /// - Throws: exit 4 for a side that it cannot be pointed at.
  func pointed(at side: NewSide?) throws(FerryError) -> PromotionPair {
    let edits = try side?.edits(staging) ?? []
    guard !edits.isEmpty else { return self }
    var out = self
    out.staging.config = staging.config.edited(edits, shape: "DistributionConfig")
    out.isPointedElsewhere = true
    return out
  }

  /// The primary as the promote leaves it.
  var promoted: XElement { Promote.config(of: primary.config, from: staging.config) }
  /// What differs, the primary's value first; origin header values as their digests.
  var differences: [ConfigDifference] { primary.config.differences(to: promoted) }
  var sides: [Inventory.Distribution] { [primary, staging] }

  /// Whom the policy sends to staging.
  var share: StagingShare { StagingShare(ofPolicy: policy.config) }

  func evidence(_ call: String, _ says: String) -> Finding.Evidence {
    .init(call: call, at: readAt, says: says)
  }
}

/// What CloudWatch counted for both sides since the later of their last changes, or over the whole window.
struct PromotionTraffic: Codable, Equatable, Sendable {
  struct Side: Codable, Equatable, Sendable {
    /// Minutes that CloudWatch has a number of requests for.
    var minutes = 0
    var requests = 0.0
    /// The minutes of which the 5xx rate is known too.
    var judged = RequestCount()
    /// Those of which the 4xx rate is; `errors` are 4xx there.
    var judgedClient = RequestCount()
    var counts: ErrorCounts { .init(server: judged, client: judgedClient) }
  }
  var since: Date
  var until: Date
  var staging = Side()
  var primary = Side()
  /// Why there are no numbers.
  var unread: String?
  /// The IAM action without which there are none.
  var denied: String?
  func judged(by gate: PromotionGate) -> PromotionGate.Judgement {
    gate.judge(staging: staging.counts, primary: primary.counts)
  }
}

/// What the primary's name answered with the policy's header and without it.
struct StagingProbe: Equatable, Sendable {
  var url: String
  /// The status that the settings expect.
  var expected = 200
  /// Empty where the header was not sent.
  var with: [ServingLook] = []
  /// Empty where nothing was asked.
  var without: [ServingLook] = []
  /// Whether a header of the answers tells the two apart.
  var hasMarker = false
  /// Why staging was not asked.
  var skipped: String?

  static func statuses(_ looks: [ServingLook]) -> [Int] {
    looks.compactMap { $0.failure == nil ? $0.status : nil }
  }
  /// Whether the primary answers as expected, so that staging can be held to it.
  var primaryIsWell: Bool {
    let answers = Self.statuses(without)
    return !answers.isEmpty && answers.allSatisfy { $0 == expected }
  }
}

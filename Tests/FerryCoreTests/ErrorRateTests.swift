import Foundation
import Testing

@testable import FerryCore

struct ErrorRateTests {
  /// The examples of Newcombe's table II, method 10, at 95 % either way.
  static let newcombe: [(of: [Double], low: Double, high: Double)] = [
    ([56, 70, 48, 80], 0.0524, 0.3339), ([9, 10, 3, 10], 0.1705, 0.8090),
    ([6, 7, 2, 7], 0.0582, 0.8062), ([5, 56, 0, 29], -0.0381, 0.1926),
    ([0, 10, 0, 20], -0.1611, 0.2775), ([0, 10, 0, 10], -0.2775, 0.2775),
    ([10, 10, 0, 20], 0.6791, 1), ([10, 10, 0, 10], 0.6075, 1),
  ]
  @Test(arguments: newcombe.indices)
  func `intervals of differences are those that Newcombe published`(index: Int) {
    let (of, low, high) = Self.newcombe[index]
    let found = ScoreInterval.ofDifference(
      RequestCount(requests: of[1], errors: of[0]), RequestCount(requests: of[3], errors: of[2]),
      z: 1.959_964)
    #expect(abs(found.lowerBound - low) < 0.00006 && abs(found.upperBound - high) < 0.00006)
  }
  @Test func `Wilson's interval of 81 in 263 is that of Newcombe's other table`() {
    let found = ScoreInterval.of(RequestCount(requests: 263, errors: 81), z: 1.959_964)
    #expect(abs(found.lowerBound - 0.2553) < 0.00006 && abs(found.upperBound - 0.3662) < 0.00006)
    #expect(ScoreInterval.of(RequestCount()) == 0...1)
  }

  private let gate = ErrorRateGate(minRequests: 100, maxIncrease: 1)
  private func judge(
    _ errors: Double, of requests: Double, primary: Double = 0, of all: Double = 1000
  )
    -> ErrorRateGate.Judgement
  {
    gate.judge(
      staging: RequestCount(requests: requests, errors: errors),
      primary: RequestCount(requests: all, errors: primary))
  }

  @Test func `a few requests are not enough to judge however well they went`() {
    #expect(judge(0, of: 0).verdict == .undecided)
    #expect(judge(0, of: 99).verdict == .undecided)
    // The least number that is asked for is not the number that proves one point.
    let some = judge(0, of: 100)
    #expect(some.verdict == .undecided && some.requestsNeeded == 268)
    #expect(
      some.says.hasSuffix("not enough traffic to judge: about 268 requests at staging would be"))
    #expect(judge(0, of: 267).verdict == .undecided && judge(0, of: 268).verdict == .within)
  }
  @Test func `many requests are not enough where the primary has too few`() {
    #expect(judge(0, of: 5000, of: 99).verdict == .undecided)
    #expect(judge(0, of: 5000, of: 0).requestsNeeded == nil)
  }
  @Test func `more errors than allowed are worse once the whole interval is beyond`() {
    #expect(judge(20, of: 400).verdict == .worse)
    #expect(judge(6, of: 400).verdict == .undecided)
    #expect(
      judge(6, of: 400).requestsNeeded == nil, "a point and a half is above one, however many")
    // The same errors at the primary are no increase.
    #expect(judge(20, of: 4000, primary: 50, of: 10_000).verdict == .within)
  }
  @Test func `4xx are compared on their own, and one class that is worse is enough`() {
    let gate = PromotionTerms().gate
    func judge(_ staging: Double, _ primary: Double, server: Double = 0) -> PromotionGate.Judgement
    {
      gate.judge(
        staging: .init(
          server: .init(requests: 500, errors: server),
          client: .init(requests: 500, errors: staging)),
        primary: .init(
          server: .init(requests: 9500), client: .init(requests: 9500, errors: primary)))
    }
    let lost = judge(500, 0)
    #expect(lost.verdict == .worse && lost.server.verdict == .within)
    #expect(lost.says.contains("staging 500 requests with 100.00 % of 4xx"))
    #expect(
      !lost.says.contains("5xx") && lost.says.hasSuffix("more than the 5.00 that are allowed"))
    // What the primary's viewers ask in vain they ask of staging, too.
    #expect(judge(100, 1900).verdict == .within)
    #expect(judge(100, 0).verdict == .worse && judge(25, 0).verdict == .undecided)
    #expect(judge(0, 0, server: 40).verdict == .worse && judge(500, 9500).verdict == .within)
    #expect(
      gate.judge(staging: .init(), primary: .init()).says.contains("; staging 0 requests with"))
    let unknown = gate.judge(
      staging: .init(server: .init(requests: 500)), primary: .init(server: .init(requests: 9500)))
    #expect(unknown.verdict == .undecided, "a rate that CloudWatch does not know proves nothing")
  }
  @Test(arguments: [
    (0.0, "0.00"), (1, "1.00"), (-0.27, "-0.27"), (12.345, "12.35"), (0.004, "0.00"),
  ])
  func `points have two digits`(value: Double, text: String) {
    #expect(ErrorRateGate.points(value) == text)
  }
}

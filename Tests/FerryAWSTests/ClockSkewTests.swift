import FerryCore
import Foundation
import Testing

@testable import FerryAWS

struct ClockSkewTests {
  /// 2015-08-30T12:36:00Z
  let local = Date(timeIntervalSince1970: 1_440_938_160)

  @Test(arguments: ["RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"])
  func `a code that means skew is always believed`(_ code: String) {
    let skew = Box(ClockSkew())
    #expect(
      skew.learn(
        code: code, isSuccess: false, date: "Sun, 30 Aug 2015 12:37:00 GMT", middle: local))
    #expect(skew.it.offsetSeconds == 60)
  }
  @Test(arguments: ["InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure"])
  func `a code that may mean skew is believed beyond four minutes`(_ code: String) {
    let skew = Box(ClockSkew())
    #expect(
      !skew.learn(
        code: code, isSuccess: false, date: "Sun, 30 Aug 2015 12:40:00 GMT", middle: local))
    #expect(skew.it.offsetSeconds == 0)
    #expect(
      skew.learn(
        code: code, isSuccess: false, date: "Sun, 30 Aug 2015 12:30:00 GMT", middle: local))
    #expect(skew.it.offsetSeconds == -360)
    // Signed with the server's own time and still refused: it is not the time.
    #expect(
      !skew.learn(
        code: code, isSuccess: false, date: "Sun, 30 Aug 2015 12:30:00 GMT", middle: local))
  }
  @Test func `other refusals teach nothing`() {
    let skew = Box(ClockSkew())
    #expect(
      !skew.learn(
        code: "AccessDenied", isSuccess: false, date: "Sun, 30 Aug 2015 13:36:00 GMT", middle: local
      ))
    #expect(skew.it == ClockSkew())
  }
  @Test func `a success updates the offset unless its Date is garbage`() {
    let skew = Box(ClockSkew())
    func ok(_ date: String?) -> Bool {
      skew.learn(code: "", isSuccess: true, date: date, middle: local)
    }
    #expect(!ok("Sun, 30 Aug 2015 12:46:00 GMT"))
    #expect(skew.it.offsetSeconds == 600)
    #expect(!ok("Sun, 30 Aug 2015 12:36:00 GMT"))
    #expect(skew.it.offsetSeconds == 0)
    #expect(!ok("Thu, 01 Jan 1970 00:00:00 GMT"))
    #expect(skew.it.offsetSeconds == 0)
  }
  @Test(
    arguments: [
      nil, "", "yesterday", "Sun, 30 Aug 2015 12:36:00", "Sun, 30 Xxx 2015 12:36:00 GMT",
      "Sun, 30 Aug 2015 12:36 GMT", "Sun, 30 Aug 99999999999999999999 12:36:00 GMT",
      "Sunday, 30-Aug-15 12:36:00 GMT", "Sun, 99 Aug 2015 12:36:00 GMT", "a b c d e GMT",
    ] as [String?])
  func `an answer without a readable Date teaches nothing`(_ date: String?) {
    let skew = Box(ClockSkew())
    #expect(!skew.learn(code: "RequestExpired", isSuccess: false, date: date, middle: local))
    #expect(skew.it.offsetSeconds == 0)
  }
  @Test(arguments: [
    ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0), ("Sun, 30 Aug 2015 12:36:00 GMT", 1_440_938_160),
    ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199),
    ("Tue, 31 Dec 2999 00:00:00 GMT", 32_503_593_600),
    ("Sun, 1 Mar 2026 00:00:00 GMT", 1_772_323_200),
  ])
  func `dates of HTTP are read`(_ text: String, _ seconds: Double) {
    #expect(ClockSkew.httpDate(text)?.timeIntervalSince1970 == seconds)
  }
}

extension Box where Value == ClockSkew {
  fileprivate func learn(code: String, isSuccess: Bool, date: String?, middle: Date) -> Bool {
    it.learn(code: code, isSuccess: isSuccess, date: date, middle: middle)
  }
}

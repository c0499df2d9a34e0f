import FerryCore
import Testing

@testable import FerryCommand

/// What was not read, as a person is told.
struct GapLineTests {
  private func gap(_ call: String, _ resource: String?, _ reason: String = "denied")
    -> Inventory.Gap
  {
    .init(account: "111111111111", call: call, reason: reason, resource: resource)
  }

  @Test func `a call that failed alike for many is one line, and each other its own`() {
    let gaps =
      (1...200).map { gap("DescribeDeliverySources", "E\($0)") } + [
        gap("GetFunction", "f", "throttled"), gap("GetFunction", "g"), gap("ListStacks", nil),
      ]
    #expect(
      Inventory.Gap.lines(gaps) == [
        "111111111111: DescribeDeliverySources E1 and 199 more: denied",
        "111111111111: GetFunction f: throttled", "111111111111: GetFunction g: denied",
        "111111111111: ListStacks: denied",
      ])
    #expect(Inventory.Gap.lines([]) == [])
  }
}

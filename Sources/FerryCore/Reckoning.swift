import Foundation

/// When each step of a plan begins and is over if nothing is late: one clock through all steps, over the windows
/// of DNS and of CloudFront.
///
/// Writes wait for their window; waits are elapsed time and run on through closed ones. Parts that wait together are
/// over together. Pure: the same input gives the same times.
public struct Reckoning: Equatable, Sendable {
  /// What the times depend on besides the steps.
  public struct Terms: Sendable {
    public var windows: [String: ChangeWindow] = [:]
    /// By window: no write of it before, for a lead time or since it was asked for.
    public var starts: [String: Date] = [:]
    /// By step: what must be left of its window when it begins, seconds.
    public var reserves: [String: Int] = [:]
    /// By step that viewers feel: the later one that ends it, and the seconds until then. Both are written in one go.
    public var relieved: [String: (step: Step, seconds: Int)] = [:]
    public init() {}
  }
  public private(set) var times: [Plan.StepTime] = []
  /// Steps that a window or a lead time makes wait, and until when.
  public private(set) var waiting: [String: Date] = [:]
  /// When a step of a window that closes may begin.
  public private(set) var slots: [String: CutoverSchedule.Slot] = [:]
  public let start: Date
  public var end: Date { times.last?.end ?? start }

  /// - Throws: `cannot-fit` (4) when a window does not open within two years.
  public init(_ steps: [Step], _ terms: Terms, start: Date) throws(FerryError) {
    self.start = start
    var clock = Clock(now: start)
    for step in steps {
      var begins = clock.now
      if let slot = try Self.slot(step, terms, after: begins) {
        begins = slot.earliest
        if slot.closes != nil { slots[step.id] = slot }
        if begins > clock.now { waiting[step.id] = begins }
      }
      clock.now = clock.end(of: step, begins)
      times.append(.init(step: step.id, start: begins, end: clock.now))
    }
  }
  /// What the steps take by themselves, seconds.
  public static func seconds(_ steps: [Step]) -> Int {
    var clock = Clock(now: Date(timeIntervalSince1970: 0))
    for step in steps { clock.now = clock.end(of: step, clock.now) }
    return Int(clock.now.timeIntervalSince1970)
  }

  /// nil for a step of no window.
  private static func slot(_ step: Step, _ terms: Terms, after date: Date)
    throws(FerryError) -> CutoverSchedule.Slot?
  {
    guard let name = step.window else { return nil }
    var date = max(date, terms.starts[name] ?? date)
    // Each turn goes on to a later opening of the other window.
    for _ in 0..<1000 {
      let slot = try opening(step, name, terms, after: date)
      guard let relief = terms.relieved[step.id], let other = relief.step.window else {
        return slot
      }
      let then = slot.earliest + Double(relief.seconds)
      let ready = max(then, terms.starts[other] ?? then)
      let ends = try opening(relief.step, other, terms, after: ready).earliest
      if ends <= then { return slot }
      date = max(slot.earliest + 1, ends - Double(relief.seconds))
    }
    throw refusal(step, "the windows of DNS and CloudFront are never open one after the other")
  }
  private static func opening(_ step: Step, _ name: String, _ terms: Terms, after date: Date)
    throws(FerryError) -> CutoverSchedule.Slot
  {
    guard let window = terms.windows[name], window.everCloses else {
      return .init(earliest: date)
    }
    let reserve = terms.reserves[step.id]
    guard let span = window.first(after: date, leaving: reserve ?? 0) else {
      throw refusal(
        step,
        "windows.\(name) does not open for \(reserve ?? 0) s within two years after \(Timestamp.text(date))"
      )
    }
    return .init(
      earliest: span.start, latest: reserve.flatMap { span.latest(leaving: $0) }, closes: span.end)
  }
  private static func refusal(_ step: Step, _ why: String) -> FerryError {
    FerryError(
      "cannot-fit", exit: .blocked, what: "could not find a time for step \(step.id)", why: why,
      next: "correct the windows in edgeferry.yaml, then plan again")
  }

  /// Where the run is, and since when its parts wait.
  private struct Clock {
    var now: Date
    /// When the last change of DNS was seen everywhere.
    var changed: Date?
    /// By part, "" for steps of all: the begin of its last write, and the end of its last step.
    var written: [String: Date] = [:]
    var ended: [String: Date] = [:]
    /// When steps that watch for a span, or for requests, began.
    var watches: [Bool: [Date]] = [:]

    private func last(_ times: [String: Date], _ step: Step) -> Date? {
      guard let parts = step.parts else { return times.values.max() }
      return (parts + [""]).compactMap { times[$0] }.max()
    }
    mutating func end(of step: Step, _ begins: Date) -> Date {
      var ends = begins
      let keys = step.parts ?? [""]
      let typical = Double(step.checks.compactMap(\.typicalSeconds).max() ?? 0)
      if step.action == .observe {
        if step.checks.contains(where: { $0.type == .deployed }) {
          ends = max(ends, (last(written, step) ?? begins) + typical)
        }
        if let wait = step.wait, wait.from == "last-authoritative-change" {
          ends = max(ends, (changed ?? begins) + Double(wait.seconds))
        }
        let quiet = step.checks.compactMap(\.quietSeconds).max()
        if let span = quiet ?? (step.wait?.from == "write" ? step.wait?.seconds : nil) {
          let own = last(ended, step) ?? begins
          let since =
            step.parts == nil
            ? begins : watches[quiet != nil]?.first { $0 >= own } ?? begins
          watches[quiet != nil, default: []].append(begins)
          ends = max(ends, since + Double(span))
        }
      } else {
        ends = begins + typical
        if step.action.dns != nil { changed = ends }
        ends += Double(step.wait?.seconds ?? 0)
        for key in keys { written[key] = begins }
      }
      for key in keys { ended[key] = ends }
      return ends
    }
  }
}

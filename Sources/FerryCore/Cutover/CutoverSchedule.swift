import Foundation

/// The clock times of a cutover: lowering, flip, bake, restore, retiring, solved from spans and windows.
///
/// Waits are elapsed time and run on through closed windows, freezes and clock changes; only writes need an
/// open window. Pure: the same input gives the same times.
public struct CutoverSchedule: Equatable, Sendable {
  /// What the phases take, seconds.
  public struct Spans: Equatable, Sendable {
    /// From the lowering seen everywhere to the flip; nil when no TTL has to be lowered.
    public var lowerWait: Int?
    /// From the flip seen everywhere to the last cache without the old answer.
    public var flipWait: Int
    public var bake: Int
    public var restores: Bool
    /// How long a change takes to the last authoritative server, as the settings expect it.
    public var propagation: Int
    /// The same when secondaries have to be waited for.
    public var distribution: Int
    /// What must be left of a window when a step begins: it and one rollback.
    public var reserve: Int
    public var staleHold: Int
    public init(
      lowerWait: Int?, flipWait: Int, bake: Int, restores: Bool, propagation: Int,
      distribution: Int, reserve: Int, staleHold: Int
    ) {
      self.lowerWait = lowerWait
      self.flipWait = flipWait
      self.bake = bake
      self.restores = restores
      self.propagation = propagation
      self.distribution = distribution
      self.reserve = reserve
      self.staleHold = staleHold
    }
  }
  /// When a write may begin, as planned.
  public struct Slot: Equatable, Sendable {
    public var earliest: Date
    /// The last begin that leaves the reserve; nil without a window that closes.
    public var latest: Date?
    public var closes: Date?
    public init(earliest: Date, latest: Date? = nil, closes: Date? = nil) {
      self.earliest = earliest
      self.latest = latest
      self.closes = closes
    }
  }
  public var lower: Slot?
  public var flip: Slot
  /// When the last cache is clean, if the flip begins at its earliest.
  public var allClear: Date
  public var bakeEnds: Date
  public var restore: Slot?
  /// When the plan is done, if each step begins at its earliest.
  public var end: Date
  /// Until then the old target has to answer.
  public var retire: Date
  public init(lower: Slot? = nil, flip: Slot) {
    self.lower = lower
    self.flip = flip
    allClear = flip.earliest
    bakeEnds = flip.earliest
    end = flip.earliest
    retire = flip.earliest
  }

  /// - Parameters:
  ///   - window: nil for always.
  ///   - start: no write before it; lead times are the caller's.
  /// - Throws: `cannot-fit` (4), saying what the latest time of the lowering was; `window-too-short` (4).
  public static func solve(_ spans: Spans, window: ChangeWindow?, start: Date)
    throws(FerryError) -> CutoverSchedule
  {
    func slot(_ date: Date) -> Slot? {
      guard let window, window.everCloses else {
        return Slot(earliest: date, latest: nil, closes: nil)
      }
      guard let span = window.first(after: date, leaving: spans.reserve) else { return nil }
      return Slot(
        earliest: span.start, latest: span.latest(leaving: spans.reserve), closes: span.end)
    }
    var out: CutoverSchedule
    if let wait = spans.lowerWait {
      guard let lower = slot(start) else {
        throw refusal(spans, window, start: start, lowered: nil)
      }
      let ready = lower.earliest + Double(spans.propagation + wait)
      // In the window of the lowering the planned time is a lower bound, which a run measures; a later
      // window is chosen for the case that the slowest secondary has to be waited for.
      let sure = lower.earliest + Double(spans.distribution + wait)
      let here = slot(ready)
      let there = slot(sure)
      guard
        let flip = here.flatMap({ one in
          there.flatMap { one.closes == $0.closes ? one : $0 }
        })
      else { throw refusal(spans, window, start: start, lowered: lower.earliest) }
      out = CutoverSchedule(lower: lower, flip: flip)
    } else {
      guard let flip = slot(start) else { throw refusal(spans, window, start: start, lowered: nil) }
      out = CutoverSchedule(flip: flip)
    }
    out.allClear = out.flip.earliest + Double(spans.propagation + spans.flipWait)
    out.bakeEnds = out.allClear + Double(spans.bake)
    out.end = out.bakeEnds
    if spans.restores {
      guard let restore = slot(out.bakeEnds) else {
        throw FerryError(
          "cannot-fit", exit: .blocked, what: "could not find a time to restore the TTL",
          why: "no window opens within two years after \(Timestamp.text(out.bakeEnds))",
          next: "correct windows.dns, or set cutover.restoreTTL to false")
      }
      out.restore = restore
      out.end = restore.earliest + Double(spans.propagation)
    }
    out.retire = out.allClear + Double(spans.staleHold)
    return out
  }

  private static func refusal(
    _ spans: Spans, _ window: ChangeWindow?, start: Date, lowered: Date?
  ) -> FerryError {
    let what = "could not fit the cutover into the windows"
    guard let window, let longest = window.longestSpan(after: start), longest > 0 else {
      return FerryError(
        "cannot-fit", exit: .blocked, what: what,
        why: "windows.dns does not open within two years after \(Timestamp.text(start))",
        next: "correct windows.dns")
    }
    guard longest >= spans.reserve else {
      return FerryError(
        "window-too-short", exit: .blocked, what: what,
        why:
          "a step and its rollback need \(spans.reserve) s of a window, and the longest one has \(longest) s",
        next: "widen windows.dns, or accept it with --accept-risk rollback-outside-window")
    }
    // The lowering would have had to come early enough for the last window that can hold the flip.
    let last = window.spans(from: start, until: start + ChangeWindow.horizonSeconds)
      .compactMap { $0.latest(leaving: spans.reserve) }.filter { $0 >= start }.max()
    let needed = Double(spans.distribution + (spans.lowerWait ?? 0))
    let latest = (last ?? start) - needed
    return FerryError(
      "cannot-fit", exit: .blocked, what: what,
      why:
        "cannot fit: the latest lower time was \(Timestamp.text(latest)), since the last window that can take the flip must be entered by \(Timestamp.text(last ?? start)) and the old TTL needs \(Int(needed)) s to run out"
        + (lowered.map { "; the first window for it is at \(Timestamp.text($0))" } ?? ""),
      next: "widen windows.dns or end its freeze sooner, then plan again")
  }
}

extension ChangeWindow {
  /// As it is for taking a change of DNS back: its hours, which no freeze shortens.
  ///
  /// - Source: docs/decisions/0007-undoing-dns-keeps-its-hours.md.
  public var forUndoing: ChangeWindow {
    var out = self
    out.freezes = []
    return out
  }
  /// Until when what was written at `date` can be taken back without a break; nil for always.
  public func undoingCloses(from date: Date) -> Date? { forUndoing.span(at: date)?.end }
  /// When a rollback that is decided at `date` may begin; nil when the window never opens again.
  public func nextRollback(after date: Date, seconds: Int) -> Date? {
    let hours = forUndoing
    return hours.first(after: date, leaving: seconds)?.start
      ?? hours.first(after: date, leaving: 0)?.start
  }
}

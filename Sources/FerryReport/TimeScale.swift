import Foundation

/// Maps instants to places on a line: linear within each stretch, with the long ones cut short.
///
/// A flip of minutes after a wait of a day would be a hairline on one linear scale; a stretch that would take
/// too much of the line gets a fixed share and is marked as cut.
struct TimeScale {
  struct Stretch {
    var from: Date
    var to: Date
    var left: Double
    var right: Double
    /// Drawn to another scale than the rest.
    var isCut: Bool
  }
  var stretches: [Stretch] = []

  /// - Parameters:
  ///   - instants: where stretches begin and end.
  ///   - isIdle: whether nothing goes on between two neighbours; such a stretch gets the smallest share.
  init(_ instants: [Date], from left: Double, to right: Double, isIdle: (Date, Date) -> Bool) {
    let sorted = Set(instants).sorted()
    let pairs = zip(sorted, sorted.dropFirst()).filter { $1.timeIntervalSince($0) > 0 }
    guard !pairs.isEmpty else { return }
    let width = right - left
    let lengths = pairs.map { $1.timeIntervalSince($0) }
    let shares = pairs.map { width * (isIdle($0, $1) ? 0.09 : 0.22) }
    // Stretches of one order need no cut.
    let shortest = lengths.min() ?? 0
    var cut = Set<Int>()
    while cut.count < pairs.count - 1 {
      let open = pairs.indices.filter { !cut.contains($0) }
      let room = width - cut.reduce(0) { $0 + shares[$1] }
      let seconds = open.reduce(0) { $0 + lengths[$1] }
      // The longest first: cutting it may leave room enough for the next.
      guard
        let worst = open.filter({
          lengths[$0] > shortest * 8 && lengths[$0] / seconds * room > shares[$0] * 1.6
        })
        .max(by: { lengths[$0] < lengths[$1] })
      else { break }
      cut.insert(worst)
    }
    let room = max(0, width - cut.reduce(0) { $0 + shares[$1] })
    let seconds = pairs.indices.filter { !cut.contains($0) }.reduce(0) { $0 + lengths[$1] }
    var widths = pairs.indices.map { cut.contains($0) ? shares[$0] : lengths[$0] / seconds * room }
    let sum = widths.reduce(0, +)
    widths = widths.map { $0 * width / sum }
    var x = left
    for (index, pair) in pairs.enumerated() {
      stretches.append(
        Stretch(
          from: pair.0, to: pair.1, left: x, right: x + widths[index], isCut: cut.contains(index)))
      x += widths[index]
    }
  }

  /// An instant's place; those outside are at the ends.
  func callAsFunction(_ date: Date) -> Double {
    guard let first = stretches.first, let last = stretches.last else { return 0 }
    if date <= first.from { return first.left }
    guard let it = stretches.first(where: { date <= $0.to }) else { return last.right }
    let part = date.timeIntervalSince(it.from) / it.to.timeIntervalSince(it.from)
    return it.left + (it.right - it.left) * part
  }

  /// Round clock times, or round spans since an instant, at least `apart` from each other.
  func ticks(_ zone: TimeZone, since origin: Date? = nil, apart: Double) -> [(
    date: Date, x: Double
  )] {
    let steps = [
      1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
      172_800, 604_800, 2_592_000, 31_536_000,
    ].map(Double.init)
    var out: [(date: Date, x: Double)] = []
    for it in stretches {
      let perSecond = (it.right - it.left) / it.to.timeIntervalSince(it.from)
      guard perSecond > 0, let step = steps.first(where: { $0 * perSecond >= apart }) else {
        continue
      }
      let offset =
        origin.map { -$0.timeIntervalSince1970 } ?? Double(zone.secondsFromGMT(for: it.from))
      let local = it.from.timeIntervalSince1970 + offset
      var at = Date(timeIntervalSince1970: (local / step).rounded(.up) * step - offset)
      while at <= it.to, out.count < 200 {
        let x = self(at)
        if out.last.map({ x - $0.x >= apart }) ?? true { out.append((at, x)) }
        at += step
      }
    }
    return out
  }
}

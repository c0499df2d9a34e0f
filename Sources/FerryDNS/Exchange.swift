import FerryCore
import Foundation

/// One question on its way; the engine's thread alone touches it once it was handed over.
final class Exchange: @unchecked Sendable {
  enum Ending {
    case reply(DNSMessage, milliseconds: Double)
    /// Only for who `readsAlias`.
    case alias(to: DomainName, ttl: UInt32, milliseconds: Double)
    /// A message as it came, for who checks its signature.
    case octets([UInt8])
    case silent(String)
    case forged(String)

    var outcome: DNSOutcome {
      switch self {
      case .reply(let message, let milliseconds): .reply(message, milliseconds: milliseconds)
      case .octets, .alias: .silent(because: "the answer was not read")
      case .silent(let why): .silent(because: why)
      case .forged(let why): .forged(because: why)
      }
    }
  }
  enum Place {
    case nowhere
    case waiting
    case datagram(DatagramSocket)
    case stream(Stream)
    case ended
  }
  let query: DNSQuery
  let server: DNSServer
  let index: Int
  /// A message that goes out as it is, over a connection of its own and only once.
  let message: [UInt8]?
  /// Whether the usual answer may come without a message.
  let readsAlias: Bool
  private let done: @Sendable (Int, Ending) -> Void
  /// Where it waits or is under way.
  var route: Route?

  var place = Place.nowhere
  var sent: SentQuery?
  /// Nanoseconds of the monotonic clock.
  var sentAt = 0
  var attempt = 0
  var overStream: Bool
  var usesEDNS = true
  /// How often a connection that had answered others closed under it.
  var drops = 0
  /// Why something that came did not count.
  var forged: String?
  /// Why it is no longer asked over UDP.
  var detour: String?
  /// Counts the timers set; those of former attempts are void.
  var timer = 0

  init(
    _ query: DNSQuery, of server: DNSServer, index: Int = 0, message: [UInt8]? = nil,
    readsAlias: Bool = false, done: @escaping @Sendable (Int, Ending) -> Void
  ) {
    self.query = query
    self.server = server
    self.index = index
    self.message = message
    self.readsAlias = readsAlias
    self.done = done
    overStream = message != nil || query.transport == .tcp || server.transport == .tls
  }
  var isEnded: Bool { if case .ended = place { true } else { false } }

  func end(_ ending: Ending) {
    guard !isEnded else { return }
    place = .ended
    sent = nil
    route = nil
    done(index, ending)
  }
  /// After the last attempt.
  func giveUp(_ why: String) {
    let told = detour.map { "\($0); over TCP \(why)" } ?? why
    if let forged { end(.forged("\(forged); \(told)")) } else { end(.silent(told)) }
  }
}

/// First in, first out.
struct ExchangeQueue {
  private var items: [Exchange] = []
  private var head = 0
  var isEmpty: Bool { head == items.count }
  mutating func add(_ one: Exchange, atFront: Bool = false) {
    if !atFront {
      items.append(one)
    } else if head > 0 {
      head -= 1
      items[head] = one
    } else {
      items.insert(one, at: 0)
    }
  }
  var first: Exchange? { head < items.count ? items[head] : nil }
  mutating func popFirst() -> Exchange? {
    guard head < items.count else { return nil }
    defer {
      head += 1
      if head == items.count {
        items.removeAll()
        head = 0
      } else if head > 4096, head * 2 > items.count {
        items.removeFirst(head)
        head = 0
      }
    }
    return items[head]
  }
  mutating func takeAll() -> [Exchange] {
    defer { self = ExchangeQueue() }
    return Array(items[head...])
  }
}

/// Deadlines: one line for each span, in the order of its ends.
struct Deadlines {
  private struct Entry {
    var at: Int
    var exchange: Exchange
    var timer: Int
    var isVoid: Bool { exchange.isEnded || exchange.timer != timer }
  }
  private final class Line {
    var entries: [Entry] = []
    var head = 0
    /// The first that still counts.
    var first: Entry? {
      while head < entries.count, entries[head].isVoid { head += 1 }
      if head == entries.count {
        entries.removeAll(keepingCapacity: entries.count < 4096)
        head = 0
      } else if head > 4096 {
        entries.removeFirst(head)
        head = 0
      }
      return head < entries.count ? entries[head] : nil
    }
  }
  private var lines: [Int: Line] = [:]

  /// - Parameter now: nanoseconds.
  mutating func set(_ exchange: Exchange, now: Int) {
    let seconds = min(max(exchange.query.timeoutSeconds, 0.001), 3600)
    let span = Int(seconds * 1e9)
    exchange.timer += 1
    let line = lines[span] ?? Line()
    lines[span] = line
    line.entries.append(Entry(at: now + span, exchange: exchange, timer: exchange.timer))
  }
  /// When to look again; nil when nothing is awaited.
  mutating func next() -> Int? {
    var soonest: Int?
    for (span, line) in lines {
      guard let first = line.first else {
        lines[span] = nil
        continue
      }
      soonest = min(soonest ?? .max, first.at)
    }
    return soonest
  }
  func takeDue(now: Int) -> [Exchange] {
    var due: [Exchange] = []
    for line in lines.values {
      while let first = line.first, first.at <= now {
        due.append(first.exchange)
        line.head += 1
      }
    }
    return due
  }
}

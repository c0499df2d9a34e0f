import CLDNS
import FerryCore
import FerryHTTP
import Foundation

/// Asks DNS servers over UDP, TCP, TLS and HTTPS: one owner thread, thousands of questions at once.
///
/// Over UDP a reply counts only when source, id, opcode, question and the random case of its letters are ours
/// (RFC 5452 §9); what is truncated or differs in case alone is asked again over TCP. Packets are ldns's,
/// sockets our own.
public final class DNSEngine: DNSTransport, UpdateTransport, Sendable {
  public struct Options: Sendable {
    /// Questions that one server has to answer at once.
    public var inFlightPerServer = 64
    /// Source ports towards one busy server.
    public var socketsPerServer = 4
    /// Sockets and connections in all.
    public var descriptorsMax = 512
    /// CAs (PEM) for DNS over TLS and HTTPS instead of the system's.
    public var caFile: String?
    /// The clock of signatures.
    public var now: @Sendable () -> Date = { Date() }
    public init(caFile: String? = nil) { self.caFile = caFile }
  }
  private struct Inbox {
    var fresh: [Exchange] = []
    var cancelled: [Exchange] = []
    var isClosed = false
  }
  private let inbox = Locked(Inbox())
  private let bell: Int32
  private let https: DNSOverHTTPS
  private let now: @Sendable () -> Date

  /// - Throws: `.badInput` when the CA file cannot be read.
  /// The ldns in use.
  public static var libraryVersion: String { String(cString: ldns_version()) }
  public init(_ options: Options = Options()) throws(FerryError) {
    https = try DNSOverHTTPS(caFile: options.caFile)
    now = options.now
    bell = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    precondition(bell >= 0, "the system gives no file descriptors")
    let core = EngineCore(options, bell: bell)
    let inbox = self.inbox
    let thread = Thread {
      core.run(
        take: {
          inbox.withLock { box in
            defer {
              box.fresh = []
              box.cancelled = []
            }
            return (box.fresh, box.cancelled, box.isClosed)
          }
        })
    }
    thread.name = "edgeferry-dns"
    thread.stackSize = 1 << 20
    thread.start()
  }
  deinit { put { $0.isClosed = true } }

  private func put(_ change: (inout Inbox) -> Void) {
    let bell = self.bell
    inbox.withLock { box in
      change(&box)
      // Under the lock: once it sees the end the thread closes the bell.
      var one: UInt64 = 1
      _ = write(bell, &one, MemoryLayout<UInt64>.size)
    }
  }

  public func ask(_ query: DNSQuery, of server: DNSServer) async -> DNSOutcome {
    if server.transport == .https { return await https.ask(query, of: server) }
    return await exchange(query, of: server, message: nil).outcome
  }
  private func exchange(_ query: DNSQuery, of server: DNSServer, message: [UInt8]?) async
    -> Exchange.Ending
  {
    let going = Locked<Exchange?>(nil)
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let exchange = Exchange(query, of: server, message: message) { _, ending in
          continuation.resume(returning: ending)
        }
        going.withLock { $0 = exchange }
        put { box in
          box.fresh.append(exchange)
          if Task.isCancelled { box.cancelled.append(exchange) }
        }
      }
    } onCancel: {
      if let exchange = going.withLock({ $0 }) { put { $0.cancelled.append(exchange) } }
    }
  }

  /// Asks all of them, each server no more than `inFlightPerServer` at once.
  ///
  /// Tens of thousands cost little more than their packets: no task and no continuation for each.
  /// - Parameter each: gets the place of a question and its outcome, in the order in which they end and
  ///   from the engine's own thread: it must be quick.
  public func askAll(
    _ asks: [DNSAsk], each: @escaping @Sendable (Int, DNSOutcome) -> Void
  ) async {
    await askAll(asks, readsAliases: false) { index, answer in
      each(index, answer.outcome(to: asks[index].query))
    }
  }
  /// - Parameter readsAliases: whether the usual answer to a question for a CNAME is wanted as that alone.
  func askAll(
    _ asks: [DNSAsk], readsAliases: Bool, each: @escaping @Sendable (Int, AliasAnswer) -> Void
  ) async {
    let web = asks.indices.filter { asks[$0].server.transport == .https }
    let going = Locked<[Exchange]>([])
    await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
        let left = Locked(asks.count - web.count)
        let done: @Sendable (Int, Exchange.Ending) -> Void = { index, ending in
          if case .alias(let target, let ttl, let milliseconds) = ending {
            each(index, .alias(to: target, ttl: ttl, milliseconds: milliseconds))
          } else {
            each(index, .other(ending.outcome))
          }
          let isLast = left.withLock { count in
            count -= 1
            return count == 0
          }
          if isLast { continuation.resume() }
        }
        let exchanges = asks.indices.compactMap { index in
          asks[index].server.transport == .https
            ? nil
            : Exchange(
              asks[index].query, of: asks[index].server, index: index, readsAlias: readsAliases,
              done: done)
        }
        guard !exchanges.isEmpty else { return continuation.resume() }
        going.withLock { $0 = exchanges }
        put { box in
          box.fresh += exchanges
          if Task.isCancelled { box.cancelled += exchanges }
        }
      }
    } onCancel: {
      let exchanges = going.withLock { $0 }
      put { $0.cancelled += exchanges }
    }
    await withTaskGroup(of: Void.self) { group in
      for (count, index) in web.enumerated() {
        if count >= 16 { await group.next() }
        group.addTask {
          each(index, .other(await self.https.ask(asks[index].query, of: asks[index].server)))
        }
      }
    }
  }

  public func send(_ update: DNSUpdate, key: TSIGKey?, to server: DNSServer)
    async throws(FerryError) -> RCode
  {
    let id = UInt16(truncatingIfNeeded: RandomPool().next())
    let plain = try DNSWire.encode(update, id: id)
    let signed = key.map { TSIG.sign(plain, key: $0, at: seconds()) }
    var query = DNSQuery(update.zone, .soa)
    query.timeoutSeconds = 10
    func unknown(_ why: String) -> FerryError {
      FerryError(
        .noAnswer, what: "no answer that counts from \(server) to an update of \(update.zone)",
        why: why, next: "read the record: the update may have been done")
    }
    let reply: [UInt8]
    switch await exchange(query, of: server, message: signed?.octets ?? plain) {
    case .octets(let octets): reply = octets
    case .silent(let why), .forged(let why): throw unknown(why)
    case .reply, .alias: throw unknown("the answer is of another kind")
    }
    if let key, let signed {
      let clock = seconds()
      switch TSIG.verify(reply, key: key, requestMAC: signed.mac, at: clock) {
      case .right: break
      case .worthless(let why): throw unknown("the answer does not count: \(why)")
      case .refused(let error, let serverTime):
        throw TSIG.refusal(error, serverTime: serverTime, clock: clock, key: key, server: server)
      }
    }
    return try DNSWire.decode(reply).rcode
  }
  /// Since 1970; a clock from before then signs as of then.
  private func seconds() -> UInt64 {
    UInt64(exactly: max(0, now().timeIntervalSince1970).rounded(.down)) ?? 0
  }
}

/// One question and who is asked.
public struct DNSAsk: Hashable, Sendable {
  public var query: DNSQuery
  public var server: DNSServer
  public init(_ query: DNSQuery, of server: DNSServer) {
    self.query = query
    self.server = server
  }
}

import FerryCore
import FerryDNS
import Synchronization

/// A primary as RFC 2136 §3 has it: prerequisites, then changes, some of which it silently ignores.
final class PrimaryFake: DNSTransport, UpdateTransport {
  struct State: Sendable {
    var sets: [RecordKey: RecordValue]
    var serial = 1
    var updates: [DNSUpdate] = []
    /// Answers that come instead of doing anything.
    var rcodes: [RCode] = []
    /// The next update is made and its answer lost.
    var losesNextAnswer = false
    /// Runs once, before the next update.
    var rival: (@Sendable (inout State) -> Void)?
    /// Says NOERROR and does nothing, as a policy may.
    var ignoresAll = false
    /// Compares with another SOA than it answers.
    var signsInLine = false
    var isAuthoritative = true
    var isSilent = false
    /// Updates that changed something.
    var effective = 0
  }
  let state: Mutex<State>
  let zone = name("example.com.")
  init(_ sets: [RecordKey: RecordValue]) { state = Mutex(State(sets: sets)) }
  var sets: [RecordKey: RecordValue] { state.withLock { $0.sets } }

  private func soa(_ serial: Int) -> String {
    "ns1.example.com. admin.example.com. \(serial) 3600 60 1209600 300"
  }

  func ask(_ query: DNSQuery, of server: DNSServer) async -> DNSOutcome {
    state.withLock { state in
      guard !state.isSilent else { return .silent(because: "timeout") }
      var message = DNSMessage(id: 1, isResponse: true, question: query.key)
      message.isAuthoritative = state.isAuthoritative
      if query.key == RecordKey(zone, .soa) {
        message.answer = [DNSRecord(zone, .soa, ttl: 900, soa(state.serial))]
      } else if let set = state.sets[query.key] {
        message.answer = set.data.map {
          DNSRecord(query.key.name, query.key.rrtype, ttl: UInt32(set.ttl ?? 0), $0)
        }
      } else if let alias = state.sets[RecordKey(query.key.name, .cname)] {
        message.answer = alias.data.map {
          DNSRecord(query.key.name, .cname, ttl: UInt32(alias.ttl ?? 0), $0)
        }
      } else if !state.sets.keys.contains(where: { $0.name == query.key.name }) {
        message.rcode = .nxDomain
      }
      return .reply(message, milliseconds: 1)
    }
  }

  func send(_ update: DNSUpdate, key: TSIGKey?, to server: DNSServer) async throws(FerryError)
    -> RCode
  {
    let result: Result<RCode, FerryError> = state.withLock { state in
      state.updates.append(update)
      if !state.rcodes.isEmpty { return .success(state.rcodes.removeFirst()) }
      if let rival = state.rival {
        state.rival = nil
        rival(&state)
      }
      let rcode = apply(update, &state)
      if state.losesNextAnswer {
        state.losesNextAnswer = false
        return .failure(FerryError(.noAnswer, what: "no answer", why: "timeout", next: ""))
      }
      return .success(rcode)
    }
    return try result.get()
  }

  private func apply(_ update: DNSUpdate, _ state: inout State) -> RCode {
    for it in update.prerequisites {
      switch it {
      case .holds(RecordKey(zone, .soa), let data):
        guard data == [soa(state.signsInLine ? state.serial + 1000 : state.serial)] else {
          return .nxRRset
        }
      case .holds(let key, let data):
        guard state.sets[key]?.data == data.sorted() else { return .nxRRset }
      case .exists(let key): guard state.sets[key] != nil else { return .nxRRset }
      case .absent(let key): guard state.sets[key] == nil else { return .yxRRset }
      case .unused(let name):
        guard !state.sets.keys.contains(where: { $0.name == name }) else {
          return RCode(rawValue: 6)
        }
      }
    }
    guard !state.ignoresAll else { return .noError }
    let before = state.sets
    for change in update.changes {
      switch change {
      case .add(let key, let ttl, let data):
        let types = Set(state.sets.keys.filter { $0.name == key.name }.map(\.rrtype))
        if key.rrtype == .cname ? !types.subtracting([.cname]).isEmpty : types.contains(.cname) {
          continue
        }
        var all = key.rrtype == .cname ? [] : state.sets[key]?.data ?? []
        if !all.contains(data) { all.append(data) }
        state.sets[key] = RecordValue(ttl: ttl, data: all)
      case .remove(let key, let data):
        let left = (state.sets[key]?.data ?? []).filter { $0 != data }
        state.sets[key] =
          left.isEmpty ? nil : RecordValue(ttl: state.sets[key]?.ttl ?? 0, data: left)
      case .removeAll(let key): state.sets[key] = nil
      }
    }
    if state.sets != before {
      state.serial += 1
      state.effective += 1
    }
    return .noError
  }
}

import FerryCloudFront
import FerryCore
import Foundation

/// The state in a bucket that several machines share, through S3's conditional writes alone.
///
/// A journal is one object per record, numbered without gaps and made only where none is, so of two writers one
/// loses. Nothing is ever deleted, and no decision rests on a list. Writes go on when the task is cancelled: what an
/// interrupted run has to say still gets into the journal.
public actor S3State: StateStore {
  public nonisolated let place: String
  nonisolated let prefix: String
  nonisolated let objects: ObjectClient
  nonisolated let clock: any FerryClock
  /// What was read of each plan's journal; it never changes, it only grows.
  var journals: [String: Journal] = [:]
  /// The last number given out under each plan's lease.
  var lastUnder: [String: Int64] = [:]
  /// Images and plans that are known to be there.
  var saved: Set<String> = []

  public init(
    _ place: S3Place, transport: any ServiceTransport, region: String, clock: any FerryClock
  ) {
    self.place = place.url
    prefix = place.prefix.isEmpty ? "" : place.prefix + "/"
    objects = ObjectClient(transport, bucket: place.bucket, region: region)
    self.clock = clock
  }

  // MARK: Objects

  /// A plan as a part of a key: the hexadecimal digits of its digest.
  nonisolated func folder(_ plan: String) -> String {
    let digits = plan.dropFirst("sha256:".count)
    let isDigest =
      plan.hasPrefix("sha256:") && digits.utf8.count == 64
      && digits.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    return isDigest ? String(digits) : "x" + Digest.hex(Array(plan.utf8))
  }

  /// How long a write is tried again for, seconds.
  static let patienceSeconds = 20.0

  /// Writes an object whatever becomes of answers on the way.
  /// - Returns: its ETag; nil when the condition does not hold, and what is there is not ours.
  /// - Throws: `journal-write` when it cannot be told, or could not be written.
  nonisolated func write(_ key: String, _ bytes: [UInt8], if condition: ObjectClient.Condition)
    async throws(FerryError) -> String?
  {
    let began = clock.now
    var pause = 0.05
    while true {
      let failure: FerryError
      switch try await put(key, bytes, if: condition) {
      case .written(let etag): return etag
      case .refused:
        // An earlier attempt whose answer was lost may be what is in the way.
        do throws(FerryError) {
          let found = try await get(key)
          return found?.bytes == bytes ? found?.etag : nil
        } catch {
          guard error.code == "state-read" else { throw error }
          failure = error
        }
      case .unknown(let error):
        if let found = try? await get(key), found.bytes == bytes { return found.etag }
        failure = error
      }
      guard clock.now.timeIntervalSince(began) < Self.patienceSeconds else {
        throw FerryError(
          "journal-write", what: "could not write the state \(place)",
          why: "\(place)/\(key): \(failure.why)",
          next: "run the command again; nothing further was sent", service: failure.service)
      }
      try await clock.sleep(seconds: pause * .random(in: 0.5...1))
      pause = min(pause * 2, 2)
    }
  }
  nonisolated func put(_ key: String, _ bytes: [UInt8], if condition: ObjectClient.Condition)
    async throws(FerryError) -> ObjectClient.Put
  {
    do throws(FerryError) {
      return try await objects.put(prefix + key, bytes, if: condition)
    } catch {
      throw explained(error, "journal-write", "write")
    }
  }
  nonisolated func get(_ key: String) async throws(FerryError) -> ObjectClient.Object? {
    do throws(FerryError) {
      return try await objects.get(prefix + key)
    } catch {
      throw explained(error, "state-read", "read")
    }
  }
  private nonisolated func explained(
    _ error: FerryError, _ code: FerryError.Code, _ verb: String
  ) -> FerryError {
    var out = error
    switch error.exit {
    case .denied: out.code = "state-denied"
    case .failed where error.code != .credentials:
      out.code = code
      out.next = "run the command again; nothing further was sent"
    default: return error
    }
    out.what = "could not \(verb) the state \(place)"
    out.why = error.code == .noAnswer ? error.why : "\(error.what): \(error.why)"
    return out
  }
  nonisolated func read<T: Decodable>(_ key: String, as type: T.Type)
    async throws(FerryError) -> (value: T, etag: String)?
  {
    guard let found = try await get(key) else { return nil }
    return (
      try SealedObject.open(found.bytes, as: type, key: key, in: place), found.etag
    )
  }
  /// Each key's bytes, several at once, in the order asked for; nil where there is none.
  nonisolated func read(_ keys: [String]) async throws(FerryError) -> [[UInt8]?] {
    try await together(keys) { key throws(FerryError) in
      try await self.get(key)?.bytes
    }
  }

  nonisolated func keys(under folder: String) async throws(FerryError) -> [String] {
    do throws(FerryError) {
      return try await objects.keys(under: prefix + folder)
    } catch {
      throw explained(error, "state-read", "read")
    }
  }
  /// Names under a folder, without what comes before and after.
  nonisolated func names(in folder: String, suffix: String) async throws(FerryError) -> [String] {
    let start = prefix + folder + "/"
    return try await keys(under: folder + "/")
      .filter { $0.hasPrefix(start) && $0.hasSuffix(suffix) }
      .map { String($0.dropFirst(start.count).dropLast(suffix.count)) }
  }
}

/// Runs to its end whatever becomes of the task that asked.
func uncancelled<T: Sendable>(_ body: @escaping @Sendable () async throws(FerryError) -> T)
  async throws(FerryError) -> T
{
  let task = Task.detached { () async -> Result<T, FerryError> in
    do throws(FerryError) {
      return .success(try await body())
    } catch {
      return .failure(error)
    }
  }
  return try await task.value.get()
}

/// One answer for each item, in their order, at most 16 under way.
func together<Item: Sendable, T: Sendable>(
  _ items: [Item], _ body: @escaping @Sendable (Item) async throws(FerryError) -> T
) async throws(FerryError) -> [T] {
  var out: [Int: Result<T, FerryError>] = [:]
  await withTaskGroup(of: (Int, Result<T, FerryError>).self) { group in
    func begin(_ index: Int) {
      let item = items[index]
      group.addTask {
        do throws(FerryError) {
          return (index, .success(try await body(item)))
        } catch {
          return (index, .failure(error))
        }
      }
    }
    var next = 0
    while next < min(16, items.count) {
      begin(next)
      next += 1
    }
    for await (index, result) in group {
      out[index] = result
      if next < items.count {
        begin(next)
        next += 1
      }
    }
  }
  var all: [T] = []
  for index in items.indices {
    guard let result = out[index] else { continue }
    all.append(try result.get())
  }
  return all
}

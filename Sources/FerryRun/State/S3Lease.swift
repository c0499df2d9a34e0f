import FerryCore
import Foundation

extension S3State {
  private nonisolated func leaseKey(_ plan: String) -> String { "leases/\(folder(plan)).json" }

  public func acquireLease(plan: String, with rollback: String?, owner: LeaseOwner, now: Date)
    async throws(FerryError) -> Lease
  {
    let lease = try await uncancelled { () async throws(FerryError) in
      try await self.taken(plan, owner, now)
    }
    // What comes in once the journals were read under this lease was not known to whoever decides. Those of other
    // plans may be under way in a run of this process.
    journals[plan] = nil
    if let rollback { journals[rollback] = nil }
    return lease
  }
  private nonisolated func taken(_ plan: String, _ owner: LeaseOwner, _ now: Date)
    async throws(FerryError) -> Lease
  {
    while true {
      let found = try await holding(plan)
      try found?.value.checkFree(for: owner, now: now)
      let it = Lease.Holding(
        plan: plan, owner: owner, generation: (found?.value.generation ?? 0) + 1, now: now)
      let written = try await write(
        leaseKey(plan), SealedObject.seal(it), if: found.map { .match($0.etag) } ?? .absent)
      if written != nil {
        return Lease(plan: plan, owner: owner.name, generation: it.generation, renewedAt: now)
      }
      // Of two that came at once one has it now, and the next look names it.
    }
  }
  private nonisolated func holding(_ plan: String)
    async throws(FerryError) -> (value: Lease.Holding, etag: String)?
  {
    guard let found = try await read(leaseKey(plan), as: Lease.Holding.self) else { return nil }
    guard found.value.plan == plan, (0...Lease.generationMax).contains(found.value.generation)
    else { throw StateContent.damaged(place, "\(leaseKey(plan)) is the lease of another plan") }
    return found
  }
  nonisolated func checkHeld(_ lease: Lease) async throws(FerryError) {
    guard try await holding(lease.plan)?.value.isHeld(by: lease) == true else { throw Lease.lost }
  }

  public func renewed(_ lease: Lease, now: Date) async throws(FerryError) -> Lease {
    guard lease.isDue(now) else { return lease }
    return try await uncancelled { () async throws(FerryError) in
      guard let found = try await self.holding(lease.plan), found.value.isHeld(by: lease) else {
        throw Lease.lost
      }
      var it = found.value
      it.expires = now.timeIntervalSince1970 + Lease.seconds
      guard
        try await self.write(
          self.leaseKey(lease.plan), SealedObject.seal(it), if: .match(found.etag)) != nil
      else { throw Lease.lost }
      var out = lease
      out.renewedAt = now
      return out
    }
  }
  public func release(_ lease: Lease) async {
    _ = try? await uncancelled { () async throws(FerryError) in
      guard let found = try await self.holding(lease.plan), found.value.isHeld(by: lease) else {
        return
      }
      _ = try await self.write(
        self.leaseKey(lease.plan), SealedObject.seal(found.value.released),
        if: .match(found.etag))
    }
  }
  /// A released lease of so high a generation that records under the next one come after all that are there.
  nonisolated func raiseLease(_ plan: String, above sequence: Int64) async throws(FerryError) {
    let it = Lease.Holding(
      plan: plan, owner: "", host: "", pid: 0, expires: 0,
      generation: sequence >> Self.sequenceBits)
    _ = try await write(leaseKey(plan), SealedObject.seal(it), if: .absent)
  }
}

extension Lease {
  /// Above it numbers of records would not fit.
  static let generationMax: Int64 = 1 << 36
}

import FerryAWS
import FerryCore
import FerryModel
import Foundation
import Testing

/// A disk that is full, and a state database that is not what was written.
struct DiskTests {
  /// A small file system of its own; nil, and a line that says why, where this user may not make one.
  private func smallDisk(_ ferry: Ferry, kilobytes: Int) async throws -> String? {
    let disk = ferry.folder.appendingPathComponent("disk").path
    try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
    let mounted = try await ferry.run(
      ["-t", "tmpfs", "-o", "size=\(kilobytes)k,mode=700", "tmpfs", disk], program: "mount")
    if mounted.code == 0 { return disk }
    print(
      "skipped: no small disk could be mounted (\(mounted.talk.split(separator: "\n").first ?? ""))"
    )
    return nil
  }
  /// Lets go of it at once, also when a test throws.
  private func unmount(_ disk: String) {
    #if os(Linux)
      umount2(disk, Int32(MNT_DETACH))
    #endif
  }
  /// Fills the disk, that many kilobytes left free.
  private func fill(_ ferry: Ferry, _ disk: String, free: Int) async throws {
    let filler = """
      import os,sys
      path,free=sys.argv[1],int(sys.argv[2])
      if os.path.exists(path): os.remove(path)
      s=os.statvfs(os.path.dirname(path)); size=max(0,s.f_bavail*s.f_frsize-free*1024)
      open(path,"wb").write(b"x"*size)
      """
    let filled = try await ferry.run(
      ["-c", filler, disk + "/filler", "\(free)"], program: "python3")
    #expect(filled.code == 0, "\(filled.talk)")
  }

  @Test func `a disk that fills up anywhere in a run stops it before its next write`() async throws
  {
    let place = try Ferry()
    defer { place.remove() }
    guard let disk = try await smallDisk(place, kilobytes: 1024) else { return }
    defer { unmount(disk) }
    let state = disk + "/state.sqlite"
    let run = try await RemovalRun(propagation: "0.1s", state: state)
    var stopped: Set<Int> = []
    // Each time a little more room: the run gets a little further.
    for free in [0, 8, 16, 24, 32, 36, 40, 44, 48, 52, 56, 64] {
      try await fill(place, disk, free: free)
      let before = try await run.effects()
      let answer = try await run.ferry.run(
        run.apply + ["--output", "json"], extra: run.variables)
      let after = try await run.effects()
      if answer.code == 0 { break }
      #expect(answer.code == 1 && answer.error["code"] == "journal-write", "\(answer.talk)")
      #expect(answer.error["why"]?.string?.contains(state) == true, "\(answer.talk)")
      #expect(after.values.allSatisfy { $0 == 1 }, "\(after)")
      #expect(before.allSatisfy { after[$0.key] == $0.value })
      stopped.insert(after.count)
    }
    #expect(stopped.contains(0))
    unlink(disk + "/filler")
    try await run.finishOnce()
    await run.end()
  }

  @Test func `a full disk leaves no partial file behind`() async throws {
    let run = try await RemovalRun(propagation: "0.1s")
    guard let disk = try await smallDisk(run.ferry, kilobytes: 256) else { return await run.end() }
    defer { unmount(disk) }
    try await fill(run.ferry, disk, free: 4)
    for words in [
      ["inventory", "take", "--out", disk + "/i.json"],
      ["orphans", "discover", "--output", "json", "--out", disk + "/f.json"],
      ["orphans", "plan", "--out", disk + "/p.plan.json"],
      ["runbook", "some", "--out", disk + "/r.md"], ["state", "export", disk + "/s.json"],
    ] {
      let answer = try await run.ferry.run(words, extra: run.variables)
      #expect(
        answer.code == 1 && answer.talk.contains("file-write"), "\(words) \(answer.talk)")
      #expect(answer.talk.contains(disk), "\(answer.talk)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: disk) == ["filler"])
    }
    unmount(disk)
    await run.end()
  }

  @Test func `a state cut off anywhere ends in a named error or goes on right`() async throws {
    let run = try await RemovalRun(propagation: "0.1s")
    let steps = try run.ferry.read("plans/some.plan.json")["steps"]?.array ?? []
    let half = run.apply + ["--until", steps[2]["id"]?.string ?? "", "--output", "json"]
    #expect(try await run.ferry.run(half, extra: run.variables).code == 3)
    let effects = try await run.effects()
    #expect(effects.count == 2)
    let state = run.ferry.folder.appendingPathComponent(".edgeferry/state.sqlite")
    let whole = try Data(contentsOf: state)
    var random = SplitMix64(seed: 5)
    var refused = 0
    let step = whole.count / 48
    for (number, offset) in stride(from: step, to: whole.count, by: step).enumerated() {
      // Half of the cuts are at the end of a page, where nothing inside a page is torn.
      let cut = number % 2 == 0 ? offset : offset / 4096 * 4096
      var bytes = whole.prefix(cut)
      // And every fourth has one bit flipped instead.
      if number % 4 == 3 {
        bytes = whole
        bytes[offset] ^= 1 << UInt8.random(in: 0...7, using: &random)
      }
      try bytes.write(to: state)
      chmod(state.path, 0o600)
      let words =
        number % 5 == 4 ? ["state", "check"] : number % 5 == 3 ? ["status", "some"] : half
      let answer = try await run.ferry.run(words, extra: run.variables)
      if answer.code == 1 {
        #expect(answer.talk.contains("state-damaged"), "\(cut): \(answer.talk)")
        #expect(answer.talk.contains("state.sqlite"))
        refused += 1
      } else {
        #expect(answer.code == 3 || answer.code == 0, "\(cut): \(answer.code) \(answer.talk)")
      }
    }
    #expect(refused >= 30)
    #expect(try await run.effects() == effects)
    // With the whole state back, the run goes on as if nothing had happened.
    try whole.write(to: state)
    chmod(state.path, 0o600)
    try await run.finishOnce()
    await run.end()
  }
}

import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// The built binary under a wall clock that is set forward while it waits.
struct ClockJumpEndToEndTests {
  /// Debian's libfaketime; what it leaves alone is the clock that only ever moves on.
  private static let library = ["x86_64", "aarch64"]
    .map { "/usr/lib/\($0)-linux-gnu/faketime/libfaketime.so.1" }
    .first { FileManager.default.fileExists(atPath: $0) }

  @Test func `a clock that is set forward two hours in a wait does not end the wait`() async throws
  {
    let library = try #require(Self.library, "libfaketime is not installed: make setup-test")
    let scene = try await CutoverKillEndToEndTests.Scene(
      ttl: 2,
      more:
        "cutover: { ttl: 2, propagation: 1s, margin: { percent: 0, minimum: 0s, maximum: 0s }, resolverFloor: 0s, clientHold: 0s, staleHold: 0s, bake: 6s, restoreTTL: false }"
    )
    let digest = try await scene.plan()
    let clock = scene.ferry.folder.appendingPathComponent("clock")
    try scene.ferry.write("+0\n", to: "clock")
    let faked = scene.variables.merging([
      "LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": clock.path, "FAKETIME_NO_CACHE": "1",
      "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    ]) { $1 }
    let run = try scene.ferry.start(
      ["apply", "move", "--approve", digest.apply], extra: faked)
    // The name has moved: the wait for what resolvers have is under way, and the bake comes.
    var looks = 0
    while looks < 1000, try await scene.record().last != "d222.cloudfront.net." { looks += 1 }
    #expect(looks < 1000, "\(text(run.talk.path))")
    try scene.ferry.write("+2h\n", to: "clock")
    #expect(await run.process.wait().code == 0, "\(text(run.talk.path))")
    #expect(try await scene.batches() == 1)

    // By both clocks, as the journal has them.
    let exported = try await scene.ferry("state", "export", "state.json")
    #expect(exported.code == 0, "\(exported.talk)")
    let records = try scene.ferry.read("state.json")["journal"]?.array ?? []
    await scene.end()
    func at(_ kind: String, _ step: String) throws -> (elapsed: Int, wall: Int)? {
      let row = records.last { $0["kind"]?.string == kind && $0["step"]?.string == step }
      guard let text = row?["body"]?.string else { return nil }
      let body = try JSONValue.read(Array(text.utf8), what: "a record")
      guard let elapsed = body["elapsedMilliseconds"]?.int,
        let wall = body["wallMilliseconds"]?.int
      else { return nil }
      return (elapsed, wall)
    }
    let flip = try #require(try at("applied", "flip-www"))
    let bake = try #require(try at("verified", "bake-www"))
    // The old TTL and the bake by the clock that nobody set.
    #expect(bake.elapsed - flip.elapsed >= 8000)
    // The jump was seen by the run, or this would prove nothing.
    #expect(bake.wall - flip.wall > 7_200_000 && bake.elapsed - flip.elapsed < 3_600_000)
  }
}

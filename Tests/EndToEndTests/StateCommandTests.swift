import FerryCore
import Foundation
import Testing

/// What `state` answers as documents, and the formats that it refuses.
struct StateCommandTests {
  @Test func `state answers in JSON where it is asked to, and in no format that it does not write`()
    async throws
  {
    let run = try await RemovalRun(propagation: "0.1s")
    let (ferry, folder) = (run.ferry, run.ferry.folder)
    let json = ["--output", "json"]
    let nowhere = folder.appendingPathComponent("none.sqlite").path
    let none = try await ferry.run(["state", "check", "--state", nowhere] + json)
    #expect(
      none.code == 0
        && none.json == [
          "schema": "edgeferry.state-check/1", "exists": false, "records": 0,
          "state": .string(nowhere),
        ], "\(none.out)")
    let applied = try await ferry.run(run.apply, extra: run.variables)
    #expect(applied.code == 0, "\(applied.talk)")
    let checked = try await ferry.run(["state", "check"] + json)
    #expect(checked.json["exists"] == true && checked.json["records"]?.int ?? 0 > 3)
    #expect(checked.json["state"]?.string?.hasSuffix("state.sqlite") == true)
    let file = folder.appendingPathComponent("s.json").path
    let exported = try await ferry.run(["state", "export", file] + json)
    #expect(
      exported.json == ["schema": "edgeferry.state-export/1", "path": .string(file)],
      "\(exported.out)")
    let other = folder.appendingPathComponent("other.sqlite").path
    let imported = try await ferry.run(["state", "import", file, "--state", other] + json)
    #expect(
      imported.json == [
        "schema": "edgeferry.state-import/1", "path": .string(file), "state": .string(other),
      ], "\(imported.out) \(imported.talk)")
    for words in [["check"], ["show"], ["export", "n.json"], ["import", file]] {
      for format in ["ndjson", "markdown", "html"] {
        let refused = try await ferry.run(["state"] + words + ["--output", format])
        #expect(refused.code == 64 && refused.out.isEmpty, "\(words) \(format): \(refused.talk)")
      }
    }
    #expect(!FileManager.default.fileExists(atPath: folder.appendingPathComponent("n.json").path))
    await run.end()
  }
}

import FerryCore
import Foundation
import Testing

/// What commands that only read do when one account of the settings does not answer.
struct UnreachedTests {
  typealias Scene = MigrateEndToEndTests.Scene

  /// The move's scene with an account whose key nobody has, before or after the others.
  private func with(_ body: (Scene) async throws -> Void) async throws {
    let scene = try await Scene()
    let folder = scene.ferry.folder
    func file(_ name: String) -> String { text(folder.appendingPathComponent(name).path) }
    try scene.ferry.write(
      file("edgeferry.yaml").replacing(
        "accounts: { ", with: "accounts: { dead: { profile: dead }, "),
      to: "edgeferry.yaml")
    try scene.ferry.write(
      file("aws.config")
        + "[profile dead]\naws_access_key_id=AKIADEAD\naws_secret_access_key=x\nregion=us-east-1\n",
      to: "aws.config")
    do {
      try await body(scene)
    } catch {
      await scene.end()
      throw error
    }
    await scene.end()
  }
  private func isGap(_ document: JSONValue) -> Bool {
    document["complete"] == false
      && document["gaps"]?.array?.contains {
        $0["account"] == "dead" && $0["call"] == "GetCallerIdentity"
          && $0["reason"]?.string?.contains("InvalidClientTokenId") == true
      } == true
  }
  private let warning = "not read in dead: GetCallerIdentity"

  @Test func `an account that does not answer is a gap of every report, and the rest is read`()
    async throws
  {
    try await with { scene in
      for (words, code, file) in [
        (["orphans", "discover"], 0, nil),
        (["orphans", "discover", "--fail-on", "gaps"], 2, nil),
        (["inventory", "take", "--out", "i.json"], 0, "i.json"),
        (["migrate", "export", "EPLAIN", "--out", "e.json"], 0, nil),
        (["handover", "detect", "EPLAIN"], 0, nil),
        (["handover", "emit", "EPLAIN", "--to", "cloudformation", "--out", "code"], 0, nil),
        (["handover", "check", "EPLAIN", "--template", "code/template.json"], 0, nil),
        // Nobody has asked its edge yet.
        (["promote", "check", "EPRIMARY"], 4, nil),
      ] as [([String], Int32, String?)] {
        let answer = try await scene.run(words)
        #expect(answer.code == code, "\(words): \(answer.talk)")
        #expect(answer.talk.components(separatedBy: warning).count == 2, "\(words): \(answer.talk)")
        let document = try file.map { try scene.ferry.read($0) } ?? answer.json
        #expect(isGap(document), "\(words): \(answer.out)")
      }
      #expect(isGap(try scene.ferry.read("e.json")))
      // Two names of one account are read once.
      let accounts = try scene.ferry.read("i.json")["accounts"]?.array?.compactMap {
        $0["id"]?.string
      }
      #expect(accounts == ["111111111111", "222222222222"])
      let verified = try await scene.run([
        "migrate", "verify", "--source-id", "EPLAIN", "--target-id", "ENODNS",
      ])
      #expect(verified.code == 4 && verified.json["schema"] == "edgeferry.verdict/1")
      #expect(verified.talk.contains(warning), "\(verified.talk)")
      let planned = try await scene.run([
        "handover", "plan", "EPLAIN", "--from", "none", "--to", "terraform", "--dir", "terraform",
        "--accept-risk", "no-such-risk",
      ])
      #expect(planned.code == 0 && planned.talk.contains(warning), "\(planned.talk)")
      #expect(planned.talk.contains("--accept-risk no-such-risk"), "\(planned.talk)")
    }
  }

  @Test func `one that was asked for, or the last one, ends in an error that names it`()
    async throws
  {
    try await with { scene in
      for words in [
        ["orphans", "discover", "--account", "dead"],
        ["inventory", "take", "--out", "i.json", "--account", "source", "--account", "dead"],
        ["migrate", "export", "EPLAIN", "--out", "e.json", "--account", "dead"],
        ["migrate", "plan", "EPLAIN", "--source", "dead", "--target", "target"],
        ["handover", "emit", "EPLAIN", "--to", "terraform", "--out", "code", "--account", "dead"],
        ["promote", "check", "EPRIMARY", "--account", "dead"],
      ] {
        let answer = try await scene.run(words)
        #expect(answer.code == 1, "\(words): \(answer.talk)")
        #expect(
          answer.error["what"] == "could not use account \"dead\""
            && answer.error["why"]?.string?.contains("GetCallerIdentity") == true,
          "\(words): \(answer.talk)")
      }
      // What nobody who answered has may be the dead one's.
      for words in [
        ["migrate", "export", "ENOSUCH", "--out", "e.json"], ["promote", "check", "ENOSUCH"],
        ["handover", "emit", "ENOSUCH", "--to", "terraform", "--out", "code"],
        ["migrate", "verify", "--source-id", "EPLAIN", "--target-id", "ENOSUCH"],
      ] {
        let answer = try await scene.run(words)
        #expect(
          answer.code == 1 && answer.error["what"] == "could not use account \"dead\"",
          "\(words): \(answer.talk)")
      }
      try scene.ferry.write(
        "version: 1\naccounts: { dead: { profile: dead }, gone: { profile: dead } }\n",
        to: "edgeferry.yaml")
      let none = try await scene.run(["orphans", "discover"])
      #expect(none.code == 1 && none.error["what"] == "could not use account \"dead\"")
    }
  }
}

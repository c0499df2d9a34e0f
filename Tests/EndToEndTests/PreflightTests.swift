import FerryAWS
import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// `permissions --check` against a server that answers as IAM does.
struct PreflightEndToEndTests {
  static let session = "arn:aws:sts::111111111111:assumed-role/Deploy/me"

  private func check(_ settings: JSONValue, _ arguments: [String] = []) async throws -> (
    answer: Ferry.Answer, asked: [JSONValue]
  ) {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let server = try Subprocess(
      [Ferry.python, Ferry.client("iam_server.py"), settings.canonical],
      environment: ferry.environment)
    let url = await server.firstLine().trimmingCharacters(in: .whitespacesAndNewlines)
    let answer = try await ferry.run(
      ["permissions", "orphans", "discover", "--check", "--output", "json"] + arguments,
      extra: [
        "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_ENDPOINT_URL": url,
        "AWS_REGION": "us-east-1",
      ])
    let asked = try await ferry.run(
      [
        "-c",
        "import sys,urllib.request;print(urllib.request.urlopen(sys.argv[1]).read().decode())",
        url + "/asked",
      ], program: "python3"
    ).json.array
    server.signal(SIGTERM)
    _ = await server.wait()
    return (answer, asked ?? [])
  }
  private func decisions(_ answer: Ferry.Answer) -> Set<String> {
    Set((answer.json["checks"]?.array ?? []).compactMap { $0["decision"]?.string })
  }

  @Test func `a session is asked about as its role, path included, and all allowed is 0`()
    async throws
  {
    let (answer, asked) = try await check(
      ["arn": .string(Self.session), "path": "/team/", "allow": ["*"], "page": 2])
    #expect(answer.code == 0, "\(answer.talk)")
    #expect(decisions(answer) == ["allowed"])
    #expect(
      Set(asked.compactMap { $0["arn"]?.string }) == ["arn:aws:iam::111111111111:role/team/Deploy"])
    let resources = Set(asked.compactMap { $0["resource"]?.string })
    #expect(resources.contains("arn:aws:cloudfront::111111111111:distribution/*"))
    #expect(answer.json["accounts"]?.array?.first?["account"] == "111111111111")
    #expect(answer.json["checks"]?.array?.allSatisfy { $0["account"] == "111111111111" } == true)
  }

  @Test(arguments: [["deny": ["cloudfront:GetDistribution"], "allow": ["*"]], ["allow": []]])
  func `what is denied, by a rule or for want of one, is denied and exits 77`(
    _ lists: [String: [String]]
  ) async throws {
    var settings: [String: JSONValue] = ["arn": "arn:aws:iam::111111111111:user/team/me"]
    for (key, names) in lists { settings[key] = .array(names.map(JSONValue.string)) }
    let (answer, asked) = try await check(.object(settings))
    #expect(answer.code == 77, "\(answer.talk)")
    let denied = (answer.json["checks"]?.array ?? []).filter { $0["decision"] == "denied" }
    #expect(denied.contains { $0["action"] == "cloudfront:GetDistribution" })
    #expect(asked.allSatisfy { $0["arn"] == "arn:aws:iam::111111111111:user/team/me" })
  }

  @Test func `a refused preflight is unknown for every action, never allowed`() async throws {
    let (answer, _) = try await check(
      ["arn": .string(Self.session), "allow": ["*"], "simulate": false])
    #expect(answer.code == 0, "\(answer.talk)")
    #expect(decisions(answer) == ["unknown"])
    #expect(answer.talk.contains("the preflight itself was refused"), "\(answer.talk)")
  }

  @Test func `a role whose path cannot be read is asked about without one, and it is said`()
    async throws
  {
    let (answer, asked) = try await check(
      ["arn": .string(Self.session), "allow": ["*"], "role": false])
    #expect(answer.talk.contains("iam:GetRole"), "\(answer.talk)")
    #expect(
      Set(asked.compactMap { $0["arn"]?.string }) == ["arn:aws:iam::111111111111:role/Deploy"])
    #expect(decisions(answer) == ["allowed"])
  }

  @Test func `root is unknown, and nobody is asked about it`() async throws {
    let (answer, asked) = try await check(
      ["arn": "arn:aws:iam::111111111111:root", "allow": ["*"]])
    #expect(answer.code == 0 && decisions(answer) == ["unknown"], "\(answer.talk)")
    #expect(asked.isEmpty)
  }
}

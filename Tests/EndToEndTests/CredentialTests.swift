import FerryCore
import FerryTestSupport
import Foundation
import Testing

@testable import FerryAWS

/// Credentials as the built binary gets them, with botocore as the oracle.
struct CredentialTests {
  /// One line of JSON for each case that a script ran.
  func cases(_ script: String, _ ferry: Ferry) async throws -> [JSONValue] {
    let answer = try await ferry.run(
      ["-B", Ferry.client(script), Ferry.binary.path],
      program: Ferry.python)
    #expect(answer.code == 0, "\(answer.talk)")
    return answer.out.split(separator: "\n").compactMap {
      try? JSONValue.read(Array($0.utf8), what: "a case")
    }
  }

  @Test func `the same files and variables make the same identity as in botocore`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let cases = try await cases("botocore_oracle.py", ferry)
    #expect(cases.count > 155)
    var agreed = 0
    for it in cases {
      #expect(it["botocore"] == it["edgeferry"], "\(it.canonical)")
      #expect(it["leak"] == false, "\(it.canonical)")
      if it["botocore"] != .null { agreed += 1 }
      // Where there is no identity the error says so in one of its ways, and never as a crash.
      if it["edgeferry"] == .null {
        let codes = [
          "credentials", "bad-profile", "bad-profiles", "unknown-profile", "access-denied",
          "bad-metadata",
        ]
        #expect(codes.contains(it["edgeferryError"]?.string ?? ""), "\(it.canonical)")
      }
    }
    #expect(agreed > 80)
  }

  @Test func `files of any shape are read as botocore reads them, or refused as it refuses them`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let cases = try await cases("ini_oracle.py", ferry)
    #expect(cases.count == 800)
    var read = 0
    for it in cases {
      let bytes = Array((it["text"]?.string ?? "").utf8)
      var found: JSONValue = .null
      if let sections = try? INI.read(bytes) {
        read += 1
        found = .object(
          Dictionary(uniqueKeysWithValues: sections.map { ($0.name, .of($0.keys)) }))
      }
      #expect(found == it["parsed"], "\(it.canonical)")
    }
    #expect(read > 300)
  }

  @Test func `prompts, refreshes and renewals behave as the pages say`() async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let cases = try await cases("credential_cases.py", ferry)
    #expect(cases.count == 9)
    for it in cases { #expect(it["why"] == "", "\(it.canonical)") }
  }

  @Test
  func
    `a run waits while its credentials are gone, refuses another identity's and goes on with its own`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--sample", "--propagation", "2s"])
    // Keys that live for five seconds. Once the run waits there are none, until it says that it noticed, and
    // then another account's: the script reads what the run has said, so that no busy machine is too slow for it.
    try ferry.write(
      """
      #!/bin/sh
      . ./mine
      if [ -e whole ] && grep -qs 'waiting for' .talk-*; then
        grep -qs 'no answer (' .talk-* || exit 1
        . ./theirs
      fi
      echo "{\\"Version\\":1,\\"AccessKeyId\\":\\"$id\\",\\"SecretAccessKey\\":\\"$secret\\",\\"Expiration\\":\\"$(date -u -d @$(($(date +%s) + 5)) +%Y-%m-%dT%H:%M:%SZ)\\"}"
      """, to: "print-keys")
    try ferry.write(
      "[default]\ncredential_process = /bin/sh ./print-keys\n", to: ".aws/config")
    for (name, account) in [("mine", "111111111111"), ("theirs", "222222222222")] {
      let it = lab.ready["accounts"]?[account]
      try ferry.write(
        "id='\(it?["accessKeyId"]?.string ?? "")'\nsecret='\(it?["secretAccessKey"]?.string ?? "")'\n",
        to: name)
    }
    try ferry.write(
      "version: 1\nregions: [eu-west-1]\npolling: { deployed: 0.2s }\n", to: "edgeferry.yaml")
    let place = ["AWS_ENDPOINT_URL": lab.api, "AWS_REGION": "us-east-1"]
    let planned = try await ferry(
      "orphans", "plan", "--finding", "policy-staging-missing:P05SAMPLECHAT", "--name", "chat",
      "--output", "json", extra: place)
    let digest = planned.json["digest"]?.string ?? ""
    #expect(!digest.isEmpty, "\(planned.talk)")
    try ferry.write("", to: "whole")
    let run = try ferry.start(
      ["apply", "chat", "--approve", digest, "--output", "json", "--max-wait", "30s"],
      extra: place)
    let code = await run.process.wait().code
    let talk = text(run.talk.path)
    #expect(code == 4, "\(talk)")
    #expect(talk.contains("\"code\":\"other-identity\""), "\(talk)")
    #expect(talk.contains("no answer ("), "\(talk)")
    try FileManager.default.removeItem(at: ferry.folder.appendingPathComponent("whole"))
    let done = try await ferry("apply", "chat", "--approve", digest, extra: place)
    #expect(done.code == 0, "\(done.talk)")
    let log = try await ferry.run(
      [
        "-c",
        "import sys,urllib.request;print(urllib.request.urlopen(sys.argv[1]).read().decode())",
        lab.api + "/_lab/requests",
      ],
      program: "python3")
    await lab.stop()
    let theirs = (log.json.array ?? []).filter { $0["account"] == "222222222222" }
    #expect(!theirs.isEmpty && theirs.allSatisfy { $0["service"] == "sts" }, "\(theirs)")
  }
}

import FerryAWS
import FerryCore
import Foundation
import Testing

/// Whom edgeferry believes: certificates are always verified, and roles are assumed as profiles say.
struct TrustTests {
  @Test func `a certificate is believed only through its own CA and for its own name`() async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    func made(_ name: String, for host: String) async throws -> (key: String, certificate: String) {
      let key = ferry.folder.appendingPathComponent("\(name).key").path
      let certificate = ferry.folder.appendingPathComponent("\(name).pem").path
      let ending = try await Subprocess(
        [
          "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
          "-nodes",
          "-days", "2", "-keyout", key, "-out", certificate, "-subj", "/CN=\(host)", "-addext",
          host.first?.isNumber == true ? "subjectAltName=IP:\(host)" : "subjectAltName=DNS:\(host)",
        ], environment: ferry.environment, stderr: ferry.folder.appendingPathComponent("talk").path
      ).wait()
      #expect(ending.code == 0)
      return (key, certificate)
    }
    let right = try await made("right", for: "127.0.0.1")
    let wrong = try await made("wrong", for: "other.example")
    let script = Ferry.client("tls_server.py")
    for (pair, bundle, code) in [
      (right, nil, "no-answer"), (right, wrong.certificate, "no-answer"),
      (right, right.certificate, "access-denied"), (wrong, wrong.certificate, "no-answer"),
    ] as [((key: String, certificate: String), String?, String)] {
      let server = try Subprocess(
        ["python3", script, pair.certificate, pair.key], environment: ferry.environment,
        stderr: ferry.folder.appendingPathComponent("server").path)
      let port = await server.firstLine()
      var variables = [
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x", "AWS_MAX_ATTEMPTS": "1",
        "AWS_ENDPOINT_URL": "https://127.0.0.1:\(port)",
      ]
      variables["AWS_CA_BUNDLE"] = bundle
      let answer = try await ferry("orphans", "discover", "--output", "json", extra: variables)
      #expect(answer.error["code"] == .string(code), "\(answer.talk)")
      #expect(answer.code == (code == "access-denied" ? 77 : 1))
      server.signal(SIGKILL)
      _ = await server.wait()
    }
  }

  @Test func `profiles, a services section and an assumed role reach two accounts in one run`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let lab = try await RunningLab(ferry, ["--sample"])
    let keys = lab.variables()
    try ferry.write(
      """
      [profile one]
      region = eu-west-1
      services = lab
      [profile two]
      role_arn = arn:aws:iam::222222222222:role/ferry
      source_profile = one
      services = lab
      [services lab]
      cloudfront =
        endpoint_url = \(lab.api)
      sts =
        endpoint_url = \(lab.api)
      cloudformation =
        endpoint_url = \(lab.api)
      """, to: ".aws/config")
    try ferry.write(
      "[one]\naws_access_key_id=\(keys["AWS_ACCESS_KEY_ID"] ?? "")\naws_secret_access_key=\(keys["AWS_SECRET_ACCESS_KEY"] ?? "")\n",
      to: ".aws/credentials")
    try ferry.write(
      "version: 1\naccounts:\n  first: { profile: one }\n  second: { profile: two }\n",
      to: "edgeferry.yaml")
    let both = try await ferry("orphans", "discover", "--output", "json")
    #expect(both.json["accounts"] == ["111111111111", "222222222222"], "\(both.talk)")
    let second = try await ferry("orphans", "discover", "--account", "second", "--output", "json")
    #expect(second.json["accounts"] == ["222222222222"])
    #expect(try await ferry("orphans", "discover", "--account", "third").code == 64)
    await lab.stop()
  }
}

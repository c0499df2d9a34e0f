import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// `handover emit` from outside: on the lab, with Terraform and python-hcl2 as judges of the code.
struct HandoverEndToEndTests {
  private func mode(_ ferry: Ferry, _ name: String) -> Int {
    let path = ferry.folder.appendingPathComponent(name).path
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    return (attributes?[.posixPermissions] as? Int) ?? -1
  }
  private func parsed(_ ferry: Ferry) async throws -> Ferry.Answer {
    try await ferry.run(
      [
        "-c",
        "import glob,hcl2,json;print(json.dumps({f:[list(hcl2.load(open(f)))] for f in sorted(glob.glob('code/*.tf')+glob.glob('code/*.tfvars'))}))",
      ], program: Ferry.python)
  }

  @Test func `Terraform plans to import the trio and all it refers to, and nothing else`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try ferry.write(ExportEndToEndTests.inventory, to: "i.json")
    let lab = try await RunningLab(
      ferry, ["--load", ferry.folder.appendingPathComponent("i.json").path])
    try await ExportEndToEndTests().publish(lab, ferry)
    let before = try await lab.get("/_lab/state", ferry)
    let command = ["handover", "emit", "EPRIMARY", "--to", "terraform", "--out", "code"]
    let answer = try await ferry.run(command + ["--output", "json"], extra: lab.variables())
    #expect(answer.code == 0, "\(answer.talk)")
    #expect(answer.json["complete"] == true && answer.json["notExpressed"] == [])
    let addresses = answer.json["resources"]?.array?.compactMap { $0["address"]?.string } ?? []
    #expect(
      addresses.map { $0.replacing("aws_cloudfront_", with: "") } == [
        "distribution.www_example_com", "distribution.www_example_com_staging",
        "continuous_deployment_policy.www_example_com", "origin_access_control.oac",
        "cache_policy.cache", "function.rewrite", "public_key.key", "key_group.group",
      ])
    #expect(mode(ferry, "code/secrets.auto.tfvars") == 0o600)
    #expect(mode(ferry, "code/distributions.tf") == 0o644)
    #expect(!(answer.out + answer.talk).contains("canary"))
    #expect(
      text(ferry.folder.appendingPathComponent("code/functions/rewrite.js").path)
        == "function handler(e) { return e.request }")

    // Nothing is written over what is there, and nothing for what is not.
    let again = try await ferry.run(command, extra: lab.variables())
    #expect(again.code == 64 && again.talk.contains("error[out-not-empty]"))
    let unknown = try await ferry(
      "handover", "emit", "ENOWHERE", "--to", "terraform", "--out", "none",
      extra: lab.variables())
    #expect(unknown.code == 1 && unknown.talk.contains("error[unknown-distribution]"))
    #expect(mode(ferry, "none") == -1)
    let spoken = try await ferry(
      "handover", "emit", "EPRIMARY", "--to", "terraform", "--out", "spoken/code",
      extra: lab.variables())
    #expect(spoken.code == 0 && spoken.out.contains("the code says all that is live"))

    let read = try await parsed(ferry)
    #expect(read.code == 0 && read.json.object?.count == 9, "\(read.talk) \(read.out)")

    if let terraform = try TerraformRun(ferry, lab) {
      let steps = [
        try await terraform("fmt", "-check", "-diff", "-recursive"),
        try await terraform("init", "-no-color"), try await terraform("validate", "-no-color"),
      ]
      for step in steps { #expect(step.code == 0, "\(step.out.suffix(3000)) \(step.talk)") }
      let plan = try await terraform.plan()
      #expect(plan.count == 8 && plan.changes == [], "\(plan.answer.talk)")
      #expect(try await lab.get("/_lab/state", ferry) == before)
    }
    await lab.stop()
  }

  @Test func `a state in a bucket says who owns what, and code written for it keeps its address`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    try ferry.write(ExportEndToEndTests.inventory, to: "i.json")
    try ferry.write(
      """
      {"version":4,"resources":[
      {"mode":"managed","type":"aws_cloudfront_distribution","name":"shop","instances":[{"attributes":{"id":"EPRIMARY"}}]},
      {"mode":"managed","type":"aws_cloudfront_cache_policy","name":"short","module":"module.edge","instances":[
        {"attributes":{"id":"custom-cache"}}]}]}
      """, to: "state.json")
    let moto = try await MotoServer.start(ferry)
    let lab = try await RunningLab(
      ferry, ["--load", ferry.folder.appendingPathComponent("i.json").path])
    let key = "env:/prod/terraform.tfstate"
    let made = try await ferry.run(
      [
        "-c",
        "import boto3,sys;s=boto3.client('s3',endpoint_url=sys.argv[1],region_name='us-east-1');s.create_bucket(Bucket='states-1');s.put_object(Bucket='states-1',Key=sys.argv[2],Body=open('state.json','rb'));s.put_object(Bucket='states-1',Key='empty',Body=b'')",
        moto.url, key,
      ], extra: moto.variables, program: Ferry.python)
    #expect(made.code == 0, "\(made.talk)")
    let variables = lab.variables().merging(["AWS_ENDPOINT_URL_S3": moto.url]) { $1 }
    let place = "s3://states-1/\(key)"
    let detect = ["handover", "detect", "EPRIMARY", "--output", "json", "--tfstate"]
    let told = try await ferry.run(detect + [place, "--verbose"], extra: variables)
    let emitted = try await ferry(
      "handover", "emit", "EPRIMARY", "--to", "terraform", "--out", "code", "--tfstate", place,
      "--output", "json", "--verbose", extra: variables)
    let needs = try await ferry("permissions", "handover", "detect", "--output", "json")
    var refused: [String] = []
    for other in ["s3://states-1/none", "s3://states-1/empty", "s3://none-1/x", "s3://states-1"] {
      let answer = try await ferry.run(detect + [other], extra: variables)
      #expect(answer.code == 64, "\(other): \(answer.talk)")
      refused.append(answer.error["code"]?.string ?? "")
    }
    await lab.stop()
    await moto.stop()
    #expect(told.code == 0, "\(told.talk)")
    let owned = (told.json["resources"]?.array ?? []).filter { $0["owners"] != [] }
    #expect(
      owned.map { $0["owners"]?.array?.first?["address"] } == [
        "aws_cloudfront_distribution.shop", "module.edge.aws_cloudfront_cache_policy.short",
      ], "\(told.out)")
    let dangers = (owned.first?["dangers"]?.array ?? []).compactMap(\.string)
    #expect(dangers.count == 2 && dangers.first?.contains("staging is missing") == true)
    #expect(dangers.last?.hasPrefix("promote-pending: a promote copies ") == true, "\(dangers)")
    let called = PermissionEndToEndTests.called(told.talk)
    #expect(called.contains("s3:GetObject"))
    #expect(called.subtracting(PermissionEndToEndTests.declared(needs)) == [])
    #expect(refused == ["no-such-file", "bad-json", "no-bucket", "bad-object"])
    #expect(emitted.code == 0, "\(emitted.talk)")
    #expect(emitted.json["notTaken"]?.array?.map { $0["id"] } == ["custom-cache"])
    #expect(
      text(ferry.folder.appendingPathComponent("code/distributions.tf").path).contains(
        "resource \"aws_cloudfront_distribution\" \"shop\""))
  }
}

import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// The site that `make docs` builds, the tutorials and the example workflow.
struct DocumentationTests {
  let ferry: Ferry
  init() throws { ferry = try Ferry() }

  private func build(_ repository: String, to name: String = "site") async throws -> Ferry.Answer {
    try await ferry.run(
      [
        PackagingTests.script("site.py"), Ferry.binary.path,
        ferry.folder.appendingPathComponent(name).path, repository,
      ], program: Ferry.python)
  }
  /// A copy of what the site is made of, to break.
  private func copy() throws -> URL {
    let copy = ferry.folder.appendingPathComponent("repository")
    try FileManager.default.createDirectory(at: copy, withIntermediateDirectories: true)
    for name in [
      "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "docs", "plans", "runbooks",
    ] {
      try FileManager.default.copyItem(
        at: Shared.package.appendingPathComponent(name), to: copy.appendingPathComponent(name))
    }
    return copy
  }

  @Test func `the site has a page for every command, and every link and anchor leads somewhere`()
    async throws
  {
    defer { ferry.remove() }
    let built = try await build(Shared.package.path)
    #expect(built.code == 0, "\(built.talk)")
    // By a program that shares nothing with the builder.
    let checked = try await ferry.run(
      [
        Ferry.client("site_check.py"), ferry.folder.appendingPathComponent("site").path,
        Ferry.binary.path,
      ], program: Ferry.python)
    #expect(checked.code == 0, "\(checked.out) \(checked.talk)")
  }

  @Test
  func
    `a broken link, a heading that is gone, a page of no group and a command without a page fail the build`()
    async throws
  {
    defer { ferry.remove() }
    let copy = try copy()
    #expect(try await build(copy.path).code == 0)
    let page = copy.appendingPathComponent("docs/zones.md")
    try (text(page.path) + "\n[one](nowhere.md) [two](settings.md#nothing) [three](../../etc)\n")
      .write(to: page, atomically: true, encoding: .utf8)
    let index = copy.appendingPathComponent("docs/commands/README.md")
    try text(index.path).replacingOccurrences(of: "`doctor`", with: "`nurse`")
      .write(to: index, atomically: true, encoding: .utf8)
    let folder = copy.appendingPathComponent("docs/extra")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try "# Alone\n".write(
      to: folder.appendingPathComponent("alone.md"), atomically: true, encoding: .utf8)
    let broken = try await build(copy.path)
    #expect(broken.code == 1)
    for says in [
      "docs/zones.md: nowhere.md is not there",
      "docs/zones.md: settings.md#nothing has no such heading",
      "docs/zones.md: ../../etc is not there", "no page for `doctor`", "`nurse` is no command",
      "docs/extra/alone.md: is in no group",
    ] {
      #expect(broken.talk.contains(says), "\(broken.talk)")
    }
  }

  @Test func `a folder that holds something else is not overwritten by the site`() async throws {
    defer { ferry.remove() }
    try ferry.write("mine", to: "site/letter.txt")
    let refused = try await build(Shared.package.path)
    #expect(refused.code == 1 && refused.talk.contains("something else"))
    #expect(text(ferry.folder.appendingPathComponent("site/letter.txt").path) == "mine")
  }

  @Test(arguments: ["first-sweep", "cutover-by-hand", "writing-a-plugin"])
  func `what a tutorial says to type works, and prints what it shows`(name: String) async throws {
    defer { ferry.remove() }
    let path = [
      URL(fileURLWithPath: Ferry.python).deletingLastPathComponent().path,
      ProcessInfo.processInfo.environment["PATH"] ?? "",
    ].joined(separator: ":")
    let ran = try await ferry.run(
      [
        Ferry.client("tutorial.py"),
        Shared.package.appendingPathComponent("docs/tutorials/\(name).md").path, Ferry.binary.path,
      ], extra: ["PATH": path], program: Ferry.python)
    #expect(ran.code == 0, "\(ran.out) \(ran.talk)")
  }

  @Test func `every tutorial is run, and one that shows another answer or fails is told`()
    async throws
  {
    defer { ferry.remove() }
    let pages = try FileManager.default.contentsOfDirectory(
      atPath: Shared.package.appendingPathComponent("docs/tutorials").path
    ).filter { $0.hasSuffix(".md") && $0 != "README.md" }
    #expect(pages.sorted() == ["cutover-by-hand.md", "first-sweep.md", "writing-a-plugin.md"])
    for (page, says) in [
      ("```sh\nedgeferry --version\n```\n\n```text\nnine\n```\n", "something else is printed"),
      ("```sh\nedgeferry nothing-of-that-name\n```\n", "failed with ['64']"),
      ("```sh exit=4\ntrue\n```\n", "failed with []"),
    ] {
      try ferry.write(page, to: "page.md")
      let told = try await ferry.run(
        [Ferry.client("tutorial.py"), "page.md", Ferry.binary.path], program: Ferry.python)
      #expect(told.code == 1 && told.out.contains(says), "\(told.out)")
    }
  }

  @Test func `GitHub's schema takes the example workflow, and its commands run on the lab`()
    async throws
  {
    defer { ferry.remove() }
    let workflow = Shared.package.appendingPathComponent("docs/examples/github-actions-sweep.yml")
    let checked = try await ferry.run(
      ["--builtin-schema", "vendor.github-workflows", workflow.path],
      program: try #require(Ferry.tool("check-jsonschema")))
    #expect(checked.code == 0, "\(checked.out) \(checked.talk)")
    let steps = try await ferry.run(
      [
        "-c",
        """
        import json,sys,yaml
        job = yaml.safe_load(open(sys.argv[1]))["jobs"]["sweep"]
        print(json.dumps({"state": job["env"]["EDGEFERRY_STATE"],
          "runs": {it["name"]: it["run"] for it in job["steps"] if "run" in it}}))
        """, workflow.path,
      ], program: Ferry.python
    ).json
    let lab = try await RunningLab(ferry, ["--sample", "--propagation", "0.1s"])
    let bucket = try await SharedStateTests.Bucket(ferry)
    try ferry.write("version: 1\npolling: { deployed: 0.1s }\n", to: "edgeferry.yaml")
    try FileManager.default.createDirectory(
      at: ferry.folder.appendingPathComponent("bin"), withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(
      atPath: ferry.folder.appendingPathComponent("bin/edgeferry").path,
      withDestinationPath: Ferry.binary.path)
    var variables = lab.variables()
    variables["AWS_ENDPOINT_URL_S3"] = bucket.url
    variables["EDGEFERRY_STATE"] = steps["state"]?.string?.replacingOccurrences(
      of: "${{ vars.EDGEFERRY_BUCKET }}", with: SharedStateTests.bucket)
    variables["PATH"] = ferry.folder.appendingPathComponent("bin").path + ":/usr/bin:/bin"
    variables["GITHUB_STEP_SUMMARY"] = ferry.folder.appendingPathComponent("summary.md").path
    for (name, expression) in [("Sweep", "${{ inputs.apply && '--apply' || '' }}"), ("Report", "")]
    {
      let line = (steps["runs"]?[name]?.string ?? "").replacingOccurrences(
        of: expression, with: "")
      #expect(line.hasPrefix("edgeferry sweep ") && !line.contains("${{"), "\(line)")
      let ran = try await ferry.run(["-e", "-c", line], extra: variables, program: "bash")
      #expect(ran.code == 0, "\(name): \(ran.talk)")
    }
    #expect(text(variables["GITHUB_STEP_SUMMARY"] ?? "").contains("policy-unattached"))
    #expect(
      text(ferry.folder.appendingPathComponent("sweep.html").path).contains("policy-unattached"))
    #expect(try ferry.read("sweep.json")["findings"]?.array?.count == 10)
    await bucket.stop()
    await lab.stop()
  }
}

import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// What `make install` and `make deb` put beside the binary. The package itself is tried in a clean Debian by `make deb-test`.
struct PackagingTests {
  let ferry: Ferry
  init() throws { ferry = try Ferry() }

  static func script(_ name: String) -> String {
    Shared.package.appendingPathComponent("packaging/\(name)").path
  }
  private func place(_ name: String) -> String { ferry.folder.appendingPathComponent(name).path }
  private func files(_ folder: String) throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: place(folder)).sorted()
  }
  /// Every command, groups and the root included: `edgeferry-orphans-plan`.
  private func commands() async throws -> [String] {
    func names(_ above: String, _ command: JSONValue) -> [String] {
      let word = command["commandName"]?.string ?? ""
      guard command["shouldDisplay"] != false, word != "help" else { return [] }
      let name = above.isEmpty ? word : "\(above)-\(word)"
      return [name] + (command["subcommands"]?.array ?? []).flatMap { names(name, $0) }
    }
    return names("", try await ferry("--experimental-dump-help").json["command"] ?? .null)
  }
  private func manual() async throws {
    let made = try await ferry.run(
      [
        Self.script("manual.sh"), Ferry.binary.path, place("manual"),
        Shared.package.appendingPathComponent(".build/checkouts").path,
      ], extra: ["SOURCE_DATE_EPOCH": "1764547200"], program: "bash")
    #expect(made.code == 0, "\(made.talk)")
  }

  @Test func `every command has a man page that mandoc and man have nothing to say of`()
    async throws
  {
    defer { ferry.remove() }
    try await manual()
    let commands = try await commands()
    let pages = try files("manual/man1")
    #expect(commands.count > 40 && pages == commands.map { "\($0).1" }.sorted())
    let paths = pages.map { place("manual/man1/\($0)") }
    let lint = try await ferry.run(
      ["-Tlint", "-Wwarning"] + paths, program: try #require(Ferry.tool("mandoc")))
    #expect(lint.code == 0 && lint.out.isEmpty, "\(lint.out)")
    let groff = try await ferry.run(
      ["-ww", "-mdoc", "-Tutf8", "-Kutf8", "-z"] + paths,
      program: try #require(Ferry.tool("groff")))
    #expect(groff.code == 0 && groff.talk.isEmpty, "\(groff.talk)")
    for path in paths {
      for line in text(path).split(separator: "\n") where line.hasPrefix(".Xr ") {
        #expect(pages.contains("\(line.split(separator: " ")[1]).1"), "\(path): \(line)")
      }
    }
    let plan = text(place("manual/man1/edgeferry-orphans-plan.1"))
    #expect(plan.contains(".Dd December 1, 2025\n") && plan.contains(" Fl \\-finding "))
    #expect(text(place("manual/man1/edgeferry.1")).contains(".It Sy 77\n"))
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func `shells complete the commands`(shell: String) async throws {
    defer { ferry.remove() }
    try FileManager.default.createDirectory(
      atPath: place("bin"), withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(
      atPath: place("bin/edgeferry"), withDestinationPath: Ferry.binary.path)
    let program = try #require(Ferry.tool(shell))
    let printed = try await ferry("--generate-completion-script", shell)
    #expect(printed.code == 0)
    try ferry.write(printed.out, to: "completions")
    let read = try await ferry.run(["-n", place("completions")], program: program)
    #expect(read.code == 0 && read.talk.isEmpty, "\(read.talk)")
    let ask: String
    switch shell {
    case "bash":
      ask = """
        source completions; COMP_WORDS=(edgeferry orphans d); COMP_CWORD=2; COMP_LINE='edgeferry orphans d'; COMP_POINT=19
        _edgeferry edgeferry d orphans; echo "${COMPREPLY[@]}"
        """
    case "fish": ask = "source completions; complete -C 'edgeferry orphans d'"
    // zsh completes on a terminal alone.
    default: return
    }
    let answer = try await ferry.run(
      ["-c", ask], extra: ["PATH": place("bin") + ":/usr/bin:/bin"], program: program)
    #expect(answer.out.contains("discover") && answer.out.contains("detach"), "\(answer.talk)")
    #expect(!answer.out.contains("reattach"))
  }

  /// What the Markdown pages below a folder lead to in files, with the page's own path.
  static func links(below folder: String) throws -> [(page: String, link: String)] {
    var out: [(page: String, link: String)] = []
    for name in try FileManager.default.subpathsOfDirectory(atPath: folder)
    where name.hasSuffix(".md") {
      let page = folder + "/" + name
      for match in text(page).matches(of: #/\]\(([^)\s#]+)(#[^)\s]*)?\)/#)
      where !match.1.contains(":") {
        out.append((page, String(match.1)))
      }
    }
    return out
  }

  @Test func `an installation can be used, and uninstalling it leaves what was there before`()
    async throws
  {
    defer { ferry.remove() }
    try await manual()
    try ferry.write("mine", to: "root/usr/local/share/man/man1/edgeferry-mine.1")
    let before = try files("root")
    let install = [
      Self.script("install.sh"), Ferry.binary.path, place("manual"), "/usr/local", place("root"),
    ]
    // Twice: the second finds the first.
    for _ in 1...2 {
      let installed = try await ferry.run(install, program: "bash")
      #expect(installed.code == 0, "\(installed.talk)")
    }
    let there = Set(try files("root").map { String($0.dropFirst("usr/local/".count)) })
    for name in [
      "share/man/man1/edgeferry.1", "share/man/man1/edgeferry-sweep-run.1",
      "share/bash-completion/completions/edgeferry", "share/zsh/site-functions/_edgeferry",
      "share/fish/vendor_completions.d/edgeferry.fish", "share/doc/edgeferry/LICENSE",
      "share/doc/edgeferry/licences/swift-argument-parser.txt",
      "share/doc/edgeferry/licences/swift.txt",
      "share/doc/edgeferry/examples/github-actions-sweep.yml",
    ] {
      #expect(there.contains(name), "\(name)")
    }
    let links = try Self.links(below: place("root"))
    #expect(links.count > 80)
    for (page, link) in links {
      // Packages put their own roots elsewhere: nothing may lead out of the one folder.
      let target = URL(fileURLWithPath: page).deletingLastPathComponent()
        .appendingPathComponent(link).standardized.path
      #expect(target.hasPrefix(place("root/usr/local/share/doc/edgeferry")), "\(page): \(link)")
      #expect(FileManager.default.fileExists(atPath: target), "\(page): \(link)")
    }
    let version = try await ferry.run(
      ["--version"], program: place("root/usr/local/bin/edgeferry"))
    let built = try await ferry("--version")
    #expect(version.code == 0 && version.out == built.out)
    let gone = try await ferry.run(
      [Self.script("uninstall.sh"), "/usr/local", place("root")], program: "bash")
    #expect(gone.code == 0, "\(gone.talk)")
    #expect(try files("root") == before)
    let again = try await ferry.run(
      [Self.script("uninstall.sh"), "/usr/local", place("root")], program: "bash")
    #expect(again.code == 1 && again.talk.contains("nothing is installed"))
  }

  @Test func `uninstalling by a list that names something else's files refuses`() async throws {
    defer { ferry.remove() }
    try ferry.write("kept", to: "root/etc/passwd")
    try ferry.write("file /etc/passwd\n", to: "root/usr/share/doc/edgeferry/installed")
    let refused = try await ferry.run(
      [Self.script("uninstall.sh"), "/usr", place("root")], program: "bash")
    #expect(refused.code == 1 && text(place("root/etc/passwd")) == "kept", "\(refused.out)")
  }
}

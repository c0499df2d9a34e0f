import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// What docs/dependencies.md says, against what is built and linked.
struct DependencyTests {
  /// The cells of each row of a page's tables.
  private static let rows: [[String]] =
    text(Shared.package.appendingPathComponent("docs/dependencies.md").path)
    .split(separator: "\n").filter { $0.hasPrefix("| ") }
    .map { line in
      line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
    }

  @Test func `the page names every package of Package swift at its version, with a licence`() throws
  {
    let manifest = text(Shared.package.appendingPathComponent("Package.swift").path)
    let expression = #/\.package\(url: "([^"]+)", exact: "([^"]+)"\)/#
    let packages = manifest.matches(of: expression).map { (url: $0.1, version: $0.2) }
    #expect(packages.count == manifest.components(separatedBy: ".package(").count - 1)
    let resolved = try JSONValue.read(
      Array(text(Shared.package.appendingPathComponent("Package.resolved").path).utf8),
      what: "Package.resolved")
    let listed = Self.rows.filter { $0.first?.contains("](https://") == true }
    #expect(listed.count == packages.count)
    for package in packages {
      let row = try #require(listed.first { $0[0].hasSuffix("(\(package.url))") }, "\(package.url)")
      #expect(row[1] == package.version)
      let pin = resolved["pins"]?.array?.first { $0["location"]?.string == String(package.url) }
      #expect(row[2] == pin?["state"]?["revision"]?.string, "\(package.url)")
      #expect(row[3].contains("Apache-2.0") || row[3].contains("MIT"))
    }
  }

  @Test func `the page names every library that the binary asks for, of Debian's series`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let read = try await ferry.run(["-d", Ferry.binary.path], program: "readelf")
    let needed = read.out.matches(of: #/\(NEEDED\).*\[(.+)\]/#).map { String($0.1) }
    #expect(needed.count > 5, "\(read.talk)")
    // Swift's own are within the release binary; the loader is part of libc.
    let own = ["libswift", "libFoundation", "lib_Foundation", "libdispatch", "libBlocksRuntime"]
    for library in needed
    where !library.hasPrefix("ld-linux") && !own.contains(where: { library.hasPrefix($0) }) {
      #expect(Self.rows.contains { $0[0].contains(library) }, "\(library)")
    }
    for row in Self.rows where row[0].hasPrefix("lib") {
      for package in row[1].components(separatedBy: ", ") {
        let version = try await ferry.run(
          ["-W", "-f", "${Version}", package], program: "dpkg-query")
        guard version.code == 0 else { continue }
        #expect(version.out.hasPrefix(row[2]), "\(package) is \(version.out), not \(row[2])")
      }
    }
  }

  @Test func `every test that the threat model names is there`() throws {
    let page = text(Shared.package.appendingPathComponent("docs/security.md").path)
    let names = Set(page.matches(of: #/`([A-Za-z0-9]+Tests)`/#).map { String($0.1) })
    #expect(names.count > 30)
    var suites: Set<String> = []
    let folder = Shared.package.appendingPathComponent("Tests")
    for path in try FileManager.default.subpathsOfDirectory(atPath: folder.path)
    where path.hasSuffix(".swift") {
      for line in text(folder.appendingPathComponent(path).path).split(separator: "\n") {
        if let found = line.firstMatch(of: #/^(?:@Suite.* )?(?:struct|final class) ([A-Za-z0-9]+)/#)
        {
          suites.insert(String(found.1))
        }
      }
    }
    #expect(names.subtracting(suites).isEmpty, "\(names.subtracting(suites).sorted())")
    // Every row of a defence says what holds it.
    let rows =
      page.components(separatedBy: "## What is defended").last?
      .components(separatedBy: "## ").first?.split(separator: "\n")
      .filter { $0.hasPrefix("| ") && !$0.hasPrefix("| threat") && !$0.hasPrefix("| ---") } ?? []
    #expect(rows.count >= 20)
    for row in rows { #expect(row.contains("Tests`"), "\(row)") }
  }
}

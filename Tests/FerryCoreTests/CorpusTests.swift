import FerryTestSupport
import Foundation
import Testing

@testable import FerryCore

/// Real configs: reading and writing is the identity, also with elements that nobody has heard of.
struct CorpusTests {
  static func documents(_ kind: String) throws -> [(name: String, text: String)] {
    let given = ProcessInfo.processInfo.environment["EDGEFERRY_CORPUS"].map {
      URL(fileURLWithPath: $0)
    }
    guard let folder = given ?? Shared.folder("corpus") else { return [] }
    var out: [(name: String, text: String)] = []
    for path in try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted()
    where path.hasSuffix(".\(kind)") {
      out.append(
        (path, try String(contentsOf: folder.appendingPathComponent(path), encoding: .utf8)))
    }
    return out
  }

  @Test func `every XML of the corpus survives reading and writing, invented elements included`()
    throws
  {
    let documents = try Self.documents("xml")
    for (name, text) in documents {
      var root = try XMLReader.read(text)
      #expect(try XMLReader.read(root.xml) == root, "\(name)")
      root.nodes.insert(
        .element(XElement("Invented", [XElement("Deep", text: " <&> \u{1F6A2} ")])),
        at: root.nodes.count / 2)
      let again = try XMLReader.read(root.xml)
      #expect(again == root, "\(name)")
      #expect(again.text(at: "Invented/Deep") == " <&> \u{1F6A2} ", "\(name)")
    }
    print("corpus: \(documents.count) XML documents")
  }

  @Test func `an edit of any real config changes that field alone`() throws {
    for (name, text) in try Self.documents("xml") {
      let root = try XMLReader.read(text)
      guard root.name == "DistributionConfig" else { continue }
      let wanted = root.text(at: "Enabled") == "true" ? "false" : "true"
      let edit = ConfigEdit(path: "Enabled", from: nil, to: wanted)
      #expect(
        root.differences(to: root.edited([edit], shape: "DistributionConfig")).map(\.path) == [
          "Enabled"
        ], "\(name)")
      let attach = ConfigEdit(path: "ContinuousDeploymentPolicyId", from: nil, to: "P-other")
      let attached = root.edited([attach], shape: "DistributionConfig")
      #expect(
        root.differences(to: attached).map(\.path) == ["ContinuousDeploymentPolicyId"], "\(name)")
      #expect(root.redacted.configDigest == root.configDigest, "\(name)")
      #expect(root.configDigest == Digest.tagged(root.digestForm.xml), "\(name)")
    }
  }

  @Test func `the CLI's JSON of every real config becomes XML and comes back`() throws {
    let texts = Dictionary(try Self.documents("xml").map { ($0.name, $0.text) }) { first, _ in first
    }
    var count = 0
    for (name, text) in try Self.documents("json") where name.hasPrefix("distributions/") {
      let stem = name.dropLast(".json".count)
      guard let xml = texts["\(stem).xml"], !name.hasSuffix(".tags.json") else { continue }
      let json = try JSONValue.read(Array(text.utf8), what: name)
      let root = try XMLReader.read(xml)
      guard root.name == "DistributionConfig" else { continue }
      // Members may stand in another order than the API's own; what they say is the same.
      let written = try Shape.xml(json, shape: "DistributionConfig")
      #expect(Shape.json(written, shape: "DistributionConfig") == json, "\(name)")
      #expect(Shape.json(root, shape: "DistributionConfig") == json, "\(name)")
      count += 1
    }
    print("corpus: \(count) configs as JSON and XML")
  }
}

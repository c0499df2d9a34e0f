import FerryCloudFront
import FerryCore
import FerryModel
import FerryTestSupport
import Foundation
import Testing

@testable import Inventories

/// The lines of an inventory file are written without an encoder; they say what the encoder says.
struct LineTests {
  private func distribution(_ config: XElement, tags: [String: String] = [:])
    -> Inventory.Distribution
  {
    Inventory.Distribution(
      id: "E1", arn: "arn:aws:cloudfront::111111111111:distribution/E1", domainName: "d1/\\\"\u{7}",
      status: "Deployed", etag: "V\u{1F6A2}", lastModified: "2026-01-01T00:00:00Z", tags: tags,
      config: config)
  }
  private func line(_ it: Inventory.Distribution) -> String {
    var out = JSONBytes()
    it.write(into: &out)
    return String(decoding: out.bytes, as: UTF8.self)
  }

  @Test(arguments: [
    "<DistributionConfig/>",
    "<DistributionConfig><Comment>\"q\" \\ \t\n &amp; \u{1F6A2} \u{1}</Comment></DistributionConfig>",
    "<DistributionConfig><Enabled>yes</Enabled><Staging>true</Staging></DistributionConfig>",
    "<DistributionConfig><Zz>1</Zz><Aliases><Quantity>2</Quantity><Items><CNAME>b</CNAME><CNAME>a</CNAME></Items></Aliases><Aa>0.10</Aa></DistributionConfig>",
    "<DistributionConfig><Aliases><Quantity>many</Quantity></Aliases><Comment>one</Comment><Comment>two</Comment></DistributionConfig>",
    "<DistributionConfig xmlns=\"u\" a=\"&quot;&#9;\"><Invented><A>1</A><A>2</A></Invented><Other><A>1</A><B/></Other></DistributionConfig>",
    "<DistributionConfig>text<Comment>x<!-- no -->y</Comment>more</DistributionConfig>",
    "<DistributionConfig><DefaultCacheBehavior><MinTTL>-007</MinTTL><MaxTTL>99999999999999999999</MaxTTL></DefaultCacheBehavior></DistributionConfig>",
  ])
  func `a config is written as the encoder writes it`(_ xml: String) throws {
    let it = distribution(try XMLReader.read(xml), tags: ["b": "1\"", "a/": "é"])
    #expect(line(it) == String(decoding: try FerryJSON.encoder.encode(it), as: UTF8.self))
  }
  @Test func `what steers a terminal is escaped in the file and read back as it was`() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("i.json").path
    let hostile = "caf\u{e9} \u{202E}evil\u{9B}2J\u{7F}\u{200B} \u{1F6A2}"
    let it = distribution(
      XElement("DistributionConfig", [XElement("Comment", text: hostile)]), tags: ["t": hostile])
    let file = try StreamedFile(path, mode: 0o600)
    try file.write("[")
    try file.add { it.write(into: &$0) }
    try file.write("]")
    try file.commit()
    let text = try String(contentsOfFile: path, encoding: .utf8)
    for mark: Unicode.Scalar in ["\u{202E}", "\u{9B}", "\u{7F}", "\u{200B}"] {
      #expect(!text.unicodeScalars.contains(mark))
    }
    #expect(text.contains("café"))
    let read = try FerryJSON.decoder.decode(
      [Inventory.Distribution].self, from: Data(text.utf8))
    #expect(read == [it])
  }
  @Test func `every config of the corpus is written as the encoder writes it`() throws {
    guard let folder = Shared.folder("corpus/distributions") else { return }
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    where name.hasSuffix(".xml") {
      let text = try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
      let it = distribution(try XMLReader.read(text))
      #expect(
        line(it) == String(decoding: try FerryJSON.encoder.encode(it), as: UTF8.self), "\(name)")
    }
  }
}

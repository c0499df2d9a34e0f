import FerryCloudFront
import FerryCore
import FerryModel
import Foundation
import Testing

@testable import Inventories

struct InventoryDiffTests {
  func inventory(_ ids: [String: String], tags: [String: String] = [:]) -> Inventory {
    Inventory(
      takenAt: Date(timeIntervalSince1970: 0), gaps: [],
      accounts: [
        .init(
          id: "111111111111",
          distributions: ids.sorted { $0.key < $1.key }.map { id, comment in
            .init(
              id: id, arn: "", domainName: "", status: "Deployed", etag: "", lastModified: "",
              tags: tags,
              config: XElement("DistributionConfig", [XElement("Comment", text: comment)]))
          })
      ])
  }
  @Test func `added, removed and changed are told apart, field by field`() {
    let diff = InventoryDiff(
      from: inventory(["A": "1", "B": "2"]), to: inventory(["B": "3", "C": "4"], tags: ["t": "x"]))
    #expect(
      diff.entries.map { "\($0.kind.rawValue) \($0.id)" } == ["removed A", "changed B", "added C"])
    #expect(
      diff.entries[1].fields == [
        .init(path: "Comment", old: "2", new: "3"), .init(path: "tags/t", old: nil, new: "x"),
      ])
    #expect(diff.text.hasSuffix("1 added, 1 removed, 1 changed\n"))
  }
  @Test func `what one side could not read is neither new nor gone`() {
    let whole = inventory(["A": "1", "B": "2"])
    func kinds(_ gap: Inventory.Gap?, _ accounts: [Inventory.Account]? = nil) -> [String] {
      var part = inventory(["B": "2"])
      if let accounts { part.accounts = accounts }
      part.gaps = [gap].compactMap { $0 }
      let both =
        InventoryDiff(from: whole, to: part).entries
        + InventoryDiff(from: part, to: whole).entries
      return both.map { "\($0.kind.rawValue) \($0.id)" }
    }
    func gap(_ account: String, _ call: String, _ resource: String? = nil) -> Inventory.Gap {
      .init(account: account, call: call, reason: "denied", resource: resource)
    }
    #expect(kinds(nil) == ["removed A", "added A"])
    #expect(kinds(gap("111111111111", "GetDistribution", "A")) == [])
    #expect(kinds(gap("111111111111", "GetDistribution", "B")) == ["removed A", "added A"])
    #expect(kinds(gap("111111111111", "ListDistributions")) == [])
    #expect(kinds(gap("222222222222", "ListDistributions")) == ["removed A", "added A"])
    #expect(kinds(gap("prod", "GetCallerIdentity"), []) == [])
    #expect(kinds(gap("prod", "GetCallerIdentity")) == ["removed A", "added A"])
  }
  @Test func `equal inventories differ in nothing`() {
    #expect(InventoryDiff(from: inventory(["A": "1"]), to: inventory(["A": "1"])).entries.isEmpty)
  }
  @Test func `an inventory survives its own file form, unknown elements included`() throws {
    var it = inventory(["A": "1"])
    it.accounts[0].distributions[0].config.nodes.append(
      .element(XElement("Invented", text: "kept")))
    let back = try Inventory.read(Array(FerryJSON.document(it).utf8), named: "x")
    #expect(back == it)
  }
}

struct ReaderTests {
  func reader(_ count: Int, faults: ModelTransport.Faults = .init()) throws -> InventoryReader {
    let model = SharedModel(CloudFrontModel(accounts: ["111111111111"]))
    let distributions: [JSONValue] = (0..<count).map { index in
      [
        "id": .string("E\(1000 + index)"),
        "config": [
          "CallerReference": .string("\(index)"), "Comment": "", "Enabled": true,
          "Origins": [
            "Quantity": 1,
            "Items": [
              [
                "Id": "o", "DomainName": "o.example.net",
                "CustomHeaders": [
                  "Quantity": 1, "Items": [["HeaderName": "x", "HeaderValue": "canary"]],
                ],
              ]
            ],
          ], "DefaultCacheBehavior": ["TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all"],
        ],
      ]
    }
    try model.with { (it: inout CloudFrontModel) throws(FerryError) in
      try it.load(
        [
          "schema": "edgeferry.inventory/1", "takenAt": "2026-01-01T00:00:00Z", "complete": true,
          "gaps": [],
          "accounts": [["id": "111111111111", "distributions": .array(distributions)]],
        ], now: Date())
    }
    var options = InventoryReader.Options()
    options.regions = ["us-east-1"]
    return InventoryReader(
      CloudFrontClient(
        ModelTransport(model, account: "111111111111", clock: VirtualClock(), faults: faults)),
      account: "111111111111", options: options)
  }

  @Test func `every page is read and header values are redacted`() async throws {
    let (account, gaps) = try await reader(250).account()
    #expect(account.distributions.count == 250 && gaps.isEmpty)
    #expect(!account.distributions[0].config.xml.contains("canary"))
  }

  @Test func `a page is asked for when few ids are left, so that they are never all held`()
    async throws
  {
    let seen = Seen()
    let faults = ModelTransport.Faults(before: { request, _ throws(FerryError) in
      seen.count(request.operation)
      return nil
    })
    var it = try reader(600, faults: faults)
    it.options.concurrency = 8
    let (account, gaps) = try await it.account()
    #expect(account.distributions.count == 600 && gaps.isEmpty)
    #expect(seen.unreadMax <= 310, "\(seen.unreadMax)")
  }
  /// How many distributions were listed and not yet asked for when a page was asked for.
  private final class Seen: @unchecked Sendable {
    private let lock = NSLock()
    private var listed = 0
    private var asked = 0
    private(set) var unreadMax = 0
    func count(_ operation: String) {
      lock.withLock {
        if operation == "GetDistribution" { asked += 1 }
        if operation == "ListDistributions" {
          listed += 100
          unreadMax = max(unreadMax, listed - asked)
        }
      }
    }
  }

  @Test func `one unreadable distribution is a gap and not the end`() async throws {
    let faults = ModelTransport.Faults(before: { request, _ throws(FerryError) in
      request.path.hasSuffix("/E1003")
        ? .awsError(status: 403, code: "AccessDenied", message: "no", requestID: "r") : nil
    })
    let (account, gaps) = try await reader(5, faults: faults).account()
    #expect(account.distributions.count == 4)
    #expect(gaps.map(\.call) == ["GetDistribution"] && gaps[0].resource == "E1003")
  }

  @Test func `a distribution deleted between list and get is no gap`() async throws {
    let faults = ModelTransport.Faults(before: { request, _ throws(FerryError) in
      request.path.hasSuffix("/E1003")
        ? .awsError(status: 404, code: "NoSuchDistribution", message: "gone", requestID: "r") : nil
    })
    let (account, gaps) = try await reader(5, faults: faults).account()
    #expect(account.distributions.count == 4 && gaps.isEmpty)
  }

  @Test func `an account of which nothing can be read is denied as a whole`() async throws {
    let faults = ModelTransport.Faults(before: { _, _ throws(FerryError) in
      .awsError(status: 403, code: "AccessDenied", message: "no", requestID: "r")
    })
    let it = try reader(5, faults: faults)
    let error = await #expect(throws: FerryError.self) { try await it.account() }
    #expect(error?.exit == .denied)
  }
}

import FerryCloudFront
import FerryCore
import Foundation
import Testing

@testable import FerryModel

/// The alias table where sources disagree; boto3 drives the rest of it end to end.
struct AliasTests {
  let world = World()

  private func set(_ behaviour: String) throws {
    try world.model.with { (it: inout CloudFrontModel) throws in try it.behaviours.set(behaviour) }
  }
  private func named(_ reference: String, _ names: [String]) async throws(FerryError)
    -> CloudFrontClient.Distribution
  {
    try await world.create(
      reference,
      [
        "ViewerCertificate": World.certificate,
        "Aliases": [
          "Quantity": .int(Int64(names.count)), "Items": .array(names.map(JSONValue.string)),
        ],
      ])
  }
  private func move(_ name: String, to id: String) async throws(FerryError) {
    _ = try await world.client.call(
      "AssociateAlias", method: "PUT", path: "/distribution/\(id)/associate-alias",
      query: [.init("Alias", name)])
  }

  @Test(arguments: [("no", false), ("yes", true)])
  func `a move inside an account needs a disabled source where the behaviour says so`(
    _ value: String, _ needed: Bool
  ) async throws {
    try set("same-account-move-needs-disabled-source=\(value)")
    let source = try await named("source", ["www.example.com"])
    let target = try await named("target", [])
    if needed {
      await world.refused("IllegalUpdate", 400) { () async throws(FerryError) in
        try await move("www.example.com", to: target.id)
      }
      _ = try await world.put(source.id, "Enabled", "false")
    }
    try await move("www.example.com", to: target.id)
    let after = try await world.client.distribution(target.id)
    #expect(after.config.text(at: "Aliases/Items/CNAME") == "www.example.com")
    #expect(after.etag != target.etag && after.status == "InProgress")
    #expect(
      try await world.client.distribution(source.id).config.text(at: "Aliases/Quantity") == "0")
  }

  @Test(arguments: ["www.example.com", "*.example.com"])
  func `a move needs the TXT record that names the target where the behaviour says so`(
    _ name: String
  ) async throws {
    try set("alias-move-needs-txt=always")
    _ = try await named("source", [name])
    let target = try await named("target", [])
    for wrong in [[:], ["_\(name)": ["d0other.cloudfront.net"]]] as [[String: Set<String>]] {
      world.model.with { $0.txtRecords = wrong }
      await world.refused("IllegalUpdate", 400) { () async throws(FerryError) in
        try await move(name, to: target.id)
      }
    }
    world.model.with { $0.txtRecords = ["_\(name)": ["other", target.domainName]] }
    try await move(name, to: target.id)
    // And without it: the API reference does not mention the record.
    world.model.with { $0.txtRecords = [:] }
    try set("alias-move-needs-txt=never")
    let next = try await named("next", [])
    try await move(name, to: next.id)
  }

  @Test(arguments: [("0", false), ("3600", true)])
  func `names of a deleted distribution stay taken for as long as the behaviour says`(
    _ seconds: String, _ taken: Bool
  ) async throws {
    try set("ghost-alias=\(seconds)")
    let gone = try await named("gone", ["www.example.com"])
    let disabled = try await world.put(gone.id, "Enabled", "false")
    world.clock.advance(seconds: 100)
    try await world.client.deleteDistribution(gone.id, ifMatch: disabled.etag)
    if taken {
      await world.refused("CNAMEAlreadyExists", 409) { () async throws(FerryError) in
        _ = try await named("new", ["www.example.com"])
      }
      world.clock.advance(seconds: 3600)
    }
    _ = try await named("new", ["www.example.com"])
  }

  @Test func `a distribution that a policy joins neither gives nor takes a name`() async throws {
    let trio = try await world.trio()
    _ = try await named("source", ["www.example.com"])
    let target = try await named("target", [])
    for id in [trio.primary, trio.staging] {
      await world.refused("IllegalUpdate", 400) { () async throws(FerryError) in
        try await move("www.example.com", to: id)
      }
    }
    try await move("www.example.com", to: target.id)
  }

  @Test func `a certificate stays as long as there are names`() async throws {
    let it = try await named("it", ["www.example.com"])
    var config = it.config
    config.put(
      XElement("ViewerCertificate", [XElement("CloudFrontDefaultCertificate", text: "true")]))
    await world.refused("InvalidViewerCertificate", 400) { () async throws(FerryError) in
      _ = try await world.client.updateDistribution(it.id, config: config, ifMatch: it.etag)
    }
    config.put(XElement("Aliases", [XElement("Quantity", text: "0")]))
    _ = try await world.client.updateDistribution(it.id, config: config, ifMatch: it.etag)
  }

  @Test func `a distribution holds as many aliases as the quota allows`() async throws {
    world.model.with { $0.quotas.aliases = 2 }
    _ = try await named("two", ["a.example.com", "b.example.com"])
    await world.refused("TooManyDistributionCNAMEs", 400) { () async throws(FerryError) in
      _ = try await named("three", ["c.example.com", "d.example.com", "e.example.com"])
    }
    _ = try await named("other", ["c.example.com"])
    let full = try await world.client.distributions(marker: nil).items.first {
      $0.text(at: "Aliases/Quantity") == "2"
    }
    await world.refused("TooManyDistributionCNAMEs", 400) { () async throws(FerryError) in
      try await move("c.example.com", to: full?.text(at: "Id") ?? "")
    }
  }
}

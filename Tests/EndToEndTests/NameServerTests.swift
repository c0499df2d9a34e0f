import FerryCore
import Foundation
import Testing

/// The servers that other tests stand on.
struct NameServerTests {
  @Test func `a secondary that hears NOTIFY follows it, one that does not follows by refresh`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    func zones(_ serial: Int, _ target: String) -> [String: String] {
      [
        "example.com.": NameServer.zone(
          "example.com.", serial: serial, refresh: 3600, "www CNAME \(target)")
      ]
    }
    let port = try NameServer.freePort()
    let primary = try await NameServer.bind(
      ferry, zones: zones(1, "old.example.net."), notify: ["127.0.0.1:\(port)"])
    let hearing = try await NameServer.knot(
      ferry, zones: zones(1, ""), primary: primary.address, port: port)
    let deaf = try await NameServer.knot(
      ferry, zones: zones(1, ""), primary: primary.address, hearsNotify: false, refreshMaximum: 2)
    let question = ["www.example.com", "CNAME"]
    #expect(try await hearing.dig(ferry, "www.example.com", "CNAME") == ["old.example.net."])
    try primary.reload(zones(2, "new.example.net.")["example.com."] ?? "")
    for server in [primary, hearing, deaf] {
      #expect(try await server.shows("new.example.net.", ferry, question), "\(server.talk)")
    }
    for server in [deaf, hearing, primary] { await server.stop() }
  }
}

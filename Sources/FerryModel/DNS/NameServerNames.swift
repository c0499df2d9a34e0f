import FerryCore

/// The names of the lab's name servers: of hosted zones as AWS makes them, of everything else its own.
enum NameServerNames {
  /// Each of a zone's four servers is under another of these, in the order of the servers.
  static let domains = ["com", "net", "org", "co.uk"]
  /// What serves the root, the top-level domains and cloudfront.net.
  static let ownDomain = DomainName(wire: "lab-servers.net.")
  static let own = ["a", "b", "c", "d"].map { DomainName(wire: "\($0).lab-servers.net.") }

  /// Such as `ns-2048.awsdns-64.com.`; the second number is the first's eighth.
  static func name(number: Int, domain: String) -> DomainName {
    DomainName(wire: "ns-\(number).\(zone(number: number)).\(domain).")
  }
  private static func zone(number: Int) -> String {
    let eighth = number / 8 % 64
    return "awsdns-" + (eighth < 10 ? "0\(eighth)" : "\(eighth)")
  }

  /// The `awsdns-NN.…` domain that a name is in, itself included.
  static func zone(of name: DomainName) -> DomainName? {
    let labels = name.labels
    for domain in domains {
      let depth = domain.split(separator: ".").count + 1
      guard labels.count >= depth, name.isWithin(DomainName(wire: domain + ".")) else { continue }
      let label = labels[labels.count - depth]
      guard label.hasPrefix("awsdns-"), label.utf8.count == 9,
        let number = Int(label.dropFirst(7)), (0..<64).contains(number)
      else { continue }
      return DomainName(wire: "\(label).\(domain).")
    }
    return nil
  }

  /// Which server a name stands for; nil for a name that is none.
  static func server(_ name: DomainName) -> Int? {
    if let index = own.firstIndex(of: name) { return index }
    guard let zone = zone(of: name), let first = name.labels.first, first.hasPrefix("ns-"),
      let number = Int(first.dropFirst(3)), (0..<2048).contains(number)
    else { return nil }
    return domains.firstIndex { Self.name(number: number, domain: $0) == name && zone != name }
  }
}

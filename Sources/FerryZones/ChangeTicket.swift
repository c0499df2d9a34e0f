import FerryCore
import FerryDNS
import Foundation

/// One change of records in every form that the person who makes it may need.
struct ChangeTicket {
  var zone: DomainName
  var changes: [RecordChange]

  /// All forms, each under a head line of its own.
  var text: String {
    let parts: [(String, String)] = [
      ("What to change", plain), ("As a difference of the zone file", zoneDifference),
      ("With nsupdate", nsupdate),
      ("As a change batch of Route 53 (aws route53 change-resource-record-sets)", changeBatch),
      ("In octoDNS (config/\(zone.host).yaml)", octoDNS),
      ("In DNSControl (dnsconfig.js)", dnsControl), ("In Terraform", terraform),
    ]
    return parts.map { "== \($0.0) ==\n\n\($0.1.trimmingCharacters(in: .newlines))\n" }
      .joined(separator: "\n")
  }

  // MARK: For people

  var plain: String {
    var out = "Please change these DNS records of \(zone), all at once:\n"
    for change in changes {
      out += "\n\(change.name) \(change.rrtype.rawValue)\n"
      out += "  now:    \(Standing.text(change.from))\n"
      out += "  wanted: \(Standing.text(change.to))\n"
    }
    out += """

      If something else is there now, please change nothing and say so.
      edgeferry sees the change in DNS by itself, once every name server of the zone has it.
      To undo it, exchange "now" and "wanted".

      """
    return out
  }

  // MARK: For DNS servers

  /// `-` and `+` before lines of a zone file.
  var zoneDifference: String {
    var out = "--- \(zone)\n+++ \(zone)\n"
    for (sign, value) in [("-", \RecordChange.from), ("+", \RecordChange.to)] {
      for change in changes where change.from != change.to {
        guard let it = change[keyPath: value] else { continue }
        if it.alias != nil {
          out += "; \(sign) \(change.name) \(change.rrtype.rawValue): \(Standing.text(it))"
          out += ", which no zone file can hold\n"
        }
        for data in it.data {
          out +=
            "\(sign)\(change.name) \(it.ttl ?? 0) IN \(change.rrtype.rawValue) \(oneLine(data))\n"
        }
      }
    }
    return out
  }

  /// The update that `rfc2136` would send, without the SOA's guard: that is read when it is sent.
  var nsupdate: String {
    guard !changes.contains(where: { $0.from?.alias != nil || $0.to?.alias != nil }) else {
      return "; no dynamic update makes or removes an alias record of Route 53\n"
    }
    let update = ZoneUpdate.message(changes, zone: zone, soa: nil)
    var lines = ["; nsupdate -k KEYFILE; add a line \"server ADDRESS\" where the primary is hidden"]
    lines.append("zone \(zone)")
    for it in update.prerequisites {
      switch it {
      case .holds(let key, let data):
        lines += data.map { "prereq yxrrset \(key.name) IN \(key.rrtype.rawValue) \(oneLine($0))" }
      case .exists(let key): lines.append("prereq yxrrset \(key.name) IN \(key.rrtype.rawValue)")
      case .absent(let key): lines.append("prereq nxrrset \(key.name) IN \(key.rrtype.rawValue)")
      case .unused(let name): lines.append("prereq nxdomain \(name)")
      }
    }
    for it in update.changes {
      switch it {
      case .add(let key, let ttl, let data):
        lines.append("update add \(key.name) \(ttl) IN \(key.rrtype.rawValue) \(oneLine(data))")
      case .remove(let key, let data):
        lines.append("update delete \(key.name) IN \(key.rrtype.rawValue) \(oneLine(data))")
      case .removeAll(let key):
        lines.append("update delete \(key.name) IN \(key.rrtype.rawValue)")
      }
    }
    return (lines + ["send", ""]).joined(separator: "\n")
  }

  /// DELETE with the old values and CREATE with the new ones: refused as a whole when something else is there.
  var changeBatch: String {
    var out: [JSONValue] = []
    for (action, value) in [("DELETE", \RecordChange.from), ("CREATE", \RecordChange.to)] {
      for change in changes where change.from != change.to {
        guard let it = change[keyPath: value] else { continue }
        var set: [String: JSONValue] = [
          "Name": .string(change.name.text), "Type": .string(change.rrtype.rawValue),
        ]
        if let alias = it.alias {
          set["AliasTarget"] = .object([
            "HostedZoneId": .string(alias.hostedZoneId), "DNSName": .string(alias.dnsName.text),
            "EvaluateTargetHealth": .bool(alias.evaluateTargetHealth),
          ])
        } else {
          set["TTL"] = .int(Int64(it.ttl ?? 0))
          set["ResourceRecords"] = .array(it.data.map { .object(["Value": .string($0)]) })
        }
        out.append(.object(["Action": .string(action), "ResourceRecordSet": .object(set)]))
      }
    }
    return FerryJSON.document(
      JSONValue.object([
        "Comment": .string("edgeferry: \(zone.host)"), "Changes": .array(out),
      ]))
  }

  // MARK: For infrastructure as code

  /// The wanted entries of a zone's YAML file; other types of the same names stay as they are.
  var octoDNS: String {
    var out = "---\n"
    var names: [DomainName] = []
    for change in changes where !names.contains(change.name) { names.append(change.name) }
    for name in names {
      let own = changes.filter { $0.name == name }
      for gone in own where gone.to == nil {
        out += "# remove \(gone.rrtype.rawValue) from \(quoted(name.relative(to: zone)))\n"
      }
      var entries: [[String]] = []
      for change in own {
        guard let to = change.to, to.alias == nil else { continue }
        var lines = ["ttl: \(to.ttl ?? 0)", "type: \(change.rrtype.rawValue)"]
        if [.cname, "DNAME"].contains(change.rrtype), let data = to.data.first {
          lines.append("value: \(quoted(data))")
        } else {
          lines.append("values:")
          for data in to.data { lines += octoValue(change.rrtype, data) }
        }
        entries.append(lines)
      }
      let aliases = own.compactMap { change in change.to?.alias.map { (change.rrtype, $0) } }
      if !aliases.isEmpty {
        var lines = ["type: Route53Provider/ALIAS", "values:"]
        for (type, alias) in aliases {
          lines += [
            "- evaluate-target-health: \(alias.evaluateTargetHealth)",
            "  hosted-zone-id: \(quoted(alias.hostedZoneId))",
            "  name: \(quoted(alias.dnsName.text))", "  type: \(type.rawValue)",
          ]
        }
        entries.append(lines)
      }
      guard !entries.isEmpty else { continue }
      out += "\(quoted(name.relative(to: zone))):\n"
      for lines in entries {
        for (index, line) in lines.enumerated() {
          out += (index == 0 ? "  - " : "    ") + line + "\n"
        }
      }
    }
    return out
  }
  private func octoValue(_ type: RRType, _ data: String) -> [String] {
    let words = data.split(separator: " ").map(String.init)
    switch type {
    case .txt:
      // octoDNS keeps the text without quotes, and a semicolon escaped.
      return [
        "- " + quoted(Self.characters(data).joined().replacingOccurrences(of: ";", with: "\\;"))
      ]
    case .https, "SVCB":
      guard words.count >= 2 else { break }
      var lines = ["- svcpriority: \(words[0])", "  targetname: \(quoted(words[1]))"]
      if words.count > 2 {
        lines.append("  svcparams:")
        for word in words.dropFirst(2) {
          let pair = word.split(separator: "=", maxSplits: 1).map(String.init)
          let value = pair.count > 1 ? pair[1].replacingOccurrences(of: "\"", with: "") : ""
          lines.append(
            "    \(pair[0]): "
              + (pair.count > 1
                ? "["
                  + value.split(separator: ",").map { quoted(String($0)) }.joined(separator: ", ")
                  + "]" : "null"))
        }
      }
      return lines
    case "MX":
      guard words.count == 2 else { break }
      return ["- exchange: \(quoted(words[1]))", "  preference: \(words[0])"]
    default: break
    }
    return ["- " + quoted(data)]
  }

  /// One statement for each domain, with what shall be there.
  var dnsControl: String {
    var out = ""
    var calls: [String] = []
    for change in changes {
      let name = change.name == zone ? "@" : change.name.relative(to: zone)
      guard let to = change.to else {
        out += "// remove the \(change.rrtype.rawValue) of \(quoted(name))\n"
        continue
      }
      if let alias = to.alias {
        calls.append(
          "R53_ALIAS(\(quoted(name)), \(quoted(change.rrtype.rawValue)), \(quoted(alias.dnsName.text)), R53_ZONE(\(quoted(alias.hostedZoneId))), R53_EVALUATE_TARGET_HEALTH(\(alias.evaluateTargetHealth)))"
        )
        continue
      }
      for data in to.data {
        calls.append(
          "\(change.rrtype.rawValue)(\(quoted(name)), \(Self.arguments(change.rrtype, data)), TTL(\(to.ttl ?? 0)))"
        )
      }
    }
    guard !calls.isEmpty else { return out }
    return out + "D_EXTEND(\(quoted(zone.host)), \(calls.joined(separator: ", ")));\n"
  }
  /// What DNSControl's function of that type takes after the name.
  private static func arguments(_ type: RRType, _ data: String) -> String {
    let words = data.split(separator: " ").map(String.init)
    switch type {
    case .txt:
      return "[" + characters(data).map { ChangeTicket.quote($0) }.joined(separator: ", ") + "]"
    case "MX" where words.count == 2: return "\(words[0]), \(quote(words[1]))"
    case "SRV" where words.count == 4:
      return words[0..<3].joined(separator: ", ") + ", " + quote(words[3])
    case .https where words.count >= 2, "SVCB" where words.count >= 2:
      return
        "\(words[0]), \(quote(words[1])), \(quote(words.dropFirst(2).joined(separator: " ")))"
    default: return quote(data)
    }
  }

  /// Blocks for the AWS provider; the zone is looked up by its name.
  var terraform: String {
    let zoneLabel = Self.label(zone)
    var out = """
      data "aws_route53_zone" "\(zoneLabel)" {
        name = \(hcl(zone.host))
      }

      """
    for change in changes {
      let address = "\(Self.label(change.name))_\(change.rrtype.rawValue.lowercased())"
      guard let to = change.to else {
        out += "\n# remove the block aws_route53_record.\(address)\n"
        continue
      }
      out += "\nresource \"aws_route53_record\" \"\(address)\" {\n"
      out += "  zone_id = data.aws_route53_zone.\(zoneLabel).zone_id\n"
      out += "  name    = \(hcl(change.name.host))\n"
      out += "  type    = \(hcl(change.rrtype.rawValue))\n"
      if let alias = to.alias {
        out += """

            alias {
              name                   = \(hcl(alias.dnsName.host))
              zone_id                = \(hcl(alias.hostedZoneId))
              evaluate_target_health = \(alias.evaluateTargetHealth)
            }
          }

          """
      } else {
        // The provider puts the outer quotes of a TXT record itself.
        let data = to.data.map {
          change.rrtype == .txt && $0.hasPrefix("\"") && $0.hasSuffix("\"") && $0.count > 1
            ? String($0.dropFirst().dropLast()) : $0
        }
        out += "  ttl     = \(to.ttl ?? 0)\n"
        out += "  records = [\(data.map(hcl).joined(separator: ", "))]\n}\n"
      }
    }
    return out
  }
  /// A name that Terraform takes for a block.
  private static func label(_ name: DomainName) -> String {
    let plain = name.host.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? String($0) : "_" }
      .joined()
    let isWildcard = name.isWildcard ? "wildcard" + plain.dropFirst() : plain
    return isWildcard.first?.isNumber == true ? "_" + isWildcard : isWildcard
  }

  // MARK: Quoting

  private func quoted(_ text: String) -> String { Self.quote(text) }
  /// A string of JSON, which JavaScript and YAML read alike.
  private static func quote(_ text: String) -> String {
    JSONValue.string(text).canonical
  }
  private func hcl(_ text: String) -> String {
    quoted(text).replacingOccurrences(of: "${", with: "$${")
      .replacingOccurrences(of: "%{", with: "%%{")
  }
  /// The character strings of TXT data, without quotes and escapes.
  private static func characters(_ data: String) -> [String] {
    var out: [String] = []
    var current = ""
    var isOpen = false
    var scalars = Array(data.unicodeScalars)[...]
    while let it = scalars.popFirst() {
      switch it {
      case "\\":
        let digits = String(String.UnicodeScalarView(scalars.prefix(3)))
        if digits.count == 3, let value = UInt8(digits) {
          current.unicodeScalars.append(Unicode.Scalar(value))
          scalars = scalars.dropFirst(3)
        } else if let next = scalars.popFirst() {
          current.unicodeScalars.append(next)
        }
      case "\"":
        if isOpen {
          out.append(current)
          current = ""
        }
        isOpen.toggle()
      case " " where !isOpen:
        if !current.isEmpty { out.append(current) }
        current = ""
      default: current.unicodeScalars.append(it)
      }
    }
    if !current.isEmpty { out.append(current) }
    return out.isEmpty ? [""] : out
  }
}

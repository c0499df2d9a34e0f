import FerryCore
import Foundation

/// What to type when the tool is dead: to look, to change, to take back.
///
/// Every foreign word is one word of the shell; a change batch or an update script goes to its tool on
/// standard input, from a heredoc that expands nothing and has no line that its data could end.
struct ByHand {
  var plan: Plan
  /// The plan's file, as the reader would name it.
  var path: String
  var site: Site
  /// More RRsets than this in one change are taken from the plan file by jq, never left out.
  static let inlineMax = 20
  private static let serversMax = 8

  // MARK: Looking

  /// Commands that show what the step is about, and what they should show once it is done.
  func look(_ step: Step) -> [String] {
    var out: [String] = []
    if let dns = step.action.dns {
      out += ask(dns.zone, dns.changes.map(\.key), step: step)
      if dns.changes.count == 1, let to = dns.changes.first {
        out.append("# once done, each of them: \(PlanText.record(to.to))")
      }
    }
    for check in step.checks {
      switch check.type {
      case .authoritative where step.action.dns == nil:
        out += ask(check.zone ?? .root, (check.records ?? []).map(\.key), step: nil)
      case .recursive:
        for key in (check.records ?? []).prefix(3).map(\.key) {
          out += site.resolvers.prefix(Self.serversMax).map { dig($0, key, recursive: true) }
          if site.resolvers.isEmpty {
            out.append("dig +noall +answer \(words(key))")
          }
        }
      case .serving, .health:
        let to = check.at.map { " --connect-to \(shellWord("::\($0):"))" } ?? ""
        let header =
          check.policy.map {
            #" -H "$(aws cloudfront get-continuous-deployment-policy --id \#(Self.known($0)) --output text --query "ContinuousDeploymentPolicy.ContinuousDeploymentPolicyConfig.TrafficConfig.SingleHeaderConfig.join(': ', [Header, Value])")""#
          } ?? ""
        out.append("curl -sS -o /dev/null -D -\(to)\(header) \(shellWord(check.url ?? ""))")
      case .idle:
        out.append(
          "aws cloudwatch get-metric-statistics --region us-east-1 --namespace AWS/CloudFront --metric-name Requests --statistics Sum --period 3600 --dimensions Name=DistributionId,Value=\(Self.known(check.distribution ?? "")) Name=Region,Value=Global --start-time START --end-time NOW"
        )
      case .errorRate:
        for id in [check.distribution, check.against].compactMap({ $0 }) {
          for (metric, statistic) in [
            ("Requests", "Sum"), ("5xxErrorRate", "Average"), ("4xxErrorRate", "Average"),
          ] {
            out.append(
              "aws cloudwatch get-metric-statistics --region us-east-1 --namespace AWS/CloudFront --metric-name \(metric) --statistics \(statistic) --period 60 --dimensions Name=DistributionId,Value=\(Self.known(id)) Name=Region,Value=Global --start-time START --end-time NOW"
            )
          }
        }
      case .unchanged:
        let id = Self.known(check.distribution ?? check.policy ?? "")
        out.append(
          check.policy == nil
            ? "aws cloudfront get-distribution --id \(id) --query '[ETag,Distribution.LastModifiedTime]'"
            : "aws cloudfront get-continuous-deployment-policy --id \(id) --query '[ETag,ContinuousDeploymentPolicy.LastModifiedTime]'"
        )
        out.append("# \(safe(check.value ?? "")) \(safe(check.modified ?? "")) still")
      case .stackHolds, .stackReleased:
        out.append(
          "aws cloudformation list-stack-resources --region \(shellWord(check.region ?? "us-east-1")) --stack-name \(shellWord(check.stack ?? ""))"
        )
      case .deployed, .config, .absent, .alias, .authoritative: break
      }
    }
    return out
  }
  /// The authoritative servers of a zone: as probed, as set, or found through the delegation.
  private func servers(_ zone: DomainName) -> [DNSServer] {
    var seen: Set<DNSServer> = []
    let probed = (plan.observed.probes ?? []).filter { $0.zone == zone }.prefix(50)
      .flatMap(\.servers).compactMap { DNSServer($0.address) }.filter { seen.insert($0).inserted }
    return probed.isEmpty ? site.zone(zone)?.nameservers ?? [] : probed
  }
  private func ask(_ zone: DomainName, _ keys: [RecordKey], step: Step?) -> [String] {
    let servers = servers(zone)
    var out: [String] = []
    if servers.isEmpty {
      out.append("dig +short NS \(shellWord(zone.text))   # then each of them for @SERVER")
    }
    func at(_ server: DNSServer?, _ what: String) -> String {
      guard let server else { return "dig @SERVER +norecurse +noall +answer \(what)" }
      return dig(server, what, recursive: false)
    }
    if keys.count > 3, let step {
      out.append(
        "jq -r '\(changes(step)) | .[] | \"\\(.name) \\(.rrtype)\"' \(shellWord(path)) > names.txt")
      out += (servers.isEmpty ? [nil] : servers.prefix(Self.serversMax).map { $0 }).map {
        at($0, "-f names.txt")
      }
    } else {
      for key in keys {
        out += (servers.isEmpty ? [nil] : servers.prefix(Self.serversMax).map { $0 }).map {
          at($0, words(key))
        }
      }
    }
    if servers.count > Self.serversMax {
      out.append("# and \(servers.count - Self.serversMax) more servers")
    }
    return out
  }
  private func words(_ key: RecordKey) -> String {
    "\(shellWord(key.name.text)) \(shellWord(key.rrtype.rawValue))"
  }
  private func dig(_ server: DNSServer, _ key: RecordKey, recursive: Bool) -> String {
    dig(server, words(key), recursive: recursive)
  }
  /// kdig takes the same words; drill says `-o rd` for `+norecurse`.
  private func dig(_ server: DNSServer, _ what: String, recursive: Bool) -> String {
    let rest = "\(recursive ? "" : "+norecurse ")+noall +answer \(what)"
    switch server.transport {
    case .https:
      let url = URLComponents(string: server.address)
      return
        "kdig @\(shellWord(url?.host ?? server.address)) +https=\(shellWord(url?.path ?? "/dns-query")) \(rest)"
    case .tls:
      return "kdig @\(shellWord(server.address)) -p \(server.port) +tls \(rest)"
    case .udp:
      return
        "dig @\(shellWord(server.address))\(server.port == 53 ? "" : " -p \(server.port)") \(rest)"
    }
  }

  // MARK: Changing

  /// The change itself, for the provider that the settings name for the zone, else for each that it may be.
  /// - Parameter inverse: its way back instead.
  func change(_ step: Step, inverse: Bool = false) -> [String] {
    guard let action = inverse ? step.inverse : step.action else { return [] }
    guard let dns = action.dns else {
      return Self.cloudFront(action, checks: inverse ? [] : step.checks)
    }
    let settings = site.zone(dns.zone)
    let isAlias = dns.changes.contains { $0.from?.alias != nil || $0.to?.alias != nil }
    var out: [String] = []
    switch settings?.provider {
    case .route53: out += route53(dns.changes, settings, step, inverse)
    case .rfc2136: out += update(dns.zone, dns.changes, settings, step, inverse)
    case .manual, nil:
      out.append("# if the zone is at Route 53:")
      out += route53(dns.changes, settings, step, inverse)
      if !isAlias {
        out += ["", "# if its server takes dynamic updates:"]
        out += update(dns.zone, dns.changes, settings, step, inverse)
        out += ["", "# in a zone file, with the next serial:"]
        out += zoneFile(dns.changes)
      }
    }
    return out
  }

  /// DELETE with the exact old set and CREATE in one batch: Route 53 refuses it if anything else is there.
  private func route53(
    _ changes: [RecordChange], _ zone: ZoneSettings?, _ step: Step, _ inverse: Bool
  ) -> [String] {
    let id = zone?.zoneID.map(shellWord) ?? "ZONE-ID"
    let apply = [
      "aws route53 change-resource-record-sets --hosted-zone-id \(id) --change-batch file://change.json",
      "aws route53 wait resource-record-sets-changed --id CHANGE-ID   # as the answer's ChangeInfo.Id says",
    ]
    if changes.count > Self.inlineMax {
      return [
        "jq '\(self.changes(step, inverse)) | \(Self.batch)' \(shellWord(path)) > change.json"
      ] + apply
    }
    func entry(_ action: String, _ key: RecordKey, _ value: RecordValue) -> JSONValue {
      var set: [String: JSONValue] = [
        "Name": .string(key.name.text), "Type": .string(key.rrtype.rawValue),
      ]
      if let alias = value.alias {
        set["AliasTarget"] = [
          "HostedZoneId": .string(alias.hostedZoneId), "DNSName": .string(alias.dnsName.text),
          "EvaluateTargetHealth": .bool(alias.evaluateTargetHealth),
        ]
      } else {
        set["TTL"] = .int(Int64(value.ttl ?? 0))
        set["ResourceRecords"] = .array(value.data.map { ["Value": .string($0)] })
      }
      return ["Action": .string(action), "ResourceRecordSet": .object(set)]
    }
    let entries =
      changes.compactMap { change in change.from.map { entry("DELETE", change.key, $0) } }
      + changes.compactMap { change in change.to.map { entry("CREATE", change.key, $0) } }
    let batch = JSONValue.object(["Changes": .array(entries)])
    return ["cat > change.json <<'JSON'", jsonSafe(batch.canonical), "JSON"] + apply
  }
  /// One message whose prerequisites are the old records: the server applies all of it or nothing.
  private func update(
    _ zone: DomainName, _ changes: [RecordChange], _ settings: ZoneSettings?, _ step: Step,
    _ inverse: Bool
  ) -> [String] {
    var head: [String] = []
    if let server = settings?.server {
      head.append("server \(server.address) \(server.port)")
    }
    head.append("zone \(word(zone.text))")
    var out: [String] = []
    if let tsig = settings?.tsig {
      out.append(
        "# update.key: key \"\(word(tsig.name))\" { algorithm \(word(tsig.algorithm)); secret \"…\"; };   the secret is in \(safe(tsig.secretFile))"
      )
    } else {
      out.append("# update.key: the zone's TSIG key, as a file for nsupdate -k")
    }
    if changes.count > Self.inlineMax {
      return out + [
        "{ printf '%s\\n' \(head.map(shellWord).joined(separator: " "))",
        "  jq -r '\(self.changes(step, inverse)) | \(Self.script)' \(shellWord(path)); echo send",
        "} | nsupdate -v -k update.key",
      ]
    }
    out.append("nsupdate -v -k update.key <<'END'")
    out += head
    for change in changes {
      let key = "\(word(change.name.text)) \(word(change.rrtype.rawValue))"
      guard let from = change.from else {
        out.append("prereq nxrrset \(key)")
        continue
      }
      out += from.data.map { "prereq yxrrset \(key) \(word($0))" }
    }
    for change in changes where change.from != nil {
      out.append("update delete \(word(change.name.text)) \(word(change.rrtype.rawValue))")
    }
    for change in changes {
      guard let to = change.to else { continue }
      out += to.data.map {
        "update add \(word(change.name.text)) \(to.ttl ?? 0) \(word(change.rrtype.rawValue)) \(word($0))"
      }
    }
    return out + ["send", "END"]
  }
  private func zoneFile(_ changes: [RecordChange]) -> [String] {
    func lines(_ sign: String, _ key: RecordKey, _ value: RecordValue?) -> [String] {
      (value?.data ?? []).map {
        "\(sign) \(word(key.name.text)) \(value?.ttl ?? 0) IN \(word(key.rrtype.rawValue)) \(word($0))"
      }
    }
    return changes.prefix(Self.inlineMax).flatMap {
      lines("-", $0.key, $0.from) + lines("+", $0.key, $0.to)
    } + (changes.count > Self.inlineMax ? ["# and \(changes.count - Self.inlineMax) more"] : [])
  }
  /// Presentation form is printable ASCII of any length; what is not was never a record.
  private func word(_ text: String) -> String { safe(text, limit: 70_000) }

  // MARK: From the plan file

  /// jq: the step's changes, as the file has them; step ids are plain words (`Plan.checkNames`).
  private func changes(_ step: Step, _ inverse: Bool = false) -> String {
    ".steps[] | select(.id == \"\(safe(step.id))\") | .\(inverse ? "inverse" : "action") | (.changes // [.])"
  }
  private static let batch = """
    def set(v): {Name: .name, Type: .rrtype} + if v.alias then {AliasTarget: {HostedZoneId: v.alias.hostedZoneId, \
    DNSName: v.alias.dnsName, EvaluateTargetHealth: v.alias.evaluateTargetHealth}} \
    else {TTL: v.ttl, ResourceRecords: [v.data[] | {Value: .}]} end; \
    {Changes: ([.[] | select(.from) | {Action: "DELETE", ResourceRecordSet: set(.from)}] \
    + [.[] | select(.to) | {Action: "CREATE", ResourceRecordSet: set(.to)}])}
    """
  private static let script = """
    (.[] | "\\(.name) \\(.rrtype)" as $k | if .from then "prereq yxrrset \\($k) \\(.from.data[])" \
    else "prereq nxrrset \\($k)" end), (.[] | select(.from) | "update delete \\(.name) \\(.rrtype)"), \
    (.[] | select(.to) | "update add \\(.name) \\(.to.ttl) \\(.rrtype) \\(.to.data[])")
    """
}

import FerryCore
import Foundation
import Testing

/// A cutover through the built binary on real name servers: who learns late, who keeps old answers, who is down
/// and who lies; and what a person puts in its way.
struct CutoverServersTests {
  static let source = "d111111abcdef8.cloudfront.net"
  static let target = "d222222abcdef8.cloudfront.net"
  static let www = "www.example.com"
  /// Spans of seconds.
  static func policy(bake: Int = 1, rounds: Int = 2) -> String {
    """
    cutover: { ttl: 2, propagation: 1s, margin: { percent: 0, minimum: 1s, maximum: 1s }, resolverFloor: 1s, clientHold: 1s, staleHold: 1s, bake: \(bake)s }
    polling: { authoritative: 0.5s, rounds: \(rounds) }
    """
  }
  static func zone(
    _ ttl: Int, name: String = "example.com.", at: String = source, refresh: Int = 3600
  ) -> String {
    NameServer.zone(name, refresh: refresh, minimum: 1, "www \(ttl) IN CNAME \(at).")
  }
  static func settings(
    _ ferry: Ferry, primary: NameServer, nameservers: [String], resolvers: [String] = [],
    key: NameServer.Key, zones: [String] = ["example.com"], more: String = policy()
  ) throws {
    let servers = nameservers.map { "\"\($0)\"" }.joined(separator: ", ")
    var text = "version: 1\nzones:\n"
    for zone in zones {
      text +=
        "  \(zone): { provider: rfc2136, server: \"\(primary.address)\", nameservers: [\(servers)], tsig: { name: \(key.name), secretFile: tsig.secret } }\n"
    }
    text += "resolvers: [\(resolvers.map { "\"\($0)\"" }.joined(separator: ", "))]\n\(more)\n"
    try ferry.write(text, to: "edgeferry.yaml")
    try ferry.write(key.secret + "\n", to: "tsig.secret")
    chmod(ferry.folder.appendingPathComponent("tsig.secret").path, 0o600)
  }
  /// - Returns: the digests of the plan and of its rollback plan.
  static func plan(
    _ ferry: Ferry, _ name: String = www, as plan: String = "move", _ more: [String] = [],
    extra: [String: String] = [:], to: String = target
  ) async throws -> (apply: String, rollback: String) {
    let answer = try await ferry.run(
      ["cutover", "plan", name, "--to", to, "--name", plan, "--output", "json"] + more,
      extra: extra)
    try #require(answer.code == 0, "\(answer.talk)")
    return (
      answer.json["digest"]?.string ?? "",
      try ferry.read("plans/\(plan).rollback.plan.json")["digest"]?.string ?? ""
    )
  }
  /// One step of a status.
  static func step(_ status: JSONValue, _ prefix: String) -> JSONValue {
    status["steps"]?.array?.first { $0["id"]?.string?.hasPrefix(prefix) == true } ?? .null
  }
  static func time(_ value: JSONValue?) -> Date {
    value?.string.flatMap(Timestamp.read) ?? .distantPast
  }
  static func serial(_ ferry: Ferry, _ server: NameServer, _ zone: String = "example.com")
    async throws -> Int
  {
    let soa = try await server.dig(ferry, zone, "SOA").first ?? ""
    return soa.split(separator: " ").dropFirst(2).first.flatMap { Int($0) } ?? 0
  }
  /// Runs `body` and ends the servers whatever comes.
  static func ending(_ servers: [NameServer], _ body: () async throws -> Void) async throws {
    do {
      try await body()
    } catch {
      for server in servers { await server.stop() }
      throw error
    }
    for server in servers { await server.stop() }
  }

  // MARK: A secondary

  @Test(arguments: [true, false])
  func `waits are counted from when the secondary has the change, told of it or not`(
    _ isTold: Bool
  ) async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let key = NameServer.Key()
    let port = try NameServer.freePort()
    let bind = try await NameServer.bind(
      ferry, zones: ["example.com.": Self.zone(4)], key: key,
      notify: isTold ? ["127.0.0.1:\(port)"] : [])
    let knot = try await NameServer.knot(
      ferry, zones: ["example.com.": ""], primary: bind.address, port: port)
    let unbound = try await NameServer.unbound(
      ferry, stubs: ["example.com.": [bind.address, knot.address]])
    try await Self.ending([bind, knot, unbound]) {
      try Self.settings(
        ferry, primary: bind, nameservers: [bind.address, knot.address],
        resolvers: [unbound.address], key: key)
      let digest = try await Self.plan(ferry)
      /// Runs a command, the secondary left behind for two seconds each time unless it is told.
      /// - Returns: the status, and when the secondary was last seen without the target.
      func run(_ arguments: [String]) async throws -> (status: JSONValue, lastOld: Date) {
        let lag = Task {
          var lastOld = Date.distantPast
          while !Task.isCancelled {
            let now = Date()
            // No answer, as on a busy machine, says nothing.
            let old = [Self.source + "."]
            if try await knot.dig(ferry, Self.www, "CNAME") == old { lastOld = now }
            let serials = (try await Self.serial(ferry, bind), try await Self.serial(ferry, knot))
            if !isTold, serials.0 != 0, serials.1 != 0, serials.0 != serials.1 {
              try? await Task.sleep(for: .seconds(2))
              if try await knot.dig(ferry, Self.www, "CNAME") == old { lastOld = Date() }
              _ = try await ferry.run(
                [
                  "-c", knot.folder.appendingPathComponent("knot.conf").path, "zone-refresh",
                  "example.com.",
                ], extra: ["PATH": NameServer.path], program: "knotc")
            }
            try? await Task.sleep(for: .milliseconds(200))
          }
          return lastOld
        }
        let answer = try await ferry.run(arguments + ["--output", "json"])
        lag.cancel()
        let lastOld = try await lag.value
        #expect(answer.code == 0, "\(answer.talk)")
        return (answer.json, lastOld)
      }
      let applied = try await run(["apply", "move", "--approve", digest.apply])
      let flip = Self.step(applied.status, "flip")
      let changed = Self.time(flip["observedChangeAt"])
      #expect(changed >= applied.lastOld)
      let planned = Self.step(try ferry.read("plans/move.plan.json"), "flip")["wait"]?["seconds"]?
        .int
      #expect(Self.time(flip["finishedAt"]) >= changed + Double(planned ?? 1000) - 1)
      if !isTold {
        #expect(changed.timeIntervalSince(Self.time(flip["startedAt"])) >= 2)
      }
      // Once it is done nobody has the old answer.
      for server in [bind, knot, unbound] {
        #expect(try await server.dig(ferry, Self.www, "CNAME") == [Self.target + "."])
      }
      #expect(try await Self.serial(ferry, bind) == 4)

      let undone = try await run(["rollback", "move", "--approve", digest.rollback])
      #expect(undone.status["steps"]?.array?.allSatisfy { $0["state"] == "verified" } == true)
      for server in [bind, knot] {
        let answer = try await ferry.run(
          [
            "@127.0.0.1", "-p", "\(server.port)", "+noall", "+answer", Self.www, "CNAME",
          ], program: "dig")
        #expect(
          answer.out.split(whereSeparator: \.isWhitespace).map(String.init) == [
            Self.www + ".", "4", "IN", "CNAME", Self.source + ".",
          ])
      }
      #expect(try await unbound.dig(ferry, Self.www, "CNAME") == [Self.source + "."])
      #expect(try await Self.serial(ferry, bind) == 7)
    }
  }

  // MARK: Caches

  @Test(arguments: ["cache-min-ttl: 60", "serve-expired: yes"])
  func `a resolver that keeps the old answer too long holds the run until it has let go`(
    _ option: String
  ) async throws {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let key = NameServer.Key()
    let bind = try await NameServer.bind(ferry, zones: ["example.com.": Self.zone(2)], key: key)
    let unbound = try await NameServer.unbound(
      ferry, stubs: ["example.com.": [bind.address]], options: [option])
    try await Self.ending([bind, unbound]) {
      // The plan reckons with what the resolvers that it asks keep; here it asks none.
      try Self.settings(ferry, primary: bind, nameservers: [bind.address], key: key)
      let digest = try await Self.plan(ferry)
      try Self.settings(
        ferry, primary: bind, nameservers: [bind.address], resolvers: [unbound.address], key: key)
      // The copy is as new as can be.
      let clock = ContinuousClock()
      let end = clock.now + .seconds(200)
      while option.hasPrefix("cache"), clock.now < end {
        let answer = try await ferry.run(
          ["@127.0.0.1", "-p", "\(unbound.port)", "+noall", "+answer", Self.www, "CNAME"],
          program: "dig")
        if let ttl = answer.out.split(whereSeparator: \.isWhitespace).dropFirst().first
          .flatMap({ Int($0) }), ttl >= 59
        {
          break
        }
        try await Task.sleep(for: .milliseconds(100))
      }
      #expect(try await unbound.dig(ferry, Self.www, "CNAME") == [Self.source + "."])
      let applied = try await ferry(
        "apply", "move", "--approve", digest.apply, "--output", "json")
      #expect(applied.code == 0, "\(applied.talk)")
      #expect(try await unbound.dig(ferry, Self.www, "CNAME") == [Self.target + "."])
      let flip = Self.step(applied.json, "flip")
      let wait = Self.step(try ferry.read("plans/move.plan.json"), "flip")["wait"]?["seconds"]?.int
      let took = Self.time(flip["finishedAt"]).timeIntervalSince(
        Self.time(flip["observedChangeAt"]))
      if option.hasPrefix("cache") {
        #expect(took >= Double(wait ?? 1000) + 1)
        #expect(applied.talk.contains("resolvers to let the old answer go"), "\(applied.talk)")
      }
      #expect(try await Self.serial(ferry, bind) == 2)
    }
  }

  // MARK: Servers that fail

  /// Behaviours of `clients/dns_server.py`; `down` is no server at all, `lie` one with a third value.
  static let unknowns = ["down", "lame", "refused", "servfail", "silent", "wrong-id"]
  static let fine = ["truncate", "spoofed-first", "slow=0.5"]

  @Test
  func
    `a name server that gives no sound answer never counts as changed, and is named until it does`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let key = NameServer.Key()
    let all = Self.unknowns + Self.fine + ["lie"]
    func zone(_ index: Int) -> String { "zone\(index).test" }
    var zones: [String: String] = [:]
    for index in all.indices {
      zones["\(zone(index))."] = Self.zone(2, name: "\(zone(index)).")
    }
    let bind = try await NameServer.bind(ferry, zones: zones, key: key)
    var scripts: [String: NameServer] = [:]
    for (index, behaviour) in all.enumerated() where behaviour != "down" {
      // Were its answer believed, the change would be seen there.
      scripts[behaviour] = try await NameServer.script(
        ferry, zone: "\(zone(index)).",
        text: Self.zone(
          2, name: "\(zone(index)).",
          at: behaviour == "lie" ? "d333333abcdef8.cloudfront.net" : Self.target),
        behaviour: behaviour == "lie" ? "ok" : behaviour)
    }
    let policy = Self.policy(bake: 0, rounds: 1)
    try await Self.ending([bind] + scripts.values) {
      for (index, behaviour) in all.enumerated() {
        let address = scripts[behaviour]?.address ?? "127.0.0.1:1"
        func configure(_ nameservers: [String]) throws {
          try Self.settings(
            ferry, primary: bind, nameservers: nameservers, key: key, zones: [zone(index)],
            more: policy)
        }
        try configure([bind.address])
        let digest = try await Self.plan(
          ferry, "www.\(zone(index))", as: "move\(index)")
        try configure([bind.address, address])
        let apply = ["move\(index)", "--approve", digest.apply, "--output", "json"]
        if Self.fine.contains(behaviour) {
          let done = try await ferry.run(["apply"] + apply)
          #expect(done.code == 0, "\(behaviour): \(done.talk)")
        } else if behaviour == "lie" {
          let stale = try await ferry.run(["apply"] + apply)
          #expect(stale.code == 5, "\(stale.talk)")
          #expect(stale.talk.contains("d333333abcdef8") && stale.talk.contains(address))
          #expect(try await ferry("status", "move\(index)").code == 5)
        } else {
          for _ in 0..<(behaviour == "lame" ? 2 : 1) {
            let waiting = try await ferry.run(["advance"] + apply)
            #expect(waiting.code == 3, "\(behaviour): \(waiting.talk)")
            let reason = waiting.json["reason"]?.string ?? ""
            #expect(reason.contains("\(address) unknown"), "\(behaviour): \(reason)")
            #expect(reason.contains("1 of 2 servers have it"), "\(behaviour): \(reason)")
          }
          let status = try await ferry("status", "move\(index)", "--output", "json")
          #expect(status.code == 3)
          #expect(Self.step(status.json, "flip")["observedChangeAt"] == .null)
        }
        // Asked twice or not, it is written once.
        #expect(try await Self.serial(ferry, bind, zone(index)) == 2, "\(behaviour)")
      }
    }
  }

  // MARK: People

  @Test
  func `a hold, a freeze and closed hours each keep the next write back and say what to do`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let key = NameServer.Key()
    let bind = try await NameServer.bind(ferry, zones: ["example.com.": Self.zone(30)], key: key)
    func configure(_ windows: String) throws {
      try Self.settings(
        ferry, primary: bind, nameservers: [bind.address], key: key,
        more: Self.policy(rounds: 1) + "\n" + windows)
    }
    try await Self.ending([bind]) {
      try configure("")
      let digest = try await Self.plan(ferry)
      let apply = ["apply", "move", "--approve", digest.apply, "--output", "json"]

      // Held while the lowered TTL is waited for.
      let run = try ferry.start(apply)
      let clock = ContinuousClock()
      let end = clock.now + .seconds(60)
      while clock.now < end, try await Self.serial(ferry, bind) < 2 {
        try await Task.sleep(for: .milliseconds(50))
      }
      let hold = try await ferry("hold", "move", "--reason", "a storm is coming")
      #expect(hold.code == 0, "\(hold.talk)")
      let held = await run.process.wait()
      let said = text(run.talk.path)
      #expect(held.code == 4, "\(said)")
      #expect(said.contains("a storm is coming") && said.contains("edgeferry release move"))
      #expect(try await Self.serial(ferry, bind) == 2)
      let status = try await ferry("status", "move", "--output", "json")
      #expect(status.code == 4 && status.json["state"] == "blocked")
      #expect(status.json["debts"]?.array?.count == 1)
      #expect(try await ferry("release", "move").code == 0)

      // A freeze that began meanwhile.
      let now = Date()
      try configure(
        "windows: { dns: { timeZone: UTC, freeze: [\"\(Timestamp.text(now - 60))/\(Timestamp.text(now + 7200))\"] } }"
      )
      let frozen = try await ferry.run(apply)
      #expect(frozen.code == 4, "\(frozen.talk)")
      #expect(frozen.error["code"] == "window", "\(frozen.talk)")
      #expect(frozen.error["why"]?.string?.contains("a freeze lasts until") == true)
      #expect(frozen.json["until"]?.string == Timestamp.text(now + 7200))
      #expect(try await Self.serial(ferry, bind) == 2)
      // One that begins while a span is waited out bites before the next write.
      try configure("")
      let flipped = try await ferry.run(apply + ["--until", "bake-www"])
      #expect(flipped.code == 3, "\(flipped.talk)")
      #expect(try await Self.serial(ferry, bind) == 3)

      // DNS is not undone outside its hours, and a freeze does not keep it from that.
      let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
      let today = Int((now.timeIntervalSince1970 / 86_400).rounded(.down)) + 4
      try configure(
        "windows: { dns: { timeZone: UTC, allow: [\"\(weekdays[(today + 3) % 7]) 10:00-12:00\"] } }"
      )
      let back = ["rollback", "move", "--approve", digest.rollback, "--output", "json"]
      let closed = try await ferry.run(back)
      #expect(closed.code == 4, "\(closed.talk)")
      let day = Double(today - 4 + 3) * 86_400 + 36_000
      let opens = Timestamp.text(Date(timeIntervalSince1970: day))
      #expect(closed.json["until"]?.string == opens)
      #expect(closed.error["next"]?.string?.contains(opens) == true, "\(closed.talk)")
      #expect(try await Self.serial(ferry, bind) == 3)
      try configure(
        "windows: { dns: { timeZone: UTC, freeze: [\"\(Timestamp.text(now - 60))/\(Timestamp.text(now + 7200))\"] } }"
      )
      // Half taken back it is not done, and goes no further forward.
      let half = try await ferry.run(back + ["--max-wait", "0s"])
      #expect(half.code == 3, "\(half.talk)")
      #expect(try await Self.serial(ferry, bind) == 4)
      let standing = try await ferry("status", "move", "--output", "json")
      #expect(standing.code == 3, "\(standing.out)")
      #expect(standing.json["reason"]?.string?.hasPrefix("it is being taken back") == true)
      #expect(
        standing.json["next"]?.string == "edgeferry rollback move --approve \(digest.rollback)")
      let forward = try await ferry.run(apply)
      #expect(forward.code == 4 && forward.error["code"] == "rollback-under-way", "\(forward.talk)")
      let undone = try await ferry.run(back)
      #expect(undone.code == 0, "\(undone.talk)")
      #expect(try await ferry("status", "move", "--output", "json").json["state"] == "rolled-back")
      #expect(try await bind.dig(ferry, Self.www, "CNAME") == [Self.source + "."])
      #expect(try await Self.serial(ferry, bind) == 5)
    }
  }

  @Test func `a window that closes while a span is waited out keeps the next write back`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let key = NameServer.Key()
    let bind = try await NameServer.bind(ferry, zones: ["example.com.": Self.zone(45)], key: key)
    try await Self.ending([bind]) {
      try Self.settings(ferry, primary: bind, nameservers: [bind.address], key: key)
      let digest = try await Self.plan(ferry)
      // The lowering waits longer than that.
      let closes = Date() + 36
      try Self.settings(
        ferry, primary: bind, nameservers: [bind.address], key: key,
        more: Self.policy(rounds: 1)
          + "\nwindows: { dns: { timeZone: UTC, freeze: [\"\(Timestamp.text(closes))/\(Timestamp.text(closes + 7200))\"] } }"
      )
      let blocked = try await ferry(
        "apply", "move", "--approve", digest.apply, "--output", "json")
      #expect(blocked.code == 4, "\(blocked.talk)")
      #expect(blocked.json["step"]?["id"] == "flip-www")
      #expect(blocked.json["until"]?.string == Timestamp.text(closes + 7200))
      #expect(try await Self.serial(ferry, bind) == 2)
    }
  }

  @Test
  func `a zone in a person's hands shows the ticket, waits for its approval and then for DNS`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let bind = try await NameServer.bind(ferry, zones: ["example.com.": Self.zone(2)])
    try await Self.ending([bind]) {
      try ferry.write(
        """
        version: 1
        zones: { example.com: { provider: manual, nameservers: ["\(bind.address)"] } }
        resolvers: []
        \(Self.policy())
        """, to: "edgeferry.yaml")
      let digest = try await Self.plan(ferry)
      let advance = ["advance", "move", "--approve", digest.apply, "--output", "json"]
      let gated = try await ferry.run(advance)
      #expect(gated.code == 4, "\(gated.talk)")
      #expect(gated.error["code"] == "gate")
      #expect(
        gated.json["next"]?.string?.hasPrefix("edgeferry approve move --step flip-www") == true)
      #expect(gated.talk.contains("prereq yxrrset www.example.com."), "\(gated.talk)")
      let passed = try await ferry(
        "approve", "move", "--step", "flip-www", "--reference", "CHG 7")
      #expect(passed.code == 0, "\(passed.talk)")
      let asked = try await ferry.run(advance)
      #expect(asked.code == 3, "\(asked.talk)")
      #expect(asked.talk.contains("prereq yxrrset www.example.com."), "\(asked.talk)")
      let status = try await ferry("status", "move", "--output", "json")
      #expect(status.code == 3 && status.json["state"] == "waiting")
      #expect(status.json["reason"]?.string?.contains("a person to change") == true)
    }
  }
}

import FerryAWS
import FerryCore
import Foundation
import Testing

/// A real name server of one test's own on a loopback port, as the current user, in a folder of the test's
/// workspace; ended by `stop`, by its process id.
///
/// `NameServer.bind`, `.knot`, `.unbound` and `.script` start one and return when it answers.
struct NameServer: Sendable {
  let process: Subprocess
  let port: UInt16
  let folder: URL
  /// `127.0.0.1:PORT`, as the settings have it.
  var address: String { "127.0.0.1:\(port)" }
  /// What it has said on stderr.
  var talk: String { text(folder.appendingPathComponent("talk").path) }

  func stop() async {
    process.signal(SIGTERM)
    _ = await process.wait()
  }

  /// A key for TSIG; `settings` goes into `secretFile`'s file.
  struct Key: Sendable {
    var name = "edgeferry-key."
    var algorithm = "hmac-sha256"
    /// Base64 of "the secret of these tests, no more".
    var secret = "dGhlIHNlY3JldCBvZiB0aGVzZSB0ZXN0cywgbm8gbW9yZQ=="
  }

  /// A small zone: SOA and two name servers, with `records` below them.
  ///
  /// - Parameter refresh: how often a secondary asks by itself, seconds.
  static func zone(
    _ name: String, serial: Int = 1, refresh: Int = 3600, soaTTL: Int = 900, minimum: Int = 300,
    _ records: String
  ) -> String {
    """
    $ORIGIN \(name)
    $TTL 300
    @ \(soaTTL) IN SOA ns1.\(name) admin.\(name) \(serial) \(refresh) 60 1209600 \(minimum)
    @ IN NS ns1.\(name)
    @ IN NS ns2.\(name)
    ns1 IN A 127.0.0.1
    ns2 IN A 127.0.0.1
    \(records)

    """
  }

  // MARK: BIND

  /// BIND 9 as a primary.
  ///
  /// - Parameters:
  ///   - zones: names with the trailing dot, and zone files.
  ///   - key: may update every zone and transfer it; nil for no updates.
  ///   - notify: secondaries that are told of changes, `address:port`.
  ///   - listen: more addresses than 127.0.0.1, on the same port; BIND takes only what an interface has, such as ::1.
  ///   - port: one of `freePort`, where another server must know it beforehand.
  static func bind(
    _ ferry: Ferry, zones: [String: String], key: Key? = nil, notify: [String] = [],
    listen: [String] = [], notifyDelay: Int = 0, port: UInt16? = nil
  ) async throws -> NameServer {
    try await start(ferry, port) { folder, port in
      var conf = """
        options {
          directory "\(folder.path)"; pid-file none; session-keyfile none; lock-file none;
          listen-on port \(port) { \((["127.0.0.1"] + listen.filter { !$0.contains(":") }).map { $0 + ";" }.joined(separator: " ")) };
          listen-on-v6 port \(port) { \(listen.contains { $0.contains(":") } ? listen.filter { $0.contains(":") }.map { $0 + ";" }.joined(separator: " ") : "none;") };
          recursion no; allow-transfer { any; }; dnssec-validation no; notify explicit;
          notify-delay \(notifyDelay); serial-query-rate 1000; tcp-clients 1000;
        };
        controls { };

        """
      if let key {
        conf +=
          "key \"\(key.name)\" { algorithm \(key.algorithm); secret \"\(key.secret)\"; };\n"
      }
      for (index, zone) in zones.sorted(by: { $0.key < $1.key }).enumerated() {
        try write(zone.value, folder, "\(index).zone")
        conf += "zone \"\(zone.key)\" { type primary; file \"\(index).zone\"; "
        if let key { conf += "allow-update { key \"\(key.name)\"; }; " }
        if !notify.isEmpty {
          let list = notify.map { "\(host($0)) port \(self.port($0));" }
          conf += "also-notify { \(list.joined(separator: " ")) }; "
        }
        conf += "};\n"
      }
      try write(conf, folder, "named.conf")
      return (
        ["named", "-g", "-n", "1", "-c", folder.appendingPathComponent("named.conf").path],
        zones.keys.min() ?? "."
      )
    }
  }
  /// Gives a zone of BIND (without updates) another text, of a higher serial, and lets it load that.
  func reload(_ text: String, index: Int = 0) throws {
    try Self.write(text, folder, "\(index).zone")
    process.signal(SIGHUP)
  }

  // MARK: Knot

  /// Knot DNS: a secondary of `primary` (`address:port`), or a primary of `zones`.
  ///
  /// - Parameters:
  ///   - zones: of a secondary only the names count.
  ///   - hearsNotify: whether it takes NOTIFY; without, it asks the primary by the SOA's refresh alone.
  ///   - refreshMaximum: seconds after which it asks at the latest, 2 or more.
  static func knot(
    _ ferry: Ferry, zones: [String: String], primary: String? = nil, hearsNotify: Bool = true,
    refreshMaximum: Int? = nil, key: Key? = nil, port: UInt16? = nil
  ) async throws -> NameServer {
    try await start(ferry, port) { folder, port in
      // Knot makes no journal in a folder that is not there, and then refuses updates.
      try FileManager.default.createDirectory(
        at: folder.appendingPathComponent("db"), withIntermediateDirectories: true)
      var conf = """
        server:
          rundir: "\(folder.path)"
          listen: 127.0.0.1@\(port)
          udp-workers: 1
          tcp-workers: 1
          background-workers: 1
        log:
          - target: stderr
            any: info
        database:
          storage: "\(folder.path)/db"

        """
      if let key {
        conf +=
          "key:\n  - id: \(key.name)\n    algorithm: \(key.algorithm)\n    secret: \(key.secret)\n"
      }
      if let primary {
        conf += "remote:\n  - id: primary\n    address: \(host(primary))@\(self.port(primary))\n"
      }
      conf += "acl:\n  - id: anybody\n    action: [transfer\(hearsNotify ? ", notify" : "")]\n"
      if let key { conf += "  - id: keyed\n    key: \(key.name)\n    action: [update, transfer]\n" }
      conf += "zone:\n"
      for (index, zone) in zones.sorted(by: { $0.key < $1.key }).enumerated() {
        conf +=
          "  - domain: \(zone.key)\n    storage: \"\(folder.path)\"\n    file: \"\(index).zone\"\n"
        conf += "    acl: [\(key == nil ? "anybody" : "keyed, anybody")]\n"
        if primary != nil {
          conf += "    master: primary\n"
        } else {
          try write(zone.value, folder, "\(index).zone")
        }
        if let refreshMaximum {
          conf +=
            "    refresh-min-interval: 2s\n    refresh-max-interval: \(refreshMaximum)s\n"
        }
      }
      try write(conf, folder, "knot.conf")
      return (
        ["knotd", "-c", folder.appendingPathComponent("knot.conf").path], zones.keys.min() ?? "."
      )
    }
  }

  // MARK: Unbound

  /// Unbound as a caching resolver that asks `stubs` for their zones; nothing else exists for it, and no packet
  /// leaves this machine.
  ///
  /// - Parameters:
  ///   - stubs: zone with the trailing dot, and its servers as `address:port`.
  ///   - options: more lines of `server:`, such as `cache-min-ttl: 300`.
  ///   - anchors: trust anchors (DNSKEY or DS lines); with them it validates.
  static func unbound(
    _ ferry: Ferry, stubs: [String: [String]], options: [String] = [], anchors: [String] = []
  ) async throws -> NameServer {
    try await start(ferry) { folder, port in
      var conf = """
        server:
          interface: 127.0.0.1@\(port)
          do-daemonize: no
          chroot: ""
          username: ""
          pidfile: ""
          directory: "\(folder.path)"
          use-syslog: no
          num-threads: 1
          do-not-query-localhost: no
          access-control: 127.0.0.0/8 allow
          module-config: "\(anchors.isEmpty ? "iterator" : "validator iterator")"
          prefetch: no
          local-zone: "." static

        """
      for zone in stubs.keys.sorted()
      where !options.contains(where: { $0.hasPrefix("local-zone: \"\(zone)\"") }) {
        conf += "  local-zone: \"\(zone)\" transparent\n"
      }
      for anchor in anchors { conf += "  trust-anchor: \"\(anchor)\"\n" }
      for line in options { conf += "  \(line)\n" }
      conf += "remote-control:\n  control-enable: no\n"
      for (zone, servers) in stubs.sorted(by: { $0.key < $1.key }) {
        conf += "stub-zone:\n  name: \"\(zone)\"\n"
        for server in servers { conf += "  stub-addr: \(host(server))@\(self.port(server))\n" }
      }
      try write(conf, folder, "unbound.conf")
      return (["unbound", "-d", "-c", folder.appendingPathComponent("unbound.conf").path], nil)
    }
  }

  // MARK: Scripts

  /// `clients/dns_server.py`, which misbehaves as `behaviour` says; see there.
  static func script(_ ferry: Ferry, zone: String, text: String, behaviour: String) async throws
    -> NameServer
  {
    try await start(ferry) { folder, port in
      try write(text, folder, "0.zone")
      return (
        [
          Ferry.python, Ferry.client("dns_server.py"), "\(port)", zone,
          folder.appendingPathComponent("0.zone").path, behaviour,
        ], nil
      )
    }
  }

  // MARK: Signed zones

  /// A zone signed by BIND's tools with one ECDSA key, and that key as a trust anchor.
  ///
  /// - Parameter expires: `YYYYMMDDHHMMSS` or `+SECONDS`, as dnssec-signzone has it; for signatures that are
  ///   already over, give `starts` too.
  static func signed(
    _ ferry: Ferry, _ name: String, _ zone: String, starts: String = "now-86400",
    expires: String = "+864000"
  ) async throws -> (zone: String, anchor: String) {
    let folder = ferry.folder.appendingPathComponent("keys-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try write(zone, folder, "zone")
    let key = try await ferry.run(
      ["-q", "-a", "ECDSAP256SHA256", "-f", "KSK", "-K", folder.path, name],
      program: "dnssec-keygen")
    let stem = key.out.trimmingCharacters(in: .whitespacesAndNewlines)
    let dnskey = NameServer.lines(text(folder.appendingPathComponent(stem + ".key").path))
      .first { !$0.hasPrefix(";") }
    let signing = try await ferry.run(
      [
        "-P", "-z", "-S", "-K", folder.path, "-o", name, "-s", starts, "-e", expires, "-O", "full",
        "-f",
        folder.appendingPathComponent("signed").path, "-d", folder.path,
        folder.appendingPathComponent("zone").path,
      ], program: "dnssec-signzone")
    let anchor = try #require(dnskey, "\(key.talk)")
    try #require(signing.code == 0, "\(signing.talk)")
    return (text(folder.appendingPathComponent("signed").path), anchor)
  }

  // MARK: Asking

  /// What dig prints with `+short`, for tests that need an oracle of other hands.
  func dig(_ ferry: Ferry, _ arguments: String...) async throws -> [String] {
    let answer = try await ferry.run(
      ["@127.0.0.1", "-p", "\(port)", "+time=2", "+tries=1", "+short"] + arguments, program: "dig")
    return Self.lines(answer.out)
  }
  /// Asks dig until it prints `wanted`; false after `seconds`.
  func shows(_ wanted: String, _ ferry: Ferry, _ arguments: [String], seconds: Double = 15)
    async throws -> Bool
  {
    let clock = ContinuousClock()
    let end = clock.now + .seconds(seconds)
    while clock.now < end {
      let answer = try await ferry.run(
        ["@127.0.0.1", "-p", "\(port)", "+time=1", "+tries=1", "+short"] + arguments,
        program: "dig")
      if Self.lines(answer.out).contains(wanted) { return true }
      try await Task.sleep(for: .milliseconds(100))
    }
    return false
  }

  // MARK: Starting

  /// Starts what `configure` wrote, on another port if the first was taken meanwhile, until it answers.
  private static func start(
    _ ferry: Ferry, _ wanted: UInt16? = nil,
    _ configure: (URL, UInt16) throws -> (command: [String], zone: String?)
  ) async throws -> NameServer {
    var talk = ""
    for _ in 0..<4 {
      let folder = ferry.folder.appendingPathComponent(
        "ns-" + UUID().uuidString.prefix(8).lowercased())
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      let port = try wanted ?? freePort()
      let (command, zone) = try configure(folder, port)
      let process = try Subprocess(
        command, environment: ferry.environment.merging(["PATH": path]) { $1 },
        stdout: folder.appendingPathComponent("said").path,
        stderr: folder.appendingPathComponent("talk").path)
      let server = NameServer(process: process, port: port, folder: folder)
      if try await server.isReady(ferry, zone: zone) { return server }
      await server.stop()
      talk = server.talk
    }
    throw FerryError(
      "name-server", what: "a name server of the tests did not start", why: talk,
      next: "install bind9, knot, unbound and dnsutils")
  }
  /// Debian keeps the servers in sbin, which is not on everybody's PATH.
  static let path =
    (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin") + ":/usr/sbin:/sbin"

  /// Whether it answers: for `zone`'s SOA with data, or at all where there is none to expect.
  private func isReady(_ ferry: Ferry, zone: String?) async throws -> Bool {
    for _ in 0..<300 {
      guard MotoServer.isRunning(process) else { return false }
      let answer = try await ferry.run(
        [
          "@127.0.0.1", "-p", "\(port)", "+time=1", "+tries=1", "+norecurse", "+noall", "+comments",
          "+answer", zone ?? "ready.invalid", "SOA",
        ], program: "dig")
      if answer.out.contains(zone == nil ? "status:" : "ANSWER: 1") { return true }
      try await Task.sleep(for: .milliseconds(100))
    }
    return false
  }

  private static func host(_ address: String) -> String {
    String(address.prefix { $0 != ":" })
  }
  private static func port(_ address: String) -> String {
    String(address.drop { $0 != ":" }.dropFirst())
  }
  private static func lines(_ text: String) -> [String] {
    text.split(separator: "\n").map(String.init)
  }
  private static func write(_ text: String, _ folder: URL, _ name: String) throws {
    try Data(text.utf8).write(to: folder.appendingPathComponent(name), options: .atomic)
  }

  /// A port that nobody had for UDP and TCP a moment ago.
  static func freePort() throws -> UInt16 {
    for _ in 0..<200 {
      // Below the ports that the kernel and resolvers take by themselves.
      let port = UInt16.random(in: 10_000..<32_000)
      var free = true
      for kind in [SOCK_DGRAM, SOCK_STREAM] {
        let descriptor = socket(AF_INET, Int32(kind.rawValue), 0)
        defer { close(descriptor) }
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = port.bigEndian
        let code = withUnsafePointer(to: &place) {
          $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
          }
        }
        if code != 0 { free = false }
      }
      if free { return port }
    }
    throw FerryError("name-server", what: "no port is free", why: "", next: "")
  }
}

import ArgumentParser
import FerryCommand
import FerryCore
import FerryDNS
import FerryReport
import Foundation

/// `edgeferry cutover verify`: whether names have moved, in DNS and in traffic; 0 only for both.
struct VerifyCommand: FerryCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Prove that names have moved: in DNS, and in what is served.",
    discussion:
      "Ends with 0 when every name has moved in both, else with 4. Reads only, and never waits.")
  @Argument(help: "DNS names with --to; or one plan.") var given: [String] = []
  @Option(help: "Where the names should point.") var to: String?
  @Option(help: "Where they pointed before; tells an old answer from a foreign one.")
  var from: String?
  @Option(help: "A CSV file without a head line: name,target.") var names: String?
  @OptionGroup var global: GlobalOptions

  func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
    try formats(.text, .json)
    let moves = try self.moves(context)
    let evidence = try await context.prober().look(moves)
    guard !Task.isCancelled else { throw .interruptedWhileReading }
    let serving = try await ServingVerdict.of(evidence, context)
    let document = CutoverVerdict(names: zip(evidence, serving).map(Self.verdict))
    try context.answer(
      global.output == .json ? FerryJSON.document(document) : Self.text(document))
    return document.names.allSatisfy(\.cutOver) ? .done : .blocked
  }

  static func verdict(_ it: NameEvidence, _ serving: ServingVerdict) -> CutoverVerdict.Name {
    let dns = it.verdict
    let because = (dns.because + it.probed.because).map { "DNS: " + $0 }
    return .init(
      name: it.probed.name, dns: dns.verdict.ofMove, serving: serving.verdict,
      because: because + serving.because.map { "serving: " + $0 })
  }

  // MARK: What to verify

  private func moves(_ context: Context) throws(FerryError) -> [NameMove] {
    let source: DomainName? = try from.map { text throws(FerryError) in try DomainName(text) }
    if let names {
      guard given.isEmpty, to == nil else {
        throw Self.usage("--names FILE holds names and targets; NAME and --to are not for it")
      }
      let bytes = try Files.read(names, what: "names", limit: 64 << 20)
      return try Self.moves(String(decoding: bytes, as: UTF8.self), from: source, file: names)
    }
    if let to {
      guard !given.isEmpty else { throw Self.usage("no name was given") }
      let target = try DomainName(to)
      var out: [NameMove] = []
      for text in given {
        out.append(NameMove(name: try DomainName(text), target: target, source: source))
      }
      return out
    }
    guard given.count == 1, let plan = given.first, from == nil else {
      throw Self.usage("give one PLAN, or NAME… --to TARGET, or --names FILE")
    }
    return try Self.moves(of: context.plan(plan).plan)
  }
  private static func usage(_ why: String) -> FerryError {
    .badInput(
      "bad-usage", what: "could not verify", why: why, next: "see `edgeferry cutover verify --help`"
    )
  }

  /// `name,target` lines; empty ones and those that begin with # are passed over.
  /// - Throws: `bad-names` (64) with the line.
  static func moves(_ text: String, from source: DomainName?, file: String) throws(FerryError)
    -> [NameMove]
  {
    var out: [NameMove] = []
    var seen: Set<DomainName> = []
    for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .enumerated()
    {
      let line = line.trimmingCharacters(in: .whitespaces)
      if line.isEmpty || line.hasPrefix("#") { continue }
      func refuse(_ why: String) -> FerryError {
        .badInput(
          "bad-names", what: "could not read \(file), line \(index + 1)", why: why,
          next: "write one name,target on each line, without a head line")
      }
      let cells = line.split(separator: ",", omittingEmptySubsequences: false).map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      guard cells.count == 2 else { throw refuse("\(line.debugDescription) is no name,target") }
      do throws(FerryError) {
        let move = NameMove(
          name: try DomainName(cells[0]), target: try DomainName(cells[1]), source: source)
        guard seen.insert(move.name).inserted else { throw refuse("\(move.name) is there twice") }
        out.append(move)
      } catch {
        throw error.code == "bad-names" ? error : refuse("\(error.what): \(error.why)")
      }
    }
    guard !out.isEmpty else {
      throw .badInput(
        "bad-names", what: "could not read \(file)", why: "it holds no name",
        next: "write one name,target on each line")
    }
    return out
  }

  /// From the first value that a plan replaces to the last that it leaves, for each name.
  /// - Throws: `bad-plan` (64) for a plan that moves no name.
  static func moves(of plan: Plan) throws(FerryError) -> [NameMove] {
    var order: [DomainName] = []
    var first: [DomainName: DomainName] = [:]
    var last: [DomainName: DomainName] = [:]
    for change in plan.steps.compactMap(\.action.dns).flatMap(\.changes) {
      if let from = change.from?.target, first[change.name] == nil {
        first[change.name] = from
      }
      guard let to = change.to?.target else { continue }
      if last.updateValue(to, forKey: change.name) == nil { order.append(change.name) }
    }
    let moves = order.compactMap { name -> NameMove? in
      guard let target = last[name], first[name] != target else { return nil }
      return NameMove(name: name, target: target, source: first[name])
    }
    guard !moves.isEmpty else {
      throw .badInput(
        "bad-plan", what: "could not verify plan \(plan.name)", why: "it moves no name in DNS",
        next: "name the names, and where they should point with --to")
    }
    return moves
  }

  // MARK: Text

  static func text(_ document: CutoverVerdict) -> String {
    var out = ""
    for it in document.names {
      out +=
        "\(ProbeText.both(it.name))  DNS \(it.dns.rawValue), serving \(it.serving.rawValue): \(it.cutOver ? "cut over" : "NOT CUT OVER")\n"
      // Of many names only those that need a look are explained.
      guard !it.cutOver || document.names.count <= 20 else { continue }
      for line in it.because { out += "  \(safe(line))\n" }
    }
    let done = document.names.count(where: \.cutOver)
    return out + "\(done) of \(document.names.count) cut over\n"
  }
}

/// What is served for a name, and how that is known.
struct ServingVerdict {
  var verdict: CutoverVerdict.Serving
  var because: [String]

  /// One for each name.
  static func of(_ evidence: [NameEvidence], _ context: Context) async throws(FerryError)
    -> [ServingVerdict]
  {
    evidence.map { _ in ServingVerdict(verdict: .unknown, because: ["it was not asked"]) }
  }
}

extension RecordValue {
  /// The name that a CNAME or an alias record points to.
  fileprivate var target: DomainName? {
    if let alias { return alias.dnsName }
    guard data.count == 1, let text = data.first, text.hasSuffix(".") else { return nil }
    return DomainName(wire: text)
  }
}

extension Judgement.Verdict {
  /// A lame server may serve the old answer again: for a move that is unknown.
  var ofMove: CutoverVerdict.DNS {
    switch self {
    case .changed: .changed
    case .notYet, .absent: .notYet
    case .disagree: .disagree
    case .splitByFamily: .splitByFamily
    case .overriddenByView: .overriddenByView
    case .bogus: .bogus
    case .negativeCached: .negativeCached
    case .ok, .lame, .unknown: .unknown
    }
  }
}

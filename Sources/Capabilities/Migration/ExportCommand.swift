import ArgumentParser
import FerryCloudFront
import FerryCommand
import FerryCore
import FerryReport
import Foundation

extension MigrateCommand {
  struct Export: FerryCommand {
    static let uses = AWSUse(ClosureActions.all)
    static let configuration = CommandConfiguration(
      abstract: "Read distributions and everything they refer to into the file --out.",
      discussion:
        "Values of origin headers and of key value stores are replaced by their SHA-256 unless --include-secrets."
    )
    @Argument(help: "The id of a distribution (repeatable).") var distribution: [String]
    @Option(help: "An account of the settings (repeatable; default: all).") var account: [String] =
      []
    @Flag(
      name: .customLong("include-secrets"),
      help: "Keep values of origin headers and key value stores in clear; the file is 0600.")
    var includeSecrets = false
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json)
      guard let out = global.out else {
        throw .badInput(
          "bad-usage", what: "could not export", why: "no file was named", next: "add --out FILE")
      }
      let ids = try Self.ids(distribution)
      var closures: [Closure] = []
      let reach = try await context.reach(accounts: account)
      var failures = reach.failure.map { [$0] } ?? []
      // What an account that was not read has is not known.
      var missing = reach.gaps.isEmpty ? Set(ids) : []
      for place in reach.places {
        let terminal = context.terminal
        let shown = terminal.errorIsTerminal
        let reader = ClosureReader(
          transport: place.transport, account: place.account, region: place.region,
          progress: { done, of in
            if shown { terminal.progress("reading \(place.account): \(done) of \(of)") }
          })
        do throws(FerryError) {
          let closure = try await reader.read(ids)
          missing.formIntersection(closure.missing)
          if !closure.account.distributions.isEmpty || !closure.gaps.isEmpty {
            closures.append(closure)
          }
        } catch {
          if error.exit == .interrupted { throw error }
          failures.append(error)
          missing.removeAll()
          closures.append(
            Closure(
              account: .init(id: place.account),
              gaps: [
                .init(
                  account: place.account, call: error.service?.operation ?? "GetDistribution",
                  reason: error.why, action: "cloudfront:GetDistribution")
              ]))
        }
        terminal.progress(nil)
      }
      if closures.allSatisfy({ $0.account.distributions.isEmpty }), let failure = failures.first {
        throw failure
      }
      guard missing.isEmpty else { throw Self.unknown(missing.sorted()) }
      let whole = Inventory(
        takenAt: context.clock.now, gaps: reach.gaps + closures.flatMap(\.gaps),
        accounts: closures.map(\.account).sorted { $0.id < $1.id })
      let inventory = includeSecrets ? whole : whole.redacted
      try Files.write(
        jsonSafe(FerryJSON.document(inventory)), to: out, mode: includeSecrets ? 0o600 : 0o644)
      context.warnAboutGaps(inventory.gaps)
      let managed = Set(closures.flatMap(\.managed)).sorted {
        ($0.kind.rawValue, $0.id) < ($1.kind.rawValue, $1.id)
      }
      let report = ExportReport(
        path: out, inventory: whole, managed: managed, isRedacted: !includeSecrets)
      try context.say(global.output == .json ? FerryJSON.document(report) : report.text)
      return .done
    }

    /// Once each.
    ///
    /// - Parameter verb: what cannot be done with it, such as `export`.
    /// - Throws: `.badInput` (64) for what cannot be an id.
    static func ids(_ given: [String], verb: String = "export") throws(FerryError) -> [String] {
      var out: [String] = []
      for id in given where !out.contains(id) {
        guard (1...64).contains(id.count),
          id.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) })
        else {
          throw .badInput(
            "bad-id", what: "could not \(verb) \(id.debugDescription)",
            why: "the id of a distribution is letters and digits, as E1EXAMPLE",
            next: "list them with `edgeferry inventory take`")
        }
        out.append(id)
      }
      return out
    }
    private static func unknown(_ ids: [String]) -> FerryError {
      FerryError(
        "unknown-distribution",
        what: "could not export \(ids.joined(separator: ", "))",
        why:
          "no account that was read has a distribution of \(ids.count == 1 ? "that id" : "those ids")",
        next: "check the id and the account (--account, --profile); nothing was written")
    }
  }
}

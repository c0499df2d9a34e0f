import ArgumentParser
import FerryCommand
import FerryCore
import Foundation

/// How often, in terms that cron, systemd and EventBridge share.
struct SweepRhythm: Equatable, Sendable {
  /// Minutes between two sweeps; divides an hour, a day or is a day or a week.
  var minutes: Int

  /// - Throws: `.badInput` (64) for a span that cron cannot say.
  init(_ text: String) throws(FerryError) {
    let spans =
      [5, 10, 15, 20, 30].map { $0 } + [1, 2, 3, 4, 6, 8, 12].map { $0 * 60 } + [1440, 10_080]
    guard let seconds = Settings.seconds(text),
      spans.contains(where: { Double($0 * 60) == seconds })
    else {
      throw .badInput(
        "bad-usage", what: "could not read --every",
        why: "\(text.debugDescription) is no rhythm that all schedulers know",
        next: "give 5m, 10m, 15m, 20m, 30m, 1h, 2h, 3h, 4h, 6h, 8h, 12h, 1d or 7d")
    }
    minutes = Int(seconds) / 60
  }

  /// Five fields: a quarter past three at night where it is days.
  var cron: String {
    switch minutes {
    case ..<60: "*/\(minutes) * * * *"
    case 60: "17 * * * *"
    case ..<1440: "17 */\(minutes / 60) * * *"
    case 1440: "17 3 * * *"
    default: "17 3 * * 1"
    }
  }
  /// systemd's calendar event.
  var calendar: String {
    switch minutes {
    case ..<60: "*:0/\(minutes)"
    case 60: "*:17"
    case ..<1440: "0/\(minutes / 60):17"
    case 1440: "03:17"
    default: "Mon 03:17"
    }
  }
  /// EventBridge Scheduler's expression.
  var rate: String {
    switch minutes {
    case ..<60: "rate(\(minutes) minutes)"
    case 60: "rate(1 hour)"
    case ..<1440: "rate(\(minutes / 60) hours)"
    case 1440: "rate(1 day)"
    default: "rate(7 days)"
    }
  }
}

extension SweepCommand {
  struct Schedule: FerryCommand {
    enum Kind: String, ExpressibleByArgument, CaseIterable, Sendable {
      case systemd, cron, kubernetes
      case githubActions = "github-actions"
      case eventbridge
    }
    static let configuration = CommandConfiguration(
      commandName: "schedule", abstract: "Print what makes a scheduler run sweeps.",
      discussion: """
        The answer holds the units, where the state is, and what keeps two sweeps apart. Kubernetes, GitHub Actions and \
        EventBridge keep no files between runs: give --state s3://bucket/prefix, or put the bucket into what is printed. What the sweep may do in AWS: \
        `edgeferry permissions sweep run`.

        Example: edgeferry sweep schedule --for systemd --every 1d --apply
        """)
    @Option(
      name: .customLong("for"), help: "systemd, cron, kubernetes, github-actions or eventbridge.")
    var kind: Kind
    @Option(help: "How often: 5m to 12h, 1d or 7d.") var every = "1d"
    @Flag(help: "Let the sweeps remove what is due.") var apply = false
    @Option(help: "Kubernetes alone: so many pods share the accounts.") var shards = 1
    @Option(
      help: "Kubernetes and EventBridge alone: the container image (default: edgeferry:VERSION).")
    var image: String?
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text)
      let rhythm = try SweepRhythm(every)
      guard (1...1000).contains(shards), shards == 1 || kind == .kubernetes else {
        throw .badInput(
          "bad-usage", what: "could not read --shards",
          why: "it is 1 to 1000, and for kubernetes alone", next: "leave it away")
      }
      guard image == nil || [.kubernetes, .eventbridge].contains(kind) else {
        throw .badInput(
          "bad-usage", what: "could not read --image",
          why: "it is for kubernetes and eventbridge alone", next: "leave it away")
      }
      let image = image ?? "edgeferry:\(Context.version)"
      guard
        image.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "./:@_-".contains($0)) }),
        !image.isEmpty
      else {
        throw .badInput(
          "bad-usage", what: "could not read --image", why: "\(image.debugDescription) is no image",
          next: "write it as registry/name:tag")
      }
      let state = try state(context)
      try context.answer(
        SweepUnits(
          rhythm: rhythm, apply: apply, state: state, shards: shards, image: image,
          role: context.options.roleARN
        ).text(kind))
      return .done
    }

    /// No bucket has a name in capitals: units that were left so write nothing, and say why.
    static let placeholder = "s3://BUCKET/edgeferry"
    private func state(_ context: Context) throws(FerryError) -> String? {
      let given = context.options.state ?? context.environment["EDGEFERRY_STATE"]
      if let given, !Self.isPlain(given) {
        throw .badInput(
          "bad-usage", what: "could not use the state \(given.debugDescription)",
          why: "only letters, digits and ./:_- can stand in every kind of unit",
          next: "give another --state")
      }
      switch kind {
      case .systemd, .cron: return given
      case .kubernetes, .githubActions, .eventbridge:
        guard let given else {
          context.terminal.warn(
            "no state was given, and \(kind.rawValue) keeps no files between two sweeps: put the bucket of the ledger where the units say \(Self.placeholder), or print them with --state s3://bucket/prefix"
          )
          return Self.placeholder
        }
        guard given.hasPrefix("s3://") else {
          throw .badInput(
            "bad-usage", what: "could not print units for \(kind.rawValue)",
            why: "it keeps no files between two sweeps, and the ledger must last",
            next: "give --state s3://bucket/prefix")
        }
        return given
      }
    }
    private static func isPlain(_ text: String) -> Bool {
      text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "./:_-".contains($0)) }
    }
  }
}

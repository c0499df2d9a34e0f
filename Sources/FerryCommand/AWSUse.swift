import ArgumentParser
import FerryCore
import FerryHTTP
import FerryRun

/// The IAM actions that a command may need itself, where it needs them. What a plan's steps need is the plan's.
public struct AWSUse: Equatable, Sendable {
  /// How it uses the state, which may be in S3.
  public enum State: Sendable { case none, reads, writes }

  /// In every account that it works in.
  public var actions: Set<String> = []
  /// In the source of a move, and in its target.
  public var source: Set<String> = []
  public var target: Set<String> = []
  /// Where the organization is listed; none without `sweep.organization`.
  public var organization: Set<String> = []
  /// With `--apply`, in every account.
  public var applying: Set<String> = []
  public var state = State.none
  /// Whether the rest is in the plan that it is given.
  public var followsPlan = false

  public init(
    _ actions: [String] = [], source: [String] = [], target: [String] = [],
    organization: [String] = [], applying: [String] = [], state: State = .none,
    followsPlan: Bool = false
  ) {
    self.actions = Set(actions)
    self.source = Set(source)
    self.target = Set(target)
    self.organization = Set(organization)
    self.applying = Set(applying)
    self.state = state
    self.followsPlan = followsPlan
  }
  public static let none = AWSUse()

  /// Everything, wherever it is needed, but for the state.
  public var all: Set<String> {
    actions.union(source).union(target).union(organization).union(applying)
  }
  /// What a state in S3 needs.
  public func grants(state place: S3Place, in partition: String) -> Set<Grant> {
    let at = GrantPlace(account: "*", partition: partition)
    let objects = at.object(place.bucket, place.prefix.isEmpty ? "*" : "\(place.prefix)/*")
    let reads: Set = [
      Grant("s3:GetObject", on: objects), Grant("s3:ListBucket", on: at.object(place.bucket)),
    ]
    switch state {
    case .none: return []
    case .reads: return reads
    case .writes: return reads.union([Grant("s3:PutObject", on: objects)])
    }
  }
}

/// The commands of this build, as `Entry` was given them.
public enum CommandTree {
  static let roots = Locked<[any ParsableCommand.Type]>([])

  /// The command that the words name, and the words that are none of its name.
  public static func find(_ words: [String]) -> (
    command: any ParsableCommand.Type, rest: ArraySlice<String>
  )? {
    var found: (any ParsableCommand.Type)?
    var level = roots.withLock { $0 }
    var rest = words[...]
    while let word = rest.first, let next = level.first(where: { $0._commandName == word }) {
      found = next
      level = next.configuration.subcommands
      rest = rest.dropFirst()
    }
    return found.map { ($0, rest) }
  }
}

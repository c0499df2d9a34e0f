import FerryCore
import FerryTestSupport
import Testing

@testable import FerryRun

/// docs/commands/plans.md says of each fault what `FaultMatrixTests` and `CutoverFaultTests` ask of each run.
struct FaultPageTests {
  private static func says(_ fault: RunFault) -> String {
    switch fault {
    case .throttled: "CloudFront throttles"
    case .unavailable: "CloudFront answers 503"
    case .failedAfter: "CloudFront answers 500 to a request that was carried out"
    case .droppedBefore: "the connection is lost before a request has arrived"
    case .droppedAfter: "the connection is lost before the answer has"
    case .lostETag: "the version (ETag) is missing"
    case .olderETag: "the version is not the newest, so that the write is refused as 412"
    case .truncated: "the answer is cut off"
    case .garbage: "the answer is no XML"
    case .staleReads: "reads lag half a minute behind writes"
    case .droppedAndStale: "so they do, and the answer to the write is lost"
    case .stuck: "a distribution stays InProgress"
    case .expiredToken: "the credentials have expired"
    case .noCredentials: "there are no credentials"
    case .denied: "the action is denied"
    }
  }
  private static func says(_ fault: NameFault) -> String {
    switch fault {
    case .throttled: "the provider of the zone throttles the change"
    case .unavailable: "the provider answers 503"
    case .lostBefore: "the change is lost on its way"
    case .lostAfter: "the answer to the change is lost"
    case .denied: "the change is denied"
    case .noCredentials: "there are no credentials for the change"
    case .badTime: "an update is refused for its signature or its clock (BADKEY, BADSIG, BADTIME)"
    case .ignored: "an update is answered NOERROR and changes nothing"
    case .neverInSync: "Route 53 does not call the change INSYNC"
    case .foreignEdit: "somebody else changes the record"
    case .readSilent: "nobody tells what the record is"
    case .looksSilent: "no authoritative server answers"
    case .serverSilent: "one authoritative server is silent"
    case .serverLame: "one authoritative server is lame"
    case .serverLying: "one authoritative server has an answer that is neither old nor new"
    case .serverBehind: "one authoritative server has the old answer"
    case .resolversSilent: "resolvers give no answer"
    }
  }
  private static func text(_ exits: Set<ExitCode>) -> String {
    exits.map(\.rawValue).sorted().map { "\($0)" }.joined(separator: " or ")
  }

  @Test func `the page says of every fault how a run ends that meets it`() async throws {
    let steps = try await RemovalWorld(propagation: 30).plan.steps
    var table = "| what goes wrong | once | as long as it lasts |\n| --- | --- | --- |\n"
    for fault in RunFault.allCases {
      let (once, lasting) = (
        Self.exits(fault, lasting: false, steps), Self.exits(fault, lasting: true, steps)
      )
      table += "| \(Self.says(fault)) | \(Self.text(once)) | \(Self.text(lasting)) |\n"
    }
    for fault in NameFault.allCases {
      table +=
        "| \(Self.says(fault)) | \(fault.exit(lasting: false).rawValue) | \(fault.exit(lasting: true).rawValue) |\n"
    }
    try expectTable(table, in: "docs/commands/plans.md", between: "<!-- faults -->")
  }
  private static func exits(_ fault: RunFault, lasting: Bool, _ steps: [Step]) -> Set<ExitCode> {
    Set(
      steps.flatMap { step in
        RunPlace.allCases.map {
          MatrixCell(fault: fault, place: $0, lasting: lasting, step: step).exit
        }
      })
  }
}

import FerryCore
import Foundation

/// Runs commands of other tools in the workspace.
public protocol ToolRunner: Sendable {
  /// - Throws: when it cannot be started.
  func run(_ command: ToolCommand) async throws(FerryError) -> ToolEnding
  /// `sha256:` of a file's bytes; nil for one that is not there.
  func digest(of file: String) throws(FerryError) -> String?
}
public struct ToolEnding: Sendable {
  public var code: Int
  public var stdout: [UInt8]
  public var stderr: String
  public init(code: Int, stdout: [UInt8], stderr: String) {
    self.code = code
    self.stdout = stdout
    self.stderr = stderr
  }
}

/// Steps of other tools: printed for a person, or run when that was asked for.
extension Runner {
  func apply(_ step: Step, _ it: External) async throws(Stop) {
    guard let tools = it.tools, let runner = world.tools else {
      // A person's act: its gate was passed or there is none, and its checks tell whether it was done.
      tell(.ticket(step: step, text: ([it.says] + it.commands).joined(separator: "\n")))
      while try await !mayWrite(step) {}
      try await journal(.intended, step: step)
      try await journal(.applied, step: step)
      return
    }
    // A run before this one has started it, and how far that got nobody knows.
    let isAgain =
      state.steps[step.id].map {
        $0.hadEffect && [.intended, .failed].contains($0.phase)
      } ?? false
    if let settled = it.settled { try await untilSettled(settled, step, runner) }
    if let done = it.done, case .good = try await verdict(on: done, runner) {
      try await record(
        Effect(resource: ""), step: step, writes: isAgain ? 1 : 0, alreadyHeld: !isAgain)
      tell(.alreadyHeld(step: step))
      return
    }
    while try await !mayWrite(step) {}
    try await checkFiles(of: tools, step, runner)
    try await journal(.intended, step: step)
    var hasWritten = isAgain
    for command in tools {
      tell(.running(step: step, command: command.line))
      switch try await verdict(on: command, runner, again: isAgain) {
      case .good: hasWritten = hasWritten || !command.onlyPrepares
      case .ended(let code, let lines): throw failed(command, step, code, lines)
      case .refused(let objections):
        var refused = stop(
          "tool-refused", step, "`\(command.line)` says what the plan does not want",
          causes: objections, exit: .blocked)
        refused.wasRefused = !hasWritten
        throw refused
      }
    }
    let writes = tools.allSatisfy(\.onlyReads) ? 0 : 1
    try await record(Effect(resource: ""), step: step, writes: writes, alreadyHeld: false)
    tell(.applied(step: step, writes: writes))
  }

  /// How long another's change of a stack is waited for: as long as the AWS CLI waits for it.
  ///
  /// - Source: botocore, cloudformation waiters-2, StackUpdateComplete: 120 times 30 s.
  private static let settleSeconds = 3600.0
  private func untilSettled(_ command: ToolCommand, _ step: Step, _ runner: any ToolRunner)
    async throws(Stop)
  {
    let since = world.clock.now
    while true {
      switch try await verdict(on: command, runner) {
      case .good: return
      case .ended(let code, let lines): throw failed(command, step, code, lines)
      case .refused(let objections):
        let seen = objections.joined(separator: "; ")
        let limit = since + Self.settleSeconds
        tell(
          .waiting(
            step: step, for: command.proves?.says ?? "", since: since, atMost: limit, lastSeen: seen
          ))
        guard !hasCome(limit) else { throw notYet(seen, until: nil) }
        try await returnsLater(seen, until: world.clock.now + options.deployedPollSeconds)
        try await sleep(options.deployedPollSeconds)
      }
    }
  }
  private func failed(_ command: ToolCommand, _ step: Step, _ code: Int, _ lines: [String]) -> Stop
  {
    stop(
      "tool-failed", step, "`\(command.line)` ended with \(code)", causes: lines, exit: .failed)
  }
  private func stop(
    _ code: FerryError.Code, _ step: Step, _ why: String, causes: [String], exit: ExitCode
  ) -> Stop {
    let error = FerryError(
      code, exit: exit,
      what: "could not \(step.title.prefix(1).lowercased() + step.title.dropFirst())", why: why,
      next:
        "correct it and run the same command again, or `edgeferry rollback \(options.path)`",
      causes: causes)
    return Stop(exit: exit, reason: ([why] + causes).joined(separator: "; "), error: error)
  }

  /// What was approved is the command with the files that it reads.
  private func checkFiles(of tools: [ToolCommand], _ step: Step, _ runner: any ToolRunner)
    async throws(Stop)
  {
    var files: [String: String] = [:]
    for tool in tools { files.merge(tool.files ?? [:]) { $1 } }
    for (file, digest) in files.sorted(by: { $0.key < $1.key }) {
      let found = try await calling { () throws(FerryError) in try runner.digest(of: file) }
      guard found == digest else {
        throw stale(
          step, "\(file) is not what the plan was made with",
          ["planned: \(digest)", "found: \(found ?? "no such file")"])
      }
    }
  }

  private enum ToolVerdict {
    case good
    case ended(Int, lines: [String])
    case refused([String])
  }
  private func verdict(
    on command: ToolCommand, _ runner: any ToolRunner, again: Bool = false
  ) async throws(Stop) -> ToolVerdict {
    let ending = try await ending(of: command, runner)
    guard (command.exits ?? [0]).contains(ending.code) else {
      let lines = ending.stderr.split(whereSeparator: \.isNewline).suffix(12).map(String.init)
      return .ended(ending.code, lines: lines)
    }
    // One that may fail says nothing then.
    guard ending.code == 0, let proof = command.proves else { return .good }
    let json: JSONValue
    do throws(FerryError) {
      json = try JSONValue.read(ending.stdout, what: command.arguments.first ?? "")
    } catch {
      return .refused(["its output is no JSON: \(error.why)"])
    }
    let objections = proof.objections(json, again: again)
    return objections.isEmpty ? .good : .refused(objections)
  }

  /// Waits for the tool, however long it takes, and keeps the lease meanwhile.
  private func ending(of command: ToolCommand, _ runner: any ToolRunner) async throws(Stop)
    -> ToolEnding
  {
    typealias Answer = Result<ToolEnding, FerryError>
    do {
      return try await withThrowingTaskGroup(of: Answer?.self) { group in
        group.addTask {
          do throws(FerryError) {
            return .success(try await runner.run(command))
          } catch {
            return .failure(error)
          }
        }
        while true {
          group.addTask {
            if Task.isCancelled {
              // Which sleeps no more itself, while its tool still ends.
              await Task.detached { try? await Task.sleep(for: .seconds(1)) }.value
            } else {
              try? await Task.sleep(for: .seconds(Lease.renewSeconds))
            }
            return nil
          }
          if let answer = try await group.next() ?? nil {
            group.cancelAll()
            return try answer.get()
          }
          try await self.keepLease()
        }
      }
    } catch let stop as Stop {
      throw stop
    } catch let error as FerryError {
      throw Stop(resumable(error))
    } catch {
      throw Stop(
        FerryError("tool", what: "could not wait for a tool", why: "\(error)", next: "run it again")
      )
    }
  }
}

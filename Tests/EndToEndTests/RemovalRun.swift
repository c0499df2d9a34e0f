import FerryAWS
import FerryCore
import Foundation
import Testing

/// A lab with its sample account and an approved plan of five writes, for what can happen to a run.
struct RemovalRun {
  let ferry: Ferry
  let lab: RunningLab
  let digest: String
  let variables: [String: String]
  /// `apply` with its approval.
  var apply: [String] { ["apply", "some", "--approve", digest] }

  /// - Parameter state: another place for the state, as `--state` takes it.
  init(propagation: String, faults: [String] = [], state: String? = nil) async throws {
    ferry = try Ferry()
    lab = try await RunningLab(
      ferry, ["--sample", "--propagation", propagation] + faults.flatMap { ["--fault", $0] })
    var variables = lab.variables()
    if let state { variables["EDGEFERRY_STATE"] = state }
    self.variables = variables
    try ferry.write(
      "version: 1\nregions: [eu-west-1]\npolling: { deployed: 0.2s }\n", to: "edgeferry.yaml")
    let planned = try await ferry(
      "orphans", "plan", "--finding", "policy-staging-missing:P05SAMPLECHAT", "--finding",
      "staging-unreferenced:E2SAMPLELOST09", "--name", "some", "--output", "json",
      extra: variables)
    #expect(planned.code == 0, "\(planned.talk)")
    digest = planned.json["digest"]?.string ?? ""
  }
  func end() async {
    await lab.stop()
    ferry.remove()
  }

  /// Runs a Python program that is given as text.
  func python(_ text: String, _ arguments: [String]) async throws -> Ferry.Answer {
    try await ferry.run(["-c", text] + arguments, program: "python3")
  }
  /// How often each write took effect, by the lab's own log.
  func effects() async throws -> [String: Int] {
    try await ProcessKillTests.written(ferry, lab).byResource
  }
  /// Goes on until it is done, and finds every write of the plan done exactly once.
  func finishOnce(location: SourceLocation = #_sourceLocation) async throws {
    let done = try await ferry.run(apply, extra: variables)
    #expect(done.code == 0, "\(done.talk)", sourceLocation: location)
    let effects = try await effects()
    #expect(
      effects.count == 5 && effects.values.allSatisfy { $0 == 1 }, "\(effects)",
      sourceLocation: location)
    let check = try await ferry("state", "check", extra: variables)
    #expect(check.code == 0, "\(check.talk)", sourceLocation: location)
  }
  /// Whether a running command has said so by now; waits up to a minute for it.
  func hears(_ words: String, in talk: URL) async throws -> Bool {
    for _ in 0..<3000 {
      if text(talk.path).contains(words) { return true }
      try await Task.sleep(for: .milliseconds(20))
    }
    return false
  }
}

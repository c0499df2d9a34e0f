import FerryCore
import FerryRun

/// What plans of this state deleted, whoever applied them; the journals are read when that is first asked for.
actor Removals {
  private let store: any StateStore
  private var reading: Task<Result<[AccountID: [String: String]], FerryError>, Never>?

  init(_ store: any StateStore) { self.store = store }

  /// - Parameter ids: policies and distributions that are no longer there.
  /// - Returns: by id, the digest of the plan that deleted it.
  func plans(of account: AccountID, deleting ids: Set<String>) async throws(FerryError)
    -> [String: String]
  {
    guard !ids.isEmpty else { return [:] }
    let task = reading ?? Task { [store] in await Self.read(store) }
    reading = task
    return try await task.value.get()[account]?.filter { ids.contains($0.key) } ?? [:]
  }

  private static func read(_ store: any StateStore) async -> Result<
    [AccountID: [String: String]], FerryError
  > {
    var out: [AccountID: [String: String]] = [:]
    do throws(FerryError) {
      for plan in try await store.plans() {
        let deletions = plan.steps.compactMap { step in deleted(by: step).map { (step, $0) } }
        guard !deletions.isEmpty else { continue }
        let state = RunState(try await store.records(plan: plan.digest))
        for (step, id) in deletions {
          // What was gone before the run came to it was not deleted by it.
          guard let account = step.account, let it = state.steps[step.id], it.hadEffect,
            it.appliedAt != nil
          else { continue }
          out[account, default: [:]][id] = plan.digest
        }
      }
    } catch {
      return .failure(error)
    }
    return .success(out)
  }
  private static func deleted(by step: Step) -> String? {
    switch step.action {
    case .deletePolicy(let id), .deleteDistribution(let id): id
    default: nil
    }
  }
}

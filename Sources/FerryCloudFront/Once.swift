import FerryCore

/// A value that many ask for and one reads.
package actor Once<Value: Sendable> {
  private var task: Task<Result<Value, FerryError>, Never>?

  package init() {}

  package func value(_ read: @escaping @Sendable () async throws(FerryError) -> Value)
    async throws(FerryError) -> Value
  {
    let running =
      task
      ?? Task {
        do throws(FerryError) {
          return .success(try await read())
        } catch {
          return .failure(error)
        }
      }
    task = running
    let result = await withTaskCancellationHandler {
      await running.value
    } onCancel: {
      running.cancel()
    }
    return try result.get()
  }
}

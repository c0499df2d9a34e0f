import FerryCore
import FerryReport
import Foundation

/// Where plans are: `plans/NAME.plan.json` with `plans/NAME.rollback.plan.json` beside it.
extension Context {
  /// A plan file by path, or by name under `plans/`.
  public func plan(_ given: String) throws(FerryError) -> (plan: Plan, path: String) {
    let path = try planPath(given)
    if path != given, access(path, F_OK) != 0, errno == ENOENT {
      let known = planNames().prefix(20).joined(separator: ", ")
      throw .badInput(
        "no-such-file", what: "could not find the plan \(given)", why: "there is no \(path)",
        next: known.isEmpty
          ? "make it with a planning command, or name another --workspace"
          : "name one of those there: \(known)")
    }
    let bytes = try Files.read(path, what: "plan", limit: Plan.bytesMax, refuseLooseModes: true)
    return (try Plan.read(bytes, named: given), path)
  }
  /// The plans of the workspace, their rollback plans left out.
  private func planNames() -> [String] {
    let folder = workspace.appendingPathComponent("plans").path
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return files.filter { $0.hasSuffix(".plan.json") && !$0.hasSuffix(".rollback.plan.json") }
      .map { String($0.dropLast(".plan.json".count)) }.filter(Plan.isName).sorted()
  }
  func planPath(_ given: String) throws(FerryError) -> String {
    if given.contains("/") || given.hasSuffix(".json") { return given }
    guard Plan.isName(given) else { throw Self.badName(given) }
    return place("plans/\(given).plan.json")
  }
  static func badName(_ given: String) -> FerryError {
    .badInput(
      "bad-plan-name", what: "could not use the plan name \(given.debugDescription)",
      why:
        "a name is a to z, 0 to 9, '.', '_' and '-', 64 at most, and begins with a letter or digit",
      next: "give another name, or a path")
  }
  /// `x.plan.json` → `x.rollback.plan.json`.
  public static func rollbackPath(of path: String) -> String {
    let stem =
      path.hasSuffix(".plan.json")
      ? path.dropLast(".plan.json".count)
      : path.hasSuffix(".json") ? path.dropLast(".json".count) : path[...]
    return stem + ".rollback.plan.json"
  }

  /// A file of the workspace as a person would name it from here.
  func place(_ name: String) -> String {
    workspace.relativePath == "." ? name : workspace.appendingPathComponent(name).relativePath
  }
  /// A path as a plan's commands name it: from the workspace, where they run.
  package func path(_ name: String) -> String {
    name.hasPrefix("/") ? name : workspace.appendingPathComponent(name).path
  }
  func makeFolder(_ name: String) throws(FerryError) {
    do {
      try FileManager.default.createDirectory(
        at: workspace.appendingPathComponent(name), withIntermediateDirectories: true)
    } catch {
      throw FerryError(
        "file-write", what: "could not make the folder \(name)", why: error.localizedDescription,
        next: "choose another place with --workspace or --out")
    }
  }

  private static func write(_ plan: Plan, _ canonical: PlanBytes?, to path: String)
    throws(FerryError)
  {
    let pieces = plan.filePieces(canonical)
    guard !pieces.allSatisfy(isPlain) else { return try Files.write(pieces, to: path) }
    let text = String(decoding: Array(pieces.joined()), as: UTF8.self)
    try Files.write(jsonSafe(text), to: path)
  }
  /// Whether a terminal may see it as it is. Every byte is looked at, many at once: no early end.
  private static func isPlain(_ piece: ArraySlice<UInt8>) -> Bool {
    piece.withUnsafeBufferPointer { bytes in
      var odd: UInt8 = 0
      for byte in bytes { odd |= byte &- 0x20 > 0x5E && byte != 0x0A ? 1 : 0 }
      return odd == 0
    }
  }
  /// Writes a plan and its rollback plan, saves the images, and prints path and digest last.
  /// - Parameter written: the canonical JSON of both, where it is at hand.
  public func save(
    _ plan: Plan, rollback: Plan, images: [String: String],
    written: (plan: PlanBytes, rollback: PlanBytes)? = nil
  ) async throws(FerryError) {
    let path = try await keep(
      plan, rollback: rollback, images: images, at: options.out, written: written)
    let rollbackPath = Self.rollbackPath(of: path)
    if options.output == .json {
      try say(
        FerryJSON.document(
          ["path": path, "rollbackPath": rollbackPath, "digest": plan.digest]))
    } else {
      try say(PlanText.render(plan) + "\n\(path)\n\(plan.digest)\n")
    }
  }

  /// Warns about risks that were accepted and that the plan does not have.
  package func warnAboutUnusedRisks(_ accepted: [String], _ plan: Plan) {
    let codes = Set(plan.risks.map(\.code))
    for code in Set(accepted).subtracting(codes).sorted() {
      terminal.warn("--accept-risk \(safe(code)): the plan has no such risk")
    }
  }

  /// Writes a plan and its rollback plan and saves the images.
  /// - Parameter out: where; nil for `plans/NAME.plan.json`.
  /// - Returns: where the plan is.
  package func keep(
    _ plan: Plan, rollback: Plan, images: [String: String], at out: String?,
    written: (plan: PlanBytes, rollback: PlanBytes)? = nil
  ) async throws(FerryError) -> String {
    guard Plan.isName(plan.name) else { throw Self.badName(plan.name) }
    try plan.checkNames("\(plan.name)")
    let path = out ?? place("plans/\(plan.name).plan.json")
    if out == nil { try makeFolder("plans") }
    try await stateStore().saveImages(images)
    // The rollback plan first: no plan is ever there without its way back.
    try Self.write(rollback, written?.rollback, to: Self.rollbackPath(of: path))
    try Self.write(plan, written?.plan, to: path)
    return path
  }
}

import FerryCloudFront
import FerryCode
import FerryCore

/// Code for a closure, read back and compared with what is live.
struct EmittedCode {
  var files: [TerraformCode.File]
  var items: [TerraformCode.Item]
  /// Names of what holds the values of origin headers.
  var secrets: [String]
  /// What the tool cannot say.
  var left: [NotExpressed]
  var notes: [String] = []

  init(
    _ subjects: [Subject], managed: [Closure.Managed], to: EmitTarget,
    held: [Subject.Key: Holdings.Taken] = [:]
  ) throws(FerryError) {
    switch to {
    case .terraform:
      let code = TerraformCode(subjects, managed: managed, held: held)
      left = try RoundTrip(code, subjects, managed: managed).left
      files = code.files
      items = code.items
      secrets = code.variables
    case .cloudformation:
      let code = try StackCode(subjects, managed: managed)
      left = try StackRoundTrip(code, subjects).left
      files = code.files
      items = code.items
      secrets = code.parameters
      notes = code.notes
    }
    guard !items.isEmpty else {
      throw FerryError(
        "nothing-to-emit", what: "could not write code",
        why: "nothing of it can be code of \(to.rawValue)",
        next: "nothing was written")
    }
  }
}

import FerryCloudFront
import FerryCore

/// Code for a closure, read back and compared with what is live.
struct EmittedCode {
  var files: [TerraformCode.File]
  var left: [NotExpressed]

  init(_ closure: Closure, to: HandoverFacts.Tool) throws(FerryError) {
    let subjects = Subject.all(in: closure.account)
    let code = TerraformCode(subjects, managed: closure.managed)
    files = code.files
    left = try RoundTrip(code, subjects, managed: closure.managed).left
  }
}

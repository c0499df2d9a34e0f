import FerryCore
import FerryReport

/// What `handover emit` says: `edgeferry.emit/1`.
struct EmitReport: Codable, Equatable, Sendable {
  var schema = "edgeferry.emit/1"
  var to: String
  var path: String
  var account: AccountID
  var complete: Bool
  var gaps: [Inventory.Gap]
  var files: [String]
  var resources: [TerraformCode.Item]
  /// Names of the variables whose values are in `secrets.auto.tfvars`.
  var variables: [String]
  var notExpressed: [NotExpressed]

  var text: String {
    func count(_ number: Int, _ what: String) -> String {
      "\(number) \(what)\(number == 1 ? "" : "s")"
    }
    var out =
      "\(safe(path)): \(count(files.count, "file")), \(count(resources.count, "resource")) to import, "
    out += complete ? "complete\n" : "\(count(gaps.count, "gap"))\n"
    out +=
      "\n"
      + table([["  ADDRESS", "ID"]] + resources.map { ["  " + safe($0.address), safe($0.id)] })
    if !variables.isEmpty {
      out +=
        "\n\(count(variables.count, "origin header value")) in \(TerraformCode.secretsFile) (0600, in .gitignore): "
      out += variables.map { safe($0) }.joined(separator: ", ") + "\n"
    }
    if notExpressed.isEmpty {
      out += "\nread back and compared: the code says all that is live\n"
    } else {
      out += "\nread back and compared: all but this is in the code\n"
      for it in notExpressed {
        out += "  \(it.kind) \(safe(it.id)) \(safe(it.path))\n    why:  \(safe(it.reason))\n"
      }
    }
    out += "\nnext: terraform -chdir=\(shellWord(path)) init\n"
    out += "      terraform -chdir=\(shellWord(path)) plan\n"
    return out
  }
}

import FerryCode
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
  /// Names of the variables or parameters whose values are in a file of their own.
  var variables: [String]
  /// What a state holds where code of this folder cannot have it; the code names it by its id.
  var notTaken: [Holdings.NotTaken]
  var notExpressed: [NotExpressed]
  /// What a person has to know before it is used.
  var notes: [String] = []

  var text: String {
    func count(_ number: Int, _ what: String) -> String {
      "\(number) \(what)\(number == 1 ? "" : "s")"
    }
    let held = resources.count { $0.state != nil }
    var out =
      "\(safe(path)): \(count(files.count, "file")), \(count(resources.count - held, "resource")) to import, "
    if held > 0 { out += "\(held) at the address that a state has, " }
    out += complete ? "complete\n" : "\(count(gaps.count, "gap"))\n"
    out +=
      "\n"
      + table([["  ADDRESS", "ID"]] + resources.map { ["  " + safe($0.address), safe($0.id)] })
    if !variables.isEmpty {
      out +=
        "\n\(count(variables.count, "origin header value")) in \(secretsFile) (0600, in .gitignore): "
      out += variables.map { safe($0) }.joined(separator: ", ") + "\n"
    }
    if !notTaken.isEmpty {
      out += "\nheld elsewhere, and named by id here\n"
      for it in notTaken {
        out += "  \(it.kind) \(safe(it.id)): \(safe(it.address)) in \(safe(it.state))\n"
        out += "    why:  \(safe(it.reason))\n"
      }
    }
    if notExpressed.isEmpty {
      out += "\nread back and compared: the code says all that is live\n"
    } else {
      out += "\nread back and compared: all but this is in the code\n"
      for it in notExpressed {
        out += "  \(it.kind) \(safe(it.id)) \(safe(it.path))\n    why:  \(safe(it.reason))\n"
      }
    }
    if held > 0 { out += "\nthe code belongs beside the backend of the state that it fits\n" }
    for note in notes { out += "note: \(safe(note, limit: 1000))\n" }
    if to == EmitTarget.terraform.rawValue {
      out += "\nnext: terraform -chdir=\(shellWord(path)) init\n"
      out += "      terraform -chdir=\(shellWord(path)) plan\n"
    } else {
      out +=
        "\nnext: edgeferry handover plan \(distributions) --from none --to cloudformation --stack NAME --dir \(shellWord(path))\n"
    }
    return out
  }
  private var secretsFile: String {
    to == EmitTarget.terraform.rawValue ? TerraformCode.secretsFile : StackCode.parametersFile
  }
  private var distributions: String {
    resources.filter { $0.kind == ResourceKind.distribution.rawValue }.map { safe($0.id) }
      .joined(separator: " ")
  }
}

import FerryCloudFront
import FerryCode
import FerryCore
import Foundation

/// Code of Terraform or CloudFormation, to be laid beside what is live.
package enum GivenCode: Sendable {
  /// What `terraform show -json` says of a saved plan.
  case plan(TerraformPlan, file: String)
  case template(StackTemplate, file: String)

  package static func plan(_ file: String) throws(FerryError) -> GivenCode {
    .plan(try TerraformPlan(Files.read(file, what: "plan"), named: file), file: file)
  }
  package static func template(_ file: String) throws(FerryError) -> GivenCode {
    .template(
      try StackTemplate(
        String(decoding: Files.read(file, what: "template"), as: UTF8.self), named: file),
      file: file)
  }
  /// Either, by what is in the file.
  package static func any(_ file: String) throws(FerryError) -> GivenCode {
    let bytes = try Files.read(file, what: "code")
    let root = try? JSONValue.read(bytes, what: file)
    return try TerraformFile.isBinaryPlan(bytes) || root?["format_version"] != nil
      ? plan(file) : template(file)
  }
}

extension Context {
  /// Where the code and what is live say different things.
  /// - Parameter account: the name by which the closure's account was reached.
  package func drift(
    of ids: [String], in code: GivenCode, closure: Closure, account: String
  ) async throws(FerryError) -> HandoverCheck {
    let subjects = Subject.all(in: closure.account)
    switch code {
    case .plan(let plan, _):
      let etags = Dictionary(
        closure.account.distributions.map { ($0.id, $0.etag) }, uniquingKeysWith: { $1 })
      return HandoverCheck(
        try plan.facts(of: subjects, asked: ids, etags: etags), closure: closure)
    case .template(let template, let file):
      let facts = try await TemplateFacts(
        template: template, parameters: parameters(beside: file),
        known: known(beside: file, template, closure, account: account), name: file
      ).facts(of: subjects, asked: ids)
      return HandoverCheck(facts, closure: closure)
    }
  }

  /// A file that `handover emit` writes beside the template; nil where there is none.
  private func list(_ name: String, beside file: String) throws(FerryError) -> [JSONValue]? {
    let path = URL(fileURLWithPath: file).deletingLastPathComponent().appendingPathComponent(name)
      .relativePath
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    return try JSONValue.read(Files.read(path, what: name), what: name).array ?? []
  }
  private func parameters(beside file: String) throws(FerryError) -> [String: String] {
    var out: [String: String] = [:]
    for it in try list(StackFiles.parameters, beside: file) ?? [] {
      out[it["ParameterKey"]?.string ?? ""] = it["ParameterValue"]?.string
    }
    return out
  }
  /// What the logical ids stand for: in the import list, or in the stack that has most of them.
  private func known(
    beside file: String, _ code: StackTemplate, _ closure: Closure, account: String
  ) async throws(FerryError) -> [String: String] {
    if let imports = try list(StackFiles.imports, beside: file) {
      var out: [String: String] = [:]
      for it in imports {
        out[it["LogicalResourceId"]?.string ?? ""] =
          it["ResourceIdentifier"]?.object?.values.first?.string
      }
      return out
    }
    let inventory = try await inventory(
      file: nil, accounts: names(account), includeSecrets: false
    ).inventory
    let stacks = inventory.accounts.first { $0.id == closure.account.id }?.stacks ?? []
    return stacks.filter { !$0.isDeleted }.map { stack in
      closure.account.held(in: stack).filter { code.resources[$0.key] != nil }
    }.max { $0.count < $1.count } ?? [:]
  }
}

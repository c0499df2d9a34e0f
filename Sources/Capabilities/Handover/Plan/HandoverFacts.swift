import FerryCode
import FerryCore

/// What is handed over, who has it, and who gets it: all that a plan is made from.
struct HandoverFacts: Sendable {
  /// A tool that owns, or will own.
  enum Tool: String, Sendable, CaseIterable {
    case cloudformation, terraform, none
    init(_ it: EmitTarget) { self = it == .terraform ? .terraform : .cloudformation }
  }

  /// A distribution or policy whose version is proven to stay.
  struct Thing: Equatable, Sendable {
    var id: String
    var isPolicy: Bool
    var etag: String
    var modified: String
  }
  /// A stack that has things, or will import them.
  struct Stack: Sendable {
    var name: String
    /// nil for one that is not there yet.
    var id: String?
    var region: String
    var edits: StackEdits
    /// What the stack has today, as it was written: JSON or YAML.
    var text = ""
    /// The command line names a stack that is there by its id, which no other account has.
    var reference: String { id ?? name }
  }
  /// A Terraform configuration that has things.
  struct State: Sendable {
    /// As named with --tfstate.
    var name: String
    /// Where its code is; nil for a state in S3, of which nobody knows.
    var folder: String?
    /// Address to import id, of what goes.
    var addresses: [String: String]
  }
  /// The code that takes over, in a folder.
  struct Code: Sendable {
    var folder: String
    /// Terraform address or logical id, and the id by which it is imported.
    var items: [String: String]
    /// SHA-256 by path, of every file in the folder that a command reads.
    var files: [String: String]
    /// Of a template: whether secret parameters stand in a file beside it.
    var hasParameters = false
    /// Addresses in Terraform states of what the closure has besides: they may stay as they are.
    var held: [String] = []
  }

  var account: AccountID
  var things: [Thing]
  var from: Tool
  var to: Tool
  var stack: Stack?
  var state: State?
  var code: Code
  /// Where the files of the handover itself are, within the folder of the code.
  var folder: String { code.folder + "/handover" }
  /// Content of those files by path.
  var written: [String: String] = [:]
  /// Of the templates that stacks are given, by path: how a stack that has one tells it, `ToolProof.templates`.
  var templates: [String: [String]] = [:]
  /// What the commands need of the environment, such as AWS_PROFILE.
  var environment: [String: String]
  /// What goes into the new code and stays with somebody else.
  var others: [String] = []
  var notes: [String] = []
}

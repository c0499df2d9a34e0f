import FerryCode
import FerryCommand
import FerryCore
import Foundation

/// The code of a folder that takes over, as its commands will read it.
enum CodeReader {
  /// What Terraform and this program leave beside the code.
  private static let ignored = [".terraform", ".terraform.lock.hcl", "handover"]

  /// - Parameter folder: as commands name it, from the workspace.
  /// - Throws: `.badInput` (64) `not-in-code` when the code does not import what was asked for.
  static func read(
    _ folder: String, at path: String, for to: HandoverFacts.Tool, ids: [String]
  ) throws(FerryError) -> HandoverFacts.Code {
    var files: [String: String] = [:]
    let manager = FileManager.default
    let names = manager.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
    for name in names.sorted() {
      let first = name.split(separator: "/").first.map(String.init) ?? ""
      var isFolder: ObjCBool = false
      guard !ignored.contains(first), !name.hasSuffix(".tfplan"), !name.contains(".tfstate"),
        manager.fileExists(atPath: path + "/" + name, isDirectory: &isFolder), !isFolder.boolValue
      else { continue }
      let bytes = try Files.read(path + "/" + name, what: "code", limit: 16 << 20)
      files["\(folder)/\(name)"] = "sha256:" + Digest.hex(Digest.sha256(bytes))
    }
    func text(_ name: String) throws(FerryError) -> String {
      String(
        decoding: try Files.read(path + "/" + name, what: "code", limit: 16 << 20), as: UTF8.self)
    }
    var items: [String: String] = [:]
    switch to {
    case .terraform:
      for block in try imports(text(TerraformCode.importsFile))
      where block.type == "import" {
        guard case .reference(let address)? = block.attribute("to"),
          case .string(let id)? = block.attribute("id")
        else { continue }
        items[address] = id
      }
    default:
      let name = HandoverPlanner.File.imports
      let list = try JSONValue.read(Array(text(name).utf8), what: name)
      for it in list.array ?? [] {
        let identifier = it["ResourceIdentifier"]?.object?.values.first?.string
        if let logical = it["LogicalResourceId"]?.string, let identifier {
          items[logical] = identifier
        }
      }
    }
    let missing = ids.filter { !items.values.contains($0) }
    guard missing.isEmpty else {
      throw .badInput(
        "not-in-code", what: "could not plan the handover of \(missing.joined(separator: ", "))",
        why: "the code in \(folder) does not import it",
        next: "name a new folder with --dir, or write the code with `edgeferry handover emit`")
    }
    return .init(
      folder: folder, items: items, files: files,
      hasParameters: files["\(folder)/\(HandoverPlanner.File.parameters)"] != nil)
  }

  private static func imports(_ text: String) throws(FerryError) -> [HCLBlock] {
    do {
      return try HCLReader.read(text, named: TerraformCode.importsFile)
    } catch {
      throw .badInput(
        "bad-code", what: "could not read \(TerraformCode.importsFile)", why: error.why,
        next: "write import blocks as `edgeferry handover emit` does, or name a new folder")
    }
  }
}

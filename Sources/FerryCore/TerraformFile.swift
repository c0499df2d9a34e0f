/// What Terraform writes into files, before anything is read of it.
package enum TerraformFile {
  /// A saved plan as `terraform plan -out` writes it: a zip archive, which holds a state, too.
  package static func isBinaryPlan(_ bytes: [UInt8]) -> Bool {
    bytes.starts(with: [0x50, 0x4B, 0x03, 0x04])
  }
  /// - Throws: `.badInput` (64): `code` for a binary plan, which says how it is made readable; `bad-json` for what is no JSON.
  package static func json(
    _ bytes: [UInt8], what: String, named name: String, code: FerryError.Code, next: String
  ) throws(FerryError) -> JSONValue {
    guard !isBinaryPlan(bytes) else {
      throw .badInput(
        code, what: "could not read the \(what) \(name)",
        why: "it is a binary plan, as `terraform plan -out` writes it, and no JSON", next: next)
    }
    return try JSONValue.read(bytes, what: "\(what) \(name)")
  }
}

import FerryCore
import Yams

extension Context {
  /// What stands in the target for what cannot be copied.
  /// - Throws: `bad-map` (64) with the line.
  public func migrationMap(_ file: String) throws(FerryError) -> MigrationMap {
    let bytes = try Files.read(file, what: "the map", limit: 1 << 20)
    return try Self.migrationMap(String(decoding: bytes, as: UTF8.self), named: file)
  }
  static func migrationMap(_ text: String, named file: String) throws(FerryError) -> MigrationMap {
    let reader = SettingsReader(
      file: file, what: "the map", code: "bad-map", page: "docs/commands/migrate.md")
    var out = MigrationMap()
    guard let root = try reader.root(text) else {
      throw reader.refuse("version is missing or not 1", at: nil)
    }
    var shape: [String: SettingsReader.Kind] = ["version": .number]
    for section in MigrationMap.sections { shape[section.key] = .named(.text) }
    try reader.check(root, .map(shape), at: "")
    guard root["version"]?.int == 1 else {
      throw reader.refuse("version is missing or not 1", at: root["version"])
    }
    for (key, path) in MigrationMap.sections {
      for (source, target) in reader.pairs(root[key]) {
        guard let text = target.string, !text.isEmpty, !source.isEmpty else {
          throw reader.refuse("\(key) holds an empty entry", at: target)
        }
        out[keyPath: path][source] = text
      }
    }
    return out
  }
}

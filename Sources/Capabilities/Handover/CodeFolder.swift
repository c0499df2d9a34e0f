import FerryCode
import FerryCommand
import FerryCore
import Foundation

/// A folder that code is written to: whole or not at all, and never over what somebody has there.
enum CodeFolder {
  /// - Throws: `.badInput` (64) `out-not-empty` for a folder with something in it, or what is no folder.
  static func isFree(_ path: String) throws(FerryError) {
    var info = stat()
    guard lstat(path, &info) == 0 else { return }
    let names = try? FileManager.default.contentsOfDirectory(atPath: path)
    guard info.st_mode & S_IFMT == S_IFDIR, names?.isEmpty == true else {
      throw .badInput(
        "out-not-empty", what: "could not write code to \(path)",
        why: names == nil ? "it is no folder that can be read" : "there is something in it",
        next: "name a folder that is new or empty; nothing was written")
    }
  }

  /// Writes beside the place and moves it there, so that a reader sees nothing or all.
  static func write(_ files: [TerraformCode.File], to path: String) throws(FerryError) {
    func fail(_ why: String) -> FerryError {
      FerryError(
        "file-write", what: "could not write \(path)", why: why,
        next: "free space or choose another place; nothing was written")
    }
    let place = URL(fileURLWithPath: path)
    let folder = place.deletingLastPathComponent().appendingPathComponent(
      ".\(place.lastPathComponent).\(UInt64.random(in: 0 ... .max)).tmp")
    let manager = FileManager.default
    do {
      try manager.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
      throw fail(error.localizedDescription)
    }
    do throws(FerryError) {
      for file in files {
        let url = folder.appendingPathComponent(file.path)
        do {
          try manager.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        } catch {
          throw fail(error.localizedDescription)
        }
        try Files.write(file.text, to: url.path, mode: file.isSecret ? 0o600 : 0o644)
      }
      // Replaces an empty folder, and nothing else.
      guard rename(folder.path, place.path) == 0 else {
        throw fail(String(cString: strerror(errno)))
      }
    } catch {
      try? manager.removeItem(at: folder)
      throw error
    }
  }
}

import FerryCore

/// Names that a person can read, each given once in its scope.
package struct UniqueNames {
  private var taken: [String: Set<String>] = [:]
  package init() {}

  /// - Source: Terraform's reserved names of variables; a resource may have any.
  private static let reserved: Set = [
    "source", "version", "providers", "count", "for_each", "lifecycle", "depends_on", "locals",
  ]

  /// Keeps a name from being given.
  package mutating func take(_ name: String, in scope: String) {
    taken[scope, default: []].insert(name)
  }

  /// A name made from a text: letters, digits and underscores, at most 60.
  package mutating func name(from text: String, in scope: String, or empty: String) -> String {
    var words: [String] = [""]
    var isInWord = false
    for scalar in text.unicodeScalars {
      let isUpper = ("A"..."Z").contains(scalar)
      // `CachingOptimized` is two words.
      if isUpper && isInWord { words.append("") }
      isInWord = ("a"..."z").contains(scalar)
      if isUpper {
        words[words.count - 1] += Character(scalar).lowercased()
      } else if isInWord || ("0"..."9").contains(scalar) {
        words[words.count - 1].unicodeScalars.append(scalar)
      } else {
        words.append("")
      }
    }
    var name = String(words.filter { !$0.isEmpty }.joined(separator: "_").prefix(60))
    if name.isEmpty { name = empty }
    if name.first?.isNumber == true || Self.reserved.contains(name) { name = "\(empty)_\(name)" }
    var out = name
    var number = 1
    while !taken[scope, default: []].insert(out).inserted {
      number += 1
      out = "\(name)_\(number)"
    }
    return out
  }
}

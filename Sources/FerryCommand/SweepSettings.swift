import FerryCore
import Yams

/// When an unattended sweep may act, from the settings.
package struct SweepRules: Equatable, Sendable {
  package var graceSeconds = 14 * 86_400
  /// Resources that one run may delete, in all and in one account.
  package var maxDeletions = 5
  /// Percent of the CD policies and staging distributions that one run may delete, in all and in one account.
  package var maxPercent = 30
  /// Patterns with `*`.
  package var keepIDs: [String] = []
  package var keepStacks: [String] = []
  package var keepTags: [String: String] = [:]

  package init() {}
}

extension SettingsReader {
  func sweep(_ node: Node) throws(FerryError) -> SweepRules {
    var out = SweepRules()
    if let seconds = span(node["grace"]) { out.graceSeconds = Int(seconds) }
    if let count = node["maxDeletions"] {
      guard let number = count.int, number >= 0 else {
        throw refuse("sweep.maxDeletions is a whole number, 0 or more", at: count)
      }
      out.maxDeletions = number
    }
    if let percent = node["maxPercent"] {
      guard let number = percent.int, (0...100).contains(number) else {
        throw refuse("sweep.maxPercent is a whole number, 0 to 100", at: percent)
      }
      out.maxPercent = number
    }
    out.keepIDs = texts(node["keep"]?["ids"])
    out.keepStacks = texts(node["keep"]?["stacks"])
    for (key, value) in pairs(node["keep"]?["tags"]) { out.keepTags[key] = value.string ?? "" }
    return out
  }
}

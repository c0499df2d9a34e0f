import Foundation

/// Whether no process of that number runs on this machine any more.
///
/// A zombie is gone, too: killed, and kept in the table by a parent that does not wait for it, as in a container
/// without an init.
func isGone(_ pid: Int32) -> Bool {
  if kill(pid, 0) != 0 { return errno == ESRCH }
  guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
    // The name before the state may hold anything, brackets too.
    let bracket = stat.lastIndex(of: ")")
  else { return false }
  let state = stat[stat.index(after: bracket)...].first { $0 != " " }
  return state == "Z" || state == "X"
}

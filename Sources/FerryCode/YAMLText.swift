import Yams

/// YAML as edgeferry reads it: one document, without aliases. With those a few lines can stand for billions of nodes,
/// and even their keys take for ever to compare.
///
/// CloudFormation takes none either.
/// - Source: AWS CloudFormation User Guide, "Template formats"; "Billion laughs" (CVE-2003-1564).
public enum YAMLText {
  public enum Fault: Error {
    /// - Parameter line: 1 first.
    case anchor(line: Int)
    case invalid(YamlError)
    case unreadable

    /// For an error, one line.
    public var why: String {
      switch self {
      case .anchor(let line): "line \(line) has an anchor; aliases are not taken, write it out"
      case .invalid(let error):
        "it is not valid YAML: "
          + "\(error)".split(separator: "\n").prefix(2).joined(separator: " ").prefix(400)
      case .unreadable: "it is not valid YAML"
      }
    }
  }

  /// - Throws: `Fault` for what is no YAML, and for an anchor; nil for an empty document.
  public static func compose(_ text: String) throws(Fault) -> Node? {
    if text.contains("&"), text.contains("*") {
      // Without the signs that aliases begin with nothing is filled in, and all anchors are met.
      if let line = try root(text.replacing("*", with: "\u{2217}"), { $0.flatMap(anchor) }) {
        throw .anchor(line: line)
      }
    }
    return try root(text) { $0 }
  }

  /// - Parameter look: at a tree whose anchors are there as long as its parser is.
  private static func root<T>(_ text: String, _ look: (Node?) -> T) throws(Fault) -> T {
    do {
      let parser = try Parser(yaml: text)
      let root = try parser.singleRoot()
      return withExtendedLifetime(parser) { look(root) }
    } catch let error as YamlError {
      throw .invalid(error)
    } catch {
      throw .unreadable
    }
  }
  private static func anchor(in node: Node) -> Int? {
    if node.anchor != nil { return node.mark?.line ?? 1 }
    switch node {
    case .mapping(let mapping):
      for (key, value) in mapping {
        if let line = anchor(in: key) ?? anchor(in: value) { return line }
      }
      return nil
    case .sequence(let items):
      for item in items {
        if let line = anchor(in: item) { return line }
      }
      return nil
    default: return nil
    }
  }
}

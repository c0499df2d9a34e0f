import FerryCode

/// Values of origin headers that stand outside the code. The same header with the same value is one, however many origins
/// send it.
struct HeaderSecrets: Sendable {
  struct Secret: Sendable {
    var name: String
    var header: String
    var value: String
  }
  private(set) var all: [Secret] = []
  private var names = UniqueNames()

  /// - Parameter spelled: how the tool writes names.
  /// - Returns: the name that stands for the value.
  mutating func name(
    of header: String, _ secret: String, spelled: (String) -> String = { $0 }
  ) -> String {
    let known = all.first { $0.header.lowercased() == header.lowercased() && $0.value == secret }
    if let known { return known.name }
    let name = spelled(names.name(from: header, in: "header", or: "header"))
    all.append(.init(name: name, header: header, value: secret))
    return name
  }
}

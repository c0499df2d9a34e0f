import FerryCore
import FerryHTTP

/// What two edges answer for one URL, part by part.
struct EdgeComparison {
  /// One side as it was asked.
  struct Side: Sendable {
    /// The distribution's id and its own name, which an answer may show.
    var names: [String]
    /// The host that it was asked for.
    var host: String
    var content: EdgeContent
  }
  /// What the answer is called by: `https://www.example.com/path`.
  var url: String
  /// The header that names the serving distribution, in lower case.
  var marker: String?

  /// Headers that differ from one answer to the next of the same distribution, and why.
  static func varying(_ name: String, marker: String?) -> String? {
    switch name {
    case "date", "age", "expires": "it follows the time of the answer"
    case "via", "x-cache", "server-timing": "it tells the way of one answer"
    case "content-length": "it follows the body"
    case "x-request-id", "x-amz-request-id", "x-amz-id-2", "x-amzn-requestid", "x-amzn-trace-id",
      "x-correlation-id", "cf-ray", "x-amz-apigw-id":
      "it numbers one request"
    case "x-lab-distribution", "x-lab-pop": "it names the distribution or the edge"
    case marker: "it names the distribution"
    default: name.hasPrefix("x-amz-cf-") ? "it tells the way of one answer" : nil
    }
  }

  /// - Parameter again: the source's answer to the same question asked once more, where bodies differ.
  func differences(_ source: Side, _ target: Side, again: EdgeContent? = nil)
    -> [CutoverVerdict.Difference]
  {
    let (old, new) = (source.content, target.content)
    if old.failure != nil || new.failure != nil {
      return [
        .init(
          path: "\(url)#answer", source: old.failure ?? old.status.map { "status \($0)" },
          target: new.failure ?? new.status.map { "status \($0)" }, expected: false,
          reason: "not answered, so not compared")
      ]
    }
    var out: [CutoverVerdict.Difference] = []
    func differ(
      _ part: String, _ old: String?, _ new: String?, _ expected: Bool, _ reason: String?
    ) {
      out.append(
        .init(
          path: "\(url)#\(part)", source: old.map(Self.short), target: new.map(Self.short),
          expected: expected, reason: reason))
    }
    if old.status != new.status {
      differ("status", old.status.map(String.init), new.status.map(String.init), false, nil)
    }
    if old.certificate?.fingerprint != new.certificate?.fingerprint {
      differ(
        "certificate", old.certificate?.fingerprint, new.certificate?.fingerprint, true,
        source.host == target.host
          ? "both are trusted and cover the name; each account has its own"
          : "they were asked by different names")
    }
    for name in Set(old.headers.keys).union(new.headers.keys).sorted() {
      let (one, other) = (old.headers[name] ?? [], new.headers[name] ?? [])
      guard one != other else { continue }
      let texts = (
        one.isEmpty ? nil : one.joined(separator: ", "),
        other.isEmpty ? nil : other.joined(separator: ", ")
      )
      if name == "set-cookie" {
        // The values are often secrets, and new ones each time.
        let names = (Self.cookies(one), Self.cookies(other))
        differ(
          "set-cookie", names.0, names.1, names.0 == names.1,
          names.0 == names.1 ? "the same cookies with other values" : nil)
      } else if let why = Self.varying(name, marker: marker) {
        differ("header/\(name)", texts.0, texts.1, true, why)
      } else {
        let isSame =
          one.map { Self.plain($0, source) } == other.map { Self.plain($0, target) }
        differ("header/\(name)", texts.0, texts.1, isSame, isSame ? Self.ownNames : nil)
      }
    }
    if old.body != new.body || old.isCutOff != new.isCutOff {
      let (expected, reason) = body(source, target, again)
      differ("body", Self.digest(old), Self.digest(new), expected, reason)
    }
    return out
  }
  static let ownNames = "the same but for the names of the distribution itself"

  private func body(_ source: Side, _ target: Side, _ again: EdgeContent?) -> (Bool, String?) {
    if let one = String(validating: source.content.body, as: UTF8.self),
      let other = String(validating: target.content.body, as: UTF8.self),
      Self.plain(one, source) == Self.plain(other, target)
    {
      return (true, Self.ownNames)
    }
    if let again, again.failure == nil, again.body != source.content.body {
      return (true, "the source's own changes from one answer to the next")
    }
    return (false, nil)
  }
  /// Without the names by which a distribution may show itself; the longest first.
  private static func plain(_ text: String, _ side: Side) -> String {
    (side.names + [side.host]).filter { !$0.isEmpty }.sorted { $0.count > $1.count }
      .reduce(text) { $0.replacing($1, with: "\u{FFFC}") }
  }
  private static func cookies(_ values: [String]) -> String {
    values.map { String($0.prefix { $0 != "=" && $0 != ";" }) }.sorted().joined(separator: ", ")
  }
  private static func digest(_ content: EdgeContent) -> String {
    "sha256:" + Digest.hex(Digest.sha256(content.body))
      + (content.isCutOff ? " of the first \(content.body.count) bytes" : "")
  }
  private static func short(_ text: String) -> String {
    text.count > 256 ? text.prefix(256) + "…" : text
  }
}

import FerryCore
import Foundation

/// Text as an attacker writes it into a comment, a tag, a name or an error message.
public enum HostileText {
  /// Sequences that steer a terminal, reorder or hide text, or mean something to Markdown, HTML or a shell.
  public static let all: [(name: String, text: String)] = [
    ("clear screen", "\u{1B}[2J"), ("cursor home", "\u{1B}[H"), ("cursor up", "\u{1B}[5A"),
    ("erase line", "\u{1B}[2K"), ("colour", "\u{1B}[31;1m"), ("reset", "\u{1B}c"),
    ("title", "\u{1B}]0;owned\u{7}"), ("title by ST", "\u{1B}]2;owned\u{1B}\\"),
    ("hyperlink", "\u{1B}]8;;http://evil.example\u{7}click\u{1B}]8;;\u{7}"),
    ("clipboard", "\u{1B}]52;c;cm0gLXJmIH4=\u{7}"), ("notify", "\u{1B}]9;hi\u{7}"),
    ("image", "\u{1B}]1337;File=inline=1:AAAA\u{7}"), ("palette", "\u{1B}]4;1;?\u{7}"),
    ("DCS", "\u{1B}P+q544e\u{1B}\\"), ("DECRQSS", "\u{1B}P$q\"p\u{1B}\\"),
    ("sixel", "\u{1B}Pq#0;2;0;0;0~\u{1B}\\"), ("APC", "\u{1B}_G\u{1B}\\"),
    ("PM", "\u{1B}^x\u{1B}\\"), ("SOS", "\u{1B}Xx\u{1B}\\"), ("report", "\u{1B}[6n"),
    ("device attributes", "\u{1B}[c"), ("answerback", "\u{5}"),
    ("alternate screen", "\u{1B}[?1049h"),
    ("mouse", "\u{1B}[?1003h"), ("bracketed paste", "\u{1B}[201~"), ("charset", "\u{1B}(0"),
    ("C1 CSI", "\u{9B}2J"), ("C1 OSC", "\u{9D}0;owned\u{9C}"), ("C1 DCS", "\u{90}q\u{9C}"),
    ("C1 NEL", "a\u{85}b"), ("C1 APC", "\u{9F}x\u{9C}"), ("NUL", "a\u{0}b"), ("bell", "\u{7}"),
    ("backspaces", "safe\u{8}\u{8}\u{8}\u{8}evil"), ("tab", "a\tb"), ("vertical tab", "a\u{B}b"),
    ("form feed", "a\u{C}b"), ("shift out", "\u{E}lqqk\u{F}"), ("CR", "evil\rsafe"),
    ("CRLF", "a\r\nerror[none]: all is well"), ("LF", "a\nnext: rm -rf /"), ("DEL", "a\u{7F}b"),
    ("LRE", "\u{202A}x"), ("RLE", "\u{202B}x"), ("PDF", "x\u{202C}"), ("LRO", "\u{202D}x"),
    ("RLO", "\u{202E}gpj.exe"), ("LRI", "\u{2066}x"), ("RLI", "\u{2067}x"), ("FSI", "\u{2068}x"),
    ("PDI", "x\u{2069}"), ("LRM", "a\u{200E}b"), ("RLM", "a\u{200F}b"), ("ALM", "a\u{61C}b"),
    ("zero-width space", "a\u{200B}b"), ("zero-width non-joiner", "a\u{200C}b"),
    ("zero-width joiner", "a\u{200D}b"), ("word joiner", "a\u{2060}b"), ("BOM", "\u{FEFF}a"),
    ("soft hyphen", "a\u{AD}b"), ("line separator", "a\u{2028}b"),
    ("paragraph separator", "a\u{2029}b"), ("invisible times", "a\u{2062}b"),
    ("Mongolian vowel separator", "a\u{180E}b"), ("Hangul filler", "a\u{3164}b"),
    ("halfwidth Hangul filler", "a\u{FFA0}b"), ("combining grapheme joiner", "a\u{34F}b"),
    ("tag letters", "a\u{E0041}\u{E007F}b"), ("variation selector", "a\u{FE0F}b"),
    ("supplementary variation selector", "a\u{E0100}b"),
    ("interlinear", "\u{FFF9}a\u{FFFA}b\u{FFFB}"),
    ("noncharacter", "a\u{FFFE}b"), ("musical format", "a\u{1D173}b"),
    ("replacement", "a\u{FFFD}b"),
    ("very long", String(repeating: "long ", count: 300)),
    ("HTML script", "<script>alert(1)</script>"), ("HTML image", "<img src=x onerror=alert(1)>"),
    ("HTML comment", "<!-- x"), ("HTML entity", "&lt;script&gt;&#60;b&#62;"),
    ("end of a tag", "\"><svg/onload=alert(1)>"), ("Markdown link", "[click](http://evil.example)"),
    ("Markdown image", "![x](http://evil.example/x.png)"),
    ("reference", "[x]: http://evil.example"),
    ("autolink", "http://evil.example/ www.evil.example"),
    ("angle autolink", "<http://evil.example>"), ("code span", "`` ` x"),
    ("fence", "```\nrm -rf /\n```"), ("table break", "a | b |\n| c"), ("heading", "# owned"),
    ("list", "- owned"), ("numbered", "1. owned"), ("rule", "---"), ("emphasis", "**x** _y_ ~~z~~"),
    ("math", "$x$"), ("indented code", "    owned"), ("shell", "'; rm -rf ~; $(id) `id` #"),
    ("format", "%s%n%d"), ("JSON break", "\",\"x\":\"\\"), ("YAML break", ": [x]\n- y"),
    ("path", "../../../etc/passwd"), ("backslashes", "\\u{1b}[2J \\x1b \\033[2J"),
  ]

  /// Whether XML 1.0 can carry it at all.
  public static func isXML(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy {
      $0.value >= 0x20 && $0.value != 0xFFFE && $0.value != 0xFFFF
        || [9, 10, 13].contains($0.value)
    }
  }

  /// The first scalar that a terminal must never be sent, newline apart; by code point, on purpose not as
  /// `safe` decides it.
  public static func intruder(in text: String) -> String? {
    let ranges: [ClosedRange<UInt32>] = [
      0...0x09, 0x0B...0x1F, 0x7F...0x9F, 0xAD...0xAD, 0x34F...0x34F, 0x61C...0x61C,
      0x115F...0x1160, 0x180B...0x180F, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F,
      0x3164...0x3164, 0xFE00...0xFE0F, 0xFEFF...0xFEFF, 0xFFA0...0xFFA0, 0xFFF9...0xFFFB,
      0xFFFE...0xFFFF, 0x1D173...0x1D17A, 0xE0000...0xE0FFF,
    ]
    let found = text.unicodeScalars.first { scalar in ranges.contains { $0.contains(scalar.value) }
    }
    return found.map { "U+" + String($0.value, radix: 16) }
  }
}

extension HostileText {
  /// A sealed plan with the text in every field that a reader does not refuse.
  public static func plan(_ name: String, _ text: String) -> Plan {
    let time = Date(timeIntervalSince1970: 1_767_225_600)
    var plan = Plan(
      name: name, capability: "orphans", createdAt: time, tool: text,
      accounts: [text: text], observed: .init(inventoryDigest: text, endpoint: text),
      steps: [
        Step(
          id: "one", title: text, account: text,
          action: .updateConfig(
            distribution: text, set: [.init(path: text, from: text, to: text)]),
          expects: .init(etag: text), window: text, gate: .init(reason: text),
          wait: .init(
            from: text, seconds: 60, terms: [.init(term: text, seconds: 60, source: text)]),
          checks: [
            .init(.deployed, distribution: text),
            .init(.config, distribution: text, path: text, value: text),
            .init(.absent, policy: text),
          ],
          inverse: .updatePolicy(policy: text, set: [.init(path: text, from: text, to: text)])),
        Step(
          id: "two", title: text, account: text,
          action: .createDistribution(
            image: text, set: [.init(path: text, from: nil, to: text)], callerReference: text,
            tags: [text: text])),
        Step(id: "three", title: text, account: text, action: .createPolicy(image: text, set: [])),
        Step(
          id: "four", title: text, account: text, action: .deleteDistribution(distribution: text)),
        Step(id: "five", title: text, account: text, action: .deletePolicy(policy: text)),
        Step(
          id: "six", title: text, account: text,
          action: .promote(distribution: text, staging: text),
          inverse: .restoreConfig(distribution: text, image: text, members: [text])),
      ],
      schedule: .init(start: time, end: time, criticalPathSeconds: 60, exposureSeconds: 60),
      pointOfNoReturn: text, debts: [text],
      risks: [.init(code: text, text: text, accepted: false)], notes: [text], permissions: [text])
    plan.risks.append(.init(code: "c", text: text, accepted: true))
    return plan.sealed
  }
}

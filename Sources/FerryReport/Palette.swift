/// The colours of the pictures: on paper and by day the first, on a dark screen the second.
///
/// Every text colour has a contrast of at least 4.5 to the background behind it (WCAG 2.2 AA).
enum Palette {
  static let colours: [(name: String, light: String, dark: String)] = [
    ("paper", "#ffffff", "#10151b"), ("panel", "#f6f8fa", "#171e26"), ("ink", "#1b2128", "#e6edf3"),
    ("muted", "#57606a", "#9aa7b3"), ("line", "#d0d7de", "#343d47"),
    ("write", "#0b5cad", "#6cb2f7"),
    ("wait", "#a9cbee", "#2d557f"), ("bake", "#1f7a5c", "#4fc49b"), ("open", "#e2f3e7", "#15301f"),
    ("opentext", "#1a6b36", "#7bd39a"), ("frozen", "#f9dedc", "#451c1a"),
    ("bad", "#b42318", "#ff8a80"), ("old", "#b45309", "#f0a95b"), ("oldarea", "#f7d9b5", "#5a3a14"),
    ("newarea", "#cfe3f7", "#1c3d5e"), ("good", "#1a6b36", "#7bd39a"),
  ]
  /// Custom properties for the page.
  static var variables: Markup {
    let light = Markup(joining: colours.map { "--\($0.name):\($0.light)" }, by: ";")
    let dark = Markup(joining: colours.map { "--\($0.name):\($0.dark)" }, by: ";")
    return
      ":root{\(light)}\n@media screen and (prefers-color-scheme:dark){:root{\(dark)}}\n"
  }
  /// Classes for the drawings, with the colours themselves: not every program that shows SVG knows properties.
  static var drawing: Markup {
    func rules(_ name: String, _ value: String) -> Markup {
      ".f-\(name){fill:\(value)}.s-\(name){stroke:\(value)}"
    }
    let light = Markup(joining: colours.map { rules($0.name, $0.light) })
    let dark = Markup(joining: colours.map { rules($0.name, $0.dark) })
    return """
      svg text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;stroke:none}
      svg .b{font-weight:600}svg .m{font-size:11px}svg .thin{stroke-width:1;fill:none}svg .thick{stroke-width:2.5;fill:none}
      svg .dash{stroke-dasharray:5 4}
      \(light)
      @media screen and (prefers-color-scheme:dark){\(dark)}

      """
  }
}

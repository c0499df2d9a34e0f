import ArgumentParser
import FerryCommand
import FerryCore
import FerryDNS
import Foundation

/// `edgeferry cutover probe`: what DNS says of names, server by server.
struct ProbeCommand: FerryCommand {
  static let configuration = CommandConfiguration(
    commandName: "probe",
    abstract: "Ask every server of the zone, follow the chain, look at the resolvers.",
    discussion: """
      Reads only. Servers are those of the settings (zones: NAME: nameservers:) or of the delegation.

      Example: edgeferry cutover probe www.example.com
      """)
  @Argument(help: "A DNS name (repeatable), such as www.example.com.") var names: [String]
  @OptionGroup var global: GlobalOptions

  func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
    try formats(.text, .json, .markdown)
    var wanted: [DomainName] = []
    for text in names {
      let name = try DomainName(text)
      if !wanted.contains(name) { wanted.append(name) }
    }
    let prober = try context.prober()
    let document = Probe(at: context.clock.now, names: await prober.probe(wanted))
    guard !Task.isCancelled else { throw .interruptedWhileReading }
    switch global.output {
    case .json: try context.answer(FerryJSON.document(document))
    case .markdown: try context.answer(ProbeText.markdownText(document))
    default: try context.answer(ProbeText.render(document))
    }
    // Nothing that was asked could be read at all.
    let isHeard = document.names.contains { $0.servers.contains { $0.rcode != nil } }
    return isHeard ? .done : .failed
  }
}

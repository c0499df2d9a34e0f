import FerryCore
import FerryModel
import Foundation

/// Everything of edgeferry that reads bytes which it did not write itself.
///
/// A reader returns or throws a `FerryError`; a trap, a hang or memory without a bound is a bug. What is read is
/// put to its first use too, since that is where odd values bite.
public enum FuzzReader: String, CaseIterable, Sendable {
  case xml, plan, inventory, settings, map, ledger, state, signatures, key
  case dns, tsig, http, answer, profiles, cache
  case tfstate, tfplan, template, hcl, lists, texts
  case probe, policy, metadata, reply

  /// - Throws: what the reader says of the input; nothing else leaves it.
  public func read(_ bytes: [UInt8]) throws(FerryError) {
    switch self {
    case .xml: try CoreReaders.xml(bytes)
    case .plan: try CoreReaders.plan(bytes)
    case .inventory: try CoreReaders.inventory(bytes)
    case .settings: try FileReaders.settings(bytes)
    case .map: try FileReaders.map(bytes)
    case .ledger: try FileReaders.ledger(bytes)
    case .state: try FileReaders.state(bytes)
    case .signatures: try CoreReaders.signatures(bytes)
    case .key: try CoreReaders.key(bytes)
    case .dns: try WireReaders.dns(bytes)
    case .tsig: try WireReaders.tsig(bytes)
    case .http: try WireReaders.http(bytes)
    case .answer: try WireReaders.answer(bytes)
    case .profiles: try CredentialReaders.profiles(bytes)
    case .cache: try CredentialReaders.cache(bytes)
    case .tfstate: try CodeReaders.state(bytes)
    case .tfplan: try CodeReaders.plan(bytes)
    case .template: try CodeReaders.template(bytes)
    case .hcl: try CodeReaders.hcl(bytes)
    case .lists: try FileReaders.lists(bytes)
    case .texts: try FileReaders.texts(bytes)
    case .probe: try FileReaders.probe(bytes)
    case .policy: try FileReaders.policy(bytes)
    case .metadata: try CredentialReaders.metadata(bytes)
    case .reply: try WireReaders.reply(bytes)
    }
  }

  /// Inputs beyond this are not made: what is larger is refused by size.
  public static let bytesMax = 16_384
}

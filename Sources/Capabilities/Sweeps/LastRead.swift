import FerryCore
import FerryRun

/// The distributions of an account as last read: a listed version that is still one of these is not read again.
///
/// A document of its own, since it is large and changes seldom. Header values are redacted; status and tags, which
/// have no version, are read each time.
struct LastRead: Equatable, Sendable {
  struct Entry: Equatable, Sendable {
    var arn: String
    var domainName: String
    var etag: String
    var lastModified: String
    var configXML: String
  }
  static let schema = "edgeferry.last-read/1"
  /// By id.
  var entries: [String: Entry] = [:]

  init() {}
  /// What cannot be made out is left away: then it is read again.
  init(_ document: JSONValue) {
    guard document["schema"]?.string == Self.schema else { return }
    for (id, it) in document["distributions"]?.object ?? [:] {
      guard let etag = it["etag"]?.string, let xml = it["configXML"]?.string else { continue }
      entries[id] = Entry(
        arn: it["arn"]?.string ?? "", domainName: it["domainName"]?.string ?? "", etag: etag,
        lastModified: it["lastModified"]?.string ?? "", configXML: xml)
    }
  }
  /// - Parameter old: what is still of that version is taken from there.
  init(_ distributions: [Inventory.Distribution], after old: LastRead) {
    for it in distributions {
      if let known = old.entries[it.id], known.etag == it.etag {
        entries[it.id] = known
        continue
      }
      entries[it.id] = Entry(
        arn: it.arn, domainName: it.domainName, etag: it.etag, lastModified: it.lastModified,
        configXML: it.config.redacted.xml)
    }
  }
  var document: JSONValue {
    [
      "schema": .string(Self.schema),
      "distributions": .object(
        entries.mapValues {
          [
            "arn": .string($0.arn), "domainName": .string($0.domainName), "etag": .string($0.etag),
            "lastModified": .string($0.lastModified), "configXML": .string($0.configXML),
          ]
        }),
    ]
  }
  var distributions: [String: Inventory.Distribution] {
    var out: [String: Inventory.Distribution] = [:]
    for (id, it) in entries {
      guard let config = try? XMLReader.read(it.configXML) else { continue }
      out[id] = Inventory.Distribution(
        id: id, arn: it.arn, domainName: it.domainName, status: "", etag: it.etag,
        lastModified: it.lastModified, tags: [:], config: config)
    }
    return out
  }
}

extension StateStore {
  func lastRead(of account: AccountID) async throws(FerryError) -> (
    value: LastRead, version: String?
  ) {
    guard let it = try await ledger(named: "last-read.\(account)") else { return (LastRead(), nil) }
    return (LastRead(it.document), it.version)
  }
  /// Another sweep that wrote it meanwhile saw the same account: its word is as good.
  func save(_ value: LastRead, of account: AccountID, expecting version: String?)
    async throws(FerryError)
  {
    do throws(FerryError) {
      _ = try await saveLedger(
        named: "last-read.\(account)", document: value.document, expecting: version)
    } catch {
      guard error.code == "ledger-moved" else { throw error }
    }
  }
}

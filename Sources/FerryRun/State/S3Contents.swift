import FerryCore
import Foundation

extension S3State {
  // MARK: Images

  private nonisolated func imageKey(_ digest: String) -> String { "images/\(folder(digest)).json" }

  public func saveImages(_ images: [String: String]) async throws(FerryError) {
    try await uncancelled { () async throws(FerryError) in try await self.keep(images) }
  }
  func keep(_ images: [String: String]) async throws(FerryError) {
    func mark(_ digest: String, _ xml: String) -> String {
      digest + (StateContent.isRedacted(xml) ? " redacted" : "")
    }
    let fresh = images.filter { !saved.contains($0.key) && !saved.contains(mark($0.key, $0.value)) }
    _ = try await together(Array(fresh)) { digest, xml throws(FerryError) in
      try await self.keep(image: xml, digest)
    }
    for (digest, xml) in fresh { saved.insert(mark(digest, xml)) }
  }
  private nonisolated func keep(image xml: String, _ digest: String) async throws(FerryError) {
    let key = imageKey(digest)
    let bytes = SealedObject.seal(ImageObject(digest: digest, xml: xml))
    while true {
      if try await write(key, bytes, if: .absent) != nil { return }
      guard let found = try await read(key, as: ImageObject.self) else { continue }
      // A clear config replaces a redacted one of the same digest: only it can be sent back.
      guard StateContent.isRedacted(found.value.xml), !StateContent.isRedacted(xml) else { return }
      if try await write(key, bytes, if: .match(found.etag)) != nil { return }
    }
  }
  public func image(_ digest: String) async throws(FerryError) -> String? {
    guard let found = try await read(imageKey(digest), as: ImageObject.self) else { return nil }
    try StateContent.check(image: found.value.xml, digest, in: place)
    return found.value.xml
  }

  // MARK: Plans

  private nonisolated func planKey(_ digest: String) -> String { "plans/\(folder(digest)).json" }

  public func savePlan(_ plan: Plan) async throws(FerryError) {
    guard !saved.contains(plan.digest) else { return }
    let document = Array(JSONValue.of(plan).canonical.utf8)
    try await uncancelled { () async throws(FerryError) in
      // One that is there already is looked at when it is read.
      _ = try await self.write(self.planKey(plan.digest), document, if: .absent)
    }
    saved.insert(plan.digest)
  }
  public func plan(_ digest: String) async throws(FerryError) -> Plan? {
    guard let found = try await get(planKey(digest)) else { return nil }
    return try StateContent.plan(found.bytes, digest, in: place)
  }
  public func plans() async throws(FerryError) -> [Plan] {
    let digests = try await names(in: "plans", suffix: ".json").map { "sha256:" + $0 }
    return try await together(digests) { digest throws(FerryError) in
      try await self.plan(digest)
    }
    .compactMap { $0 }
    .sorted { ($0.name, $0.digest) < ($1.name, $1.digest) }
  }

  // MARK: Ledgers

  private nonisolated func ledgerKey(_ name: String) -> String { "ledgers/\(name).json" }

  public func ledger(named name: String) async throws(FerryError) -> Ledger? {
    try Ledger.check(name)
    guard let found = try await read(ledgerKey(name), as: LedgerObject.self) else { return nil }
    guard found.value.name == name else {
      throw StateContent.damaged(place, "\(ledgerKey(name)) is another ledger")
    }
    return Ledger(
      document: found.value.document, version: "\(found.value.revision) \(found.etag)")
  }
  public func saveLedger(named name: String, document: JSONValue, expecting version: String?)
    async throws(FerryError) -> String
  {
    try Ledger.check(name)
    let parts = version?.split(separator: " ", maxSplits: 1).map(String.init)
    let revision = (parts?.first.flatMap { Int64($0) } ?? 0) + 1
    let etag = parts.flatMap { $0.count == 2 ? $0[1] : nil }
    guard version == nil || etag != nil else { throw Ledger.moved(name) }
    let object = LedgerObject(
      name: name, revision: revision, writer: Self.mark, document: document)
    let written = try await uncancelled { () async throws(FerryError) in
      try await self.write(
        self.ledgerKey(name), SealedObject.seal(object), if: etag.map { .match($0) } ?? .absent)
    }
    guard let written else { throw Ledger.moved(name) }
    return "\(revision) \(written)"
  }
  public func ledgerNames() async throws(FerryError) -> [String] {
    try await names(in: "ledgers", suffix: ".json").sorted()
  }
}

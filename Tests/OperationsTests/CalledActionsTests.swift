import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// What the clients can call, what that needs, and who declares it.
struct CalledActionsTests {
  /// Folders whose code speaks to AWS.
  static let folders = ["FerryAWS", "FerryCloudFront", "FerryZones"]
  /// Words that begin as a call does and are elements of answers, of requests, or of dates.
  static let others = [
    "CreateFunctionRequest", "CreateKeyValueStoreRequest", "CreateRealtimeLogConfigRequest",
    "DeleteRealtimeLogConfigRequest", "GetMetricDataResult", "GetRealtimeLogConfigRequest",
    "ListDomainConflictsRequest", "ListDomainConflictsResult", "UpdateDomainAssociationRequest",
    "ChangeResourceRecordSetsRequest", "GetCallerIdentityResult", "SimulatePrincipalPolicyResult",
    "GetEncryptionConfiguration", "ChangeBatch",
  ]

  private func literals() throws -> Set<String> {
    let verbs = [
      "Assume", "Associate", "Change", "Copy", "Create", "Delete", "Describe", "Disassociate",
      "Enable", "Get", "Head", "List", "Publish", "Put", "Simulate", "Tag", "Test",
      "Untag", "Update",
    ].joined(separator: "|")
    let pattern = try Regex("\"((?:\(verbs))[A-Z][A-Za-z0-9]+)\"", as: (Substring, Substring).self)
    var out: Set<String> = []
    for folder in Self.folders {
      let place = Shared.package.appendingPathComponent("Sources/\(folder)")
      for file in try #require(FileManager.default.enumerator(atPath: place.path)) {
        guard let name = file as? String, name.hasSuffix(".swift") else { continue }
        let text = try String(contentsOf: place.appendingPathComponent(name), encoding: .utf8)
        for match in text.matches(of: pattern) { out.insert(String(match.output.1)) }
      }
    }
    return out
  }

  @Test func `no client names a call that has no entry in the table`() throws {
    let found = try literals()
    #expect(found.count > 50)
    let unknown = found.subtracting(CalledActions.operations).subtracting(Self.others)
    #expect(unknown.isEmpty, "without an entry in CalledActions: \(unknown.sorted())")
  }

  @Test func `the table holds no call that no client makes`() throws {
    let found = try literals()
    // These are put together from the name of their kind.
    let spelt = Set(ResourceKind.allCases.flatMap { $0.deleteOrCreate + $0.readActions })
    let idle = CalledActions.operations.subtracting(found).subtracting(spelt)
    #expect(idle.isEmpty, "\(idle.sorted())")
  }
}

extension ResourceKind {
  fileprivate var deleteOrCreate: [String] {
    let step = Step(id: "a", title: "", account: "1", action: .delete(kind: self, id: "x"))
    let create = Action.create(ResourceDraft(kind: self, name: "x", image: "", content: "x"))
    let other = Step(id: "b", title: "", account: "1", action: create)
    return step.permissions.union(other.permissions).map {
      String($0.drop { $0 != ":" }.dropFirst())
    }
  }
}

import FerryCore
import Testing

@testable import Migration

struct MethodTests {
  static func scene(_ edit: (inout AliasScene) -> Void = { _ in }) -> AliasScene {
    var it = AliasScene(
      alias: "www.example.com", distribution: "E1", isSameAccount: false, isSourceEnabled: true,
      certificateNames: ["www.example.com", "*.example.com"], overlaps: [], zone: "example.com",
      isHeldBySource: true)
    edit(&it)
    return it
  }
  static func methods(
    _ asked: AliasMethods.Method? = nil, order: String? = nil, outage: Bool = false
  ) -> AliasMethods {
    AliasMethods(
      policy: CutoverPolicy(), asked: asked, askedOrder: order, isOutageAccepted: outage)
  }
  static func considered(_ choice: AliasMethods.Choice, _ method: String) throws
    -> Plan.Method.Considered
  { try #require(choice.record.considered.first { $0.method == method }) }

  @Test
  func `a name below the apex goes by the wildcard bridge, and each other way has its reason`()
    throws
  {
    let choice = try Self.methods().choose(Self.scene())
    #expect(choice.method == .wildcardBridge && choice.order == "dns-first")
    #expect(choice.exposureSeconds == 0)
    #expect(choice.record.considered.map(\.method) == AliasMethods.Method.allCases.map(\.rawValue))
    let same = try Self.considered(choice, "same-account")
    #expect(!same.possible && same.reasons == ["source and target are different accounts"])
    let disabled = try Self.considered(choice, "disabled-source")
    #expect(disabled.possible && disabled.exposureSeconds == 870 && disabled.rollbackSeconds == 870)
    let support = try Self.considered(choice, "support")
    #expect(support.possible && support.exposureSeconds == 570 && support.rollbackSeconds == nil)
    #expect(try Self.considered(choice, "wildcard-bridge").rollbackSeconds == 1170)
  }

  @Test func `what is ruled out has its figures, unless there is no such way at all`() throws {
    let scene = Self.scene { $0.certificateNames = ["www.example.com"] }
    let choice = try Self.methods(.support).choose(scene)
    let bridge = try Self.considered(choice, "wildcard-bridge")
    #expect(!bridge.possible && bridge.exposureSeconds == 0 && bridge.rollbackSeconds == 1170)
    let same = try Self.considered(choice, "same-account")
    #expect(!same.possible && same.exposureSeconds == nil && same.rollbackSeconds == nil)
    let apex = Self.scene {
      ($0.alias, $0.certificateNames) = ("example.com", ["example.com", "*.example.com"])
    }
    let none = try Self.considered(try Self.methods(.support).choose(apex), "wildcard-bridge")
    #expect(!none.possible && none.exposureSeconds == nil && none.rollbackSeconds == nil)
    let within = try Self.methods().choose(Self.scene { $0.isSameAccount = true })
    let disabled = try Self.considered(within, "disabled-source")
    #expect(
      !disabled.possible && disabled.exposureSeconds == 870 && disabled.rollbackSeconds == 870)
  }

  @Test func `within one account one call moves it and nothing else is open`() throws {
    let choice = try Self.methods().choose(Self.scene { $0.isSameAccount = true })
    #expect(choice.method == .sameAccount && choice.exposureSeconds == 0)
    #expect(choice.record.considered.filter(\.possible).map(\.method) == ["same-account"])
  }

  @Test(arguments: [
    ("example.com", ["example.com", "*.example.com"], "apex"),
    ("www.example.com", ["www.example.com"], "does not list *.example.com"),
    ("*.example.com", ["*.example.com"], "no wildcard is less specific"),
  ])
  func `what no bridge can carry needs the outage accepted, and says why`(
    _ alias: String, _ names: [String], _ reason: String
  ) throws {
    let scene = Self.scene {
      $0.alias = alias
      $0.certificateNames = names
    }
    let error = #expect(throws: FerryError.self) { try Self.methods().choose(scene) }
    #expect(error?.code == "no-method" && error?.exit == .blocked)
    #expect(
      error?.causes.contains { $0.hasPrefix("wildcard-bridge: ruled out") && $0.contains(reason) }
        == true, "\(error?.causes ?? [])")
    #expect(error?.next.contains("--accept-risk outage") == true)
    let choice = try Self.methods(outage: true).choose(scene)
    #expect(choice.method == .disabledSource && choice.exposureSeconds == 870)
  }

  @Test func `an apex without a known zone is told by its labels`() {
    #expect(Self.scene { ($0.alias, $0.zone) = ("example.com", nil) }.isApex)
    #expect(!Self.scene { ($0.alias, $0.zone) = ("www.example.com", nil) }.isApex)
    #expect(Self.scene { ($0.alias, $0.zone) = ("www.example.com", "www.example.com") }.isApex)
  }

  @Test func `a wildcard that somebody else holds is no bridge, one of the source's own is`() throws
  {
    let foreign = Self.scene { $0.overlaps = [.init(alias: "*.example.com", holder: "***2")] }
    let error = #expect(throws: FerryError.self) { try Self.methods().choose(foreign) }
    #expect(error?.causes.contains { $0.contains("***2 holds *.example.com") } == true)
    let own = Self.scene { $0.overlaps = [.init(alias: "*.example.com", holder: "E1")] }
    #expect(throws: FerryError.self) { try Self.methods().choose(own) }
    let unrelated = Self.scene { $0.overlaps = [.init(alias: "a.example.com", holder: "E9")] }
    #expect(try Self.methods().choose(unrelated).method == .wildcardBridge)
  }

  @Test func `a holder in an account that was read is named with it`() {
    let scene = Self.scene {
      $0.overlaps = [.init(alias: "*.example.com", holder: "ETHIRD", account: "333333333333")]
    }
    let error = #expect(throws: FerryError.self) { try Self.methods().choose(scene) }
    #expect(
      error?.causes.contains { $0.contains("ETHIRD of account 333333333333 holds *.example.com") }
        == true, "\(error?.causes ?? [])")
  }

  @Test func `what was not heard is told beside what was chosen, and is why nothing may be chosen`()
    throws
  {
    let choice = try Self.methods().choose(
      Self.scene { $0.unheard = ["the distributions of account third could not be read: no"] })
    #expect(
      try Self.considered(choice, "wildcard-bridge").reasons.contains {
        $0.contains("account third")
      })
    let error = #expect(throws: FerryError.self) {
      try Self.methods().choose(
        Self.scene {
          $0.overlaps = nil
          $0.unheard = ["ListDomainConflicts gave nothing: AccessDenied"]
        })
    }
    #expect(
      error?.causes.contains { $0.contains("(ListDomainConflicts gave nothing: AccessDenied)") }
        == true, "\(error?.causes ?? [])")
  }

  @Test(arguments: [
    ("who else holds", { @Sendable (it: inout AliasScene) in it.overlaps = nil }),
    ("does not hold it", { @Sendable (it: inout AliasScene) in it.isHeldBySource = false }),
    (
      "***9 holds it",
      { @Sendable (it: inout AliasScene) in
        it.overlaps = [.init(alias: "www.example.com", holder: "***9")]
      }
    ),
    ("could not be read", { @Sendable (it: inout AliasScene) in it.certificateNames = nil }),
    (
      "does not cover",
      { @Sendable (it: inout AliasScene) in it.certificateNames = ["api.example.com"] }
    ),
  ])
  func `what is unknown or held by an account that we cannot read leaves support alone`(
    _ reason: String, _ edit: @Sendable (inout AliasScene) -> Void
  ) throws {
    let scene = Self.scene(edit)
    for outage in [false, true] {
      let error = #expect(throws: FerryError.self) {
        try Self.methods(outage: outage).choose(scene)
      }
      #expect(error?.exit == .blocked)
      #expect(error?.causes.count { $0.contains(": possible") } == 1)
      #expect(error?.causes.contains { $0.contains(reason) } == true, "\(error?.causes ?? [])")
    }
    let asked = try Self.methods(.support).choose(scene)
    #expect(asked.method == .support && asked.record.chosen == "support")
    #expect(try Self.considered(asked, "support").rollbackSeconds == nil)
  }

  @Test func `a disabled source asked for where a bridge would do is an outage like any other`()
    throws
  {
    let error = #expect(throws: FerryError.self) {
      try Self.methods(.disabledSource).choose(Self.scene())
    }
    #expect(error?.exit == .blocked && error?.why.contains("outage of about 870 s") == true)
    let choice = try Self.methods(.disabledSource, outage: true).choose(Self.scene())
    #expect(choice.method == .disabledSource && choice.order == "alias-first")
    #expect(try Self.considered(choice, "wildcard-bridge").possible)
  }

  @Test func `a source that is disabled already gives its alias without an outage`() throws {
    let choice = try Self.methods().choose(
      Self.scene {
        $0.isSourceEnabled = false
        $0.certificateNames = ["www.example.com"]
      })
    #expect(choice.method == .disabledSource && choice.exposureSeconds == 0)
  }

  @Test func `alias first through a bridge is exposed for as long as both changes take`() throws {
    let error = #expect(throws: FerryError.self) {
      try Self.methods(order: "alias-first").choose(Self.scene())
    }
    #expect(error?.exit == .blocked && error?.why.contains("870 s") == true)
    let choice = try Self.methods(order: "alias-first", outage: true).choose(Self.scene())
    #expect(choice.order == "alias-first" && choice.exposureSeconds == 870)
    #expect(choice.method == .wildcardBridge)
  }

  @Test func `DNS first without a bridge is refused, since CloudFront goes by who owns the alias`()
  {
    let error = #expect(throws: FerryError.self) {
      try Self.methods(.disabledSource, order: "dns-first", outage: true).choose(Self.scene())
    }
    #expect(error?.why.contains("needs a wildcard bridge") == true)
  }

  @Test(arguments: [
    (["www.example.com"], "www.example.com", true), (["*.example.com"], "www.example.com", true),
    (["*.example.com"], "a.b.example.com", false), (["*.example.com"], "example.com", false),
    (["*.example.com"], "*.example.com", true), (["www.example.com"], "*.example.com", false),
    (["*.Example.COM"], "WWW.example.com", true), ([], "www.example.com", false),
  ])
  func `a certificate's wildcard covers one label`(
    _ names: [String], _ alias: String, _ isCovered: Bool
  ) {
    #expect(AliasMethods.covers(names, alias) == isCovered)
  }
}

struct AliasListTests {
  static func config(_ names: [String]) throws -> XElement {
    let items = names.map { "<CNAME>\($0)</CNAME>" }.joined()
    return try XMLReader.read(
      "<DistributionConfig><CallerReference>c</CallerReference><Aliases><Quantity>\(names.count)</Quantity>"
        + (names.isEmpty ? "" : "<Items>\(items)</Items>")
        + "</Aliases><Comment>x</Comment></DistributionConfig>")
  }
  static let lists: [[String]] = [
    [], ["a.example.com"], ["b.example.com"], ["a.example.com", "b.example.com"],
    ["b.example.com", "a.example.com"], ["*.example.com", "a.example.com", "c.example.com"],
    ["c.example.com", "a.example.com"],
  ]

  @Test(arguments: lists, lists)
  func `edits from one list make the other, change nothing else, and come back`(
    _ old: [String], _ new: [String]
  ) throws {
    let before = try Self.config(old)
    let edits = AliasList.edits(from: old, to: new)
    let after = before.edited(edits, shape: "DistributionConfig")
    #expect((after.at("Aliases/Items")?.children.map(\.text) ?? []) == new)
    #expect(after.text(at: "Aliases/Quantity") == "\(new.count)")
    #expect(after.configDigest == (try Self.config(new)).configDigest)
    #expect(after.holds(edits))
    #expect(edits.isEmpty == (old == new))
    #expect(old == new || !before.holds(edits))
    let paths = Set(edits.map(\.path))
    // The runner refuses an edit that changes more than it names.
    for difference in before.differences(to: after) {
      #expect(paths.contains(difference.path), "\(difference.path)")
    }
    let back = after.edited(AliasList.edits(from: new, to: old), shape: "DistributionConfig")
    #expect(back.configDigest == before.configDigest)
  }
}

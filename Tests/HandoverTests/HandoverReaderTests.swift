import FerryCloudFront
import FerryCore
import Testing

@testable import FerryCode
@testable import Handover

/// Who lets go of what, where several own the trio, or nobody.
struct HandoverReaderTests {
  private struct NoTransport: ServiceTransport {
    func send(_ request: ServiceRequest) async throws(FerryError) -> ServiceResponse {
      preconditionFailure("owners are told from what was read")
    }
  }
  private func stack(_ name: String, _ ids: [String]) -> Inventory.Stack {
    Inventory.Stack(
      id: "arn:\(name)", name: name, region: "us-east-1", status: "UPDATE_COMPLETE",
      resources: ids.map {
        .init(
          logicalId: "R\($0.filter(\.isLetter))",
          type: "AWS::CloudFront::\(Self.types[$0] ?? "Distribution")", physicalId: $0,
          status: "CREATE_COMPLETE")
      })
  }
  private static let types = ["cdp-1": "ContinuousDeploymentPolicy", "EOAC": "OriginAccessControl"]
  private func state(_ place: String, _ held: [(type: String, id: String)]) throws -> HeldState {
    let resources = held.map { it -> JSONValue in
      [
        "mode": "managed", "type": .string("aws_cloudfront_\(it.type)"), "name": "x",
        "instances": [["attributes": ["id": .string(it.id), "staging": false]]],
      ]
    }
    let document: JSONValue = ["version": 4, "resources": .array(resources)]
    return try HeldState(Array(document.canonical.utf8), at: place)
  }
  private func reader(
    _ from: HandoverFacts.Tool, _ to: HandoverFacts.Tool, stacks: [Inventory.Stack] = [],
    states: [HeldState] = [], gaps: [Inventory.Gap] = []
  ) throws -> HandoverReader {
    var account = try Account.whole()
    account.stacks = stacks
    account.regions = ["us-east-1"]
    return HandoverReader(
      ids: ["EPRIMARY"], from: from, to: to, closure: Closure(account: account),
      inventory: Inventory(
        takenAt: .init(timeIntervalSince1970: 0), gaps: gaps, accounts: [account]),
      states: states, transport: NoTransport(), region: "us-east-1")
  }
  private func code(
    _ reader: HandoverReader, stack: String? = nil, target: String? = nil
  ) -> FerryError.Code? {
    do throws(FerryError) {
      _ = try reader.owners(stack: stack, target: target)
      return nil
    } catch {
      #expect(error.exit == .blocked)
      return error.code
    }
  }

  @Test func `what nobody owns is imported with what the stack has, and nobody lets go of it`()
    throws
  {
    let it = try reader(
      .cloudformation, .terraform, stacks: [stack("shop", ["EPRIMARY", "cdp-1"])])
    let owners = try it.owners(stack: nil, target: nil)
    #expect(owners.stack?.name == "shop" && owners.held == [:])
    #expect(owners.released == ["EPRIMARY", "cdp-1"] && owners.unowned == ["ESTAGING"])
    // What the stack lets go of has to be in the code, whatever was asked for.
    #expect(owners.wanted(of: ["EPRIMARY"]) == ["EPRIMARY", "cdp-1"])
    #expect(
      owners.notes(adopted: ["EPRIMARY", "ESTAGING", "cdp-1"]) == [
        "ESTAGING has no owner: it is imported, and nobody lets go of it"
      ])
    #expect(
      owners.notes(adopted: ["EPRIMARY", "cdp-1"]) == [
        "ESTAGING has no owner, and the code does not import it"
      ])
  }

  @Test func `what the target's state has already is neither imported nor let go`() throws {
    let states = [
      try state("next/terraform.tfstate", [("distribution", "ESTAGING")]),
      try state("more.tfstate", [("origin_access_control", "EOAC")]),
    ]
    let it = try reader(
      .cloudformation, .terraform, stacks: [stack("shop", ["EPRIMARY", "cdp-1"])], states: states)
    let owners = try it.owners(stack: "shop", target: nil)
    #expect(owners.held.keys.sorted() == ["ESTAGING"] && owners.unowned == [])
    #expect(owners.wanted(of: ["EPRIMARY", "ESTAGING"]) == ["EPRIMARY", "cdp-1"])
    #expect(owners.notes(adopted: []).count == 1)
    #expect(owners.notes(adopted: []).first?.contains("next/terraform.tfstate") == true)
    #expect(
      it.held(target: nil).map { "\($0.key.id) \($0.value)" }.sorted() == [
        "EOAC aws_cloudfront_origin_access_control.x", "ESTAGING aws_cloudfront_distribution.x",
      ])
    #expect(
      it.others(besides: owners.stack, adopted: ["EPRIMARY", "EOAC"]) == [
        "EOAC belongs to Terraform state more.tfstate (aws_cloudfront_origin_access_control.x)"
      ])
  }

  @Test func `what the target stack has already is neither imported nor let go`() throws {
    let states = [
      try state(
        "a.tfstate", [("distribution", "EPRIMARY"), ("continuous_deployment_policy", "cdp-1")])
    ]
    let it = try reader(
      .terraform, .cloudformation, stacks: [stack("front", ["ESTAGING", "EOAC"])], states: states)
    let owners = try it.owners(stack: nil, target: "front")
    #expect(owners.stack == nil && owners.held.keys.sorted() == ["ESTAGING"])
    #expect(owners.released == ["EPRIMARY", "cdp-1"])
    #expect(it.held(target: "front").keys.map(\.id).sorted() == ["EOAC", "ESTAGING"])
    #expect(it.held(target: "new") == [:])
    // The state lets go of its own: that is no second owner.
    #expect(it.others(besides: nil, adopted: ["EPRIMARY", "cdp-1"]) == [])
    #expect(code(it, target: "new") == "other-owner")
  }

  @Test func `it is refused where the tool of --from has nothing, and where anybody else has some`()
    throws
  {
    let shop = stack("shop", ["EPRIMARY"])
    let held = try state("a.tfstate", [("distribution", "EPRIMARY")])
    #expect(code(try reader(.cloudformation, .terraform)) == "no-owner")
    #expect(
      code(try reader(.terraform, .cloudformation, states: [try state("a", [])])) == "no-owner")
    #expect(code(try reader(.none, .terraform)) == nil)
    #expect(code(try reader(.none, .terraform, stacks: [shop])) == "has-owner")
    #expect(
      code(try reader(.cloudformation, .terraform, stacks: [shop]), stack: "other") == "other-owner"
    )
    // Nothing but what the target has: nobody is there to let go of anything.
    #expect(code(try reader(.cloudformation, .terraform, states: [held])) == "no-owner")
    let all = try state(
      "a.tfstate",
      [
        ("distribution", "EPRIMARY"), ("distribution", "ESTAGING"),
        ("continuous_deployment_policy", "cdp-1"),
      ])
    #expect(code(try reader(.none, .terraform, states: [all])) == "has-owner")
    #expect(
      code(try reader(.cloudformation, .terraform, stacks: [shop], states: [held])) == "two-owners")
    #expect(
      code(
        try reader(.cloudformation, .terraform, stacks: [shop, stack("more", ["cdp-1"])]))
        == "two-stacks")
  }

  @Test(arguments: [HandoverFacts.Tool.cloudformation, .terraform, .none])
  func `what a stack that was not read may own is not taken for unowned`(
    _ from: HandoverFacts.Tool
  ) throws {
    let gap = Inventory.Gap(account: Account.id, call: "ListStacks", reason: "AccessDenied")
    let states = [try state("a.tfstate", [("distribution", "EPRIMARY")])]
    let it = try reader(
      from, from == .terraform ? .cloudformation : .terraform,
      stacks: from == .cloudformation ? [stack("shop", ["EPRIMARY"])] : [],
      states: from == .terraform ? states : [], gaps: [gap])
    #expect(code(it) == "owner-unknown")
  }
}

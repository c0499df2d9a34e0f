import FerryCloudFront
import FerryCore
import Foundation
import Testing

@testable import FerryRun
@testable import Migration

/// Deliveries of standard logs (v2) through a whole move and back.
struct MoveLogTests {
  /// CloudWatch Logs as far as deliveries go; one for both accounts.
  final class Logs: @unchecked Sendable {
    private let lock = NSLock()
    private var sources: [JSONValue] = []
    private var deliveries: [JSONValue] = []
    private(set) var writes: [String] = []
    /// The operation that is refused, if any.
    var refused: String?

    init(_ distribution: String, to destinations: [String]) {
      sources = [
        [
          "name": "edge", "logType": "ACCESS_LOGS", "service": "cloudfront",
          "resourceArns": [MoveGrantTests.arn(distribution)],
        ]
      ]
      deliveries = destinations.enumerated().map { index, arn in
        [
          "id": .string("d\(index)"), "deliverySourceName": "edge",
          "deliveryDestinationArn": .string(arn), "recordFields": ["date", "c-ip"],
          "fieldDelimiter": "|",
          "s3DeliveryConfiguration": [
            "suffixPath": "{DistributionId}/{yyyy}", "enableHiveCompatiblePath": true,
          ],
        ]
      }
    }
    var all: [String] { lock.withLock { (sources + deliveries).map(\.canonical).sorted() } }
    var copies: [JSONValue] {
      lock.withLock { deliveries.filter { $0["deliverySourceName"] != "edge" } }
    }

    func answer(_ request: ServiceRequest) -> ServiceResponse? {
      guard request.service.signingName == "logs" else { return nil }
      let body = (try? JSONValue.read(request.body, what: "body")) ?? .null
      func text(_ json: JSONValue) -> ServiceResponse {
        ServiceResponse(status: 200, headers: [:], body: Array(json.canonical.utf8))
      }
      func refuse(_ code: String) -> ServiceResponse {
        ServiceResponse(
          status: 400, headers: [:],
          body: Array(JSONValue.object(["__type": .string(code), "message": "no"]).canonical.utf8))
      }
      return lock.withLock {
        if request.operation == refused { return refuse("AccessDeniedException") }
        if !["Get", "Des"].contains(request.operation.prefix(3)) {
          writes.append(request.operation)
        }
        let name = body["name"]
        switch request.operation {
        case "DescribeDeliverySources": return text(["deliverySources": .array(sources)])
        case "DescribeDeliveries": return text(["deliveries": .array(deliveries)])
        case "GetDeliverySource":
          guard let it = sources.first(where: { $0["name"] == name }) else {
            return refuse("ResourceNotFoundException")
          }
          return text(["deliverySource": it])
        case "PutDeliverySource":
          sources.removeAll { $0["name"] == name }
          sources.append(
            .object([
              "name": name ?? .null, "logType": body["logType"] ?? .null, "service": "cloudfront",
              "resourceArns": .array([body["resourceArn"] ?? .null]),
            ]))
          return text([:])
        case "CreateDelivery":
          var it = body.object ?? [:]
          it["id"] = .string("made-\(deliveries.count)")
          deliveries.append(.object(it))
          return text(["delivery": .object(it)])
        case "DeleteDelivery":
          deliveries.removeAll { $0["id"] == body["id"] }
          return text([:])
        case "DeleteDeliverySource":
          guard !deliveries.contains(where: { $0["deliverySourceName"] == name }) else {
            return refuse("ConflictException")
          }
          sources.removeAll { $0["name"] == name }
          return text([:])
        default: return text([:])
        }
      }
    }
  }
  static func destination(_ name: String, _ account: String) -> String {
    "arn:aws:logs:us-east-1:\(account):delivery-destination:\(name)"
  }
  static let own = destination("own", MoveWorld.source)
  static let kept = destination("kept", MoveWorld.source)
  static let central = destination("central", "333333333333")
  static let there = destination("there", MoveWorld.target)

  static func world(_ logs: Logs) async throws -> MoveWorld {
    var map = MoveScene.map
    map.logDestinations[own] = there
    return try await MoveWorld(
      inventory: MoveScene.simple(), map: map, answer: { logs.answer($0) })
  }

  @Test
  func
    `logs of the copy go where the map says, or to a third account, and no longer on the way back`()
    async throws
  {
    let logs = Logs("EPRIMARY", to: [Self.own, Self.central, Self.kept])
    let world = try await Self.world(logs)
    let plan = world.pair.plan
    let steps = plan.steps.filter { $0.id.hasPrefix("deliver-logs") }
    #expect(steps.map(\.id) == ["deliver-logs-eprimary", "deliver-logs-eprimary-2"])
    #expect(steps.allSatisfy { $0.inverse != nil && $0.account == MoveWorld.target })
    #expect(
      plan.notes.count { $0.contains(Self.kept) && $0.contains("logDestinations:") } == 1
        && plan.notes.contains { $0.contains(Self.central) && $0.contains("destination policy") })
    #expect(
      Set(plan.permissions).isSuperset(of: [
        "logs:PutDeliverySource", "logs:CreateDelivery",
        "cloudfront:AllowVendedLogDeliveryForResource",
      ]))
    #expect(world.pair.rollback.permissions.contains("logs:DeleteDeliverySource"))
    let before = logs.all
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    let there = try await world.run(store, polling: 60)
    #expect(there.exit == .done, "\(String(describing: there.error))")
    let copy = try MoveRunTests.id("create-distribution-eprimary", store, plan)
    #expect(
      logs.copies.map { $0["deliveryDestinationArn"] } == [
        .string(Self.there), .string(Self.central),
      ])
    for it in logs.copies {
      #expect(it["deliverySourceName"] == .string("cloudfront-\(copy)"))
      #expect(it["recordFields"] == ["date", "c-ip"] && it["fieldDelimiter"] == "|")
      #expect(
        it["s3DeliveryConfiguration"] == [
          "suffixPath": "{DistributionId}/{yyyy}", "enableHiveCompatiblePath": true,
        ])
    }
    #expect(
      try await CorpusMoveTests.unexpected(world, store).map { $0.prefix { $0 != ":" } } == [
        "distribution/EPRIMARY/logDeliveries"
      ])
    let back = try await world.run(store, world.pair.rollback, polling: 60)
    #expect(back.exit == .done, "\(String(describing: back.error))")
    #expect(logs.all == before)
  }

  @Test func `deliveries that are there already are written no second time`() async throws {
    let logs = Logs("EPRIMARY", to: [Self.own])
    let world = try await Self.world(logs)
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    let next = try #require(
      world.pair.plan.steps.drop { $0.id != "deliver-logs-eprimary" }.dropFirst().first?.id)
    #expect(try await world.run(store, until: "deliver-logs-eprimary").exit == .notYet)
    let copy = try MoveRunTests.id("create-distribution-eprimary", store, world.pair.plan)
    let client = LogDeliveryClient(world.transport(MoveWorld.target))
    let config = XElement(
      "LogDelivery",
      [
        XElement(
          "ResourceArn",
          text: "arn:aws:cloudfront::\(MoveWorld.target):distribution/\(copy)"),
        XElement("LogType", text: "ACCESS_LOGS"),
        XElement("RecordFields", ["date", "c-ip"].map { XElement("Field", text: $0) }),
        XElement("FieldDelimiter", text: "|"),
        XElement("SuffixPath", text: "{DistributionId}/{yyyy}"),
        XElement("HiveCompatiblePath", text: "true"),
      ])
    _ = try await client.create("cloudfront-\(copy)/\(Self.there)", config: config)
    let writes = logs.writes
    let outcome = try await world.run(store, until: next)
    #expect(outcome.exit == .notYet, "\(String(describing: outcome.error))")
    #expect(logs.writes == writes)
  }

  @Test func `a delivery that is refused leaves no source behind`() async throws {
    let logs = Logs("EPRIMARY", to: [Self.own])
    let world = try await Self.world(logs)
    let before = logs.all
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    logs.refused = "CreateDelivery"
    let outcome = try await world.run(world.store(path))
    #expect(outcome.exit == .denied, "\(String(describing: outcome.error))")
    #expect(logs.all == before && logs.writes.contains("DeleteDeliverySource"))
  }
}

import FerryCloudFront
import FerryCore
import Foundation
import Testing

@testable import FerryRun
@testable import Migration

/// The policies of a bucket and its key through a whole move and back.
struct MoveGrantTests {
  /// S3 and KMS as far as a policy goes.
  final class Policies: @unchecked Sendable {
    private let lock = NSLock()
    private var documents: [String: JSONValue]
    private(set) var writes: [String] = []
    init(_ documents: [String: JSONValue]) { self.documents = documents }
    subscript(_ resource: String) -> JSONValue? {
      get { lock.withLock { documents[resource] } }
      set { lock.withLock { documents[resource] = newValue } }
    }
    /// Everything that is there, in the order of names and statements.
    var all: [String] {
      lock.withLock {
        documents.map {
          "\($0.key) \(PolicyDocument.statements($0.value).map(\.canonical).sorted())"
        }.sorted()
      }
    }
    func answer(_ request: ServiceRequest) -> ServiceResponse? {
      func text(_ text: String) -> ServiceResponse {
        ServiceResponse(status: 200, headers: [:], body: Array(text.utf8))
      }
      let body = try? JSONValue.read(request.body, what: "body")
      return lock.withLock {
        switch request.operation {
        case "GetBucketPolicy":
          let bucket = String(request.path.dropFirst())
          guard let it = documents[bucket] else {
            return .init(
              status: 404, body: Array("<Error><Code>NoSuchBucketPolicy</Code></Error>".utf8))
          }
          return text(it.canonical)
        case "PutBucketPolicy":
          writes.append(request.operation)
          documents[String(request.path.dropFirst())] = body
          return text("")
        case "DeleteBucketPolicy":
          writes.append(request.operation)
          documents[String(request.path.dropFirst())] = nil
          return text("")
        case "GetKeyPolicy":
          let it = documents[body?["KeyId"]?.string ?? ""]
          return text(JSONValue.object(["Policy": .string(it?.canonical ?? "{}")]).canonical)
        case "PutKeyPolicy":
          writes.append(request.operation)
          documents[body?["KeyId"]?.string ?? ""] = try? JSONValue.read(
            Array((body?["Policy"]?.string ?? "").utf8), what: "policy")
          return text("{}")
        default: return nil
        }
      }
    }
  }
  static let key = "arn:aws:kms:eu-west-1:111111111111:key/k"
  static func policy(_ condition: JSONValue, _ others: [JSONValue] = []) -> JSONValue {
    [
      "Version": "2012-10-17",
      "Statement": .array(
        others + [
          [
            "Sid": "cdn", "Effect": "Allow",
            "Principal": ["Service": "cloudfront.amazonaws.com"], "Action": "s3:GetObject",
            "Resource": "*", "Condition": ["StringEquals": ["AWS:SourceArn": condition]],
          ]
        ]),
    ]
  }
  static func arn(_ id: String) -> JSONValue {
    .string("arn:aws:cloudfront::111111111111:distribution/\(id)")
  }
  static let person: JSONValue = [
    "Sid": "person", "Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket",
    "Resource": "*",
  ]
  static func world(_ bucket: JSONValue, _ key: JSONValue) async throws -> MoveWorld {
    try await MoveWorld(edit: {
      $0.closure.resources += [
        .init(.bucket, id: "assets-1", json: ["region": "eu-west-1", "policy": bucket]),
        .init(.kmsKey, id: Self.key, json: ["policy": key]),
      ]
    })
  }
  static func sources(_ policy: JSONValue?) -> [String] {
    PolicyDocument.statements(policy).flatMap { statement -> [String] in
      let it = statement["Condition"]?["StringEquals"]?["AWS:SourceArn"]
      return (it?.array ?? [it ?? .null]).compactMap(\.string)
    }.map { String($0.split(separator: "/").last ?? "") }.sorted()
  }

  @Test
  func `a bucket and a key that admit the old pair admit both, then the new one, and come back`()
    async throws
  {
    let bucket = Self.policy(
      [Self.arn("EPRIMARY"), Self.arn("ESTAGING"), Self.arn("EOTHER")], [Self.person])
    let key = Self.policy(Self.arn("EPRIMARY"))
    let world = try await Self.world(bucket, key)
    let policies = Policies(["assets-1": bucket, Self.key: key])
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    let half = try await world.run(
      store, until: "await-idle-eprimary", answer: { policies.answer($0) })
    #expect(half.exit == .notYet, "\(String(describing: half.error))")
    let copies = try ["eprimary", "estaging"].map {
      try MoveRunTests.id("create-distribution-\($0)", store, world.pair.plan)
    }
    #expect(
      Self.sources(policies["assets-1"])
        == (["EPRIMARY", "ESTAGING", "EOTHER"] + copies).sorted())
    #expect(Self.sources(policies[Self.key]) == (["EPRIMARY", copies[0]]).sorted())
    let done = try await world.run(store, answer: { policies.answer($0) })
    #expect(done.exit == .done, "\(String(describing: done.error))")
    #expect(Self.sources(policies["assets-1"]) == (["EOTHER"] + copies).sorted())
    #expect(Self.sources(policies[Self.key]) == [copies[0]])
    #expect(PolicyDocument.statements(policies["assets-1"]).contains(Self.person))
    let back = try await world.run(
      store, world.pair.rollback, answer: { policies.answer($0) })
    #expect(back.exit == .done, "\(String(describing: back.error))")
    func set(_ it: JSONValue?) -> Set<String> {
      Set(PolicyDocument.statements(it).map(\.canonical))
    }
    #expect(set(policies["assets-1"]) == set(bucket) && set(policies[Self.key]) == set(key))
    // One write for each grant, revocation, and their way back, on each of the two.
    #expect(policies.writes.count == 8)
  }

  @Test
  func `what others put into the policy meanwhile stays, and a statement they changed is stale`()
    async throws
  {
    let bucket = Self.policy(Self.arn("EPRIMARY"))
    let world = try await Self.world(bucket, Self.policy(Self.arn("EOTHER")))
    let policies = Policies(["assets-1": bucket])
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    #expect(!world.pair.plan.steps.contains { $0.action.type == "kms.putKeyPolicy" })
    _ = try await world.run(store, until: "await-idle-eprimary", answer: { policies.answer($0) })
    policies["assets-1"] = [
      "Statement": .array(PolicyDocument.statements(policies["assets-1"]) + [Self.person])
    ]
    let altered: JSONValue = [
      "Statement": .array(
        PolicyDocument.statements(policies["assets-1"]).map { statement in
          guard statement["Sid"] == "cdn", case .object(var members) = statement else {
            return statement
          }
          members["Action"] = "s3:*"
          return .object(members)
        })
    ]
    let kept = policies["assets-1"]
    policies["assets-1"] = altered
    let stale = try await world.run(store, answer: { policies.answer($0) })
    #expect(stale.exit == .stale && stale.error?.why.contains("cdn") == true)
    #expect(policies["assets-1"] == altered)
    policies["assets-1"] = kept
    let done = try await world.run(store, answer: { policies.answer($0) })
    #expect(done.exit == .done, "\(String(describing: done.error))")
    #expect(PolicyDocument.statements(policies["assets-1"]).contains(Self.person))
  }

  @Test func `a bucket or key that is mapped to another gets no grant`() async throws {
    func edited(_ change: (inout MigrationMap) -> Void) async throws -> Set<String> {
      var map = MoveScene.map
      change(&map)
      let world = try await MoveWorld(map: map) {
        $0.closure.resources += [
          .init(.bucket, id: "assets-1", json: ["policy": Self.policy(Self.arn("EPRIMARY"))]),
          .init(.kmsKey, id: Self.key, json: ["policy": Self.policy(Self.arn("EPRIMARY"))]),
        ]
      }
      return Set(world.pair.plan.steps.map(\.action.type)).intersection([
        "s3.putBucketPolicy", "kms.putKeyPolicy",
      ])
    }
    #expect(try await edited { _ in } == ["s3.putBucketPolicy", "kms.putKeyPolicy"])
    #expect(try await edited { $0.buckets = ["assets-1": "assets-2"] } == ["kms.putKeyPolicy"])
    let other = "arn:aws:kms:eu-west-1:222222222222:key/k2"
    #expect(try await edited { $0.kmsKeys = [Self.key: other] } == ["s3.putBucketPolicy"])
  }

  @Test func `an identity that the bucket admits by its canonical user is admitted as the copy's`()
    async throws
  {
    var map = MoveScene.map
    map.realtimeLogConfigs = [
      "arn:aws:cloudfront::111111111111:realtime-log-config/rl":
        "arn:aws:cloudfront::222222222222:realtime-log-config/rl"
    ]
    var bucket: JSONValue = .null
    let world = try await MoveWorld(inventory: MoveScene.everything, map: map) { input in
      let user = input.closure.resources.first { $0.kind == .originAccessIdentity }?
        .extras["s3CanonicalUserId"]
      bucket = [
        "Statement": [
          [
            "Sid": "legacy", "Effect": "Allow", "Principal": ["CanonicalUser": user ?? .null],
            "Action": "s3:GetObject", "Resource": "arn:aws:s3:::assets-2/*",
          ]
        ]
      ]
      input.closure.resources.append(
        .init(.bucket, id: "assets-2", json: ["region": "eu-west-1", "policy": bucket]))
    }
    let policies = Policies(["assets-2": bucket])
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    let half = try await world.run(
      store, until: "await-idle-eprimary", answer: { policies.answer($0) })
    #expect(half.exit == .notYet, "\(String(describing: half.error))")
    let create = try #require(
      world.pair.plan.steps.first { $0.id.hasPrefix("create-origin-access-identity") })
    let copy = try MoveRunTests.id(create.id, store, world.pair.plan)
    let principals = PolicyDocument.statements(policies["assets-2"]).map { $0["Principal"] }
    #expect(principals.count == 2)
    #expect(
      principals.contains([
        "AWS": .string("arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity \(copy)")
      ]))
    let done = try await world.run(store, answer: { policies.answer($0) })
    #expect(done.exit == .done, "\(String(describing: done.error))")
    #expect(PolicyDocument.statements(policies["assets-2"]).count == 1)
  }
}

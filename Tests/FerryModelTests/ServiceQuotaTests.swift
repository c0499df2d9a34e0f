import FerryCloudFront
import FerryCore
import Testing

@testable import FerryModel

/// Service Quotas as the lab answers it, and what it says kept.
struct ServiceQuotaTests {
  let world = World()
  private var transport: ModelTransport {
    ModelTransport(world.model, account: World.account, clock: world.clock)
  }
  private func load(_ quotas: String) throws {
    try world.model.with { (it: inout CloudFrontModel) throws(FerryError) in
      try it.load(
        JSONValue.read(
          Array(
            #"{"schema":"edgeferry.inventory/1","accounts":[{"id":"\#(World.account)","quotas":\#(quotas)}]}"#
              .utf8), what: "inventory"), now: world.clock.now)
    }
  }

  @Test func `every quota of the table is told by a name and code that lead back to it`()
    async throws
  {
    let told = try await QuotaClient(transport).applied()
    #expect(told.count == AccountQuota.allCases.count)
    for (it, quota) in zip(told, AccountQuota.allCases) {
      #expect(AccountQuota.allCases.filter { $0.matches(code: it.code, name: it.name) } == [quota])
      #expect(it.value == quota.standard)
    }
    #expect(try await QuotaClient(transport).standard() == told)
    let error = await #expect(throws: FerryError.self) {
      try await QuotaClient(transport).applied(service: "ec2")
    }
    #expect(error?.isService("NoSuchResourceException") == true)
  }

  @Test func `pages follow one another until all is told`() throws {
    func page(_ input: String) throws -> JSONValue {
      let request = ServiceRequest(
        .serviceQuotas, "ListServiceQuotas", method: "POST", path: "/",
        headers: [
          "x-amz-target": "ServiceQuotasV20190624.ListServiceQuotas",
          "content-type": "application/x-amz-json-1.1",
        ], body: Array(input.utf8))
      let answer = world.model.with {
        $0.handle(request, account: World.account, callerARN: "", now: world.clock.now)
      }
      return try JSONValue.read(answer.body, what: "answer")
    }
    var names: [String] = []
    var token = ""
    repeat {
      let more = token.isEmpty ? "" : #","NextToken":"\#(token)""#
      let it = try page(#"{"ServiceCode":"cloudfront","MaxResults":5\#(more)}"#)
      names += it["Quotas"]?.array?.compactMap { $0["QuotaName"]?.string } ?? []
      token = it["NextToken"]?.string ?? ""
    } while !token.isEmpty
    #expect(names == AccountQuota.allCases.map(\.name))
    for (input, code) in [
      (#"{"ServiceCode":"cloudfront","MaxResults":0}"#, "IllegalArgumentException"),
      (#"{"ServiceCode":"cloudfront","NextToken":"x"}"#, "InvalidPaginationTokenException"),
      ("nothing", "SerializationException"),
    ] { #expect(try page(input)["__type"]?.string == code) }
  }

  @Test func `an account's own quota is told and kept, of distributions and stores too`()
    async throws
  {
    try load(
      #"[{"name":"distributions","value":1},{"name":"Key value stores per account","value":0},{"code":"L-7D134442","value":1},{"name":"functions","value":null},{"name":"aliases of one distribution","value":7}]"#
    )
    let told = try await QuotaClient(transport).applied()
    func value(_ quota: AccountQuota) -> Int? {
      told.first { quota.matches(code: $0.code, name: $0.name) }?.value
    }
    #expect(value(.distributions) == 1 && value(.keyValueStores) == 0 && value(.cachePolicies) == 1)
    #expect(value(.functions) == nil && value(.aliases) == 7 && value(.keyGroups) == 10)
    _ = try await world.create("one")
    await world.refused("TooManyDistributions", 400) { () async throws(FerryError) in
      _ = try await world.create("two")
    }
    await world.refused("EntityLimitExceeded", 400) { () async throws(FerryError) in
      _ = try await ResourceClient(world.client).create(
        .keyValueStore, name: "s", config: XElement("KeyValueStore"))
    }
  }

  @Test(arguments: [
    #"[{"name":"unicorns","value":1}]"#, #"[{"name":"functions","value":-1}]"#,
    #"[{"name":"functions","value":"many"}]"#, #"[{"name":"functions"}]"#, "{}",
  ])
  func `a quota that cannot be meant is bad input, and nothing is loaded`(_ quotas: String) {
    let error = #expect(throws: FerryError.self) { try load(quotas) }
    #expect(error?.code == "bad-inventory" && error?.exit == .usage)
  }
}

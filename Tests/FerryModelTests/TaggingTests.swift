import FerryCore
import Testing

@testable import FerryModel

/// The tags of all distributions at once, as Cloud Custodian asks for them.
struct TaggingTests {
  let world = World()

  private func ask(_ input: String) throws -> JSONValue {
    let service = AWSService(
      environmentName: "", configKey: "", signingName: "tagging")
    let request = ServiceRequest(
      service, "GetResources", method: "POST", path: "/",
      headers: [
        "x-amz-target": "ResourceGroupsTaggingAPI_20170126.GetResources",
        "content-type": "application/x-amz-json-1.1",
      ], body: Array(input.utf8))
    let answer = world.model.with {
      $0.handle(request, account: World.account, callerARN: "", now: world.clock.now)
    }
    return try JSONValue.read(answer.body, what: "answer")
  }
  private func load() throws {
    let items = [("E1", #"{"team":"web"}"#), ("E2", "{}"), ("E3", #"{"team":"api","x":""}"#)].map {
      #"{"id":"\#($0)","domainName":"\#($0.lowercased()).cloudfront.net","tags":\#($1),"config":{"CallerReference":"\#($0)","Comment":"","Enabled":true,"Origins":{"Quantity":1,"Items":[{"Id":"o","DomainName":"o.example.net","CustomOriginConfig":{"HTTPPort":80,"HTTPSPort":443,"OriginProtocolPolicy":"https-only"}}]},"DefaultCacheBehavior":{"TargetOriginId":"o","ViewerProtocolPolicy":"https-only","CachePolicyId":"658327ea-f89d-4fab-a63d-7e88639e58f6"}}}"#
    }
    let text =
      #"{"schema":"edgeferry.inventory/1","accounts":[{"id":"\#(World.account)","distributions":[\#(items.joined(separator: ","))]}]}"#
    try world.model.with { (it: inout CloudFrontModel) throws(FerryError) in
      try it.load(JSONValue.read(Array(text.utf8), what: "inventory"), now: world.clock.now)
    }
  }
  private func ids(_ answer: JSONValue) -> [String] {
    (answer["ResourceTagMappingList"]?.array ?? []).compactMap {
      $0["ResourceARN"]?.string?.split(separator: "/").last.map(String.init)
    }
  }

  @Test func `what has tags is told with them, as filters and pages ask`() throws {
    try load()
    let all = try ask("{}")
    #expect(ids(all) == ["E1", "E3"] && all["PaginationToken"] == "")
    #expect(
      all["ResourceTagMappingList"]?.array?.first?["Tags"] == [["Key": "team", "Value": "web"]])
    #expect(ids(try ask(#"{"ResourceTypeFilters":["cloudfront:distribution"]}"#)) == ["E1", "E3"])
    #expect(ids(try ask(#"{"ResourceTypeFilters":["s3"]}"#)) == [])
    #expect(ids(try ask(#"{"TagFilters":[{"Key":"team","Values":["api"]}]}"#)) == ["E3"])
    #expect(ids(try ask(#"{"TagFilters":[{"Key":"x"}]}"#)) == ["E3"])
    let first = try ask(#"{"ResourcesPerPage":1}"#)
    #expect(ids(first) == ["E1"])
    let token = first["PaginationToken"]?.string ?? ""
    #expect(ids(try ask(#"{"ResourcesPerPage":1,"PaginationToken":"\#(token)"}"#)) == ["E3"])
    let arn = "arn:aws:cloudfront::\(World.account):distribution/E1"
    #expect(ids(try ask(#"{"ResourceARNList":["\#(arn)"]}"#)) == ["E1"])
    let odd = try ask(#"{"ResourceARNList":["\#(arn)"],"ResourceTypeFilters":["s3"]}"#)
    #expect(odd["__type"] == "InvalidParameterException")
  }
}

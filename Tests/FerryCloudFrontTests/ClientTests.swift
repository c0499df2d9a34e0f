import FerryCore
import Testing

@testable import FerryCloudFront

/// Answers what the test arranged, in order, and keeps what was asked.
private actor Script {
  var answers: [ServiceResponse]
  var asked: [ServiceRequest] = []
  init(_ answers: [ServiceResponse]) { self.answers = answers }
  func next(_ request: ServiceRequest) -> ServiceResponse {
    asked.append(request)
    return answers.isEmpty ? ServiceResponse(status: 599) : answers.removeFirst()
  }
}
private struct Scripted: ServiceTransport {
  let script: Script
  func send(_ request: ServiceRequest) async throws(FerryError) -> ServiceResponse {
    await script.next(request)
  }
}
private func answer(_ body: String, status: Int = 200, etag: String? = nil) -> ServiceResponse {
  ServiceResponse(
    status: status, headers: etag.map { ["etag": $0] } ?? [:], body: Array(body.utf8))
}

struct ClientTests {
  @Test func `of an object no more is fetched than the limit, and a larger one is refused`()
    async throws
  {
    let script = Script([
      answer("12345678", status: 206, etag: "e"), answer("123456789", status: 206, etag: "e"),
      answer("", status: 416),
    ])
    let client = ObjectClient(Scripted(script: script), bucket: "b-1", region: "us-east-1")
    #expect(try await client.get("k", limitBytes: 8)?.bytes.count == 8)
    let error = await #expect(throws: FerryError.self) {
      try await client.get("k", limitBytes: 8)
    }
    #expect(error?.code == "file-too-large" && error?.exit == .usage)
    // An empty object has no range.
    #expect(try await client.get("k", limitBytes: 8)?.bytes == [])
    #expect(
      await script.asked.map { $0.headers["range"] } == Array(repeating: "bytes=0-8", count: 3))
  }

  @Test func `an error keeps the service's code, message and request id`() async throws {
    let script = Script([
      answer(
        "<ErrorResponse xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\"><Error><Type>Sender</Type><Code>PreconditionFailed</Code><Message>no</Message></Error><RequestId>r-1</RequestId></ErrorResponse>",
        status: 412)
    ])
    let client = CloudFrontClient(Scripted(script: script))
    let error = await #expect(throws: FerryError.self) {
      try await client.deletePolicy("P1", ifMatch: "V1")
    }
    #expect(
      error?.service
        == ServiceFailure(
          operation: "DeleteContinuousDeploymentPolicy", status: 412, code: "PreconditionFailed",
          message: "no", requestID: "r-1"))
    #expect(await script.asked.first?.headers["if-match"] == "V1")
  }

  @Test func `a refused permission is exit 77`() async throws {
    let script = Script([
      answer("<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>", status: 403)
    ])
    let client = CloudFrontClient(Scripted(script: script))
    let error = await #expect(throws: FerryError.self) { try await client.distribution("E1") }
    #expect(error?.exit == .denied)
  }

  @Test func `a policy page ends when no next marker is given, whatever IsTruncated says`()
    async throws
  {
    let script = Script([
      answer(
        "<ContinuousDeploymentPolicyList><NextMarker>P1</NextMarker><MaxItems>1</MaxItems><Quantity>2</Quantity><Items><ContinuousDeploymentPolicySummary><ContinuousDeploymentPolicy><Id>P1</Id><ContinuousDeploymentPolicyConfig/></ContinuousDeploymentPolicy></ContinuousDeploymentPolicySummary></Items></ContinuousDeploymentPolicyList>"
      ),
      answer(
        "<ContinuousDeploymentPolicyList><MaxItems>1</MaxItems><Quantity>2</Quantity></ContinuousDeploymentPolicyList>"
      ),
    ])
    let client = CloudFrontClient(Scripted(script: script))
    let first = try await client.policies(marker: nil)
    #expect(first.nextMarker == "P1")
    #expect(first.items.map(\.id) == ["P1"])
    #expect(try await client.policies(marker: "P1").nextMarker == nil)
    #expect(await script.asked.last?.query.first == .init("Marker", "P1"))
  }

  @Test(
    arguments: [
      "<DistributionList><IsTruncated>true</IsTruncated></DistributionList>",
      "<DistributionList><NextMarker>M</NextMarker></DistributionList>", "<html>", "",
    ])
  func `a list that cannot be read whole is an error, never a short list`(_ body: String)
    async throws
  {
    let client = CloudFrontClient(Scripted(script: Script([answer(body), answer(body)])))
    let error = await #expect(throws: FerryError.self) {
      try await client.distributions(marker: "M")
    }
    #expect(error?.code == .unreadableAnswer)
    let other = await #expect(throws: FerryError.self) {
      try await client.distributionVersions(marker: "M")
    }
    #expect(other == error)
  }

  @Test func `a page of ids is a page of summaries without the rest`() async throws {
    let body = """
      <DistributionList><NextMarker>B</NextMarker><Quantity>2</Quantity><Items>\
      <DistributionSummary><Id>A</Id><Origins><Items><Origin><Id>o</Id></Origin></Items></Origins>\
      </DistributionSummary><DistributionSummary><Status>Deployed</Status><Id>B</Id>\
      </DistributionSummary></Items></DistributionList>
      """
    let client = CloudFrontClient(Scripted(script: Script([answer(body), answer(body)])))
    let whole = try await client.distributions(marker: nil)
    let ids = try await client.distributionVersions(marker: nil)
    #expect(
      ids.items.map(\.id) == ["A", "B"]
        && ids.items.map(\.id) == whole.items.map { $0.text(at: "Id") })
    #expect(ids.nextMarker == "B" && ids.quantity == 2)
  }

  @Test func `an update sends the tree it was given with its version`() async throws {
    let config = try XMLReader.read(
      "<DistributionConfig><Invented>x</Invented></DistributionConfig>")
    let script = Script([
      answer(
        "<Distribution><Id>E1</Id><Status>InProgress</Status><DistributionConfig/></Distribution>",
        etag: "V2")
    ])
    let client = CloudFrontClient(Scripted(script: script))
    let written = try await client.updateDistribution("E1", config: config, ifMatch: "V1")
    #expect(written.etag == "V2")
    let sent = try #require(await script.asked.first)
    #expect(sent.method == "PUT" && sent.path == "/2020-05-31/distribution/E1/config")
    let body = try XMLReader.read(sent.body)
    #expect(body.means(config))
    #expect(body.attributes.first?.value == cloudFrontNamespace)
  }

  @Test func `stacks are read page by page`() async throws {
    let script = Script([
      answer(
        "<ListStacksResponse><ListStacksResult><StackSummaries><member><StackId>a</StackId><StackName>n</StackName><StackStatus>DELETE_COMPLETE</StackStatus></member></StackSummaries><NextToken>t</NextToken></ListStacksResult></ListStacksResponse>"
      ),
      answer(
        "<ListStacksResponse><ListStacksResult><StackSummaries/></ListStacksResult></ListStacksResponse>"
      ),
    ])
    let client = CloudFormationClient(Scripted(script: script), region: "eu-west-1")
    let stacks = try await client.stacks()
    #expect(stacks.map(\.status) == ["DELETE_COMPLETE"])
    let asked = await script.asked
    #expect(asked.count == 2 && asked.allSatisfy { $0.region == "eu-west-1" })
    #expect(String(decoding: asked[1].body, as: UTF8.self).contains("NextToken=t"))
  }
}

struct AnswerTests {
  /// Answers every request alike.
  struct Same: ServiceTransport {
    var response: ServiceResponse
    func send(_ request: ServiceRequest) async throws(FerryError) -> ServiceResponse { response }
  }

  @Test(arguments: [403, 404, 409, 412])
  func `an error without the service's own code is no answer, least of all absence`(_ status: Int)
    async throws
  {
    for body in ["", "<html>proxy</html>", "<ErrorResponse><Error><Code/></Error></ErrorResponse>"]
    {
      let client = CloudFrontClient(Same(response: .init(status: status, body: Array(body.utf8))))
      let error = await #expect(throws: FerryError.self) { try await client.distribution("E1") }
      #expect(error?.code == .unreadableAnswer && error?.service == nil)
      #expect(error?.why.contains("\(status)") == true)
    }
  }

  @Test func `an answer without a version is not usable`() async throws {
    let body =
      "<Distribution><Id>E1</Id><DistributionConfig><Comment/></DistributionConfig></Distribution>"
    let client = CloudFrontClient(Same(response: .init(status: 200, body: Array(body.utf8))))
    let error = await #expect(throws: FerryError.self) { try await client.distribution("E1") }
    #expect(error?.code == .unreadableAnswer)
  }
}

import FerryAWS
import FerryCloudFront
import FerryCore
import FerryHTTP
import Foundation
import Testing

/// Deliveries of standard logs (v2), on a server that shares no code with ours.
struct LogDeliveryEndToEndTests {
  static let making = """
    import boto3, json, sys
    logs = boto3.client("logs", endpoint_url=sys.argv[1], region_name="us-east-1")
    made = [logs.put_delivery_destination(name=name, deliveryDestinationConfiguration={
        "destinationResourceArn": arn})["deliveryDestination"]["arn"]
        for name, arn in (("bucket", "arn:aws:s3:::logs-1"), ("group", "arn:aws:logs:us-east-1:123456789012:log-group:g"))]
    print(json.dumps(made))
    """

  @Test func `deliveries are made once, found as they were made, and deleted with their source`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let moto = try await MotoServer.start(ferry)
    do {
      let variables = moto.variables.merging(["AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": moto.url]) { $1 }
      let made = try await ferry.run(
        ["-c", Self.making, moto.url], extra: variables, program: Ferry.python)
      try #require(made.code == 0, "\(made.talk)")
      let destinations = made.json.array?.compactMap(\.string) ?? []
      try #require(destinations.count == 2)
      let session = try AWSSession(
        profile: nil, roleARN: nil, region: nil, endpointURL: nil,
        environment: ferry.environment.merging(variables) { $1 }, engine: HTTPEngine(),
        clock: SystemClock())
      let client = LogDeliveryClient(session.transport)
      let arn = "arn:aws:cloudfront::123456789012:distribution/E1"
      func config(_ destination: String) -> XElement {
        XElement(
          "LogDelivery",
          [
            XElement("ResourceArn", text: arn), XElement("LogType", text: "ACCESS_LOGS"),
            XElement("DestinationArn", text: destination),
            XElement("RecordFields", ["date", "c-ip"].map { XElement("Field", text: $0) }),
          ]
            // What a bucket gets where nothing else is asked for.
            + (destination == destinations[0]
              ? [XElement("SuffixPath", text: "AWSLogs/{account-id}/CloudFront/")] : []))
      }
      let names = destinations.map { "cloudfront-E1/" + $0 }
      #expect(try await client.find(names[0]) == nil)
      for _ in 0..<2 {
        for (name, destination) in zip(names, destinations) {
          let it = try await client.create(name, config: config(destination))
          #expect(it.id == name && it.document == config(destination), "\(name)")
        }
      }
      #expect(try await client.deliveries()[arn]?.count == 2)
      try await client.delete(names[0])
      #expect(try await client.find(names[0])?.document?.first("DestinationArn") == nil)
      #expect(try await client.find(names[1])?.document == config(destinations[1]))
      try await client.delete(names[1])
      try await client.delete(names[1])
      #expect(try await client.find(names[1]) == nil)
      #expect(try await client.deliveries().isEmpty)
    } catch {
      await moto.stop()
      throw error
    }
    await moto.stop()
  }
}

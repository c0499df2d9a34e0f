import FerryAWS
import FerryCloudFront
import FerryCore
import FerryHTTP
import Foundation
import Testing

/// Policies of buckets and keys, on a server that shares no code with ours.
struct StatementEndToEndTests {
  static let making = """
    import boto3, json, sys
    s3 = boto3.client("s3", endpoint_url=sys.argv[1], region_name="eu-west-1")
    for name in ("bare-1", "held-1"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_policy(Bucket="held-1", Policy=json.dumps({"Version": "2008-10-17", "Id": "mine", "Statement": [
        {"Sid": "person", "Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::held-1"}]}))
    key = boto3.client("kms", endpoint_url=sys.argv[1], region_name="eu-west-1").create_key()["KeyMetadata"]["Arn"]
    print(json.dumps({"key": key}))
    """

  @Test func `a grant is put into a bucket's and a key's policy and taken out, all else kept`()
    async throws
  {
    let ferry = try Ferry()
    defer { ferry.remove() }
    let moto = try await MotoServer.start(ferry)
    let variables = moto.variables.merging(["AWS_ENDPOINT_URL": moto.url]) { $1 }
    do {
      let made = try await ferry.run(
        ["-c", Self.making, moto.url], extra: variables, program: Ferry.python)
      try #require(made.code == 0, "\(made.talk)")
      let session = try AWSSession(
        profile: nil, roleARN: nil, region: nil, endpointURL: nil,
        environment: ferry.environment.merging(variables) { $1 }, engine: HTTPEngine(),
        clock: SystemClock())
      let client = StatementClient(session.transport)
      let key = made.json["key"]?.string ?? ""
      for (service, resource) in [
        (PolicyStatements.Service.bucket, "bare-1"), (.bucket, "held-1"), (.key, key),
      ] {
        let name = service == .key ? "*" : "arn:aws:s3:::\(resource)/*"
        let edit = PolicyStatements(
          service, resource, region: "eu-west-1",
          add: [
            [
              "Sid": "Ferried0", "Effect": "Allow",
              "Principal": ["Service": "cloudfront.amazonaws.com"],
              "Action": .string(service == .key ? "kms:Decrypt" : "s3:GetObject"),
              "Resource": .string(name),
              "Condition": [
                "StringEquals": [
                  "AWS:SourceArn": "arn:aws:cloudfront::222222222222:distribution/E1"
                ]
              ],
            ]
          ])
        let before = try await client.policy(of: edit)
        #expect((before == nil) == (resource == "bare-1"), "\(resource)")
        try await client.put(PolicyDocument.edited(before, by: edit), of: edit)
        let between = try await client.policy(of: edit)
        #expect(PolicyDocument.holds(edit, in: between), "\(resource)")
        #expect(
          PolicyDocument.statements(between) == PolicyDocument.statements(before) + edit.add,
          "\(resource)")
        try await client.put(PolicyDocument.edited(between, by: edit.inverse), of: edit)
        #expect(try await client.policy(of: edit) == before, "\(resource)")
      }
    } catch {
      await moto.stop()
      throw error
    }
    await moto.stop()
  }
}

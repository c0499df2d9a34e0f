import FerryCore
import FerryReport
import FerryTestSupport
import Foundation
import Testing

@testable import FerryCode
@testable import Handover

/// The example of an IaC switch that ships in plans/ and runbooks/, made anew and compared: a stack that owns a primary
/// with its policy hands both to Terraform.
struct HandoverExampleTests {
  private static let template = """
    AWSTemplateFormatVersion: "2010-09-09"
    Parameters:
      Stage: { Type: String, Default: prod }
    Resources:
      Site:
        Type: AWS::CloudFront::Distribution
        Properties:
          DistributionConfig: { Enabled: true, Aliases: [www.example.com], ContinuousDeploymentPolicyId: !Ref Canary }
      Staging:
        Type: AWS::CloudFront::Distribution
        Properties:
          DistributionConfig: { Enabled: true, Staging: true }
      Canary:
        Type: AWS::CloudFront::ContinuousDeploymentPolicy
        Properties:
          ContinuousDeploymentPolicyConfig: { Enabled: true, StagingDistributionDnsNames: [!GetAtt Staging.DomainName] }
      Record:
        Type: AWS::Route53::RecordSet
        Properties:
          { HostedZoneName: example.com., Name: www.example.com., Type: CNAME, TTL: "300", ResourceRecords: [!GetAtt Site.DomainName] }
    Outputs:
      SiteId: { Value: !Ref Site }
    """
  private static func example() throws -> PlanPair {
    func moved(_ id: String, _ name: String? = nil) -> StackEdits.Moved {
      .init(
        physicalID: id, attributes: name.map { ["DomainName": $0] } ?? [:], identifier: ["Id": id])
    }
    let items = [
      "aws_cloudfront_distribution.www_example_com": "E1EXAMPLE",
      "aws_cloudfront_distribution.www_example_com_staging": "E2EXAMPLE",
      "aws_cloudfront_continuous_deployment_policy.www_example_com": "cdp-1",
    ]
    var facts = HandoverFacts(
      account: "111111111111",
      things: [
        .init(
          id: "E1EXAMPLE", isPolicy: false, etag: "E2QWRUHEXAMPLE",
          modified: "2026-11-02T10:00:00.000Z"),
        .init(
          id: "E2EXAMPLE", isPolicy: false, etag: "E3QWRUHEXAMPLE",
          modified: "2026-11-02T10:05:00.000Z"),
        .init(
          id: "cdp-1", isPolicy: true, etag: "E4QWRUHEXAMPLE", modified: "2026-11-02T10:10:00.000Z"),
      ], from: .cloudformation, to: .terraform,
      stack: .init(
        name: "shop", id: "arn:aws:cloudformation:us-east-1:111111111111:stack/shop/1a2b3c4d",
        region: "us-east-1",
        edits: StackEdits(
          template: try StackTemplate(template, named: "shop"),
          moved: [
            "Site": moved("E1EXAMPLE", "d111111abcdef8.cloudfront.net"),
            "Staging": moved("E2EXAMPLE", "d222222abcdef8.cloudfront.net"),
            "Canary": moved("cdp-1"),
          ])),
      code: .init(
        folder: "shop", items: items,
        files: Dictionary(
          uniqueKeysWithValues: ["distributions.tf", "imports.tf", "versions.tf"].map {
            ("shop/\($0)", Digest.tagged($0))
          })), environment: [:])
    try facts.writeFiles(adopted: nil, secrets: nil)
    let begin = try #require(Timestamp.read("2026-12-07T09:00:00Z"))
    return try HandoverPlanner.plan(
      facts,
      input: PlanningInput(
        capability: "handover", name: "iac-switch", accounts: ["default": "111111111111"],
        createdAt: begin, start: begin, tool: "edgeferry 0.1.0", endpoint: nil,
        inventoryDigest: Digest.tagged("example"), acceptedRisks: []))
  }

  @Test func `the golden example of an IaC switch is what the planner makes today`() throws {
    let made = try Self.example()
    expectGolden(FerryJSON.document(made.plan), "../../plans/iac-switch.plan.json")
    expectGolden(FerryJSON.document(made.rollback), "../../plans/iac-switch.rollback.plan.json")
    expectGolden(
      Runbook.render(made.plan, path: "plans/iac-switch.plan.json", rollback: made.rollback),
      "../../runbooks/iac-switch.md")
    let shipped = Shared.package.appendingPathComponent("plans/iac-switch.plan.json")
    #expect(try Plan.read(Array(Data(contentsOf: shipped)), named: "example") == made.plan)
  }
}

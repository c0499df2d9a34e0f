import FerryCore
import Testing

@testable import FerryCode
@testable import Handover

/// Templates on their way out of, and into, the ownership of resources.
struct StackEditsTests {
  static let yaml = """
    AWSTemplateFormatVersion: "2010-09-09"
    Parameters:
      Stage: { Type: String, Default: prod }
    Conditions:
      IsProd: !Equals [!Ref Stage, prod]
    Resources:
      Site:
        Type: AWS::CloudFront::Distribution
        Properties:
          DistributionConfig: { Enabled: true, Comment: !Sub "shop ${Stage}" }
      Policy:
        Type: AWS::CloudFront::ContinuousDeploymentPolicy
        DependsOn: Site
      Record:
        Type: AWS::Route53::RecordSet
        DependsOn: [Site, Topic]
        Properties:
          Name: www.example.com
          TTL: "300"
          ResourceRecords: [!GetAtt Site.DomainName]
          Comment: !Sub "to ${Site} at ${Site.DomainName}, ${Stage}"
      Topic: { Type: "AWS::SNS::Topic" }
    Outputs:
      Id: { Value: !Ref Site }
      Cond: { Value: !If [IsProd, a, b] }
    """
  static func edits(
    _ text: String = yaml, attributes: [String: String] = ["DomainName": "d1.cloudfront.net"]
  )
    throws -> StackEdits
  {
    StackEdits(
      template: try StackTemplate(text, named: "t"),
      moved: [
        "Site": .init(physicalID: "E1", attributes: attributes, identifier: ["Id": "E1"]),
        "Policy": .init(physicalID: "P1", attributes: [:], identifier: ["Id": "P1"]),
      ])
  }

  @Test func `YAML with short functions is read as the JSON that it stands for`() throws {
    let body = try StackTemplate(Self.yaml, named: "t").body
    #expect(body["Conditions"]?["IsProd"] == ["Fn::Equals": [["Ref": "Stage"], "prod"]])
    #expect(body["Outputs"]?["Id"]?["Value"] == ["Ref": "Site"])
    #expect(
      body["Resources"]?["Record"]?["Properties"]?["ResourceRecords"]
        == [["Fn::GetAtt": ["Site", "DomainName"]]])
    #expect(body["Resources"]?["Record"]?["Properties"]?["TTL"] == "300")
    #expect(body["Outputs"]?["Cond"]?["Value"] == ["Fn::If": ["IsProd", "a", "b"]])
    #expect(try StackTemplate(body.canonical, named: "t").body == body)
  }

  @Test(arguments: ["", "[]", "a: b", "{", "Resources: {}", "\u{0}", "- x\n- y", "a: *b"])
  func `what is no template is bad input`(_ text: String) {
    let error = #expect(throws: FerryError.self) { try StackTemplate(text, named: "t") }
    #expect(error?.exit == .usage)
  }

  @Test func `what goes is retained first, and nothing else changes but an empty resource`() throws
  {
    let edits = try Self.edits()
    let after = edits.retaining.resources
    for id in ["Site", "Policy"] {
      #expect(
        after[id]?["DeletionPolicy"] == "Retain" && after[id]?["UpdateReplacePolicy"] == "Retain")
      #expect(after[id]?["Properties"] == edits.template.resources[id]?["Properties"])
    }
    #expect(after["Record"] == edits.template.resources["Record"])
    #expect(Set(after.keys).subtracting(edits.template.resources.keys) == [StackEdits.placeholder])
    #expect(edits.retaining.body["Outputs"] == edits.template.body["Outputs"])
  }

  @Test func `who referred to what goes has its values instead`() throws {
    let released = try Self.edits().released()
    #expect(Set(released.resources.keys) == ["Record", "Topic"])
    let record = released.resources["Record"]
    #expect(record?["DependsOn"] == ["Topic"])
    #expect(record?["Properties"]?["ResourceRecords"] == ["d1.cloudfront.net"])
    #expect(
      record?["Properties"]?["Comment"] == ["Fn::Sub": "to E1 at d1.cloudfront.net, ${Stage}"])
    #expect(released.body["Outputs"]?["Id"]?["Value"] == "E1")
    #expect(released.body["Parameters"] == (try Self.edits().template.body["Parameters"]))
  }

  @Test func `a reference whose value nobody knows stops the plan`() throws {
    let error = try #require(
      #expect(throws: FerryError.self) { try Self.edits(attributes: [:]).released() })
    #expect(error.code == "still-referenced" && error.exit == .blocked)
    #expect(error.why.contains("Site"))
  }

  @Test func `what comes back is the only change to what was released`() throws {
    let edits = try Self.edits()
    var back = try edits.returning().resources
    for id in ["Site", "Policy"] {
      #expect(back.removeValue(forKey: id) == edits.template.resources[id]?.retained)
    }
    #expect(back == (try edits.released().resources))
  }

  @Test func `a stack that would have nothing left keeps an empty resource`() throws {
    let text = #"{"Resources":{"Site":{"Type":"AWS::CloudFront::Distribution"}}}"#
    let edits = StackEdits(
      template: try StackTemplate(text, named: "t"),
      moved: ["Site": .init(physicalID: "E1", attributes: [:], identifier: [:])])
    #expect(edits.isEmptied)
    #expect(Array(try edits.released().resources.keys) == [StackEdits.placeholder])
  }

  @Test func `what is adopted is added, and no name is taken twice`() throws {
    let edits = try Self.edits()
    let other = StackTemplate([
      "Resources": ["New": ["Type": "X"]], "Parameters": ["P": ["Type": "String"]],
    ])
    let both = try edits.adopting(other)
    #expect(both.resources.count == 5 && both.parameters == ["P", "Stage"])
    #expect(both.body["Outputs"] == edits.template.body["Outputs"])
    let error = #expect(throws: FerryError.self) {
      try edits.adopting(StackTemplate(["Resources": ["Topic": ["Type": "X"]]]))
    }
    #expect(error?.code == "name-taken")
  }
}

import FerryCore
import FerryTestSupport
import Foundation
import Testing

@testable import FerryModel

/// The lab's stacks: what change sets do, and what they refuse.
struct StackTests {
  private final class Lab {
    var model = CloudFrontModel(accounts: ["111111111111"], propagationSeconds: 60)
    var now = Date(timeIntervalSince1970: 1_767_225_600)
    static let id = "arn:aws:cloudformation:us-east-1:111111111111:stack/shop/1"

    init() throws {
      let text = """
        {"schema":"edgeferry.inventory/1","accounts":[{"id":"111111111111","distributions":[
        \(Self.distribution("E1")),\(Self.distribution("E2"))],"stacks":[
        {"id":"\(Self.id)","name":"shop","region":"us-east-1","status":"CREATE_COMPLETE",
        "resources":[{"logicalId":"Site","type":"AWS::CloudFront::Distribution","physicalId":"E1","status":"CREATE_COMPLETE"}],
        "template":\(Self.template)}]}]}
        """
      try model.load(JSONValue.read(Array(text.utf8), what: "inventory"), now: now)
    }
    static let template =
      #"{"Resources":{"Site":{"Type":"AWS::CloudFront::Distribution","Properties":{"DistributionConfig":{"Enabled":true}}}}}"#
    static func distribution(_ id: String) -> String {
      #"{"id":"\#(id)","domainName":"\#(id.lowercased()).cloudfront.net","config":{"CallerReference":"\#(id)","Comment":"","Enabled":true,"Origins":{"Quantity":1,"Items":[{"Id":"o","DomainName":"o.example.net","CustomOriginConfig":{"HTTPPort":80,"HTTPSPort":443,"OriginProtocolPolicy":"https-only"}}]},"DefaultCacheBehavior":{"TargetOriginId":"o","ViewerProtocolPolicy":"https-only","CachePolicyId":"658327ea-f89d-4fab-a63d-7e88639e58f6"}}}"#
    }
    /// - Returns: the result element, or the error's code and message.
    @discardableResult
    func ask(_ action: String, _ form: [String: String] = [:]) throws -> (
      status: Int, body: XElement
    ) {
      var fields = form
      fields["Action"] = action
      let body = fields.map { key, value in
        let plain = value.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        return "\(key)=\(plain)"
      }.joined(separator: "&")
      let request = ServiceRequest(
        .cloudFormation, action, region: "us-east-1", method: "POST", path: "/",
        body: Array(body.utf8))
      let answer = model.handle(request, account: "111111111111", callerARN: "", now: now)
      return (answer.status, try XMLReader.read(String(decoding: answer.body, as: UTF8.self)))
    }
    func create(
      _ name: String, _ template: String, stack: String = id, _ more: [String: String] = [:]
    )
      throws -> (status: Int, body: XElement)
    {
      try ask(
        "CreateChangeSet",
        ["StackName": stack, "ChangeSetName": name, "TemplateBody": template].merging(more) { $1 })
    }
    func status(_ stack: String = id) throws -> String? {
      try ask("DescribeStacks", ["StackName": stack]).body.at("DescribeStacksResult/Stacks")?
        .first("member")?.text(at: "StackStatus")
    }
    var distributions: Set<String> {
      Set(model.accounts["111111111111"]?.distributions.keys ?? [:].keys)
    }
  }
  private static func imports(_ type: String, _ logical: String, _ id: String) -> [String: String] {
    [
      "ChangeSetType": "IMPORT",
      "ResourcesToImport.member.1.ResourceType": "AWS::CloudFront::\(type)",
      "ResourcesToImport.member.1.LogicalResourceId": logical,
      "ResourcesToImport.member.1.ResourceIdentifier.entry.1.key": "Id",
      "ResourcesToImport.member.1.ResourceIdentifier.entry.1.value": id,
    ]
  }
  private static let retained = Lab.template.replacing(
    #""Properties""#, with: #""DeletionPolicy":"Retain","Properties""#)
  private static let handle =
    #""Handle":{"Type":"AWS::CloudFormation::WaitConditionHandle"}"#

  @Test func `attributes alone make no change set run, and with another change they do`() throws {
    let lab = try Lab()
    #expect(try lab.create("alone", Self.retained).status == 200)
    let alone = try lab.ask("DescribeChangeSet", ["StackName": "shop", "ChangeSetName": "alone"])
      .body
    #expect(alone.at("DescribeChangeSetResult")?.text(at: "Status") == "FAILED")
    #expect(
      alone.at("DescribeChangeSetResult")?.text(at: "StatusReason")?.contains(
        "didn't contain changes")
        == true)
    let both = Self.retained.replacing(#"{"Resources":{"#, with: #"{"Resources":{\#(Self.handle),"#)
    #expect(try lab.create("both", both).status == 200)
    #expect(try lab.create("both", both).status == 400)
    try lab.ask("ExecuteChangeSet", ["StackName": "shop", "ChangeSetName": "both"])
    #expect(try lab.status() == "UPDATE_IN_PROGRESS")
    #expect(try lab.create("early", Self.retained).status == 400)
    lab.now += 61
    #expect(try lab.status() == "UPDATE_COMPLETE")

    // Then what is retained leaves the stack and stays live.
    #expect(try lab.create("release", #"{"Resources":{\#(Self.handle)}}"#).status == 200)
    try lab.ask("ExecuteChangeSet", ["StackName": "shop", "ChangeSetName": "release"])
    lab.now += 61
    #expect(lab.distributions == ["E1", "E2"])
    #expect(try lab.ask("DescribeStackResources", ["PhysicalResourceId": "E1"]).status == 400)
  }

  @Test func `what is not retained is gone with its stack or its place in the template`() throws {
    let lab = try Lab()
    #expect(try lab.create("drop", #"{"Resources":{\#(Self.handle)}}"#).status == 200)
    let told = try lab.ask("DescribeChangeSet", ["StackName": "shop", "ChangeSetName": "drop"]).body
    #expect(told.xml.contains("<PolicyAction>Delete</PolicyAction>"))
    try lab.ask("ExecuteChangeSet", ["StackName": "shop", "ChangeSetName": "drop"])
    #expect(lab.distributions == ["E2"])
    let other = try Lab()
    try other.ask("DeleteStack", ["StackName": "shop"])
    #expect(other.distributions == ["E2"])
  }

  @Test func `a change of properties is rolled back, and a reference that says the same is none`()
    throws
  {
    let lab = try Lab()
    let changed = Lab.template.replacing("true", with: "false")
    #expect(try lab.create("change", changed).status == 200)
    try lab.ask("ExecuteChangeSet", ["StackName": "shop", "ChangeSetName": "change"])
    lab.now += 61
    #expect(try lab.status() == "UPDATE_ROLLBACK_COMPLETE")
    #expect(lab.distributions == ["E1", "E2"])
  }

  @Test func `an import makes a stack of what is there, by AWS's rules`() throws {
    let lab = try Lab()
    let template = Self.retained.replacing("Site", with: "Other")
    let good = Self.imports("Distribution", "Other", "E2")
    #expect(try lab.create("a", template, stack: "new", good).status == 200)
    #expect(try lab.status("new") == "REVIEW_IN_PROGRESS")
    try lab.ask("ExecuteChangeSet", ["StackName": "new", "ChangeSetName": "a"])
    #expect(try lab.status("new") == "IMPORT_IN_PROGRESS")
    lab.now += 61
    #expect(try lab.status("new") == "IMPORT_COMPLETE")
    let owner = try lab.ask("DescribeStackResources", ["PhysicalResourceId": "E2"])
    #expect(owner.status == 200 && owner.body.xml.contains("<StackName>new</StackName>"))
  }

  @Test(arguments: [
    ("another stack has it", "E1", "", "already exists in stack"),
    ("it is not there", "E9", "", "was not found"),
    ("no DeletionPolicy", "E2", "policy", "must have a DeletionPolicy"),
  ])
  func `an import that breaks a rule is refused`(
    _ name: String, _ id: String, _ edit: String, _ says: String
  )
    throws
  {
    let lab = try Lab()
    let whole = Self.retained.replacing("Site", with: "Other")
    let template =
      edit == "policy" ? whole.replacing(#""DeletionPolicy":"Retain","#, with: "") : whole
    let answer = try lab.create(
      "a", template, stack: "new", Self.imports("Distribution", "Other", id))
    #expect(answer.status == 400 && answer.body.xml.contains(says), "\(name): \(answer.body.xml)")
  }

  @Test func `an import takes no change of outputs or of other resources`() throws {
    let lab = try Lab()
    let other =
      #""Other":{"Type":"AWS::CloudFront::Distribution","DeletionPolicy":"Retain","Properties":{}}"#
    let both = Lab.template.replacing(#"{"Resources":{"#, with: #"{"Resources":{\#(other),"#)
    let named = Self.imports("Distribution", "Other", "E2")
    let outputs = both.dropLast() + #","Outputs":{"O":{"Value":"x"}}}"#
    let refused = try lab.create("o", String(outputs), named)
    #expect(refused.status == 400 && refused.body.xml.contains("[Outputs]"))
    let more = try lab.create("m", both.replacing("true", with: "false"), named)
    #expect(more.status == 400 && more.body.xml.contains("[Site]"))
    #expect(try lab.create("g", both, named).status == 200)
  }

  @Test func `whether policies are imported is a behaviour`() throws {
    let lab = try Lab()
    try lab.model.behaviours.set("import-cd-policy=refuse")
    let template =
      #"{"Resources":{"P":{"Type":"AWS::CloudFront::ContinuousDeploymentPolicy","DeletionPolicy":"Retain"}}}"#
    let answer = try lab.create(
      "a", template, stack: "new", Self.imports("ContinuousDeploymentPolicy", "P", "P1"))
    #expect(answer.status == 400 && answer.body.xml.contains("not supported for Import"))
  }
}

/// What a check or a command of the AWS CLI asks of one CloudFormation stack.
struct StackNeed: Equatable, Sendable {
  /// IAM actions.
  var actions: [String]
  /// The stack's id or name.
  var stack: String
  var region: String

  /// - Source: Service Authorization Reference, AWS CloudFormation: all of them take the stack's ARN.
  func grants(in place: GrantPlace) -> [Grant] {
    let resource =
      stack.hasPrefix("arn:")
      ? stack : place.arn("cloudformation", "stack/\(stack)/*", region: region)
    return actions.map { Grant($0, on: resource) }
  }
}

extension Step.Check {
  /// The IAM actions that looking at it needs.
  var permissions: Set<String> {
    switch type {
    case .deployed, .config, .absent, .alias, .unchanged:
      if distribution != nil { return ["cloudfront:GetDistribution"] }
      return policy == nil ? [] : ["cloudfront:GetContinuousDeploymentPolicy"]
    case .stackHolds, .stackReleased: return Set(stackNeed?.actions ?? [])
    case .idle: return ["cloudwatch:GetMetricData"]
    case .errorRate: return ["cloudfront:GetDistribution", "cloudwatch:GetMetricData"]
    case .serving, .health: return policy == nil ? [] : ["cloudfront:GetContinuousDeploymentPolicy"]
    case .authoritative, .recursive: return []
    }
  }
  var stackNeed: StackNeed? {
    guard [.stackHolds, .stackReleased].contains(type) else { return nil }
    return StackNeed(
      actions: ["cloudformation:ListStackResources"], stack: stack ?? "*",
      region: region ?? "us-east-1")
  }
}

extension ToolCommand {
  /// What a command of the AWS CLI needs of a stack; nil for other tools, whose calls are their own.
  ///
  /// - Source: botocore 1.43.11, cloudformation 2010-05-15, waiters-2.
  var stackNeed: StackNeed? {
    guard arguments.starts(with: ["aws", "cloudformation"]), arguments.count > 2 else { return nil }
    let verb = arguments[2] == "wait" ? arguments.dropFirst(3).first ?? "" : arguments[2]
    guard let call = Self.stackCalls[verb] else { return nil }
    func value(_ option: String) -> String? {
      arguments.firstIndex(of: option).flatMap { arguments.dropFirst($0 + 1).first }
    }
    return StackNeed(
      actions: ["cloudformation:\(call)"], stack: value("--stack-name") ?? "*",
      region: value("--region") ?? "*")
  }
  /// Commands and waiters, and the call that each makes.
  static let stackCalls = [
    "create-change-set": "CreateChangeSet", "delete-change-set": "DeleteChangeSet",
    "describe-change-set": "DescribeChangeSet", "execute-change-set": "ExecuteChangeSet",
    "describe-stacks": "DescribeStacks", "get-template": "GetTemplate",
    "list-stack-resources": "ListStackResources",
    "change-set-create-complete": "DescribeChangeSet", "stack-update-complete": "DescribeStacks",
    "stack-import-complete": "DescribeStacks",
  ]
}

extension Step {
  /// What its checks and its commands need of stacks.
  var stackNeeds: [StackNeed] {
    var commands: [ToolCommand] = []
    if case .external(let it) = action {
      commands = (it.tools ?? []) + [it.settled, it.done].compactMap { $0 }
    }
    return checks.compactMap(\.stackNeed) + commands.compactMap(\.stackNeed)
  }
  /// Whether commands of Terraform are part of it, run or printed.
  fileprivate var usesTerraform: Bool {
    guard case .external(let it) = action else { return false }
    return it.tools?.contains { $0.arguments.first == "terraform" }
      ?? it.commands.contains { $0.contains("terraform ") }
  }
}

extension Plan {
  /// What the plan needs besides the grants that are listed for it, a line each.
  public var unlistedNeeds: [String] {
    let steps = steps.filter(\.usesTerraform).map(\.id)
    guard !steps.isEmpty else { return [] }
    return [
      "what Terraform itself needs for its commands in \(steps.joined(separator: ", ")) is not listed: it depends on the code and on the backend of the state"
    ]
  }
}

extension CalledActions {
  /// The actions of the AWS CLI's commands in plans.
  public static let ofTools: Set<String> = Set(
    ToolCommand.stackCalls.values.map { "cloudformation:\($0)" })
}

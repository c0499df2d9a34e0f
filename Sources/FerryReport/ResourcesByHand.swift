import FerryCore

/// The AWS CLI calls for what a distribution refers to.
extension ByHand {
  static func created(_ draft: ResourceDraft) -> [String] {
    let name = known(draft.name)
    let image = "# config.json: the saved image \(safe(draft.image)), in `edgeferry state export`"
    let edits = draft.set.map { "\(safe($0.path)) to \(known($0.to ?? ""))" }
    let edit = edits.isEmpty ? [] : ["# in config.json set " + edits.joined(separator: " and ")]
    switch draft.kind {
    case .function:
      return [image] + edit + [
        "# code.js: the saved image \(safe(draft.content ?? ""))",
        "aws cloudfront create-function --name \(name) --function-config file://config.json --function-code fileb://code.js",
        "aws cloudfront publish-function --name \(name) --if-match ETAG",
      ]
    case .keyValueStore:
      return [
        "aws cloudfront create-key-value-store --name \(name)",
        "aws cloudfront-keyvaluestore update-keys --kvs-arn ARN --if-match ETAG --puts file://items.json",
      ]
    case .monitoringSubscription:
      return [
        "aws cloudfront create-monitoring-subscription --distribution-id \(name) --monitoring-subscription RealtimeMetricsSubscriptionConfig={RealtimeMetricsSubscriptionStatus=Enabled}"
      ]
    case .logDelivery:
      return [image] + edit + [
        "# the delivery's name is SOURCE/DESTINATION: \(name)",
        "aws logs put-delivery-source --region us-east-1 --name SOURCE --resource-arn ARN --log-type ACCESS_LOGS",
        "aws logs create-delivery --region us-east-1 --delivery-source-name SOURCE --delivery-destination-arn DESTINATION",
      ]
    case .realtimeLogConfig:
      return [image] + edit + [
        "aws cloudfront create-realtime-log-config --cli-input-json file://config.json"
      ]
    default:
      let verb = draft.kind.cliName
      return [image] + edit + [
        "aws cloudfront create-\(verb) --\(draft.kind.cliConfig) file://config.json"
      ]
    }
  }
  static func deleted(_ kind: ResourceKind, _ id: String) -> [String] {
    let it = known(id)
    switch kind {
    case .function:
      return [
        "aws cloudfront describe-function --name \(it) --query ETag",
        "aws cloudfront delete-function --name \(it) --if-match ETAG",
      ]
    case .keyValueStore:
      return [
        "aws cloudfront describe-key-value-store --name \(it) --query ETag",
        "aws cloudfront delete-key-value-store --name \(it) --if-match ETAG",
      ]
    case .monitoringSubscription:
      return ["aws cloudfront delete-monitoring-subscription --distribution-id \(it)"]
    case .logDelivery:
      return [
        "# the delivery's name is SOURCE/DESTINATION: \(it)",
        "aws logs describe-deliveries --region us-east-1",
        "aws logs delete-delivery --region us-east-1 --id ID",
        "aws logs delete-delivery-source --region us-east-1 --name SOURCE",
      ]
    case .realtimeLogConfig: return ["aws cloudfront delete-realtime-log-config --name \(it)"]
    default:
      return [
        "aws cloudfront get-\(kind.cliName) --id \(it) --query ETag",
        "aws cloudfront delete-\(kind.cliName) --id \(it) --if-match ETAG",
      ]
    }
  }
  static func statements(_ edit: PolicyStatements) -> [String] {
    let it = known(edit.resource)
    let region = shellWord(edit.region)
    let added = edit.add.map { "# add the statement " + safe(PlanText.plain($0.canonical)) }
    let removed = edit.remove.map {
      "# take out the statement " + safe($0["Sid"]?.string ?? PlanText.plain($0.canonical))
    }
    switch edit.service {
    case .bucket:
      return
        [
          "aws s3api get-bucket-policy --region \(region) --bucket \(it) --query Policy --output text > policy.json"
        ]
        + added + removed
        + [
          "aws s3api put-bucket-policy --region \(region) --bucket \(it) --policy file://policy.json"
        ]
    case .key:
      return
        [
          "aws kms get-key-policy --region \(region) --key-id \(it) --policy-name default --query Policy --output text > policy.json"
        ]
        + added + removed
        + [
          "aws kms put-key-policy --region \(region) --key-id \(it) --policy-name default --policy file://policy.json"
        ]
    }
  }
}

extension ResourceKind {
  /// As the AWS CLI's verbs have it.
  fileprivate var cliName: String {
    switch self {
    case .originAccessIdentity: "cloud-front-origin-access-identity"
    case .fieldLevelEncryption: "field-level-encryption-config"
    default: rawValue
    }
  }
  fileprivate var cliConfig: String {
    switch self {
    case .originAccessIdentity: "cloud-front-origin-access-identity-config"
    case .vpcOrigin: "vpc-origin-endpoint-config"
    default: cliName.hasSuffix("-config") ? cliName : cliName + "-config"
    }
  }
}

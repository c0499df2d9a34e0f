import FerryCloudFront
import FerryCore
import FerryModel
import Foundation

/// One account with a primary, its staging twin and one of every kind that the model serves.
enum Fixture {
  static let account = "111111111111"
  static let cachingOptimized = "658327ea-f89d-4fab-a63d-7e88639e58f6"
  static let storeARN = "arn:aws:cloudfront::111111111111:key-value-store/5d8a"

  static func config(
    _ name: String, behaviour: [String: JSONValue] = [:], _ more: [String: JSONValue] = [:]
  )
    -> JSONValue
  {
    var behaviour = behaviour
    behaviour["TargetOriginId"] = "o"
    behaviour["ViewerProtocolPolicy"] = "https-only"
    behaviour["CachePolicyId"] = behaviour["CachePolicyId"] ?? .string(cachingOptimized)
    var out: [String: JSONValue] = [
      "CallerReference": .string(name), "Comment": "", "Enabled": true,
      "Origins": [
        "Quantity": 1,
        "Items": [
          [
            "Id": "o", "DomainName": "assets-1.s3.eu-west-1.amazonaws.com",
            "OriginAccessControlId": "EOAC", "S3OriginConfig": ["OriginAccessIdentity": ""],
            "CustomHeaders": [
              "Quantity": 1, "Items": [["HeaderName": "x-key", "HeaderValue": "canary-header"]],
            ],
          ]
        ],
      ],
      "DefaultCacheBehavior": .object(behaviour),
    ]
    out.merge(more) { $1 }
    return .object(out)
  }

  static let inventory: JSONValue = [
    "schema": "edgeferry.inventory/1",
    "accounts": [
      [
        "id": .string(account),
        "distributions": [
          [
            "id": "EPRIMARY", "domainName": "d1.cloudfront.net",
            "arn": "arn:aws:cloudfront::111111111111:distribution/EPRIMARY",
            "tags": ["team": "web"],
            "config": config(
              "p",
              behaviour: [
                "CachePolicyId": "custom-cache", "OriginRequestPolicyId": "custom-request",
                "ResponseHeadersPolicyId": "custom-response",
                "TrustedKeyGroups": ["Enabled": true, "Quantity": 1, "Items": ["group-1"]],
                "FunctionAssociations": [
                  "Quantity": 1,
                  "Items": [
                    [
                      "FunctionARN": "arn:aws:cloudfront::111111111111:function/rewrite",
                      "EventType": "viewer-request",
                    ]
                  ],
                ],
              ],
              [
                "ContinuousDeploymentPolicyId": "cdp-1",
                "WebACLId": "arn:aws:wafv2:us-east-1:111111111111:global/webacl/w/1",
                "ViewerCertificate": [
                  "ACMCertificateArn": "arn:aws:acm:us-east-1:111111111111:certificate/v"
                ],
              ]),
          ],
          [
            "id": "ESTAGING", "domainName": "d2.cloudfront.net",
            "arn": "arn:aws:cloudfront::111111111111:distribution/ESTAGING",
            "config": config("s", ["Staging": true]),
          ],
          [
            "id": "EOTHER", "domainName": "d3.cloudfront.net",
            "arn": "arn:aws:cloudfront::111111111111:distribution/EOTHER",
            "config": config("o", behaviour: ["CachePolicyId": "unrelated"]),
          ],
        ],
        "continuousDeploymentPolicies": [
          [
            "id": "cdp-1",
            "config": [
              "StagingDistributionDnsNames": ["Quantity": 1, "Items": ["d2.cloudfront.net"]],
              "Enabled": true,
              "TrafficConfig": [
                "Type": "SingleWeight", "SingleWeightConfig": ["Weight": .double(0.05)],
              ],
            ],
          ]
        ],
        "originAccessControls": [
          [
            "id": "EOAC",
            "config": [
              "Name": "oac", "SigningProtocol": "sigv4", "SigningBehavior": "always",
              "OriginAccessControlOriginType": "s3",
            ],
          ]
        ],
        "cachePolicies": [
          ["id": "custom-cache", "config": ["Name": "cache", "MinTTL": 1]],
          ["id": "unrelated", "config": ["Name": "unrelated", "MinTTL": 1]],
        ],
        "originRequestPolicies": [
          [
            "id": "custom-request",
            "config": [
              "Name": "request", "HeadersConfig": ["HeaderBehavior": "none"],
              "CookiesConfig": ["CookieBehavior": "none"],
              "QueryStringsConfig": ["QueryStringBehavior": "all"],
            ],
          ]
        ],
        "responseHeadersPolicies": [["id": "custom-response", "config": ["Name": "response"]]],
        "publicKeys": [
          [
            "id": "K1",
            "config": ["CallerReference": "k", "Name": "key", "EncodedKey": "-----BEGIN"],
          ]
        ],
        "keyGroups": [["id": "group-1", "config": ["Name": "group", "Items": ["K1"]]]],
      ]
    ],
  ]

  /// The model with a published function beside what an inventory can load.
  static func model() async throws -> SharedModel {
    let model = SharedModel(CloudFrontModel(accounts: [account]))
    try model.with { (it: inout CloudFrontModel) throws(FerryError) in
      try it.load(inventory, now: Date(timeIntervalSince1970: 1_767_225_600))
      let store: JSONValue = [
        "id": "flags", "arn": .string(storeARN), "config": ["Name": "flags", "Comment": ""],
      ]
      try it.load(
        [
          "schema": "edgeferry.inventory/1",
          "accounts": [["id": .string(account), "keyValueStores": [store]]],
        ], now: Date(timeIntervalSince1970: 1_767_225_600))
    }
    let client = CloudFrontClient(ModelTransport(model, account: account, clock: VirtualClock()))
    let code = Data("import cf from 'cloudfront'; cf.kvs('5d8a')".utf8).base64EncodedString()
    let made = try await client.call(
      "CreateFunction", method: "POST", path: "/function",
      body: XMLReader.read(
        "<CreateFunctionRequest><Name>rewrite</Name><FunctionConfig><Comment>c</Comment><Runtime>cloudfront-js-2.0</Runtime><KeyValueStoreAssociations><Quantity>1</Quantity><Items><KeyValueStoreAssociation><KeyValueStoreARN>\(storeARN)</KeyValueStoreARN></KeyValueStoreAssociation></Items></KeyValueStoreAssociations></FunctionConfig><FunctionCode>\(code)</FunctionCode></CreateFunctionRequest>"
      ))
    _ = try await client.call(
      "PublishFunction", method: "POST", path: "/function/rewrite/publish",
      headers: ["if-match": made.headers["etag"] ?? ""])
    return model
  }

  /// What other services answer; everything else is the model's.
  static func neighbours(_ request: ServiceRequest) -> ServiceResponse? {
    func answer(_ text: String, _ headers: [String: String] = [:]) -> ServiceResponse {
      ServiceResponse(status: 200, headers: headers, body: Array(text.utf8))
    }
    switch (request.service.signingName, request.operation) {
    case ("cloudfront", "ListKeyValueStores"):
      return answer(
        "<KeyValueStoreList><Items><KeyValueStore><Name>flags</Name><ARN>\(storeARN)</ARN></KeyValueStore></Items></KeyValueStoreList>"
      )
    case ("cloudfront", "DescribeKeyValueStore"):
      return answer(
        "<KeyValueStore><Name>flags</Name><Id>5d8a</Id><Comment/><ARN>\(storeARN)</ARN><Status>READY</Status></KeyValueStore>",
        ["etag": "KV1"])
    case ("cloudfront-keyvaluestore", _):
      return answer(#"{"Items":[{"Key":"a","Value":"canary-value"}]}"#)
    case ("acm", _):
      return answer(
        #"{"Certificate":{"DomainName":"www.example.com","SubjectAlternativeNames":["www.example.com"]}}"#
      )
    case ("wafv2", "GetWebACL"): return answer(#"{"LockToken":"L","WebACL":{"Name":"w"}}"#)
    case ("wafv2", _): return answer(#"{"LoggingConfiguration":{}}"#)
    case ("s3", "GetBucketPolicy"): return answer(#"{"Statement":[]}"#)
    case ("s3", "GetBucketEncryption"):
      return answer(
        "<X><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>k-1</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule></X>"
      )
    case ("s3", _):
      return .init(
        status: 404, body: Array("<Error><Code>OwnershipControlsNotFoundError</Code></Error>".utf8))
    case ("kms", _): return answer(#"{"Policy":"{\"Statement\":[]}"}"#)
    case ("logs", "DescribeDeliverySources"):
      return answer(
        #"{"deliverySources":[{"name":"src","service":"cloudfront","resourceArns":["arn:aws:cloudfront::111111111111:distribution/EPRIMARY"]}]}"#
      )
    case ("logs", "DescribeDeliveries"):
      return answer(#"{"deliveries":[{"id":"del-1","deliverySourceName":"src"}]}"#)
    case ("logs", _): return answer("{}")
    default: return nil
    }
  }
}

/// How often each call was made.
final class Calls: @unchecked Sendable {
  private let lock = NSLock()
  private var counts: [String: Int] = [:]
  func count(_ request: ServiceRequest) {
    let query = request.query.map { "\($0.name)=\($0.value ?? "")" }.joined(separator: "&")
    let target = String(decoding: request.body, as: UTF8.self)
    let call = "\(request.operation) \(request.path)?\(query) \(target)"
    lock.withLock { counts[call, default: 0] += 1 }
  }
  var twice: [String] { lock.withLock { counts.filter { $0.value > 1 }.keys.sorted() } }
  var made: Set<String> {
    lock.withLock { Set(counts.keys.map { String($0.prefix { $0 != " " }) }) }
  }
}

import FerryCore
import Foundation

/// Where a service is and which region its requests are signed for.
public struct Endpoint: Equatable, Sendable {
  public var url: String
  public var signingRegion: String
  /// Whether it is AWS's own, by the rule set, and not one that somebody configured.
  public var isAWS: Bool
}

/// - Source: botocore 1.43.11 endpoint rule sets of each service.
public enum Endpoints {
  private struct Partition {
    var regions: String
    var suffix: String
    var dualStackSuffix: String?
    /// Where the requests of global services, CloudFront and Route 53, are signed for.
    var global: String
  }
  private static let partitions = [
    Partition(
      regions: "cn-", suffix: "amazonaws.com.cn", dualStackSuffix: "api.amazonwebservices.com.cn",
      global: "cn-northwest-1"),
    Partition(
      regions: "us-gov-", suffix: "amazonaws.com", dualStackSuffix: "api.aws",
      global: "us-gov-west-1"),
    Partition(regions: "us-iso-", suffix: "c2s.ic.gov", global: "us-iso-east-1"),
    Partition(regions: "us-isob-", suffix: "sc2s.sgov.gov", global: "us-isob-east-1"),
    Partition(regions: "eu-isoe-", suffix: "cloud.adc-e.uk", global: "eu-isoe-west-1"),
    Partition(regions: "us-isof-", suffix: "csp.hci.ic.gov", global: "us-isof-south-1"),
    Partition(
      regions: "eusc-", suffix: "amazonaws.eu", dualStackSuffix: "api.amazonwebservices.eu",
      global: "eusc-de-east-1"),
    Partition(
      regions: "", suffix: "amazonaws.com", dualStackSuffix: "api.aws", global: "us-east-1"),
  ]

  /// - Parameter custom: an endpoint that somebody configured; it rules out FIPS and dual-stack.
  public static func resolve(
    _ service: AWSService, region: String?, custom: String?, fips: Bool = false,
    dualStack: Bool = false
  ) throws(FerryError) -> Endpoint {
    func refuse(_ why: String) -> FerryError {
      .badInput(
        "bad-endpoint", what: "could not choose the endpoint of \(service.signingName)", why: why,
        next: "correct the endpoint, region, FIPS and dual-stack settings")
    }
    if let custom {
      if fips { throw refuse("FIPS and custom endpoint are not supported") }
      if dualStack { throw refuse("Dualstack and custom endpoint are not supported") }
      let signing = service.isGlobal ? partition(region ?? "").global : region ?? "us-east-1"
      return Endpoint(url: custom, signingRegion: signing, isAWS: false)
    }
    guard let region else { throw refuse("Missing Region") }
    guard region.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }) else {
      throw refuse("\(region.debugDescription) is no region")
    }
    let partition = partition(region)
    guard !dualStack || partition.dualStackSuffix != nil else {
      throw refuse("DualStack is enabled but this partition does not support DualStack")
    }
    let name = service.signingName + (fips ? "-fips" : "")
    let suffix = dualStack ? partition.dualStackSuffix ?? partition.suffix : partition.suffix
    var host: String
    var signing = region
    if service == .cloudFront {
      signing = partition.global
      let isClassic = partition.regions.isEmpty
      if dualStack, isClassic {
        host = "\(name).global.\(suffix)"
      } else if !dualStack, partition.regions == "cn-" {
        host = "\(name).\(partition.global).\(suffix)"
      } else {
        host = "\(name).\(suffix)"
      }
    } else if service == .route53 {
      signing = partition.global
      switch (partition.regions, dualStack) {
      case ("us-gov-", _): host = "\(service.signingName).us-gov.\(suffix)"
      case ("cn-", true) where fips: host = "\(name).\(suffix)"
      case (_, true): host = "\(name).global.\(suffix)"
      case (_, false): host = "\(name).\(suffix)"
      }
    } else if service == .keyValueStore {
      // The account comes before it, by the rule set.
      host = "cloudfront-kvs.global.api.aws"
      signing = partition.global
    } else if service == .iam {
      signing = partition.regions == "cn-" ? "cn-north-1" : partition.global
      switch partition.regions {
      case "": host = "\(name).amazonaws.com"
      case "us-gov-": host = "iam.us-gov.amazonaws.com"
      default: host = "\(name).\(signing).\(partition.suffix)"
      }
    } else if service == .s3, dualStack {
      host = "\(name).dualstack.\(region).\(partition.suffix)"
    } else if region == "aws-global" {
      signing = "us-east-1"
      host = "\(service.signingName).amazonaws.com"
    } else if fips, !dualStack, partition.regions == "us-gov-" {
      host = "\(service.signingName).\(region).\(suffix)"
    } else {
      host = "\(name).\(region).\(suffix)"
    }
    return Endpoint(url: "https://\(host)", signingRegion: signing, isAWS: true)
  }
  private static func partition(_ region: String) -> Partition {
    partitions.first { region.hasPrefix($0.regions) } ?? partitions[partitions.count - 1]
  }

  /// The endpoint that somebody configured: argument, variables, the profile's services section, the profile.
  public static func configured(
    _ service: AWSService, argument: String?, environment: [String: String],
    profile: [String: String], services: [String: [String: String]]
  ) -> String? {
    func given(_ text: String?) -> String? { text.flatMap { $0.isEmpty ? nil : $0 } }
    if let argument = given(argument) { return argument }
    let ignore =
      given(environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"])
      ?? profile["ignore_configured_endpoint_urls"]
    if ignore?.lowercased() == "true" { return nil }
    if let it = given(environment["AWS_ENDPOINT_URL_" + service.environmentName]) { return it }
    if let it = given(environment["AWS_ENDPOINT_URL"]) { return it }
    if let section = profile["services"],
      let it = given(services[section]?["\(service.configKey).endpoint_url"])
    {
      return it
    }
    return given(profile["endpoint_url"])
  }
}

extension AWSService {
  /// One endpoint for all regions of a partition, and one region that its requests are signed for.
  fileprivate var isGlobal: Bool {
    [.cloudFront, .keyValueStore, .route53, .iam].contains(self)
  }
}

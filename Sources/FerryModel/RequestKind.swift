import FerryCore

extension CloudFrontModel {
  /// The services whose paths name the operation.
  static let pathServices: Set<String> = ["cloudfront", "cloudfront-keyvaluestore", "route53"]

  /// The API's name for what a request asks; empty for what the model does not serve.
  public static func operation(of request: ServiceRequest) -> String {
    operation(of: request, form: nil)
  }
  /// - Parameter form: its fields, where they have been read already.
  static func operation(of request: ServiceRequest, form known: [String: String]?) -> String {
    if pathServices.contains(request.service.signingName) {
      return Route.matching(request)?.route.operation ?? ""
    }
    // JSON services name it in a header, as `Prefix.Operation`.
    if let target = request.headers["x-amz-target"] {
      return target.split(separator: ".").last.map(String.init) ?? ""
    }
    return (known ?? form(request))["Action"] ?? ""
  }
}

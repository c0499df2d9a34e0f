import FerryCore

extension CloudFrontModel {
  /// The API's name for what a request asks; empty for what the model does not serve.
  public static func operation(of request: ServiceRequest) -> String {
    if ["cloudfront", "route53"].contains(request.service.signingName) {
      return Route.matching(request)?.route.operation ?? ""
    }
    // JSON services name it in a header, as `Prefix.Operation`.
    if let target = request.headers["x-amz-target"] {
      return target.split(separator: ".").last.map(String.init) ?? ""
    }
    return form(request)["Action"] ?? ""
  }
}

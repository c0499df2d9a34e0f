import FerryCore

/// The Resource Groups Tagging API as far as CloudFront goes: every distribution that has tags, with them.
///
/// - Source: botocore 1.43.11, resourcegroupstaggingapi 2017-01-26 (json 1.1).
extension CloudFrontModel {
  func tagging(_ operation: String, _ call: Call) throws(Refusal) -> Answer {
    guard operation == "GetResources" else { throw .unknownOperation(call.request) }
    let input = try Self.input(call)
    func texts(_ key: String, in value: JSONValue? = nil) -> [String] {
      ((value ?? input)[key]?.array ?? []).compactMap(\.string)
    }
    let arns = Set(texts("ResourceARNList"))
    let types = texts("ResourceTypeFilters")
    let filters = input["TagFilters"]?.array ?? []
    guard arns.isEmpty || (types.isEmpty && filters.isEmpty) else {
      throw Refusal(
        400, "InvalidParameterException", "ResourceARNList cannot be used with other filters.")
    }
    var limit = 100
    if case .int(let asked)? = input["ResourcesPerPage"] { limit = Int(clamping: asked) }
    guard (1...100).contains(limit) else {
      throw Refusal(
        400, "InvalidParameterException", "ResourcesPerPage must be between 1 and 100.")
    }
    let isWanted =
      types.isEmpty || !Set(types).isDisjoint(with: ["cloudfront", "cloudfront:distribution"])
    let found = (accounts[call.account]?.distributions ?? [:]).values.filter { it in
      isWanted && !it.tags.isEmpty && (arns.isEmpty || arns.contains(it.arn))
        && filters.allSatisfy { filter in
          guard let value = it.tags[filter["Key"]?.string ?? ""] else { return false }
          let values = texts("Values", in: filter)
          return values.isEmpty || values.contains(value)
        }
    }
    let byARN = Dictionary(found.map { ($0.arn, $0.tags) }) { $1 }
    let (page, next) = Self.page(
      byARN.keys.sorted(), (input["PaginationToken"]?.string ?? "", limit))
    let items = page.map { arn -> JSONValue in
      let tags = (byARN[arn] ?? [:]).sorted { $0.key < $1.key }.map { key, value -> JSONValue in
        ["Key": .string(key), "Value": .string(value)]
      }
      return ["ResourceARN": .string(arn), "Tags": .array(tags)]
    }
    return answer([
      "ResourceTagMappingList": .array(items), "PaginationToken": .string(next ?? ""),
    ])
  }
}

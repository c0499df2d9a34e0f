import FerryCore

extension CloudFrontModel {
  /// `Marker` and `MaxItems` of a list.
  func paging(_ marker: String?, _ maxItems: String?) throws(Refusal)
    -> (marker: String, limit: Int)
  {
    let most = behaviours.maxItems
    guard let text = maxItems, !text.isEmpty else { return (marker ?? "", min(100, most)) }
    guard let limit = Int(text), limit >= 1 else {
      throw .invalidArgument("The parameter MaxItems is not valid.")
    }
    return (marker ?? "", min(limit, most))
  }
  func paging(_ call: Call) throws(Refusal) -> (marker: String, limit: Int) {
    try paging(call.query("Marker"), call.query("MaxItems"))
  }

  /// The keys of one page and the marker of the next; `keys` are sorted.
  static func page(_ keys: [String], _ paging: (marker: String, limit: Int))
    -> (keys: ArraySlice<String>, next: String?)
  {
    var low = 0
    var high = keys.count
    while low < high {
      let middle = (low + high) / 2
      if keys[middle] <= paging.marker { low = middle + 1 } else { high = middle }
    }
    let page = keys[low...].prefix(paging.limit)
    return (page, low + page.count < keys.count ? page.last : nil)
  }

  /// One page of a list in the API's form.
  ///
  /// - Parameters:
  ///   - keys: sorted; `Marker` is the last key of the page before.
  ///   - truncates: whether the list has `Marker` and `IsTruncated`, which half of them lack.
  ///   - total: what `Quantity` says in place of the page's own count.
  func list(
    _ name: String, _ keys: [String], truncates: Bool, total: Int? = nil,
    _ paging: (marker: String, limit: Int), _ item: (String) -> XElement?
  ) -> Answer {
    let (page, next) = Self.page(keys, paging)
    var children: [XElement] = []
    if truncates { children.append(XElement("Marker", text: paging.marker)) }
    if let next { children.append(XElement("NextMarker", text: next)) }
    children.append(XElement("MaxItems", text: "\(paging.limit)"))
    if truncates { children.append(XElement("IsTruncated", text: next == nil ? "false" : "true")) }
    children.append(XElement("Quantity", text: "\(total ?? page.count)"))
    if !page.isEmpty { children.append(XElement("Items", page.compactMap(item))) }
    return Answer(body: XElement(name, children))
  }
}

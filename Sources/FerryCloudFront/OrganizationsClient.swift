import FerryCore

/// AWS Organizations: which accounts there are. Answers the management account and delegated administrators.
public struct OrganizationsClient: Sendable {
  /// The IAM actions that listing accounts needs.
  public static let actions = [
    "organizations:ListAccounts", "organizations:ListAccountsForParent",
    "organizations:ListOrganizationalUnitsForParent",
  ]
  public struct Account: Equatable, Hashable, Sendable {
    public var id: AccountID
    public var name: String
    /// `ACTIVE`, `SUSPENDED` or `PENDING_CLOSURE`.
    public var status: String
    public init(id: AccountID, name: String, status: String) {
      self.id = id
      self.name = name
      self.status = status
    }
  }
  public var transport: any ServiceTransport
  public init(_ transport: any ServiceTransport) { self.transport = transport }

  public func accounts() async throws(FerryError) -> [Account] {
    try await pages("ListAccounts", [:], "Accounts").compactMap(Self.account)
  }
  /// The accounts beneath a root or an organizational unit, in every unit of it.
  public func accounts(under unit: String) async throws(FerryError) -> [Account] {
    var out: [Account] = []
    var open = [unit]
    var seen: Set<String> = []
    while let parent = open.popLast() {
      guard seen.insert(parent).inserted else { continue }
      let parameters: JSONValue = ["ParentId": .string(parent)]
      out += try await pages("ListAccountsForParent", parameters, "Accounts").compactMap(
        Self.account)
      open += try await pages(
        "ListOrganizationalUnitsForParent", parameters, "OrganizationalUnits"
      ).compactMap { $0["Id"]?.string }
    }
    return out
  }

  private static func account(_ it: JSONValue) -> Account? {
    guard let id = it["Id"]?.string else { return nil }
    return Account(
      id: id, name: it["Name"]?.string ?? "",
      status: it["State"]?.string ?? it["Status"]?.string ?? "")
  }
  private func pages(_ operation: String, _ parameters: JSONValue, _ key: String)
    async throws(FerryError) -> [JSONValue]
  {
    var out: [JSONValue] = []
    var token: String?
    repeat {
      var input = parameters.object ?? [:]
      if let token { input["NextToken"] = .string(token) }
      let page = try await jsonCall(
        transport, .organizations, target: "AWSOrganizationsV20161128", operation, .object(input),
        region: "us-east-1")
      out += page[key]?.array ?? []
      let next = page["NextToken"]?.string.flatMap { $0.isEmpty ? nil : $0 }
      if let next, next == token {
        throw CloudFrontClient.unreadable(operation, "the next page's token is this page's own")
      }
      token = next
    } while token != nil
    return out
  }
}

import FerryCore
import FerryZones
import Foundation
import Synchronization

/// Route 53 as its reference says it is: record sets in reversed order, pages, batches that are all or nothing.
final class Route53Fake: ServiceTransport {
  struct Zone: Sendable {
    var id: String
    var name: String
    var isPrivate = false
  }
  struct State: Sendable {
    var zones: [Zone] = []
    /// `ResourceRecordSet` elements of the first zone.
    var sets: [XElement] = []
    var pending: Set<String> = []
    var calls: [ServiceRequest] = []
    /// Answers that come first, whatever is asked.
    var answers: [Result<ServiceResponse, FerryError>] = []
    /// Runs once, before the next change: a rival's.
    var rival: (@Sendable (inout [XElement]) -> Void)?
    /// What happens to the next change's answer once it was made.
    var losesNextAnswer = false
    var pageMax = 300
  }
  let state: Mutex<State>
  init(_ zones: [Zone] = [Zone(id: "Z1", name: "example.com.")], _ sets: [XElement] = []) {
    var state = State()
    state.zones = zones
    state.sets = sets
    self.state = Mutex(state)
  }
  var operations: [String] { state.withLock { $0.calls.map(\.operation) } }
  var sets: [XElement] { state.withLock { $0.sets } }

  static func set(_ name: String, _ type: String, ttl: Int, _ values: String...) -> XElement {
    XElement(
      "ResourceRecordSet",
      [
        XElement("Name", text: name), XElement("Type", text: type),
        XElement("TTL", text: String(ttl)),
        XElement(
          "ResourceRecords",
          values.map { XElement("ResourceRecord", [XElement("Value", text: $0)]) }),
      ])
  }
  static func alias(_ name: String, _ type: String, _ target: String) -> XElement {
    XElement(
      "ResourceRecordSet",
      [
        XElement("Name", text: name), XElement("Type", text: type),
        XElement(
          "AliasTarget",
          [
            XElement("HostedZoneId", text: "Z2FDTNDATAQYW2"), XElement("DNSName", text: target),
            XElement("EvaluateTargetHealth", text: "false"),
          ]),
      ])
  }

  func send(_ request: ServiceRequest) async throws(FerryError) -> ServiceResponse {
    let result: Result<ServiceResponse, FerryError> = state.withLock { state in
      state.calls.append(request)
      if !state.answers.isEmpty { return state.answers.removeFirst() }
      let answer = Self.answer(request, &state)
      if request.operation == "ChangeResourceRecordSets", state.losesNextAnswer {
        state.losesNextAnswer = false
        return .failure(FerryError(.noAnswer, what: "no answer", why: "timeout", next: ""))
      }
      return .success(answer)
    }
    return try result.get()
  }

  static func error(_ status: Int, _ code: String, _ message: String = "") -> ServiceResponse {
    ServiceResponse(
      status: status,
      body: Array(
        "<ErrorResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Error><Type>Sender</Type><Code>\(code)</Code><Message>\(message)</Message></Error><RequestId>r</RequestId></ErrorResponse>"
          .utf8))
  }
  private static func ok(_ root: XElement) -> ServiceResponse {
    ServiceResponse(status: 200, body: Array(("<?xml version=\"1.0\"?>\n" + root.xml).utf8))
  }
  private static func order(_ set: XElement) -> String {
    reversed(set.text(at: "Name") ?? "") + " " + (set.text(at: "Type") ?? "")
  }
  private static func reversed(_ name: String) -> String {
    // Either form of a wildcard is the same name.
    name.replacingOccurrences(of: #"\052"#, with: "*")
      .split(separator: ".").reversed().joined(separator: ".") + "."
  }

  private static func answer(_ request: ServiceRequest, _ state: inout State) -> ServiceResponse {
    let query = Dictionary(
      request.query.map { ($0.name, $0.value ?? "") }, uniquingKeysWith: { $1 })
    func zoneElement(_ zone: Zone) -> XElement {
      XElement(
        "HostedZone",
        [
          XElement("Id", text: "/hostedzone/\(zone.id)"), XElement("Name", text: zone.name),
          XElement("Config", [XElement("PrivateZone", text: String(zone.isPrivate))]),
        ])
    }
    switch request.operation {
    case "GetHostedZone":
      guard let zone = state.zones.first(where: { request.path.hasSuffix("/" + $0.id) }) else {
        return error(404, "NoSuchHostedZone", "No hosted zone found")
      }
      return ok(XElement("GetHostedZoneResponse", [zoneElement(zone)]))
    case "ListHostedZonesByName":
      let sorted = state.zones.sorted {
        (reversed($0.name), $0.id) < (reversed($1.name), $1.id)
      }
      let start = (reversed(query["dnsname"] ?? ""), query["hostedzoneid"] ?? "")
      let after = sorted.filter { (reversed($0.name), $0.id) >= start }
      let page = after.prefix(state.pageMax)
      var parts = [
        XElement("HostedZones", page.map(zoneElement)),
        XElement("IsTruncated", text: String(after.count > page.count)),
      ]
      if after.count > page.count {
        parts.append(XElement("NextDNSName", text: after[page.count].name))
        parts.append(XElement("NextHostedZoneId", text: after[page.count].id))
      }
      return ok(XElement("ListHostedZonesByNameResponse", parts))
    case "ListResourceRecordSets":
      let sorted = state.sets.sorted { order($0) < order($1) }
      let start = reversed(query["name"] ?? "") + " " + (query["type"] ?? "")
      let after = sorted.filter { order($0) >= start }
      let page = after.prefix(min(state.pageMax, Int(query["maxitems"] ?? "") ?? 300))
      var parts = [
        XElement("ResourceRecordSets", Array(page)),
        XElement("IsTruncated", text: String(after.count > page.count)),
      ]
      if after.count > page.count {
        let next = after[page.count]
        parts.append(XElement("NextRecordName", text: next.text(at: "Name") ?? ""))
        parts.append(XElement("NextRecordType", text: next.text(at: "Type") ?? ""))
      }
      return ok(XElement("ListResourceRecordSetsResponse", parts))
    case "ChangeResourceRecordSets": return change(request, &state)
    case "GetChange":
      let id = request.path.split(separator: "/").last.map(String.init) ?? ""
      guard id.hasPrefix("C") else { return error(404, "NoSuchChange") }
      return ok(
        XElement(
          "GetChangeResponse",
          [
            XElement(
              "ChangeInfo",
              [XElement("Status", text: state.pending.contains(id) ? "PENDING" : "INSYNC")])
          ]))
    default: return error(400, "InvalidAction")
    }
  }

  private static func change(_ request: ServiceRequest, _ state: inout State) -> ServiceResponse {
    if let rival = state.rival {
      state.rival = nil
      rival(&state.sets)
    }
    guard let root = try? XMLReader.read(request.body) else { return error(400, "InvalidInput") }
    var next = state.sets
    var messages: [String] = []
    for change in root.at("ChangeBatch/Changes")?.children ?? [] {
      guard let set = change.first("ResourceRecordSet") else { return error(400, "InvalidInput") }
      let place = next.firstIndex { order($0) == order(set) }
      switch change.text(at: "Action") {
      case "DELETE":
        if let place, next[place].means(set) {
          next.remove(at: place)
        } else {
          messages.append(
            place == nil
              ? "Tried to delete resource record set [name='\(set.text(at: "Name") ?? "")'] but it was not found"
              : "Tried to delete resource record set but the values provided do not match the current values"
          )
        }
      case "CREATE":
        let name = set.text(at: "Name")
        let isLonely = set.text(at: "Type") == "CNAME"
        if place != nil {
          messages.append("Tried to create resource record set but it already exists")
        } else if next.contains(where: {
          $0.text(at: "Name") == name && (isLonely || $0.text(at: "Type") == "CNAME")
        }) {
          messages.append("RRSet of type CNAME is not permitted as it conflicts with other records")
        }
        next.append(set)
      default: messages.append("Invalid action")
      }
    }
    guard messages.isEmpty else {
      let body = XElement(
        "InvalidChangeBatch", [XElement("Messages", messages.map { XElement("Message", text: $0) })]
      )
      return ServiceResponse(status: 400, body: Array(body.xml.utf8))
    }
    state.sets = next
    let id = "C\(state.calls.count)"
    state.pending.insert(id)
    return ok(
      XElement(
        "ChangeResourceRecordSetsResponse",
        [
          XElement(
            "ChangeInfo",
            [XElement("Id", text: "/change/\(id)"), XElement("Status", text: "PENDING")])
        ]))
  }
}

func name(_ text: String) -> DomainName { DomainName(wire: text) }
func key(_ text: String, _ type: RRType) -> RecordKey { RecordKey(name(text), type) }

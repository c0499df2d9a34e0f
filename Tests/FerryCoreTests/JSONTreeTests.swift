import FerryCore
import FerryTestSupport
import Foundation
import Testing

/// Trees of values, made without a text between.
struct JSONTreeTests {
  struct Sample: Encodable {
    var text = "a \u{1F600} \"quoted\" \\ / \n\t\u{1}\u{7F} é"
    var whole = 5.0
    var part = 0.05
    var tiny = 1.5e-9
    var huge = 1e300
    var float: Float = 0.1
    var numbers: [Int] = [0, -1, .max, .min]
    var unsigned: UInt64 = 1 << 62
    var small: UInt8 = 255
    var yes = true
    var none: Int?
    var nested = ["é": ["b": [Int?.none, 1]], "e": [:], "\u{1F600}": [:], "\u{FF5E}": [:]]
    var date = Date(timeIntervalSince1970: 1_796_000_000)
    var data = Data([1, 2, 255])
    var url = URL(string: "https://example.com/a")
    var json: JSONValue = ["a": [1, .double(2.5), .null, "x"], "b": [:]]
    var kind = ResourceKind.function
    var byNumber = [1: "one"]
  }
  struct Containers: Encodable {
    enum Key: String, CodingKey { case first, second, third }
    func encode(to encoder: any Encoder) throws {
      var box = encoder.container(keyedBy: Key.self)
      var inner = box.nestedContainer(keyedBy: Key.self, forKey: .first)
      try inner.encode(1, forKey: .second)
      var list = box.nestedUnkeyedContainer(forKey: .second)
      try list.encode("x")
      var deep = list.nestedContainer(keyedBy: Key.self)
      try deep.encode(false, forKey: .third)
      try list.encodeNil()
      // A second container of one value adds to the first.
      var again = encoder.container(keyedBy: Key.self)
      try again.encodeNil(forKey: .third)
    }
  }
  struct Nothing: Encodable { func encode(to encoder: any Encoder) {} }

  static func read(_ it: some Encodable) throws -> JSONValue {
    try JSONDecoder().decode(JSONValue.self, from: FerryJSON.encoder.encode(it))
  }

  @Test func `the tree of a value is what its text reads as`() throws {
    let plan = HostileText.cutover("www", HostileText.groups[0])
    #expect(try JSONValue.of(plan) == Self.read(plan))
    #expect(try JSONValue.of(Sample()) == Self.read(Sample()))
    #expect(try JSONValue.of(Containers()) == Self.read(Containers()))
    #expect(try JSONValue.of([Nothing()]) == Self.read([Nothing()]))
    #expect(JSONValue.of(["x"]) == ["x"] && JSONValue.of("x") == "x" && JSONValue.of(1) == 1)
  }

  @Test func `canonical JSON sorts by UTF-16 and escapes what has to be`() {
    let value: JSONValue = [
      "\u{FF5E}": 1, "\u{1F600}": 2, "a": "\u{1}\u{8}\u{C}\r\n\t\"\\/\u{7F}é", "B": .double(0.05),
      "b": [true, .null],
    ]
    #expect(
      value.canonical
        == "{\"B\":0.05,\"a\":\"\\u0001\\b\\f\\r\\n\\t\\\"\\\\/\u{7F}é\",\"b\":[true,null],\"\u{1F600}\":2,\"\u{FF5E}\":1}"
    )
  }
}

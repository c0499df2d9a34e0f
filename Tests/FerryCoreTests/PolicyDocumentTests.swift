import Testing

@testable import FerryCore

struct PolicyDocumentTests {
  static func statement(_ sid: String, _ action: String = "s3:GetObject") -> JSONValue {
    ["Sid": .string(sid), "Effect": "Allow", "Action": .string(action)]
  }
  static func document(_ statements: [JSONValue]) -> JSONValue {
    ["Version": "2008-10-17", "Id": "mine", "Statement": .array(statements)]
  }
  static func edit(add: [JSONValue] = [], remove: [JSONValue] = []) -> PolicyStatements {
    PolicyStatements(.bucket, "b", region: "us-east-1", add: add, remove: remove)
  }

  @Test func `statements are added at the end and taken out, all else stays as it was`() throws {
    let old = Self.document([Self.statement("a"), Self.statement("b")])
    let add = Self.edit(add: [Self.statement("c")])
    let new = try #require(try PolicyDocument.edited(old, by: add))
    #expect(new == Self.document([Self.statement("a"), Self.statement("b"), Self.statement("c")]))
    #expect(PolicyDocument.holds(add, in: new) && !PolicyDocument.holds(add, in: old))
    #expect(try PolicyDocument.edited(new, by: add.inverse) == old)
    #expect(try PolicyDocument.edited(new, by: add) == new)
  }

  @Test func `a bucket without a policy gets one, and loses it with its last statement`() throws {
    let add = Self.edit(add: [Self.statement("c")])
    let made = try #require(try PolicyDocument.edited(nil, by: add))
    #expect(made["Version"] == "2012-10-17")
    #expect(try PolicyDocument.edited(made, by: add.inverse) == nil)
    #expect(PolicyDocument.holds(add.inverse, in: nil) && !PolicyDocument.holds(add, in: nil))
  }

  @Test func `one statement without a list is read as one`() throws {
    let old: JSONValue = ["Statement": Self.statement("a")]
    let new = try PolicyDocument.edited(old, by: Self.edit(add: [Self.statement("c")]))
    #expect(PolicyDocument.statements(new) == [Self.statement("a"), Self.statement("c")])
  }

  @Test func `a Sid that says something else than the plan knows is stale, whichever way`() {
    let moved = Self.document([Self.statement("a", "s3:*")])
    for edit in [Self.edit(add: [Self.statement("a")]), Self.edit(remove: [Self.statement("a")])] {
      let error = #expect(throws: FerryError.self) { try PolicyDocument.edited(moved, by: edit) }
      #expect(error?.exit == .stale && error?.code == "policy-statement-moved")
      #expect(error?.why.contains("statement a") == true)
    }
  }

  @Test func `a statement may be narrowed under its own Sid`() throws {
    let old = Self.document([Self.statement("a", "s3:*")])
    let edit = Self.edit(add: [Self.statement("a")], remove: [Self.statement("a", "s3:*")])
    let new = try #require(try PolicyDocument.edited(old, by: edit))
    #expect(new == Self.document([Self.statement("a")]))
    #expect(try PolicyDocument.edited(new, by: edit.inverse) == old)
  }
}

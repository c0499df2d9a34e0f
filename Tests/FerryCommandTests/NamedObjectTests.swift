import FerryCore
import Testing

@testable import FerryCommand

struct NamedObjectTests {
  @Test func `an object is a bucket and a key, as other tools write keys`() throws {
    let it = try ObjectPlace("s3://states-1/env:/prod/a b+ü.tfstate")
    #expect(it.bucket == "states-1" && it.key == "env:/prod/a b+ü.tfstate")
    #expect(ObjectPlace.isOne("S3://x") && !ObjectPlace.isOne("terraform.tfstate"))
  }
  @Test(arguments: [
    "s3:/states-1/x", "S3://states-1/x", "s3://", "s3://states-1", "s3://states-1/", "s3://UPPER/x",
    "s3://st/x", "s3://states-1/a//b", "s3://states-1/../x", "s3://states-1/a/./b",
    "s3://states-1/a\nb", "s3://states-1/a\u{7F}b",
    "s3://states-1/" + String(repeating: "x", count: 1025),
  ])
  func `what could be taken for another object is refused`(_ text: String) {
    let error = #expect(throws: FerryError.self) { try ObjectPlace(text) }
    #expect(error?.code == "bad-object" && error?.exit == .usage)
  }
}

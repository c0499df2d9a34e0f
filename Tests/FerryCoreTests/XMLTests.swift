import Testing

@testable import FerryCore

struct XMLTests {
  @Test(
    arguments: [
      "<a/>", "<a><b>x &amp; y &lt;z&gt;</b><c/></a>", "<a k=\"v &quot;q&quot;\"> t <b/> u </a>",
      "<a xmlns=\"urn:x\"><b>caf\u{e9} \u{1F6A2}</b></a>", "<a>one&#13;two</a>",
    ])
  func `a document that is written reads back as it was`(_ text: String) throws {
    let read = try XMLReader.read(text)
    #expect(try XMLReader.read(read.xml) == read)
  }

  @Test func `blanks between elements and the form of empty elements carry no meaning`() throws {
    let left = try XMLReader.read("<a>\n  <b></b>\n  <c>x</c>\n</a>")
    let right = try XMLReader.read("<a><b/><c>x</c></a>")
    #expect(left.means(right))
    #expect(!left.means(try XMLReader.read("<a><b/><c>y</c></a>")))
  }

  @Test(arguments: [
    ("b", "1"), ("c/d", "2"), ("c/e/f", "3"), ("c/x", nil), ("x/d", nil), ("/c/d", "2"),
    ("c//d", "2"), ("c/e/f/g", nil), ("averyveryverylongname/another-long-name", "4"), ("é/ü", "5"),
  ])
  func `a path leads down by names, the first of each level`(_ path: String, _ text: String?) throws
  {
    let read = try XMLReader.read(
      "<a><b>1</b><c><d>2</d><d>9</d><e><f>3</f></e></c><c><x>0</x></c><averyveryverylongname><another-long-name>4</another-long-name></averyveryverylongname><é><ü>5</ü></é></a>"
    )
    #expect(read.text(at: path) == text)
  }

  @Test func `blanks inside a text are kept`() throws {
    let read = try XMLReader.read("<a><b> two  blanks </b></a>")
    #expect(read.text(at: "b") == " two  blanks ")
    #expect(read.canonical.text(at: "b") == " two  blanks ")
  }

  @Test(
    arguments: [
      "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
      "<!DOCTYPE a SYSTEM \"file:///etc/hostname\"><a/>", "<a><!ELEMENT b></a>", "<a>&x;</a>",
      "<a>&#0;</a>", "<a><b></a>", "<a", "", "text", "<a/><b/>", "<a k=v/>", "<a k=\"1\" k=\"2\"/>",
      "<1a/>", "<a><![CDATA[x</a>", "<a>&#xD800;</a>",
    ])
  func `what is not plain XML is refused, also where it is not kept`(_ text: String) {
    #expect(throws: FerryError.self) { try XMLReader.read(text) }
    // What stands at the end of a document is refused by what follows it.
    guard !text.isEmpty, text != "text", text != "<a/><b/>" else { return }
    let inside = "<r><l><x>\(text)</x></l></r>"
    #expect(throws: FerryError.self) {
      try XMLReader.read(Array(inside.utf8), selection: .init(depth: 3, names: ["y"]))
    }
  }

  @Test func `a selection keeps of one depth what was named and all above and below it`() throws {
    let text = """
      <r k="1"><n>5</n><l><i><Id>a</Id><x><Id>no</Id></x>t<y k="&amp;"/></i><i><Id>b<z>c</z></Id></i></l></r>
      """
    let read = try XMLReader.read(Array(text.utf8), selection: .init(depth: 4, names: ["Id"]))
    #expect(
      read.xml == "<r k=\"1\"><n>5</n><l><i><Id>a</Id>t</i><i><Id>b<z>c</z></Id></i></l></r>")
  }

  @Test func `limits end a bomb before it grows`() {
    let deep = String(repeating: "<a>", count: 100_000)
    #expect(throws: FerryError.self) { try XMLReader.read(deep) }
    var limits = XMLReader.Limits()
    limits.bytes = 10
    let small = limits
    #expect(throws: FerryError.self) {
      try XMLReader.read(Array("<aaaaaaaaaaaa/>".utf8), limits: small)
    }
    #expect(throws: FerryError.self) { try XMLReader.read([0x3C, 0x61, 0x3E, 0xFF, 0x3C]) }
  }

  @Test func `a CDATA section and character references are text`() throws {
    let read = try XMLReader.read("<a><![CDATA[<b>]]>&#65;&#x42;</a>")
    #expect(read.text == "<b>AB")
  }
}

struct ConfigEditTests {
  let config = """
    <DistributionConfig xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/">\
    <CallerReference>r</CallerReference><Invented deep="1"><X>kept</X></Invented>\
    <Origins><Quantity>2</Quantity><Items><Origin><Id>a</Id><CustomHeaders><Quantity>1</Quantity>\
    <Items><OriginCustomHeader><HeaderName>x-key</HeaderName><HeaderValue>hunter2</HeaderValue>\
    </OriginCustomHeader></Items></CustomHeaders></Origin><Origin><Id>b</Id></Origin></Items></Origins>\
    <Comment/><Enabled>true</Enabled><Staging>false</Staging></DistributionConfig>
    """

  @Test func `an edit changes its field and nothing else`() throws {
    let before = try XMLReader.read(config)
    let edit = ConfigEdit(path: "ContinuousDeploymentPolicyId", from: nil, to: "P1")
    let after = before.edited([edit], shape: "DistributionConfig")
    #expect(
      before.differences(to: after)
        == [.init(path: "ContinuousDeploymentPolicyId", planned: nil, found: "P1")])
    #expect(after.text(at: "Invented/X") == "kept")
    let names = after.children.map(\.name)
    #expect(
      names.firstIndex(of: "ContinuousDeploymentPolicyId")
        == names.firstIndex(of: "Staging").map { $0 - 1 })
    #expect(after.holds([edit]))
    #expect(!before.holds([edit]))
  }

  @Test func `an empty element and an absent one hold the same edit`() throws {
    let detach = ConfigEdit(path: "ContinuousDeploymentPolicyId", from: "P1", to: "")
    #expect(try XMLReader.read("<D/>").holds([detach]))
    #expect(
      try XMLReader.read(
        "<D><ContinuousDeploymentPolicyId></ContinuousDeploymentPolicyId></D>"
      ).holds([detach]))
  }

  @Test func `an indexed path reaches the nth element`() throws {
    let before = try XMLReader.read(config)
    #expect(before.value(at: "Origins/Items/Origin[1]/Id") == "b")
    let after = before.edited(
      [.init(path: "Origins/Items/Origin[1]/Id", from: "b", to: "c")], shape: "DistributionConfig")
    #expect(after.value(at: "Origins/Items/Origin[1]/Id") == "c")
    #expect(after.value(at: "Origins/Items/Origin[0]/Id") == "a")
  }

  @Test func `the digest of a redacted config equals that of the clear one and hides the value`()
    throws
  {
    let clear = try XMLReader.read(config)
    let redacted = clear.redacted
    #expect(!redacted.xml.contains("hunter2"))
    #expect(redacted.isRedacted && !clear.isRedacted && clear.holdsSecrets)
    #expect(redacted.redacted == redacted)
    #expect(clear.configDigest == redacted.configDigest)
    var other = clear
    other.set(
      "hunter3", at: "Origins/Items/Origin/CustomHeaders/Items/OriginCustomHeader/HeaderValue",
      shape: "DistributionConfig")
    #expect(other.configDigest != clear.configDigest)
  }
}

struct ShapeTests {
  @Test func `the shapes know the API's order and its required members`() throws {
    let shape = try #require(Shape.named("DistributionConfig"))
    #expect(shape.order.first == "CallerReference")
    #expect(
      shape.members.filter(\.required).map(\.name)
        == ["CallerReference", "Origins", "DefaultCacheBehavior", "Comment", "Enabled"])
    #expect(Shape.named("Aliases")?.member("Items")?.kind == .list(item: "CNAME", of: .string))
  }

  @Test func `the CLI's JSON becomes XML and back without a loss`() throws {
    let json = try JSONValue.read(
      Array(
        #"{"StagingDistributionDnsNames":{"Quantity":1,"Items":["d1.cloudfront.net"]},"Enabled":true,"TrafficConfig":{"Type":"SingleWeight","SingleWeightConfig":{"Weight":0.05}},"Invented":{"A":"b"}}"#
          .utf8), what: "test")
    let xml = try Shape.xml(json, shape: "ContinuousDeploymentPolicyConfig")
    #expect(xml.text(at: "StagingDistributionDnsNames/Items/DnsName") == "d1.cloudfront.net")
    #expect(Shape.json(xml, shape: "ContinuousDeploymentPolicyConfig") == json)
  }

  @Test func `a member of the wrong type is refused by its path`() {
    let error = #expect(throws: FerryError.self) {
      try Shape.xml(["Enabled": "yes", "Aliases": 4], shape: "DistributionConfig")
    }
    #expect(error?.exit == .usage)
    #expect(error?.what.contains("DistributionConfig/Aliases") == true)
  }

  @Test func `a digest is taken over what the digest form is, whatever the element`() throws {
    let odd = [
      "<A/>", "<A> </A>", "<A><B/></A>", "<A>x<B/> y<C> </C></A>",
      "<A b='2' a='1' xmlns='u'>&lt;</A>",
      "<A><B><C/> <D/></B><E>1</E></A>", "<A> <B>&#13;</B> </A>",
      "<OriginCustomHeader><HeaderName>n</HeaderName><HeaderValue a='1'>s</HeaderValue><HeaderValue>t</HeaderValue></OriginCustomHeader>",
      "<OriginCustomHeader><HeaderValue/><HeaderValue>t</HeaderValue></OriginCustomHeader>",
      "<OriginCustomHeader><HeaderValue>s</HeaderValue><OriginCustomHeader><HeaderValue>u</HeaderValue></OriginCustomHeader></OriginCustomHeader>",
    ]
    for text in odd {
      let element = try XMLReader.read(text)
      #expect(element.configDigest == Digest.tagged(element.digestForm.xml), "\(text)")
      for other in try odd.map({ try XMLReader.read($0) }) where other.name == element.name {
        let isSame = element.differences(to: other).isEmpty
        #expect(isSame == (element.configDigest == other.configDigest), "\(text) \(other.xml)")
      }
    }
  }
}

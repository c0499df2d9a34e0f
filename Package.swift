// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

/// A target of ours, in `Sources/NAME`, and its tests in `Tests/NAMETests`.
struct Module {
  var name: String
  var uses: [Target.Dependency] = []
  var testsUse: [Target.Dependency] = []
}

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")

/// Every capability: a folder under Sources/Capabilities, a subcommand, a page under docs/commands.
let capabilities = [
  "Inventories", "Orphans", "Migration", "Cutover", "Handover", "Promotion", "Sweeps", "Rehearsal",
  "Operations",
  "Lab",
]

let modules: [Module] = [
  // Values and pure functions.
  Module(name: "FerryCore", uses: ["COpenSSL"]),
  // Typed calls over any transport.
  Module(name: "FerryCloudFront", uses: ["FerryCore"]),
  // The model of CloudFront that the lab, the tests and rehearsals share.
  Module(name: "FerryModel", uses: ["FerryCore", "FerryCloudFront"]),
  // The edges.
  Module(
    name: "FerryHTTP", uses: ["FerryCore", "CCurl", "COpenSSL"], testsUse: ["FerryAWS"]),
  Module(
    name: "FerryAWS", uses: ["FerryCore", "FerryHTTP", "FerryCloudFront", "COpenSSL", logging]),
  // DNS: ldns for the messages, sockets of our own, and what is observed with them.
  Module(
    name: "FerryDNS", uses: ["FerryCore", "FerryHTTP", "CLDNS", "COpenSSL"],
    testsUse: ["FerryModel"]),
  // Providers that change a zone: Route 53, dynamic update, a person.
  Module(name: "FerryZones", uses: ["FerryCore", "FerryCloudFront", "FerryDNS"]),
  // The runner and its journal.
  Module(
    name: "FerryRun", uses: ["FerryCore", "FerryCloudFront", grdb], testsUse: ["FerryModel"]),
  Module(name: "FerryReport", uses: ["FerryCore"]),
  // Code of Terraform and CloudFormation beside what is live.
  Module(name: "FerryCode", uses: ["FerryCore", "FerryCloudFront", "FerryReport", yams]),
  // What every command shares: options, settings, sessions, output.
  Module(
    name: "FerryCommand",
    uses: [
      "FerryCore", "FerryCloudFront", "FerryCode", "FerryAWS", "FerryHTTP", "FerryDNS",
      "FerryZones", "FerryRun", "FerryReport", argumentParser, yams, logging,
    ]),
]

let package = Package(
  name: "edgeferry",
  platforms: [.macOS(.v15)],
  products: [.executable(name: "edgeferry", targets: ["edgeferry"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
  ],
  targets: [
    .systemLibrary(
      name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CLDNS", pkgConfig: "ldns", providers: [.apt(["libldns-dev"])]),
    .executableTarget(
      name: "edgeferry",
      dependencies: ["FerryCommand", argumentParser] + capabilities.map { .byName(name: $0) },
      swiftSettings: strict),
  ]
    + modules.flatMap { module -> [Target] in
      [
        .target(name: module.name, dependencies: module.uses, swiftSettings: strict),
        .testTarget(
          name: module.name + "Tests",
          dependencies: [.byName(name: module.name), "FerryTestSupport"]
            + module.testsUse,
          exclude: module.name == "FerryReport" ? ["golden"] : [], swiftSettings: strict),
      ]
    }
    + capabilities.flatMap { name -> [Target] in
      [
        .target(
          name: name,
          dependencies: [
            "FerryCore", "FerryCloudFront", "FerryCode", "FerryCommand", "FerryHTTP", "FerryDNS",
            "FerryZones",
            "FerryModel", "FerryReport", "FerryRun", "COpenSSL", argumentParser, yams,
          ], path: "Sources/Capabilities/\(name)", swiftSettings: strict),
        .testTarget(
          name: name + "Tests",
          dependencies: [
            .byName(name: name), "FerryTestSupport", "FerryModel", "FerryAWS", "FerryHTTP",
          ],
          exclude: name == "Orphans" ? ["golden"] : [], swiftSettings: strict),
      ]
    } + [
      .target(
        name: "FerryTestSupport", dependencies: ["FerryCore", "FerryCloudFront", "FerryModel"],
        swiftSettings: strict),
      .testTarget(
        name: "EndToEndTests",
        dependencies: [
          "FerryTestSupport", "FerryCore", "FerryAWS", "FerryModel", "FerryHTTP", "FerryDNS",
          "FerryZones", "FerryCloudFront", "Handover",
        ],
        exclude: ["clients"],
        swiftSettings: strict),
    ]
)

// Every reader of bytes, and what makes inputs for them.
package.targets.append(
  .target(
    name: "FerryFuzz",
    dependencies: [
      "FerryCore", "FerryCloudFront", "FerryCode", "FerryModel", "FerryHTTP", "FerryAWS",
      "FerryDNS",
      "FerryZones", "FerryRun", "FerryReport", "FerryCommand", "Cutover", "Handover", "Lab",
      "Migration", "Rehearsal", "Sweeps",
    ], path: "Tests/Fuzz/Readers", swiftSettings: strict))
package.targets.append(
  .testTarget(
    name: "FerryFuzzTests", dependencies: ["FerryFuzz", "FerryCore"], swiftSettings: strict))

// With libFuzzer's loop around them; Tests/Support/fuzz.sh builds it, with what that needs.
if Context.environment["EDGEFERRY_FUZZ"] == "1" {
  package.targets.append(
    .executableTarget(
      name: "ferry-fuzz", dependencies: ["FerryFuzz", "FerryCore"], path: "Tests/Fuzz/Driver",
      swiftSettings: strict))
}

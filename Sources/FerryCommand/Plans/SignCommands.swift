import ArgumentParser
import FerryCore
import FerryReport
import Foundation

/// Signatures of plans.
struct PlanSigningCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan", abstract: "Sign a plan, and tell who signed it.",
    subcommands: [Sign.self, Verify.self])

  struct Sign: FerryCommand {
    static let configuration = CommandConfiguration(
      abstract: "Sign a plan and the rollback plan beside it with an Ed25519 key.",
      discussion: """
        Read the plan first: the signature covers its digest, and so all of it. The signatures are kept in \
        NAME.plan.sig beside the plan; several people sign one after the other. The key is PKCS #8 in PEM \
        armour, not encrypted, in a file that only its owner may read (0600):
        openssl genpkey -algorithm ed25519 -out me.key; openssl pkey -in me.key -pubout -out me.pub
        """)
    @OptionGroup var argument: PlanArgument
    @Option(help: "The private key's file, mode 0600.") var key: String
    @Option(help: "Who signs (default: the user's name).") var by: String?
    @Option(help: "Sign only if this is the plan's digest, sha256:….") var digest: String?
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json)
      let (plan, path) = try context.plan(argument.plan)
      if let digest, digest != plan.digest {
        throw FerryError(
          "other-digest", exit: .blocked, what: "could not sign plan \(plan.name)",
          why: "its digest is \(plan.digest), not \(digest)",
          next: "read the plan (edgeferry show) before it is signed")
      }
      let bytes = try Files.read(key, what: "the private key", limit: 1 << 16, isSecret: true)
      let signer = try SigningKey(pem: bytes, named: key)
      var signed: [JSONValue] = []
      var text = ""
      for (plan, path) in try context.signable(plan, path) {
        let file = Context.signaturePath(of: path)
        var all = try context.signatures(of: path) ?? PlanSignatures(planDigest: plan.digest)
        if all.planDigest != plan.digest {
          context.terminal.warn(
            "\(safe(file)) held signatures of another plan of that name; they are gone")
          all = PlanSignatures(planDigest: plan.digest)
        }
        try all.sign(with: signer, by: by ?? NSUserName(), at: context.clock.now)
        try Files.write(jsonSafe(FerryJSON.document(all)), to: file)
        signed.append([
          "plan": .string(plan.name), "digest": .string(plan.digest), "path": .string(file),
        ])
        text += "signed: \(safe(plan.name)) \(plan.digest)\n\(safe(file))\n"
      }
      if global.output == .json {
        try context.answer(
          FerryJSON.document(
            JSONValue.object([
              "schema": "edgeferry.signed/1", "keyId": .string(signer.verifying.id),
              "signed": .array(signed),
            ])))
      } else {
        try context.answer(text + "key: \(signer.verifying.id)\n")
      }
      return .done
    }
  }

  struct Verify: FerryCommand {
    static let configuration = CommandConfiguration(
      abstract:
        "Tell who signed a plan and the rollback plan beside it; 4 when that is not enough.",
      discussion: """
        Against the keys given, of which one has to have signed, or else against signatures: of the settings \
        (keys and required).
        """)
    @OptionGroup var argument: PlanArgument
    @Option(help: "A public key's file, PEM (repeatable).") var key: [String] = []
    @OptionGroup var global: GlobalOptions

    func run(_ context: Context) async throws(FerryError) -> FerryCore.ExitCode {
      try formats(.text, .json)
      let (plan, path) = try context.plan(argument.plan)
      let rules = context.settings.signatures
      guard !key.isEmpty || rules.required > 0 else {
        throw .badInput(
          "bad-usage", what: "could not verify plan \(plan.name)",
          why: "no key was given, and the settings list none",
          next: "add --key FILE, or signatures: { keys: [FILE] } to edgeferry.yaml")
      }
      let keys = key.isEmpty ? try context.listedKeys() : try context.verifyingKeys(key)
      var reports: [SignatureReport] = []
      for (plan, path) in try context.signable(plan, path) {
        reports.append(
          SignatureReport(
            plan, try context.signatures(of: path), keys: keys,
            required: key.isEmpty ? rules.required : 1))
      }
      let isEnough = reports.allSatisfy(\.isEnough)
      if global.output == .json {
        try context.answer(
          FerryJSON.document(
            JSONValue.object([
              "schema": "edgeferry.signatures/1", "enough": .bool(isEnough),
              "plans": .array(reports.map(JSONValue.of)),
            ])))
      } else {
        try context.answer(reports.map(Self.text).joined())
      }
      return isEnough ? .done : .blocked
    }
    private static func text(_ it: SignatureReport) -> String {
      let rows = it.signatures.map {
        ["  " + $0.verdict.rawValue, safe($0.by), Timestamp.text($0.signedAt), safe($0.keyID)]
      }
      return
        "\(safe(it.plan)) \(it.digest): \(it.isEnough ? "signed" : "not signed"), \(it.valid) of \(it.required) needed\n"
        + table(rows)
    }
  }
}

extension Context {
  /// A plan, and the rollback plan beside it where there is one of its own.
  /// - Throws: `other-rollback` (64) when that belongs to another plan.
  fileprivate func signable(_ plan: Plan, _ path: String) throws(FerryError) -> [(Plan, String)] {
    let other = Self.rollbackPath(of: path)
    guard plan.rollbackOf == nil, access(other, F_OK) == 0 else { return [(plan, path)] }
    let rollback = try self.plan(other).plan
    guard rollback.rollbackOf == plan.digest else {
      throw .badInput(
        "other-rollback", what: "could not use \(other)",
        why: "the rollback plan beside \(plan.name) belongs to another plan", next: "plan again")
    }
    return [(plan, path), (rollback, other)]
  }
}

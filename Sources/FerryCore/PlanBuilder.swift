import Foundation

/// Two plans made together, and the configs that the rollback may need.
public struct PlanPair: Equatable, Sendable {
  public var plan: Plan
  public var rollback: Plan
  /// Config digest → XML, secrets included where they were read: for the state database alone.
  public var images: [String: String]
}

/// What every plan is made with.
public struct PlanningInput: Sendable {
  public var capability: String
  public var name: String
  public var accounts: [String: AccountID]
  public var createdAt: Date
  /// When the plan may begin: later than it was made where approvals take a lead time.
  public var start: Date
  public var tool: String
  public var endpoint: String?
  public var inventoryDigest: String
  public var acceptedRisks: Set<String>

  public init(
    capability: String, name: String, accounts: [String: AccountID], createdAt: Date, start: Date,
    tool: String,
    endpoint: String?, inventoryDigest: String, acceptedRisks: Set<String>
  ) {
    self.capability = capability
    self.name = name
    self.accounts = accounts
    self.createdAt = createdAt
    self.start = start
    self.tool = tool
    self.endpoint = endpoint
    self.inventoryDigest = inventoryDigest
    self.acceptedRisks = acceptedRisks
  }
}

/// Collects steps with their inverse steps and seals both plans.
public struct PlanBuilder: Sendable {
  public let input: PlanningInput
  public private(set) var steps: [Step] = []
  private var rollbackSteps: [Step] = []
  private var images: [String: String] = [:]
  private var contents: [String: String] = [:]
  public private(set) var secrets: [String: String] = [:]
  private var risks: [Plan.Risk] = []
  private var notes: [String] = []
  private var pointOfNoReturn: String?

  public static let deployTypicalSeconds = 300
  public static let deployLimitSeconds = 5400

  public init(_ input: PlanningInput) { self.input = input }

  public static func deployed(_ distribution: String) -> Step.Check {
    .init(
      .deployed, distribution: distribution, typicalSeconds: deployTypicalSeconds,
      limitSeconds: deployLimitSeconds)
  }

  /// Remembers a config and returns its digest.
  public mutating func image(_ config: XElement) -> String {
    let digest = config.configDigest
    images[digest] = config.xml
    return digest
  }
  public mutating func add(_ step: Step, rollback: Step?) {
    add(step, rollback: rollback.map { [$0] } ?? [])
  }
  /// - Parameters:
  ///   - rollback: what takes it back, in order; before all that takes earlier steps back.
  ///   - inverse: its inverse, where the steps that take it back stand elsewhere in the rollback plan.
  public mutating func add(_ step: Step, rollback: [Step], inverse: Action? = nil) {
    var step = step
    if let first = rollback.first(where: { $0.undoes == step.id }) ?? rollback.first {
      step.inverse = step.inverse ?? inverse ?? first.action
      step.rollbackSeconds =
        step.rollbackSeconds
        ?? rollback.reduce(0) {
          $0 + ($1.checks.compactMap(\.typicalSeconds).max() ?? 5) + ($1.wait?.seconds ?? 0)
        }
      rollbackSteps.insert(contentsOf: rollback, at: 0)
    } else if let inverse {
      step.inverse = step.inverse ?? inverse
      step.rollbackSeconds =
        step.rollbackSeconds ?? step.checks.compactMap(\.typicalSeconds).max() ?? 5
    } else if pointOfNoReturn == nil, step.action != .observe, step.inverse == nil {
      pointOfNoReturn = step.id
    }
    steps.append(step)
  }
  /// Content that is no config: a function's code, a store's items.
  /// - Parameter isSecret: then it is for the state database alone.
  public mutating func keep(_ text: String, as digest: String, isSecret: Bool) {
    if isSecret { secrets[digest] = text } else { contents[digest] = text }
  }
  public mutating func risk(_ code: String, _ text: String) {
    let risk = Plan.Risk(code: code, text: text, accepted: input.acceptedRisks.contains(code))
    if !risks.contains(risk) { risks.append(risk) }
  }
  public mutating func note(_ text: String) { if !notes.contains(text) { notes.append(text) } }

  private func assemble(
    _ steps: [Step], name: String, risks: [Plan.Risk], notes: [String], rollbackOf: String?,
    methods: [Plan.Method]? = nil, exposureSeconds: Int = 0, debts: [String] = []
  ) -> Plan {
    let seconds = steps.reduce(0) { sum, step in
      sum + (step.checks.compactMap(\.typicalSeconds).max() ?? 0) + (step.wait?.seconds ?? 0)
    }
    let permissions = steps.reduce(into: Set(["sts:GetCallerIdentity"])) {
      $0.formUnion($1.permissions)
    }
    let plain = images.filter { entry in
      (try? XMLReader.read(entry.value)).map { !$0.holdsSecrets } ?? false
    }.merging(contents) { first, _ in first }
    return Plan(
      name: name, capability: input.capability, createdAt: input.createdAt, tool: input.tool,
      accounts: input.accounts,
      observed: .init(
        inventoryDigest: input.inventoryDigest, endpoint: input.endpoint, images: plain),
      steps: steps,
      schedule: .init(
        start: input.start, end: input.start + Double(seconds), criticalPathSeconds: seconds,
        exposureSeconds: exposureSeconds),
      pointOfNoReturn: rollbackOf == nil ? pointOfNoReturn : nil, debts: debts,
      risks: risks, notes: notes, permissions: permissions.sorted(), rollbackOf: rollbackOf,
      methods: methods
    ).sealed
  }

  /// An ETag as a step expects it; nil for none.
  public static func version(_ etag: String) -> String? { etag.isEmpty ? nil : etag }

  public func sealed(
    methods: [Plan.Method]? = nil, exposureSeconds: Int = 0, debts: [String] = []
  ) -> PlanPair {
    let plan = assemble(
      steps, name: input.name, risks: risks, notes: notes, rollbackOf: nil, methods: methods,
      exposureSeconds: exposureSeconds, debts: debts)
    let rollback = assemble(
      rollbackSteps, name: String(input.name.prefix(55)) + ".rollback", risks: [], notes: [],
      rollbackOf: plan.digest)
    return PlanPair(
      plan: plan, rollback: rollback, images: images.merging(secrets) { first, _ in first })
  }
}

extension PlanPair {
  /// The same plans with nothing begun before that time, as the lead time of approvals asks.
  package func beginning(no earliest: Date) -> PlanPair {
    var out = self
    if !out.plan.steps.isEmpty { out.plan.steps[0].earliest = earliest }
    out.plan = out.plan.sealed
    out.rollback.rollbackOf = out.plan.digest
    out.rollback = out.rollback.sealed
    return out
  }
}

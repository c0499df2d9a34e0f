import ArgumentParser
import Cutover
import FerryCommand
import Handover
import Inventories
import Lab
import Migration
import Operations
import Orphans
import Promotion
import Rehearsal
import Sweeps

/// The whole command line. A capability is registered by one line here.
struct Edgeferry: RootCommand {
  static let capabilities: [any ParsableCommand.Type] = [
    InventoryCommand.self,
    OrphansCommand.self,
    MigrateCommand.self,
    CutoverCommand.self,
    HandoverCommand.self,
    PromoteCommand.self,
    SweepCommand.self,
    RehearseCommand.self,
    DoctorCommand.self,
    PermissionsCommand.self,
    LabCommand.self,
  ]

  static let configuration = CommandConfiguration(
    commandName: "edgeferry",
    abstract:
      "Change Amazon CloudFront in production by plan: remove orphaned policies, move DNS names.",
    discussion: """
      Everything is a plan first: computed from live observation, approved by its digest, applied step \
      by step with verified waits, and reversible by a rollback plan written before the first write. \
      Commands only read unless they are apply, advance, rollback or sweep run --apply.

      Exit codes: edgeferry help exit-codes. An executable edgeferry-NAME on PATH is edgeferry NAME.
      """,
    version: Context.version,
    subcommands: capabilities + planCommands + [PluginsCommand.self])
}

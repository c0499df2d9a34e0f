import FerryCommand

await Entry.run(Edgeferry.self, arguments: Array(CommandLine.arguments.dropFirst()))

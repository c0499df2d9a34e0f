import FerryCommand

await Entry.run(Edgeferry.self, arguments: Entry.arguments)

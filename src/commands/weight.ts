import { Command } from 'commander'
import { type AdminOptions, withAdminOptions, withExamples } from './admin-options.ts'
import { askAndPrint } from './change.ts'
import { formatServer, parseServer, pathOfServer, type ServerArgument } from './server-argument.ts'
import { wholeNumber } from './whole-number.ts'

/** `limpet weight`: changes a server's share of the requests. */
export function weightCommand(): Command {
  const command = new Command('weight')
    .summary("change a server's share of the requests")
    .description("Changes a server's weight: its share of the requests, relative to the weights of the others.")
    .argument('<upstream/server>', 'the server', parseServer)
    .argument('<weight>', 'a whole number from 1 to 65535', wholeNumber(1, 65_535))
    .action(setWeight)
  return withExamples(withAdminOptions(command), 'limpet weight app/web-2 5')
}

async function setWeight(target: ServerArgument, weight: number, options: AdminOptions): Promise<void> {
  const change = { method: 'PATCH', path: pathOfServer(target), body: { weight }, ...target } as const
  await askAndPrint(options, change, `${formatServer(target)} has weight ${weight} already`)
}

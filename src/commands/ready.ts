import { Command } from 'commander'
import { type AdminOptions, withAdminOptions, withExamples } from './admin-options.ts'
import { askAndPrint } from './change.ts'
import { formatServer, parseServer, pathOfServer, type ServerArgument } from './server-argument.ts'

/** `limpet ready`: lets a server serve everybody again. */
export function readyCommand(): Command {
  const command = new Command('ready')
    .summary('let a server serve again')
    .description('Lets a server serve all users again, after a drain or a maintenance.')
    .argument('<upstream/server>', 'the server', parseServer)
    .action(ready)
  return withExamples(withAdminOptions(command), 'limpet ready app/web-2')
}

async function ready(target: ServerArgument, options: AdminOptions): Promise<void> {
  const change = { method: 'PATCH', path: pathOfServer(target), body: { admin: 'ready' }, ...target } as const
  await askAndPrint(options, change, `${formatServer(target)} is ready already`)
}

import { Command } from 'commander'
import { type AdminOptions, withAdminOptions, withExamples } from './admin-options.ts'
import { askAndPrint } from './change.ts'
import { formatServer, parseServer, pathOfServer, type ServerArgument } from './server-argument.ts'

/** `limpet rename`: gives a server another name. */
export function renameCommand(): Command {
  const command = new Command('rename')
    .summary('give a server another name')
    .description('Gives a server another name. Its sessions, cookies and counters stay with it.')
    .argument('<upstream/server>', 'the server', parseServer)
    .argument('<name>', 'its new name, unique in the upstream')
    .action(rename)
  return withExamples(withAdminOptions(command), 'limpet rename app/web-2 web-two')
}

async function rename(target: ServerArgument, name: string, options: AdminOptions): Promise<void> {
  const change = { method: 'PATCH', path: pathOfServer(target), body: { name }, ...target } as const
  await askAndPrint(options, change, `${formatServer(target)} has that name already`)
}

import { Command } from 'commander'
import { type AdminOptions, withAdminOptions, withExamples } from './admin-options.ts'
import { askAndPrint } from './change.ts'
import { formatServer, parseServer, pathOfServer, type ServerArgument } from './server-argument.ts'

interface ResetOptions extends AdminOptions {
  readonly all?: boolean
}

/** `limpet reset`: what the file says counts again. */
export function resetCommand(): Command {
  const command = new Command('reset')
    .summary('go back to what the file says')
    .description('Drops what was changed at run time of one server, or everything, so that the file counts again.')
    .argument('[upstream/server]', 'the server', parseServer)
    .option('--all', 'everything that was changed at run time')
    .action(reset)
  return withExamples(withAdminOptions(command), 'limpet reset app/web-2', 'limpet reset --all')
}

async function reset(target: ServerArgument | undefined, options: ResetOptions, command: Command): Promise<void> {
  if ((target === undefined) === (options.all !== true))
    command.error('error: expected either a server or --all; give one of them')
  if (target === undefined) {
    await askAndPrint(options, { method: 'POST', path: '/v1/reset' }, 'nothing was changed at run time')
    return
  }
  const change = { method: 'POST', path: `${pathOfServer(target)}/reset`, ...target } as const
  await askAndPrint(options, change, `nothing was changed of ${formatServer(target)} at run time`)
}

import { Command } from 'commander'
import { type AdminOptions, withAdminOptions, withExamples } from './admin-options.ts'
import { askAndPrint } from './change.ts'
import { formatServer, parseServer, pathOfServer, type ServerArgument } from './server-argument.ts'

interface MaintenanceOptions extends AdminOptions {
  readonly force?: boolean
}

/** `limpet maintenance`: takes a server out at once. */
export function maintenanceCommand(): Command {
  const command = new Command('maintenance')
    .summary('disable a server at once')
    .description(
      'Disables a server: from now on it gets no requests, and its sessions go by onLost of the upstream. Requests in flight finish. To let users finish first, use limpet drain.',
    )
    .argument('<upstream/server>', 'the server', parseServer)
    .option('--force', 'also if it is the last server that may serve')
    .action(maintenance)
  return withExamples(withAdminOptions(command), 'limpet maintenance app/web-2')
}

async function maintenance(target: ServerArgument, options: MaintenanceOptions): Promise<void> {
  const { force } = options
  const change = {
    method: 'PATCH',
    path: pathOfServer(target),
    body: { admin: 'maintenance' },
    force,
    ...target,
  } as const
  await askAndPrint(options, change, `${formatServer(target)} is in maintenance already`)
}

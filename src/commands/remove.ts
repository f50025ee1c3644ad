import { Command } from 'commander'
import type { Applied } from '../admin/answers.ts'
import { AdminClient } from './admin-client.ts'
import { type AdminOptions, withAdminOptions, withExamples } from './admin-options.ts'
import { ask, printApplied } from './change.ts'
import { NoSuchServer, parseServer, pathOfServer, type ServerArgument } from './server-argument.ts'

interface RemoveOptions extends AdminOptions {
  readonly force?: boolean
}

/** `limpet remove`: removes a server from its upstream. */
export function removeCommand(): Command {
  const command = new Command('remove')
    .summary('remove a server')
    .description(
      'Removes a server from its upstream. Requests in flight finish, and its sessions go by onLost of the upstream; to let them end first, drain it. Exits with 0 if there is no such server.',
    )
    .argument('<upstream/server>', 'the server', parseServer)
    .option('--force', 'also if it is the last server that may serve')
    .action(remove)
  return withExamples(withAdminOptions(command), 'limpet drain app/web-2 --wait && limpet remove app/web-2')
}

async function remove(target: ServerArgument, options: RemoveOptions): Promise<void> {
  const client = await AdminClient.from(options)
  const result = await removeServer(client, target, options.force)
  if (result instanceof NoSuchServer) printApplied({ changes: [] }, options, result.message)
  else printApplied(result, options, 'nothing has changed')
}

/** Returns the NoSuchServer if it is not there (any more). */
export async function removeServer(
  client: AdminClient,
  target: ServerArgument,
  force?: boolean,
): Promise<Applied | NoSuchServer> {
  try {
    return await ask<Applied>(client, { method: 'DELETE', path: pathOfServer(target), force, ...target })
  } catch (error) {
    if (error instanceof NoSuchServer) return error
    throw error
  }
}

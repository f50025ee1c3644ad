import { Command } from 'commander'
import type { Ban } from '../admin/bans.ts'
import { AdminClient } from './admin-client.ts'
import { type AdminOptions, withAdminOptions, withExamples } from './admin-options.ts'
import { ask } from './change.ts'
import { printJson } from './json.ts'

/** `limpet unban`: ends a ban. */
export function unbanCommand(): Command {
  const command = new Command('unban')
    .summary('end the ban of an address')
    .description(
      'Serves requests from an address, or a range of them, again. Fails if it is not banned as it is written here.',
    )
    .argument('<address>', 'the address or the range, as limpet bans shows it')
    .action(unban)
  return withExamples(withAdminOptions(command), 'limpet unban 203.0.113.9')
}

async function unban(address: string, options: AdminOptions): Promise<void> {
  const client = await AdminClient.from(options)
  const lifted = await ask<Ban>(client, { method: 'DELETE', path: `/v1/bans/${encodeURIComponent(address)}` })
  if (options.json) printJson(lifted)
  else console.log(`${lifted.address}: no longer banned`)
}

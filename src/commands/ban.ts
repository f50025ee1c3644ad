import { Command } from 'commander'
import type { Ban } from '../admin/bans.ts'
import { AdminClient } from './admin-client.ts'
import { type AdminOptions, withAdminOptions, withExamples } from './admin-options.ts'
import { ask } from './change.ts'
import { printJson } from './json.ts'
import { spanUntil } from './span.ts'

interface BanOptions extends AdminOptions {
  readonly for: string
  readonly reason?: string
}

/** `limpet ban`: refuses requests from an address for a time. */
export function banCommand(): Command {
  const command = new Command('ban')
    .summary('refuse requests from an address for a time')
    .description(
      'Refuses requests from an address, or a range of them, with 403: in all workers once it returns, also after a restart, until the time given is over or limpet unban. Requests in flight and WebSockets go on.',
    )
    .argument('<address>', 'an IP address, or a range such as 203.0.113.0/24')
    .option('--for <duration>', 'when the ban ends by itself, at most 366d', '1h')
    .option('--reason <text>', 'for the log and limpet bans')
    .action(ban)
  return withExamples(withAdminOptions(command), 'limpet ban 203.0.113.9 --for 1h --reason "tries passwords"')
}

async function ban(address: string, options: BanOptions): Promise<void> {
  const client = await AdminClient.from(options)
  const body = { address, for: options.for, ...(options.reason !== undefined && { reason: options.reason }) }
  const banned = await ask<Ban>(client, { method: 'POST', path: '/v1/bans', body })
  if (options.json) printJson(banned)
  else console.log(`${banned.address}: banned until ${banned.until} (${spanUntil(banned.until)})`)
}

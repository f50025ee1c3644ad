import { Command } from 'commander'
import type { Ban } from '../admin/bans.ts'
import { printable } from '../runtime/printable.ts'
import { AdminClient } from './admin-client.ts'
import { type AdminOptions, withAdminOptions, withExamples } from './admin-options.ts'
import { printJson } from './json.ts'
import { spanUntil } from './span.ts'
import { formatTable } from './table.ts'

const heading = ['address', 'ends in', 'by', 'reason'] as const

/** `limpet bans`: the addresses whose requests are refused. */
export function bansCommand(): Command {
  const command = new Command('bans')
    .summary('show the banned addresses')
    .description('Shows the addresses whose requests are refused; those whose ban ends first come first.')
    .action(showBans)
  return withExamples(withAdminOptions(command), 'limpet bans')
}

async function showBans(options: AdminOptions): Promise<void> {
  const client = await AdminClient.from(options)
  const answer = await client.get<{ bans: Ban[] }>('/v1/bans')
  if (options.json) return printJson(answer)
  const rows = answer.bans.map(({ address, until, by, reason }) => [address, spanUntil(until), by, reason ?? ''])
  console.log(
    rows.length === 0
      ? 'nobody is banned'
      : formatTable(
          heading,
          rows.map((row) => row.map(printable)),
          heading,
        ),
  )
}

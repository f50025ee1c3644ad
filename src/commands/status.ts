import { Command } from 'commander'
import type { Server, Status, Upstream, Upstreams } from '../admin/answers.ts'
import { formatAddress } from '../config/address.ts'
import { AdminClient } from './admin-client.ts'
import { type AdminOptions, withAdminOptions, withExamples } from './admin-options.ts'
import { printJson } from './change.ts'
import { spanTo } from './span.ts'
import { formatTable } from './table.ts'

/** `limpet status`: shows the upstreams, servers and sessions of a running balancer. */
export function statusCommand(): Command {
  const command = new Command('status')
    .summary('show the upstreams, servers and sessions of the running load balancer')
    .description('Asks the admin API of the running load balancer for its upstreams, servers and sessions.')
    .action(showStatus)
  return withExamples(withAdminOptions(command), 'limpet status')
}

async function showStatus({ json, ...options }: AdminOptions): Promise<void> {
  const client = await AdminClient.from(options)
  const status = await client.get<Status>('/v1/status')
  const { upstreams } = await client.get<Upstreams>('/v1/upstreams')
  if (json) printJson({ status, upstreams })
  else console.log([headline(status), ...upstreams.map(paragraph)].join('\n\n'))
}

function headline({ version, since, workers, listeners, droppedLogLines }: Status): string {
  const places = listeners
    .map(({ address, port }) => (port === null ? address : formatAddress({ host: address, port })))
    .join(', ')
  const age = spanTo(since)
  const title = `limpet ${version}, up for ${age}, ${workers} ${workers === 1 ? 'worker' : 'workers'}, listening on ${places}`
  if (droppedLogLines === 0) return title
  return `${title}\n! the access log has lost ${formatCount(droppedLogLines)} line(s), see the program's log`
}

function paragraph({ name, balance, affinity, servers, warnings }: Upstream): string {
  const title = `upstream ${name}: ${balance}${affinity === null || affinity === balance ? '' : `, affinity ${affinity}`}`
  const columns = ['SERVER', 'ADDRESS', 'WEIGHT', 'STATE', 'IN FLIGHT', 'REQUESTS', 'FAILED']
  const sessions = affinity === null ? [] : ['SESSIONS', 'SHARE', 'ACTIVE', 'OLDEST']
  const rows = servers.map((server) => [
    server.name,
    server.address,
    String(server.weight),
    stateOf(server),
    ...[server.inFlight, server.requests, server.failures].map(formatCount),
    ...(server.sessions === null || affinity === null ? [] : sessionCells(server.sessions)),
  ])
  const table = formatTable([...columns, ...sessions], rows, ['SERVER', 'ADDRESS', 'STATE'])
  const causes = servers.flatMap(({ name, state }) =>
    state.cause === null ? [] : [`  ! server ${name}: ${state.cause}`],
  )
  return [title, table, ...causes, ...warnings.map(({ message }) => `  ! ${message}`)].join('\n')
}

function sessionCells({ live, share, active, oldest }: NonNullable<Server['sessions']>): string[] {
  return [
    formatCount(live),
    share === null ? '-' : `${Math.round(share * 100)} %`,
    formatCount(active),
    oldest === null ? '-' : spanTo(oldest),
  ]
}

/** Combines the admin state and the health of a server in one word or two. */
function stateOf({ state, backup }: Server): string {
  const { admin, health } = state
  const word = admin === 'ready' ? health : health === 'down' ? `${admin}, down` : admin
  return backup ? `${word} (backup)` : word
}

function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}

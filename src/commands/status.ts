import { Command } from 'commander'
import type { Server, Status, Upstream, Upstreams } from '../admin/answers.ts'
import { formatAddress } from '../config/address.ts'
import { CommandFailure } from './command-failure.ts'
import { type ConfigOptions, loadFromOptions, withConfigOptions } from './options.ts'
import { formatTable } from './table.ts'

interface StatusOptions extends ConfigOptions {
  readonly url?: string
  readonly json?: boolean
}

/** The maximum time for a response of the admin API, in ms. */
const TIMEOUT = 5000

const TURN_ON = 'turn it on with this line in limpet.yaml: admin: on'

/** `limpet status`: shows the upstreams, servers and sessions of a running balancer. */
export function statusCommand(): Command {
  return withConfigOptions(new Command('status'))
    .summary('show the upstreams, servers and sessions of the running load balancer')
    .description('Asks the admin API of the running load balancer for its upstreams, servers and sessions.')
    .option('--url <url>', 'the URL of the admin API (default: from the configuration)')
    .option('--json', "print the API's answers as one JSON object")
    .action(showStatus)
}

async function showStatus({ url, json, ...options }: StatusOptions): Promise<void> {
  const place = url ?? (await placeFrom(options))
  const status = await ask<Status>(place, '/v1/status')
  const { upstreams } = await ask<Upstreams>(place, '/v1/upstreams')
  if (json) console.log(JSON.stringify({ status, upstreams }, undefined, 2))
  else console.log([headline(status), ...upstreams.map(paragraph)].join('\n\n'))
}

async function placeFrom(options: ConfigOptions): Promise<string> {
  const { admin } = (await loadFromOptions(options)).config
  if (admin === undefined || admin === 'off') {
    throw new CommandFailure(`the admin API is off in this configuration; ${TURN_ON} (or give --url)`)
  }
  if ('socket' in admin) throw new CommandFailure('limpet status cannot ask a socket yet; give --url')
  return `http://${formatAddress({ host: admin.address, port: admin.port })}`
}

async function ask<Answer>(place: string, path: string): Promise<Answer> {
  const url = urlOf(place, path)
  let response: Response
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT) })
  } catch (error) {
    const { cause, message } = error as Error & { cause?: NodeJS.ErrnoException }
    throw new CommandFailure(
      `no admin API answers at ${url.origin} (${cause?.code ?? message}): is limpet running with this configuration? ` +
        TURN_ON,
    )
  }
  const body = await response.text()
  if (response.ok && response.headers.get('Content-Type')?.startsWith('application/json')) return JSON.parse(body)
  throw new CommandFailure(`the server at ${url} is no admin API of Limpet (status ${response.status})`)
}

function urlOf(place: string, path: string): URL {
  const written = /^https?:\/\//.test(place) ? place : `http://${place}`
  if (!URL.canParse(path, written))
    throw new CommandFailure(`expected a URL such as http://127.0.0.1:9000, found ${place}`)
  return new URL(path, written)
}

function headline({ version, since, workers, listeners, droppedLogLines }: Status): string {
  const places = listeners
    .map(({ address, port }) => (port === null ? address : formatAddress({ host: address, port })))
    .join(', ')
  const age = formatAge(since)
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
    oldest === null ? '-' : formatAge(oldest),
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

/** The time since `time`, in its two largest units: `3 h 12 min`. */
function formatAge(time: string): string {
  const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(time)) / 1000))
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ]
  const first = parts.findIndex(([amount]) => amount > 0)
  if (first < 0) return '0 s'
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(' ')
}

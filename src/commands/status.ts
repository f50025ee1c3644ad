import { Command } from 'commander'
import type { Server, Status, Upstream, Upstreams } from '../admin/answers.ts'
import type { ServerChange } from '../admin/server-settings.ts'
import { printable } from '../runtime/printable.ts'
import { AdminClient } from './admin-client.ts'
import { type AdminOptions, withAdminOptions, withExamples } from './admin-options.ts'
import { countOf, formatCount } from './count.ts'
import { formatDrain } from './drain-progress.ts'
import { printJson } from './json.ts'
import { formatListener } from './listener-text.ts'
import { spanSince, spanUntil } from './span.ts'
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
  else
    console.log(
      [
        headline(status),
        ...certificates(status),
        ...sourcesInWords(status),
        ...upstreams.map((each) => paragraph(each, status.emptiest[each.name])),
      ].join('\n\n'),
    )
}

function headline({ version, since, workers, listeners, droppedLogLines, changes }: Status): string {
  const places = listeners.map(formatListener).join(', ')
  const age = spanSince(since)
  return [
    `limpet ${version}, up for ${age}, ${countOf(workers, 'worker')}, listening on ${places}`,
    ...(droppedLogLines === 0
      ? []
      : [`! the access log has lost ${countOf(droppedLogLines, 'line')}, see the program's log`]),
    ...(changes.length === 0
      ? []
      : ['! changed at run time, and not in the file (limpet config export prints one that has it):']),
    ...changes.map(driftLine),
  ].join('\n')
}

function certificates({ certificates }: Status): string[] {
  if (certificates.length === 0) return []
  const table = formatTable(
    ['CERTIFICATE', 'DAYS LEFT', 'EXPIRES', 'ISSUER', 'FROM'],
    certificates.map(({ name, hosts, daysLeft, notAfter, issuer, source }) => [
      hosts.length === 0 ? name : hosts.join(', '),
      daysLeft < 0 ? 'expired' : String(daysLeft),
      notAfter.slice(0, 10),
      issuer,
      source === 'file' ? name : source,
    ]),
    ['CERTIFICATE', 'EXPIRES', 'ISSUER', 'FROM'],
  )
  const troubles = certificates.flatMap(({ name, lastError, renewsAt }) =>
    lastError === null ? [] : [`  ! certificate of ${name}: ${lastError}; next attempt at ${renewsAt ?? '-'}`],
  )
  return [table, ...troubles]
}

/** A Limpet of another version may know no sources. */
function sourcesInWords({ sources = [] }: Partial<Pick<Status, 'sources'>>): string[] {
  if (sources.length === 0) return []
  const table = formatTable(
    ['SOURCE', 'UPSTREAM', 'STATE', 'SINCE', 'SERVERS'],
    sources.map(({ name, upstream, state, since, servers }) => [
      printable(name),
      upstream ?? '(labels)',
      state,
      spanSince(since),
      formatCount(servers),
    ]),
    ['SOURCE', 'UPSTREAM', 'STATE'],
  )
  const troubles = sources.flatMap(({ name, error, mistakes }) => [
    ...(error === null ? [] : [`  ! ${name} fails: ${error}`]),
    ...mistakes.map(({ where, message, hint }) => `  ! ${where}: ${message}${hint === null ? '' : ` (${hint})`}`),
  ])
  return [[table, ...troubles.map(printable)].join('\n')]
}

function driftLine({ upstream, server, message }: Status['changes'][number]): string {
  const place = [upstream, server].filter((part) => part !== null && part !== '').join('/')
  return place === '' ? `    ${message}` : `    ${place}: ${message}`
}

function paragraph(upstream: Upstream, emptiest: string | undefined): string {
  const { name, balance, affinity, servers, warnings, pause } = upstream
  const title = `upstream ${name}: ${balance}${affinity === null || affinity === balance ? '' : `, affinity ${affinity}`}`
  const columns = columnsOf(upstream)
  const table = formatTable(
    columns.map((column) => column.title),
    servers.map((server) => columns.map(({ of }) => of(server))),
    ['SERVER', 'ADDRESS', 'SOURCE', 'STATE'],
  )
  return [
    title,
    table,
    ...(pause === null ? [] : [`  ! paused, for ${spanUntil(pause.until)} at most: new requests wait`]),
    ...servers.flatMap(({ drain }) => (drain === null ? [] : [`  ! drain of ${formatDrain(drain)}`])),
    ...servers.flatMap((server) =>
      server.state.cause === null ? [] : [`  ! server ${server.name}: ${printable(server.state.cause)}`],
    ),
    ...warnings.map(({ message }) => `  ! ${message}`),
    ...(emptiest === undefined || servers.every(({ sessions }) => sessions === null)
      ? []
      : [`  the emptiest server, whose removal moves the fewest sessions: ${emptiest}`]),
  ].join('\n')
}

interface Column {
  readonly title: string
  readonly of: (server: Server) => string
}

/** The columns of an upstream's table; those that would be empty are left out. */
function columnsOf({ affinity, servers }: Upstream): Column[] {
  const session = (title: string, of: (sessions: NonNullable<Server['sessions']>) => string): Column => ({
    title,
    of: ({ sessions }) => (sessions === null ? '-' : of(sessions)),
  })
  const tunnels = { title: 'TUNNELS', of: (server: Server) => formatCount(server.tunnels) }
  return [
    { title: 'SERVER', of: nameOf },
    { title: 'ADDRESS', of: (server) => besideOrigin(server, server.address, server.file?.address) },
    ...(servers.some(wasFound) ? [{ title: 'SOURCE', of: sourceOf }] : []),
    { title: 'WEIGHT', of: (server) => besideOrigin(server, server.weight, server.file?.weight) },
    { title: 'STATE', of: (server) => besideOrigin(server, stateOf(server), adminOf(server.file ?? {})) },
    { title: 'IN FLIGHT', of: ({ inFlight }) => formatCount(inFlight) },
    ...(servers.some((server) => server.tunnels > 0) ? [tunnels] : []),
    { title: 'REQUESTS', of: ({ requests }) => formatCount(requests) },
    { title: 'FAILED', of: ({ failures }) => formatCount(failures) },
    ...(affinity === null
      ? []
      : [
          session('SESSIONS', ({ live }) => formatCount(live)),
          session('SHARE', ({ share }) => (share === null ? '-' : `${Math.round(share * 100)} %`)),
          session('ACTIVE', ({ active }) => formatCount(active)),
          session('OLDEST', ({ oldest }) => (oldest === null ? '-' : spanSince(oldest))),
        ]),
  ]
}

function sourceOf({ source }: Server): string {
  return source ?? ''
}

function wasFound({ source }: Server): boolean {
  return typeof source === 'string'
}

function nameOf(server: Server): string {
  const { name, file } = server
  return file === null && !wasFound(server) ? `${name} (not in the file)` : besideOrigin(server, name, file?.name)
}

/** A value, and what the file, or the source of the server, says instead. */
function besideOrigin({ source }: Server, value: string | number, origin: string | number | undefined): string {
  return origin === undefined ? String(value) : `${value} (${source ?? 'file'}: ${origin})`
}

/** What the file says of the admin state, where it differs. */
function adminOf({ admin, down, drain }: ServerChange): string | undefined {
  if (admin !== undefined || (down === undefined && drain === undefined)) return admin
  return down ? 'maintenance' : drain ? 'drain' : 'ready'
}

/** Combines the admin state and the health of a server in one word or two. */
function stateOf({ state, backup }: Server): string {
  const { health, ending } = state
  const admin = ending ? `${state.admin} (ending)` : state.admin
  const word = admin === 'ready' ? health : health === 'down' ? `${admin}, down` : admin
  return backup ? `${word} (backup)` : word
}

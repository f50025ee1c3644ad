import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { createGunzip } from 'node:zlib'
import { Command, Option } from 'commander'
import type { SimulatedConfiguration, SimulatedUpstream, Simulation } from '../planning/answers.ts'
import { CommandFailure } from './command-failure.ts'
import { countOf, formatCount } from './count.ts'
import { printJson } from './json.ts'
import { formatTable } from './table.ts'

interface SimulateOptions {
  readonly config?: readonly string[]
  readonly users: 'address' | 'agent'
  readonly host?: string
  readonly listener?: string
  readonly json?: boolean
}

const CHANGES = { add: 'adding a server', drain: 'draining', lose: 'losing' } as const

/** `limpet simulate`: replays an access log through configurations. */
export function simulateCommand(): Command {
  return new Command('simulate')
    .summary('replay an access log through one or more configurations')
    .description(
      'Replays access logs through configurations and compares them: the load of each server, and the users that would ' +
        'move if a server were added, drained or lost. Nothing is sent.',
    )
    .argument(
      '<log...>',
      'access logs in the order of their times: combined, vhost or JSON, also gzipped; - is standard input',
    )
    .option('-c, --config <file>', 'a configuration file; may be given several times', collected)
    .addOption(
      new Option('--users <kind>', 'who is one user: a client address, or each User-Agent behind it')
        .choices(['address', 'agent'])
        .default('agent'),
    )
    .option('--host <host>', 'the host of requests for which the log has none')
    .option('--listener <listener>', 'the listener that the requests came by: a port, ADDRESS:PORT, or unix:PATH')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  $ limpet simulate access.log -c limpet.yaml\n  $ limpet simulate access.log.1.gz access.log -c now.yaml -c next.yaml',
    )
    .action(simulate)
}

function collected(file: string, files: readonly string[] = []): string[] {
  return [...files, file]
}

async function simulate(logs: readonly string[], options: SimulateOptions): Promise<void> {
  const { config: files = [undefined], users, host = '', listener, json } = options
  const { snapshotOfFile } = await import('./snapshot-of-file.ts')
  const snapshots = files.map((file) => {
    const snapshot = snapshotOfFile(file)
    return { name: file ?? 'the configuration found here', snapshot }
  })
  const { linesOf } = await import('../planning/simulation/log-lines.ts')
  const engine = await import('../planning/simulation/simulate.ts')
  const simulation = await engine
    .simulate(linesOf(bytesOf(logs)), snapshots, { users, host, listener })
    .catch((error) => {
      throw error instanceof RangeError ? new CommandFailure(error.message) : error
    })
  if (simulation.lines.replayed === 0) throw new CommandFailure(nothingReplayed(logs, simulation))
  if (json) printJson(simulation)
  else console.log(textOf(simulation))
}

/** The bytes of those files, one after the other; those that are gzipped are unzipped. */
async function* bytesOf(logs: readonly string[]): AsyncGenerator<Buffer> {
  for (const log of logs) {
    const stream = log === '-' ? process.stdin : createReadStream(log)
    yield* log.endsWith('.gz') ? unzipped(stream, log) : stream
  }
}

async function* unzipped(stream: NodeJS.ReadableStream, log: string): AsyncGenerator<Buffer> {
  const gunzip = createGunzip()
  // The pipe passes on no error of its source.
  stream.on('error', (error) => gunzip.destroy(error)).pipe(gunzip)
  try {
    yield* gunzip
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    throw code.startsWith('Z_') ? new CommandFailure(`${log} cannot be unzipped: ${message}`) : error
  }
}

function nothingReplayed(logs: readonly string[], { lines }: Simulation): string {
  const { read, firstMalformed, leftOut } = lines
  const where =
    firstMalformed === null
      ? ''
      : `; the first that is not in the format of an access log is line ${firstMalformed}${withoutField(leftOut)}`
  return `no request could be replayed of the ${countOf(read, 'line')} of ${logs.map((log) => basename(log)).join(', ')}${where}`
}

/** @param field one that `accessLog.fields` has left out */
function withoutField(field: string | undefined): string {
  if (field === undefined) return ''
  return `; lines without ${field} cannot be replayed: list time, client, host, method, path and query in accessLog.fields`
}

function textOf({ lines, from, to, configurations }: Simulation): string {
  const { replayed, malformed, firstMalformed, noRequests, leftOut } = lines
  return [
    `${countOf(replayed, 'request')} from ${from} to ${to}`,
    ...(noRequests > 0 ? [`! ${countOf(noRequests, 'line')} without a request that Limpet would read`] : []),
    ...(malformed > 0
      ? [
          `! ${countOf(malformed, 'line')} not in the format of an access log; the first is line ${firstMalformed}${withoutField(leftOut)}`,
        ]
      : []),
    ...configurations.map(paragraph),
  ].join('\n')
}

function paragraph({ name, notes, unrouted, redirected, upstreams }: SimulatedConfiguration): string {
  return [
    `\n${name}`,
    ...(unrouted > 0
      ? [`! no route matches ${countOf(unrouted, 'request')}; --host names the host of a log without`]
      : []),
    ...(redirected > 0 ? [`  ${countOf(redirected, 'request')} redirected`] : []),
    ...notes.map((note) => `  ${note}`),
    ...upstreams.filter(({ requests }) => requests > 0).map(upstreamText),
  ].join('\n')
}

function upstreamText(upstream: SimulatedUpstream): string {
  const { name, balance, affinity, requests, waited, failed, users, spread, servers, changes } = upstream
  const tie = affinity === null || affinity === balance ? '' : `, affinity ${affinity}`
  const title = `  upstream ${name}: ${balance}${tie}: ${countOf(requests, 'request')} of about ${countOf(users, 'user')}`
  const rows = servers.map((server) => [
    server.name,
    formatCount(server.requests),
    percent(server.share),
    formatCount(server.peak),
    formatCount(server.mostInFlight),
    formatCount(server.users),
  ])
  const table = formatTable(['SERVER', 'REQUESTS', 'SHARE', 'PEAK/S', 'IN FLIGHT', 'USERS'], rows, ['SERVER'])
  return [
    title,
    table,
    ...(spread === null ? [] : [`  spread: the busiest server has ${spread.toFixed(2)} times the mean`]),
    ...(waited > 0 ? [`  ! ${countOf(waited, 'request')} would wait for a place`] : []),
    ...(failed > 0 ? [`  ! ${countOf(failed, 'request')} would find no server`] : []),
    ...changes.map(({ change, server, moved, users }) => {
      const what = server === null ? CHANGES[change] : `${CHANGES[change]} ${server}`
      return `  ${what} would move ${percent(moved)} of the users (about ${formatCount(users)})`
    }),
  ].join('\n')
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

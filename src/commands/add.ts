import { isDeepStrictEqual } from 'node:util'
import { Command } from 'commander'
import type { Applied, ServerWithSettings } from '../admin/answers.ts'
import { serverAddress } from './address-argument.ts'
import { AdminClient } from './admin-client.ts'
import { type AdminOptions, withAdminOptions, withExamples } from './admin-options.ts'
import { AdminProblem } from './admin-problem.ts'
import { ask, printApplied } from './change.ts'
import { CommandFailure } from './command-failure.ts'
import { durationText } from './duration-argument.ts'
import { printJson } from './json.ts'
import { formatServer, parseServer, pathOfServer, type ServerArgument } from './server-argument.ts'
import { wholeNumber } from './whole-number.ts'

/** Settings of the new server. What is not given has the default of the file. */
interface Settings {
  readonly address: string
  readonly weight?: number
  readonly backup?: boolean
  readonly maxConnections?: number
  readonly slowStart?: string
}

/** `limpet add`: adds a server to an upstream. */
export function addCommand(): Command {
  const command = new Command('add')
    .summary('add a server')
    .description('Adds a server to an upstream. It gets requests at once, or once it has passed its first check.')
    .argument('<upstream/server>', 'the upstream, and the name of the new server', parseServer)
    .requiredOption('--address <address>', 'host:port, or unix:/path', serverAddress)
    .option('--weight <weight>', 'its share of the requests', wholeNumber(1, 65_535))
    .option('--backup', 'serves only if no other server can')
    .option('--max-connections <count>', 'the maximum of requests in flight', wholeNumber(1, 2_147_483_647))
    .option('--slow-start <duration>', 'how long its weight takes to grow', durationText)
    .action(add)
  return withExamples(withAdminOptions(command), 'limpet add app/web-3 --address 10.0.0.9:3000')
}

async function add(target: ServerArgument, options: AdminOptions & Settings): Promise<void> {
  const { address, weight, backup, maxConnections, slowStart } = options
  const settings = { address, weight, backup, maxConnections, slowStart }
  const client = await AdminClient.from(options)
  const path = pathOfServer(target)
  const { upstream } = target
  try {
    const headers = { 'If-None-Match': '*' }
    printApplied(await ask<Applied>(client, { method: 'PUT', path, body: settings, headers, upstream }), options, '')
  } catch (error) {
    if (!(error instanceof AdminProblem) || error.code !== 'stale') throw error
    const there = await client.get<ServerWithSettings>(path)
    const other = differing(settings, there.settings)
    if (other.length > 0) throw new CommandFailure(`${formatServer(target)} is there already, with ${other.join(', ')}`)
    if (options.json) printJson({ changes: [] })
    else console.log(`${formatServer(target)} is there already`)
  }
}

/** The settings of a server that are not as asked for, in words. */
function differing(asked: object, there: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(asked)
    .filter(([key, value]) => value !== undefined && !isDeepStrictEqual(there[key], value))
    .map(([key]) => `${key} ${String(there[key])}`)
}

import { Command, Option } from 'commander'
import type { Drain } from '../admin/drain.ts'
import { serverAddress } from './address-argument.ts'
import { AdminClient } from './admin-client.ts'
import { type AdminOptions, withAdminOptions, withExamples } from './admin-options.ts'
import { CommandFailure } from './command-failure.ts'
import { type DrainOptions, startDrain, withDrainOptions } from './drain.ts'
import { formatDrain, untilDrained } from './drain-progress.ts'
import { timeoutOption } from './duration-argument.ts'
import { printJson } from './json.ts'
import { removeServer } from './remove.ts'
import { Replacement } from './replacement.ts'
import { formatServer, parseServer, type ServerArgument, serversOf } from './server-argument.ts'
import { checkUntil } from './successor-check.ts'
import { untilStopped } from './until-stopped.ts'

interface ReplaceOptions extends AdminOptions, DrainOptions {
  readonly address: string
  readonly as?: string
  /** A path; true for a connection, false for no check from here. */
  readonly check: string | boolean
  /** ms */
  readonly timeout: number
}

/** `limpet replace`: another server takes the place of one. */
export function replaceCommand(): Command {
  const command = new Command('replace')
    .summary('put another server in the place of one')
    .description(
      'Adds a successor with the settings of a server, waits until it is healthy, drains the old server and removes it. If the successor does not become healthy, or at Ctrl-C before the drain, everything is as it was, and the exit code is 1.',
    )
    .argument('<upstream/server>', 'the server to replace', parseServer)
    .requiredOption('--address <address>', 'the address of the successor: host:port, or unix:/path', serverAddress)
    .option('--as <name>', 'the name of the successor (default: the same name; the old server becomes NAME-old-1)')
    .addOption(
      new Option(
        '--check <path>',
        'a path that the successor must answer with a status below 400, asked from here',
      ).default(true, 'that it accepts connections'),
    )
    .option('--no-check', 'do not even connect to it from here')
    .addOption(timeoutOption('how long the successor may take to become healthy'))
    .action(replace)
  return withExamples(
    withAdminOptions(withDrainOptions(command)),
    'limpet replace app/web-2 --address 10.0.0.9:3000 --check /healthz',
  )
}

async function replace(target: ServerArgument, options: ReplaceOptions): Promise<void> {
  const { address, as: name = target.server, timeout, json } = options
  const client = await AdminClient.from(options)
  const servers = await serversOf(client, target)
  const old = servers.find((server) => server.name === target.server)!
  if (old.address === address)
    return print(json, { server: formatServer(target), address }, `${formatServer(target)} is at ${address} already`)
  const stop = new AbortController()
  untilStopped(() => stop.abort())
  const successor = new Replacement(client, target, name)
  const deadline = Date.now() + timeout
  await checkFromHere(options, deadline, stop.signal)
  const begun = await successor.orAsBefore(async () => {
    await successor.begin(address, servers)
    const trouble = await successor.untilHealthy(deadline, stop.signal)
    if (stop.signal.aborted) throw new CommandFailure('stopped; everything is as it was')
    if (trouble !== undefined)
      throw new CommandFailure(`${address} is not healthy: ${trouble}; everything is as it was`)
    return startDrain(client, successor.old, options)
  })
  note(`${formatServer(successor.successor)} at ${address} is healthy; ${formatServer(successor.old)} drains`)
  const ended = await untilDrainedOrStopped(client, begun, stop.signal)
  await removeServer(client, successor.old)
  const result = { server: formatServer(successor.successor), address, before: old.address, drain: ended }
  print(json, result, `${result.server}: ${old.address} → ${address} (${formatDrain(ended)})`)
}

/** Before anything is changed. */
async function checkFromHere({ address, check }: ReplaceOptions, deadline: number, signal: AbortSignal): Promise<void> {
  if (check === false) return
  const trouble = await checkUntil(address, check === true ? undefined : check, deadline, signal)
  if (signal.aborted) throw new CommandFailure('stopped; nothing was changed')
  if (trouble !== undefined) throw new CommandFailure(`${address} is not healthy: ${trouble}; nothing was changed`)
}

/** From the drain on there is no way back: users are on the successor. */
function untilDrainedOrStopped(client: AdminClient, begun: Drain, signal: AbortSignal): Promise<Drain> {
  const stopped = new Promise<never>((_, reject) => {
    const name = formatServer(begun)
    const todo = `wait with limpet drain ${name} --wait, then limpet remove ${name}`
    const stop = () => reject(new CommandFailure(`stopped; ${name} goes on draining: ${todo}`))
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop)
  })
  return Promise.race([untilDrained(client, begun), stopped])
}

function print(json: boolean | undefined, result: object, line: string): void {
  if (json) printJson(result)
  else console.log(line)
}

/** On standard error, since standard output has one line. */
function note(step: string): void {
  console.error(step)
}

import { constants } from 'node:os'
import { Command, Option } from 'commander'
import type { Drain } from '../admin/drain.ts'
import { AdminClient } from './admin-client.ts'
import { type AdminOptions, withAdminOptions, withExamples } from './admin-options.ts'
import { ask } from './change.ts'
import { formatDrain, untilDrained } from './drain-progress.ts'
import { durationText } from './duration-argument.ts'
import { printJson } from './json.ts'
import { parseServer, pathOfServer, type ServerArgument } from './server-argument.ts'

/** The options of commands that drain a server. What is not given is as the configuration says. */
export interface DrainOptions {
  readonly deadline?: string
  readonly then?: 'move' | 'refuse' | 'keep'
  readonly spread?: string
}

export function withDrainOptions(command: Command): Command {
  return command
    .option('--deadline <duration>', 'how long its sessions have (default: from the configuration)', durationText)
    .addOption(
      new Option('--then <what>', 'what happens at the deadline to the sessions that are left').choices([
        'move',
        'refuse',
        'keep',
      ]),
    )
    .option('--spread <duration>', 'over how long WebSockets are closed after the deadline', durationText)
}

interface DrainCommandOptions extends AdminOptions, DrainOptions {
  readonly wait?: boolean
  readonly force?: boolean
}

/** `limpet drain`: a server keeps its users until they leave, and gets no new ones. */
export function drainCommand(): Command {
  const command = new Command('drain')
    .summary('let the users of a server finish')
    .description(
      'Drains a server: its users stay until they leave, and new ones go elsewhere. At the deadline the others are moved or refused, and their WebSockets closed.',
    )
    .argument('<upstream/server>', 'the server', parseServer)
    .option('--wait', 'wait for the end: exit with 0 if nobody was left, with 1 if the deadline cut')
    .option('--force', 'also if it is the last server that may serve')
    .action(drain)
  return withExamples(
    withAdminOptions(withDrainOptions(command)),
    'limpet drain app/web-2 --wait --deadline 10m --then move',
  )
}

async function drain(target: ServerArgument, options: DrainCommandOptions): Promise<void> {
  const client = await AdminClient.from(options)
  const begun = await startDrain(client, target, options, options.force)
  if (options.wait) process.once('SIGINT', () => leave(target))
  const { state, ...rest } = options.wait ? await untilDrained(client, begun) : begun
  if (options.json) printJson({ state, ...rest })
  else console.log(formatDrain({ state, ...rest }))
  if (options.wait && state === 'cut') process.exitCode = 1
}

/** Ctrl-C ends the wait only. */
function leave({ upstream, server }: ServerArgument): never {
  console.error(`\nlimpet: the drain goes on; limpet ready ${upstream}/${server} calls it off`)
  process.exit(128 + constants.signals.SIGINT)
}

/** @param force also if no server of the upstream could serve new users any more */
export function startDrain(
  client: AdminClient,
  target: ServerArgument,
  { deadline, then, spread }: DrainOptions,
  force?: boolean,
): Promise<Drain> {
  const body = { deadline, then, spread }
  return ask<Drain>(client, { method: 'PUT', path: `${pathOfServer(target)}/drain`, body, force, ...target })
}

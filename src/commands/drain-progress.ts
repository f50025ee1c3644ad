import { setTimeout } from 'node:timers/promises'
import type { Drain } from '../admin/drain.ts'
import type { AdminClient } from './admin-client.ts'
import { AdminProblem } from './admin-problem.ts'
import { CommandFailure } from './command-failure.ts'
import { formatServer, pathOfServer } from './server-argument.ts'
import { spanTo } from './span.ts'

/** Between two looks at a drain, in ms. */
const LOOK_EVERY = 1000

/** What happens at the deadline to the sessions that are left. */
const endings = { move: 'moved', refuse: 'refused', keep: 'kept' }

/** In a line: `app/web-2: 12 sessions left (3 active), 2 requests and 1 WebSocket in flight, empty in about 2 min`. */
export function formatDrain(drain: Drain): string {
  const { state, sessions, active, inFlight, tunnels, started, emptyAt, deadline } = drain
  const name = formatServer(drain)
  if (state === 'empty') return `${name}: empty after ${spanTo(started)}`
  if (state === 'cut')
    return `${name}: cut at its deadline with ${countOf(sessions, 'session')} left, ${endings[drain.then]} from now on`
  return [
    `${name}: ${countOf(sessions, 'session')} left (${active} active)`,
    `${countOf(inFlight, 'request')} and ${countOf(tunnels, 'WebSocket')} in flight`,
    ...(emptyAt === null ? [] : [`empty in about ${spanTo(emptyAt)}`]),
    ...(deadline === null ? [] : [`deadline in ${spanTo(deadline)}`]),
  ].join(', ')
}

/** Resolves with a drain's end; shows how it goes on, on a terminal. */
export async function untilDrained(client: AdminClient, begun: Drain): Promise<Drain> {
  const show = process.stderr.isTTY === true ? showOnTerminal : () => {}
  let drain = begun
  while (drain.state === 'draining') {
    show(formatDrain(drain))
    await setTimeout(LOOK_EVERY)
    drain = await currentOf(client, drain)
  }
  show('')
  return drain
}

async function currentOf(client: AdminClient, drain: Drain): Promise<Drain> {
  const path = pathOfServer(drain)
  const current = await orMissing(client.get<Drain>(`${path}/drain`))
  if (current !== undefined) return current
  if ((await orMissing(client.get(path))) !== undefined)
    throw new CommandFailure(`the drain of ${formatServer(drain)} was ended by someone else`)
  // It was removed at the end of its drain.
  const isCut = drain.deadline !== null && Date.parse(drain.deadline) <= Date.now()
  return { ...drain, state: isCut ? 'cut' : 'empty' }
}

async function orMissing<Answer>(answer: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof AdminProblem && error.code === 'not-found') return undefined
    throw error
  }
}

/** Replaces the line. */
function showOnTerminal(line: string): void {
  process.stderr.write(`\r\u001B[K${line.slice(0, (process.stderr.columns ?? 80) - 1)}`)
}

function countOf(count: number, what: string): string {
  return `${count.toLocaleString('en-US')} ${what}${count === 1 ? '' : 's'}`
}

import { setTimeout } from 'node:timers/promises'
import type { Drain } from '../admin/drain.ts'
import { type AdminClient, Unreachable } from './admin-client.ts'
import { AdminProblem } from './admin-problem.ts'
import { CommandFailure } from './command-failure.ts'
import { countOf } from './count.ts'
import { formatServer, pathOfServer } from './server-argument.ts'
import { spanBetween, spanUntil } from './span.ts'

/** Between two looks at a drain, in ms, and how many may fail in a row: an upgrade or a restart does not end the wait. */
const LOOK_EVERY = 1000
const FAILURES = 30

/** One line: `app/web-2: 12 sessions left (3 active), 2 requests and 1 WebSocket in flight, empty in about 2 min`. */
export function formatDrain(drain: Drain): string {
  const { state, sessions, active, inFlight, tunnels, emptyAt, deadline } = drain
  const name = formatServer(drain)
  if (state !== 'draining') return `${name}: ${formatEnd(drain)}`
  return [
    `${name}: ${countOf(sessions, 'session')} left (${active} active)`,
    `${countOf(inFlight, 'request')} and ${countOf(tunnels, 'WebSocket')} in flight`,
    ...(emptyAt === null ? [] : [`empty in about ${spanUntil(emptyAt)}`]),
    ...(deadline === null ? [] : [`deadline in ${spanUntil(deadline)}`]),
  ].join(', ')
}

function formatEnd({ state, then, started, ended, sessions, moved }: Drain): string {
  const took = ended === null ? '' : ` after ${spanBetween(started, ended)}`
  if (state === 'empty') return `empty${took}`
  const rest = then === 'keep' ? `${countOf(sessions, 'session')} left` : `${countOf(moved, 'session')} ${pastOf[then]}`
  return `cut by its deadline${took}, ${rest}`
}

const pastOf = { move: 'moved', refuse: 'refused' }

/** Resolves with a drain's end; shows how it goes on, on a terminal. */
export async function untilDrained(client: AdminClient, begun: Drain): Promise<Drain> {
  const show = process.stderr.isTTY === true ? showOnTerminal : () => {}
  let drain = begun
  for (let failures = 0; drain.state === 'draining'; ) {
    show(formatDrain(drain))
    await setTimeout(LOOK_EVERY)
    try {
      drain = await currentOf(client, drain)
      failures = 0
    } catch (error) {
      if (!(error instanceof Unreachable) || ++failures > FAILURES) throw error
    }
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
  return { ...drain, state: isCut ? 'cut' : 'empty', ended: new Date().toISOString() }
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

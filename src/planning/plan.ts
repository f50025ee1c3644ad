import { setImmediate as turn } from 'node:timers/promises'
import { wallSeconds } from '../runtime/clock.ts'
import { ReadOnlySessions } from '../runtime/read-only-sessions.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import { PARTS } from '../runtime/session-table/layout.ts'
import type { SessionTable } from '../runtime/session-table.ts'
import type { Snapshot } from '../runtime/snapshot.ts'
import type { Plan, SessionForecast } from './answers.ts'
import { Rehearsal } from './rehearsal.ts'
import { splitMoves } from './split-forecast.ts'
import { UpstreamForecast } from './upstream-forecast.ts'

/** For how long the event loop may be kept at a time, in ms. */
const SLICE = 2
/** How many sessions are placed between two looks at the clock. */
const AT_A_TIME = 256

/** Two configurations, and the sessions that live under the first. */
export interface Transition {
  readonly current: Snapshot
  /** With the same slots for the same names. */
  readonly next: Snapshot
  readonly scoreboard: Scoreboard
  readonly sessions: SessionTable
  /** The differences, one sentence each. */
  readonly changes: readonly string[]
}

/**
 * What the next Snapshot would do to the live sessions, by placing the next request of each of them as a worker would.
 * Changes nothing. Takes some 2 s for a million sessions, in slices.
 */
export async function plan({ current, next, scoreboard, sessions, changes }: Transition): Promise<Plan> {
  const now = wallSeconds()
  const known = new ReadOnlySessions(sessions)
  known.apply(current.upstreams)
  const later = new ReadOnlySessions(sessions)
  later.apply(next.upstreams)
  const rehearsal = new Rehearsal(scoreboard.copy(), later)
  try {
    const forecasts = current.upstreams.flatMap((upstream) =>
      upstream.affinity === undefined ? [] : new UpstreamForecast(upstream, current, next, rehearsal, now),
    )
    const bySlot = new Map(forecasts.flatMap((each) => each.slots.map((slot) => [slot, each] as const)))
    let placed = 0
    let since = performance.now()
    for (let part = 0; part < PARTS; part++) {
      for (const session of known.saved.sessions(part, now)) {
        if (session.isRemoved !== true) bySlot.get(session.server)?.add(session)
        if (++placed % AT_A_TIME > 0 || performance.now() - since < SLICE) continue
        await turn()
        since = performance.now()
      }
      if (performance.now() - since < SLICE) continue
      await turn()
      since = performance.now()
    }
    const upstreams = forecasts.flatMap((each) => each.outcome() ?? [])
    const live = (name: string) => upstreams.find((each) => each.name === name)?.sessions.live ?? 0
    const splits = splitMoves(current, next, live)
    return { changes, sessions: sumOf(upstreams.map(({ sessions }) => sessions)), upstreams, splits }
  } finally {
    rehearsal.close()
  }
}

function sumOf(forecasts: readonly SessionForecast[]): SessionForecast {
  const sum = { live: 0, stay: 0, move: 0, refused: 0, unserved: 0 }
  for (const each of forecasts) {
    sum.live += each.live
    sum.stay += each.stay
    sum.move += each.move
    sum.refused += each.refused
    sum.unserved += each.unserved
  }
  return sum
}

import type { Contender } from './contender.ts'
import type { Fate } from './crowd.ts'

/** The effect of one step of an event on the users. */
export interface Outcome {
  readonly event: string
  readonly title: string
  /** The number of servers at the end. */
  readonly servers: number
  /** Users whose server stayed up, and how many of them were served by no other since before the event. */
  readonly users: number
  readonly kept: number
  /** Users whose server was lost, and how many of them are on it again. */
  readonly lost?: Pick<Fate, 'users' | 'atHome'>
  readonly requests: number
  readonly failed: number
  /** Refused connections. They were tried again. */
  readonly refused: number
  /** Requests sent again, because their connection was closed before a byte of the response. */
  readonly resent: number
  /** The reasons of failed requests: '3 × status 502'. */
  readonly failures: readonly string[]
}

/** The tolerance above 1/n for moved users, because a ring is not divided evenly. */
const UNEVENNESS = 0.02

/** How an outcome breaks the contender's promise, as a sentence; undefined if it does not. */
export function breach(
  { promise, excused = [] }: Pick<Contender, 'promise' | 'excused'>,
  { event, servers, users, kept, failed }: Pick<Outcome, 'event' | 'servers' | 'users' | 'kept' | 'failed'>,
): string | undefined {
  const moved = users - kept
  if (promise === undefined || excused.includes(event)) return undefined
  if (promise === 'all-kept') {
    if (moved > 0) return `${moved} of ${users} users were moved`
    return failed > 0 ? `${failed} requests failed` : undefined
  }
  const most = 1 / servers + UNEVENNESS
  if (moved <= most * users) return undefined
  return `${moved} of ${users} users were moved, and with ${servers} servers no more than ${Math.round(most * 100)} % may be`
}

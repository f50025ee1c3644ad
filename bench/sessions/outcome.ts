import type { Contender } from './contender.ts'
import type { Fate } from './crowd.ts'

/** What one step of an event meant to the users. */
export interface Outcome {
  readonly event: string
  readonly title: string
  /** How many servers there were in the end. */
  readonly servers: number
  /** Users whose server lived throughout, and how many of them were served by no other since before the event. */
  readonly users: number
  readonly kept: number
  /** Users whose server was lost, and how many of them it serves now. */
  readonly lost?: Pick<Fate, 'users' | 'atHome'>
  readonly requests: number
  readonly failed: number
  /** Connections that nobody accepted. They were tried again. */
  readonly refused: number
  /** Requests sent again, since their connection was closed before a byte of an answer came. */
  readonly resent: number
  /** Why requests failed: '3 × status 502'. */
  readonly failures: readonly string[]
}

/** What more than 1/n of the users may be moved where few are to be: no ring is divided evenly. */
const UNEVENNESS = 0.02

/** How an outcome breaks what the contender is held to, as a sentence; undefined if it does not. */
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

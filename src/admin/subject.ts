import type { HealthBit } from '../runtime/health-bit.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { SessionTable } from '../runtime/session-table.ts'
import type { Listener, Snapshot, Upstream } from '../runtime/snapshot.ts'

/** Something that the operator should know of an upstream. */
export interface Warning {
  readonly code: 'skew' | 'panic'
  /** What it is and how to mend it, as it stands in the log. */
  readonly message: string
}

/** A load balancer at work, as the admin API sees it. */
export interface Subject {
  readonly version: string
  /** In ms since 1970. */
  readonly startedAt: number
  /** How many workers there are at this moment. */
  readonly workers: number
  readonly listeners: readonly Listener[]
  readonly snapshot: Snapshot
  readonly scoreboard: Scoreboard
  readonly sessions: SessionTable
  /** Lines of the access log that could not be written, since the start. */
  readonly droppedLogLines: number
  warnings(upstream: Upstream): readonly Warning[]
  /** Why a server has that trouble; undefined if nobody said. */
  causeOf(upstream: string, server: string, bit: HealthBit): string | undefined
}

import type { HealthBit } from '../runtime/health-bit.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { SessionTable } from '../runtime/session-table.ts'
import type { Snapshot, Upstream } from '../runtime/snapshot.ts'

/** Something that the operator should know of an upstream. */
export interface Warning {
  readonly code: 'skew' | 'panic'
  /** What it is and how to fix it, as the log has it. */
  readonly message: string
}

/** A load balancer at work, as the admin API sees it. */
export interface Subject {
  readonly version: string
  /** In ms since 1970. */
  readonly startedAt: number
  /** How many workers there are at this moment. */
  readonly workers: number
  /** What is served at this moment: another one each time that something was applied. Do not keep it. */
  readonly snapshot: Snapshot
  readonly scoreboard: Scoreboard
  readonly sessions: SessionTable
  /** Lines of the access log that could not be written, since the start. */
  readonly droppedLogLines: number
  warnings(upstream: Upstream): readonly Warning[]
  /** Why a server has that trouble; undefined where no cause was given. */
  causeOf(upstream: string, server: string, bit: HealthBit): string | undefined
}

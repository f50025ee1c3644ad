import type { HealthBit } from '../runtime/health-bit.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { SessionTable } from '../runtime/session-table.ts'
import type { Snapshot, Upstream } from '../runtime/snapshot.ts'
import type { Probed } from './readiness.ts'
import type { SourceSummary } from './sources.ts'

/** Something that the operator should know about an upstream. */
export interface Warning {
  readonly code: 'skew' | 'panic'
  /** What is wrong and how to fix it, in the log's words. */
  readonly message: string
}

/** A certificate that clients are shown. */
export interface CertificateSummary {
  /** Its file, or the host that it was obtained for. */
  readonly name: string
  readonly hosts: readonly string[]
  /** In ms since 1970. */
  readonly notAfter: number
  readonly issuer: string
  /** `file`, or where else it comes from. */
  readonly source: string
  /** When it will be renewed, or tried again to obtain it, in ms since 1970. Absent: nobody does. */
  readonly renewsAt?: number
  /** Why it could not be obtained or renewed. Absent: it could, or nobody does. */
  readonly lastError?: string
}

/** A running load balancer, as the admin API sees it. */
export interface Subject extends Probed {
  readonly version: string
  readonly pid: number
  /** The name of this Limpet and its replicas. */
  readonly instance: string
  /** In ms since 1970. */
  readonly startedAt: number
  /** The current Snapshot. Do not keep it: it is replaced whenever a configuration is applied. */
  readonly snapshot: Snapshot
  readonly scoreboard: Scoreboard
  readonly sessions: SessionTable
  /** Lines of the access log that could not be written, since the start. */
  readonly droppedLogLines: number
  readonly certificates: readonly CertificateSummary[]
  /** Where servers are found. */
  readonly sources: readonly SourceSummary[]
  warnings(upstream: Upstream): readonly Warning[]
  /** Why that health bit of a server was set; undefined if no cause was given. */
  causeOf(upstream: string, server: string, bit: HealthBit): string | undefined
}

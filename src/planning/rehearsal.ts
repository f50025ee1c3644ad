import type { ServerStreams } from '../exchange/server-stream.ts'
import { UpstreamGroup } from '../exchange/upstream-group.ts'
import { Deadlines } from '../runtime/deadlines.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { SessionTable } from '../runtime/session-table.ts'
import type { Upstream } from '../runtime/snapshot.ts'

/** Nothing is sent to servers. */
const NOWHERE: ServerStreams = {
  apply() {},
  close() {},
  open() {
    throw new Error('a rehearsal sends nothing')
  },
}

/** The only worker. */
const WORKER = 0

/**
 * Upstreams as a worker serves them, of which requests are placed but never sent: the same code decides as for real requests.
 * Give it a Scoreboard and sessions on which nothing depends.
 */
export class Rehearsal {
  readonly #scoreboard: Scoreboard
  readonly #sessions: SessionTable
  readonly #deadlines = new Deadlines()
  readonly #groups = new Map<Upstream, UpstreamGroup>()

  /** Ends with `close`. */
  constructor(scoreboard: Scoreboard, sessions: SessionTable) {
    this.#scoreboard = scoreboard
    this.#sessions = sessions
  }

  /** That upstream, built with the first call for it. */
  groupOf(upstream: Upstream): UpstreamGroup {
    const known = this.#groups.get(upstream)
    if (known !== undefined) return known
    // No skew is reported.
    const { skew: _, ...settings } = upstream
    const group = new UpstreamGroup(settings, this.#scoreboard, this.#sessions, WORKER, this.#deadlines, NOWHERE)
    this.#groups.set(upstream, group)
    return group
  }

  close(): void {
    for (const group of this.#groups.values()) group.retire()
    this.#deadlines.stop()
  }
}

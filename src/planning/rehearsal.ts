import { Generation } from '../exchange/generation.ts'
import type { ServerStreams } from '../exchange/server-stream.ts'
import { UpstreamGroup } from '../exchange/upstream-group.ts'
import { WorkerContext } from '../exchange/worker-context.ts'
import { Notices } from '../observability/notices.ts'
import { Router } from '../routing/router.ts'
import { Deadlines } from '../runtime/deadlines.ts'
import type { KeyedLimits } from '../runtime/keyed-limits.ts'
import { ReadOnlyLimits } from '../runtime/read-only-limits.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { SessionTable } from '../runtime/session-table.ts'
import type { Route, Snapshot, Upstream } from '../runtime/snapshot.ts'
import { mirrorsOf, upstreamsOf } from './route-upstreams.ts'

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

  /**
   * The context of the only worker, for the filters of a route.
   *
   * @param limits what limits know; nothing of it changes
   */
  contextFor(route: Route, snapshot: Snapshot, limits: KeyedLimits): WorkerContext {
    const notices = new Notices(() => {})
    const context = new WorkerContext([], notices, this.#deadlines, undefined, new ReadOnlyLimits(limits))
    // Of many upstreams, only those are built that the route may lead to.
    const groups: UpstreamGroup[] = []
    for (const index of [...upstreamsOf(route), ...mirrorsOf(route)])
      groups[index] = this.groupOf(snapshot.upstreams[index]!)
    context.generation = new Generation(snapshot, new Router([route]), groups)
    return context
  }

  close(): void {
    for (const group of this.#groups.values()) group.retire()
    this.#deadlines.stop()
  }
}

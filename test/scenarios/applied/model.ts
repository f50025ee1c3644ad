/** What may become of a request, by docs/sessions.md: for all plans that may hold meanwhile. */
import type { Plan, PlannedServer, PlannedUpstream } from './plan.ts'

/** What a request shows of its session. */
export interface Shown {
  /** The name of the server that its session is on; undefined where it shows none. */
  readonly home: string | undefined
  /** Whether a learnt session may be forgotten, since its server was gone for a while. */
  readonly isUncertain?: boolean
}

const STRANGER: Shown = { home: undefined }

/** Which servers take a user that has no session here. */
function takers({ servers }: PlannedUpstream): string[] {
  return servers.filter(({ drain, down }) => !drain && !down).map(({ name }) => name)
}

/** A server, or a status without one, and the reason in the log (`-` for none). */
export type Outcome = `${string} ${string}`

function byPolicy(upstream: PlannedUpstream, reasons: readonly string[]): Outcome[] {
  const names = takers(upstream)
  if (names.length === 0) return ['503 -']
  return names.flatMap((name) => reasons.map((reason): Outcome => `${name} ${reason}`))
}

/** All that may become of a request while this plan holds. */
export function outcomes(plan: Plan, upstreamName: string, shown: Shown): Outcome[] {
  const upstream = plan.upstreams.find(({ name }) => name === upstreamName)!
  if (upstream.servers.length === 0) return ['404 -']
  const { affinity, onLost, balance } = upstream
  const { home, isUncertain } = affinity === undefined ? STRANGER : shown
  const isByKey = affinity === undefined && balance === 'consistent-hash'
  if (home === undefined) return byPolicy(upstream, isByKey ? ['stuck', 'moved:down', 'moved:drained'] : ['new'])
  const server = upstream.servers.find(({ name }) => name === home)
  const forgotten = isUncertain ? byPolicy(upstream, ['expired']) : []
  if (server === undefined && affinity === 'learn') return byPolicy(upstream, ['expired'])
  return [...forgotten, ...ofSession(upstream, onLost, home, server)]
}

function ofSession(
  upstream: PlannedUpstream,
  onLost: 'move' | 'refuse',
  home: string,
  server: PlannedServer | undefined,
): Outcome[] {
  if (server !== undefined && !server.down) return [`${home} stuck`]
  const loss = server === undefined ? 'removed' : 'down'
  return onLost === 'refuse' ? [`503 refused:${loss}`] : byPolicy(upstream, [`moved:${loss}`])
}

/** The servers of an upstream in a plan. */
export function serversOf(plan: Plan, upstreamName: string): readonly PlannedServer[] {
  return plan.upstreams.find(({ name }) => name === upstreamName)!.servers
}

/** Plans as they come into effect. */
export class Timeline {
  readonly plans: Plan[] = []
  /** The last plan that is handed over, and the last one that all workers serve by, as indices. */
  begun = -1
  done = -1

  begin(plan: Plan): number {
    this.begun = this.plans.push(plan) - 1
    return this.begun
  }

  end(index: number): void {
    this.done = Math.max(this.done, index)
  }

  get current(): Plan {
    return this.plans[this.begun]!
  }

  /** Plans that may have held since the moment when that one was the last that all workers served by. */
  since(done: number): Plan[] {
    return this.plans.slice(done, this.begun + 1)
  }

  /** Whether the server has been in its upstream in all of these. */
  hasKept(upstream: string, server: string, since: number): boolean {
    return this.since(since).every((plan) => serversOf(plan, upstream).some(({ name }) => name === server))
  }
}

import type { Drain as AdminDrain } from '../../admin/drain.ts'
import type { Config } from '../../config/schema.ts'
import type { Log } from '../../observability/log.ts'
import { counted } from '../../runtime/counted.ts'
import type { Upstream } from '../../runtime/snapshot.ts'
import { type DesiredState, upstreamNamed, withChanges } from '../desired/desired-state.ts'
import { withoutDrained } from '../desired/gradual-removal.ts'
import { type DrainOrder, type ServerChange, withServerChange } from '../desired/operator-changes.ts'
import type { Applied, HandoverUser } from '../handover.ts'
import type { Parts } from '../parts.ts'
import type { AtDeadline, DrainView } from './drain.ts'
import { type DrainEvent, Drains } from './drains.ts'
import { RemovedServers } from './removed-servers.ts'

/** Carries out the drains that operators have ordered: keeps them in step with the desired state, and does what they end with. */
export class DrainOrders implements HandoverUser {
  readonly #parts: Parts
  readonly #change: (make: (now: DesiredState) => DesiredState) => Promise<Applied>
  readonly #drains: Drains
  readonly #removed: RemovedServers
  readonly #log: Log
  #desired: DesiredState

  /** @param change puts another desired state into effect */
  constructor(
    parts: Parts,
    desired: DesiredState,
    change: (make: (now: DesiredState) => DesiredState) => Promise<Applied>,
  ) {
    const { scoreboard, sessions, supervisor, slots, log } = parts
    this.#parts = parts
    this.#desired = desired
    this.#change = change
    this.#log = log
    this.#drains = new Drains({
      sessions: sessions.table,
      now: Date.now,
      server: (upstream, id) => this.#serverIn(upstream, id),
      traffic: (slot) => ({
        exchanges: scoreboard.servers.inFlight(slot) + scoreboard.queues.waitingFor(slot),
        tunnels: scoreboard.servers.tunnels(slot),
      }),
      cut: (upstream, id, then, spread) => void this.#cut(upstream, id, then, spread),
    })
    this.#removed = new RemovedServers(
      slots,
      (slot) => scoreboard.servers.inFlight(slot),
      (slot, spread) => supervisor.closeTunnels(slot, spread),
    )
    this.#drains.listen((event) => this.#hear(event))
    this.#follow()
  }

  adopted(desired: DesiredState, before: Config): void {
    this.#desired = desired
    this.#follow()
    this.#removed.apply((upstream) => {
      const { deadline, spread } = (upstreamNamed(before, upstream) ?? upstreamNamed(desired.config, upstream))!.drain
      return { deadline, spread }
    })
  }

  /** All drains, with the names that their servers have now. */
  views(): AdminDrain[] {
    return this.#drains.views().map((view) => this.#shown(view))
  }

  view(upstream: string, id: string): AdminDrain | undefined {
    const view = this.#drains.view(upstream, id)
    return view && this.#shown(view)
  }

  /** Looks at all drains now; a timer does so every second. */
  look(): Promise<void> {
    return this.#drains.look()
  }

  close(): void {
    this.#drains.close()
    this.#removed.close()
  }

  /** Starts, changes and stops drains as they are ordered. */
  #follow(): void {
    const orders = new Map<string, readonly [upstream: string, id: string, order: DrainOrder]>()
    for (const [upstream, { servers }] of Object.entries(this.#desired.changes.upstreams)) {
      for (const [id, { drain }] of Object.entries(servers)) {
        if (drain !== undefined && this.#serverIn(upstream, id) !== undefined) {
          orders.set(`${upstream}/${id}`, [upstream, id, drain])
        }
      }
    }
    for (const { upstream, server } of this.#drains.views()) {
      if (!orders.has(`${upstream}/${server}`)) this.#drains.stop(upstream, server)
    }
    for (const [upstream, id, order] of orders.values()) {
      const { startedAt, ...settings } = order
      this.#drains.start(upstream, id, settings, startedAt)
    }
  }

  #serverIn(upstream: string, id: string): { slot: number; idle: number } | undefined {
    const running = this.#parts.supervisor.snapshot.upstreams.find(({ name }) => name === upstream)
    const server = running && serverOf(running, id)
    return server && { slot: server.slot, idle: (running!.affinity?.idle ?? 0) / 1000 }
  }

  /** The deadline has come: the sessions that are left move or are refused from now on; WebSockets and calls of gRPC are closed. */
  async #cut(upstream: string, id: string, then: Exclude<AtDeadline, 'keep'>, spread: number): Promise<void> {
    try {
      await this.#edit(upstream, id, (change) => ({ ...change, drain: { ...change.drain!, isCut: true } }))
    } catch (error) {
      const message = `upstream ${upstream}: server ${id}: its sessions cannot be ${pastOf(then)}: ${error}`
      this.#log.error(message, { event: 'drain-failed', upstream, server: id, cause: String(error) })
    }
    const server = this.#serverIn(upstream, id)
    if (server !== undefined) this.#parts.supervisor.closeTunnels(server.slot, spread)
  }

  #edit(upstream: string, id: string, edit: (change: ServerChange) => ServerChange): Promise<Applied> {
    return this.#change((now) => {
      const change = now.changes.upstreams[upstream]?.servers[id]
      if (change?.drain === undefined) return now
      return withChanges(now, withServerChange(now.changes, upstream, id, edit(change)))
    })
  }

  #hear(event: DrainEvent): void {
    const { events } = this.#parts
    const drain = this.#shown(event.drain)
    const { upstream, server } = drain
    const place = `upstream ${upstream}: server ${server}`
    switch (event.type) {
      case 'started':
        this.#log.info(`${place} drains`, { event: 'drain-started', upstream, server })
        return events.add({ type: 'drain-started', drain })
      case 'progress':
        return events.add({ type: 'drain-progress', drain })
      case 'ended':
        events.add({ type: 'drain-ended', drain })
        if (event.how === 'empty') {
          const message = `${place} is empty after ${seconds(event.ms)}`
          this.#log.info(message, { event: 'drain-ended', upstream, server, ms: event.ms })
        } else {
          const message = `${place}: the drain's deadline has come after ${seconds(event.ms)}: ${left(event.moved, drain)}`
          this.#log.warn(message, { event: 'drain-deadline', upstream, server, ms: event.ms, count: event.moved })
        }
        return this.#removeIfOrdered(event.drain)
      case 'emptied':
        events.add({ type: 'drain-ended', drain })
        return this.#log.info(`${place} is empty ${seconds(event.ms)} after its drain began`, {
          event: 'drain-ended',
          upstream,
          server,
          ms: event.ms,
        })
      case 'stopped':
        return
    }
  }

  /** A server that was removed gradually is gone now. */
  #removeIfOrdered({ upstream, server: id }: DrainView): void {
    const change = this.#desired.changes.upstreams[upstream]?.servers[id]
    if (change?.drain?.removes !== true) return
    this.#change((now) => withoutDrained(now, upstream, id, Date.now())).catch((error) =>
      this.#log.error(`upstream ${upstream}: server ${id} cannot be removed: ${error}`, {
        event: 'drain-failed',
        upstream,
        server: id,
        cause: String(error),
      }),
    )
  }

  #shown(view: DrainView): AdminDrain {
    const { upstream, server: id, state, startedAt, deadlineAt, then, predicted, tookMs } = view
    const server = upstreamNamed(this.#desired.config, upstream)?.servers.find((each) => each.id === id)?.name ?? id
    const { sessions, active, inFlight, tunnels, moved } = view
    return {
      upstream,
      server,
      state,
      started: new Date(startedAt).toISOString(),
      ended: tookMs === undefined ? null : new Date(startedAt + tookMs).toISOString(),
      deadline: deadlineAt === undefined ? null : new Date(deadlineAt).toISOString(),
      then,
      sessions,
      active,
      inFlight,
      tunnels,
      moved,
      emptyAt: predicted === undefined ? null : new Date(predicted.at).toISOString(),
      emptyWithin:
        predicted === undefined
          ? null
          : Math.ceil(Math.max(predicted.latest - predicted.at, predicted.at - predicted.earliest)),
    }
  }
}

/** The servers of running upstreams by id: thousands may drain at once. */
const indexes = new WeakMap<Upstream, ReadonlyMap<string, Upstream['servers'][number]>>()

function serverOf(upstream: Upstream, id: string): Upstream['servers'][number] | undefined {
  let index = indexes.get(upstream)
  if (index === undefined) {
    index = new Map(upstream.servers.map((server) => [server.id, server]))
    indexes.set(upstream, index)
  }
  return index.get(id)
}

function pastOf(then: Exclude<AtDeadline, 'keep'>): string {
  return then === 'move' ? 'moved' : 'refused'
}

function left(sessions: number, { then }: AdminDrain): string {
  const what = `${counted(sessions, 'session')} left`
  return then === 'keep' ? `${what}, which stay` : `${what}, which ${then === 'move' ? 'move now' : 'are refused now'}`
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`
}

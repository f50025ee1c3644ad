import type { SessionTable } from '../../runtime/session-table.ts'
import { type AtDeadline, Drain, type DrainNews, type DrainSettings, type DrainView, type Traffic } from './drain.ts'
import { LastSeen } from './last-seen.ts'
import { surveySessions } from './session-survey.ts'

/** How often drains are looked at, in ms: one ends no later than this, and the time of a look, after its last session. */
const LOOK_EVERY = 1000

/** A server as its drain needs to know it. */
export interface DrainedServer {
  readonly slot: number
  /** After how many s without an exchange its sessions are over; 0 for never. */
  readonly idle: number
}

/** What drains ask for, and what they have done. */
export interface DrainSurroundings {
  readonly sessions: SessionTable
  /** In ms since 1970. */
  now(): number
  /** Undefined if there is no such server any more. */
  server(upstream: string, server: string): DrainedServer | undefined
  traffic(slot: number): Traffic
  /** A drain's deadline has come: moves or refuses the sessions that are left, and closes the tunnels. */
  cut(upstream: string, server: string, then: Exclude<AtDeadline, 'keep'>, spread: number): void
}

export type DrainEvent =
  | { readonly type: 'started'; readonly drain: DrainView }
  /** The server is made ready again, or is removed. */
  | { readonly type: 'stopped'; readonly drain: DrainView }
  | (DrainNews & { readonly drain: DrainView })

/**
 * The drains of all servers: how far they are, and that each ends, as soon as its server is empty or at its deadline.
 * Servers are given by the name of their upstream and by their own identity in it.
 */
export class Drains {
  readonly #surroundings: DrainSurroundings
  /** By upstream and server. */
  readonly #drains = new Map<string, Drain>()
  readonly #listeners = new Set<(event: DrainEvent) => void>()
  #timer: NodeJS.Timeout | undefined
  /** Looks are done one after the other. */
  #look: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(surroundings: DrainSurroundings) {
    this.#surroundings = surroundings
  }

  /**
   * Starts the drain of a server, or changes the one that is under way, which keeps its start.
   *
   * @param startedAt when it began, if an earlier run began it
   */
  start(upstream: string, server: string, settings: Omit<DrainSettings, 'startedAt'>, startedAt?: number): DrainView {
    const begun = { ...settings, startedAt: startedAt ?? this.#surroundings.now() }
    let drain = this.#find(upstream, server)
    if (drain !== undefined) drain.change(begun)
    else {
      drain = new Drain(upstream, server, begun)
      this.#drains.set(keyOf(upstream, server), drain)
      this.#tell({ type: 'started', drain: drain.view() })
    }
    if (!drain.isEmpty) this.#watch()
    return drain.view()
  }

  /** The server is made ready again, or is removed. */
  stop(upstream: string, server: string): void {
    const drain = this.#find(upstream, server)
    if (drain !== undefined) this.#stop(drain)
  }

  view(upstream: string, server: string): DrainView | undefined {
    return this.#find(upstream, server)?.view()
  }

  /** All drains, those that are over included, until their servers are made ready again or removed. */
  views(): DrainView[] {
    return Array.from(this.#drains.values(), (drain) => drain.view())
  }

  /** Calls the listener with each event, until the function that is returned is called. */
  listen(listener: (event: DrainEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  /** Looks at all drains now. The timer does so every second. */
  look(): Promise<void> {
    this.#look = this.#look.then(() => this.#lookAtAll())
    return this.#look
  }

  #watch(): void {
    if (this.#isClosed || this.#timer !== undefined || [...this.#drains.values()].every(({ isEmpty }) => isEmpty))
      return
    this.#timer = setTimeout(async () => {
      await this.look()
      this.#timer = undefined
      this.#watch()
    }, LOOK_EVERY)
    this.#timer.unref()
  }

  async #lookAtAll(): Promise<void> {
    const around = this.#surroundings
    const now = Math.floor(around.now() / 1000)
    const seen = new Map<number, LastSeen>()
    const looks: { drain: Drain; slot: number; lastSeen: LastSeen }[] = []
    for (const drain of [...this.#drains.values()].filter(({ isEmpty }) => !isEmpty)) {
      const server = around.server(drain.upstream, drain.server)
      if (server === undefined) this.#stop(drain)
      else {
        const lastSeen = new LastSeen(now, server.idle)
        seen.set(server.slot, lastSeen)
        looks.push({ drain, slot: server.slot, lastSeen })
      }
    }
    if (looks.length > 0) await surveySessions(around.sessions, seen, now)
    for (const { drain, slot, lastSeen } of looks) {
      // It may have been stopped meanwhile.
      if (this.#find(drain.upstream, drain.server) === drain) this.#lookAt(drain, slot, lastSeen)
    }
  }

  #lookAt(drain: Drain, slot: number, seen: LastSeen): void {
    const { upstream, server } = drain
    for (const news of drain.look(seen, this.#surroundings.traffic(slot), this.#surroundings.now())) {
      const { then, spread } = drain.settings
      if (news.type === 'ended' && news.how === 'cut' && then !== 'keep')
        this.#surroundings.cut(upstream, server, then, spread)
      this.#tell({ ...news, drain: drain.view() })
    }
  }

  #find(upstream: string, server: string): Drain | undefined {
    return this.#drains.get(keyOf(upstream, server))
  }

  #stop(drain: Drain): void {
    this.#drains.delete(keyOf(drain.upstream, drain.server))
    this.#tell({ type: 'stopped', drain: drain.view() })
  }

  #tell(event: DrainEvent): void {
    for (const listener of this.#listeners) listener(event)
  }
}

function keyOf(upstream: string, server: string): string {
  return JSON.stringify([upstream, server])
}

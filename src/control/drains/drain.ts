import { isDeepStrictEqual } from 'node:util'
import { Forecast, type PredictedEnd } from './forecast.ts'
import type { LastSeen } from './last-seen.ts'

/** What is done at a drain's deadline with the sessions that are left: `keep` does nothing, and only the wait is over. */
export type AtDeadline = 'move' | 'refuse' | 'keep'

/** Times in ms. */
export interface DrainSettings {
  /** When it began, since 1970. */
  readonly startedAt: number
  /** How long it may take; 0: no limit. */
  readonly deadline: number
  readonly then: AtDeadline
  /** Over how long the closing of WebSockets is spread at the deadline. */
  readonly spread: number
}

/** What is still on a server. */
export interface Rest {
  readonly sessions: number
  /** Sessions with an exchange in flight. */
  readonly active: number
  /** Requests in flight or waiting for the server. */
  readonly inFlight: number
  readonly tunnels: number
}

/** What is in flight on a server or waits for it, as the Scoreboard counts it. */
export interface Traffic {
  /** Tunnels are exchanges, too. */
  readonly exchanges: number
  readonly tunnels: number
}

/** `draining` until the server is `empty`, or until the deadline has `cut` the drain. */
export type DrainState = 'draining' | 'cut' | 'empty'

/** A drain as it is shown. Times in ms since 1970, unless they say otherwise. */
export interface DrainView extends Rest {
  readonly upstream: string
  readonly server: string
  readonly state: DrainState
  readonly startedAt: number
  /** Undefined: no limit. */
  readonly deadlineAt: number | undefined
  readonly then: AtDeadline
  /** In ms. */
  readonly spread: number
  /** How long it took until the server was empty or the deadline cut, in ms; undefined while it is draining. */
  readonly tookMs: number | undefined
  /** How many sessions were moved or refused at the deadline; 0 if it did not cut. */
  readonly moved: number
  /** Whether nothing is left, which may be long after the deadline has cut. */
  readonly isEmpty: boolean
  /** When the server will probably be empty; undefined if there is no trend, or the drain is over. */
  readonly predicted: PredictedEnd | undefined
}

/** What a look at a drain has found out. */
export type DrainNews =
  | { readonly type: 'progress' }
  /** The server is empty, or the deadline cut; so many sessions are moved or refused then. */
  | { readonly type: 'ended'; readonly how: 'empty' | 'cut'; readonly moved: number; readonly ms: number }
  /** After the deadline has cut, the server is empty now, `ms` after the start. */
  | { readonly type: 'emptied'; readonly ms: number }

const NOTHING: Rest = { sessions: 0, active: 0, inFlight: 0, tunnels: 0 }

/** The drain of one server, from its start until the server is empty. */
export class Drain {
  readonly upstream: string
  readonly server: string
  #settings: DrainSettings
  #state: DrainState = 'draining'
  /** Undefined before the first look. */
  #rest: Rest | undefined
  #tookMs: number | undefined
  #moved = 0
  #isEmpty = false
  readonly #forecast = new Forecast()

  constructor(upstream: string, server: string, settings: DrainSettings) {
    this.upstream = upstream
    this.server = server
    const { startedAt, deadline, then, spread } = settings
    this.#settings = { startedAt, deadline, then, spread }
  }

  get settings(): DrainSettings {
    return this.#settings
  }

  /** Whether nothing is left on the server, so that there is nothing to look at any more. */
  get isEmpty(): boolean {
    return this.#isEmpty
  }

  /**
   * Changes the deadline, and what happens then; what is known of the server stays. Other settings give a drain that
   * was cut another chance.
   */
  change({ deadline, then, spread }: Omit<DrainSettings, 'startedAt'>): void {
    const before = this.#settings
    this.#settings = { startedAt: before.startedAt, deadline, then, spread }
    if (this.#isEmpty || isDeepStrictEqual(this.#settings, before)) return
    this.#state = 'draining'
    this.#tookMs = undefined
    this.#moved = 0
  }

  /**
   * Takes in what is on the server now.
   *
   * @param now in ms since 1970
   * @returns what is new, in order
   */
  look(seen: LastSeen, { exchanges, tunnels }: Traffic, now: number): DrainNews[] {
    this.#forecast.look(seen)
    const before = this.#rest
    const rest = { sessions: seen.live, active: seen.active, inFlight: Math.max(0, exchanges - tunnels), tunnels }
    this.#rest = rest
    const news: DrainNews[] = before !== undefined && isDeepStrictEqual(before, rest) ? [] : [{ type: 'progress' }]
    const ms = Math.max(0, now - this.#settings.startedAt)
    const { deadline } = this.#settings
    if (rest.sessions === 0 && exchanges === 0) news.push(this.#empty(ms))
    else if (this.#state === 'draining' && deadline > 0 && ms >= deadline) news.push(this.#cut(rest, ms))
    return news
  }

  view(): DrainView {
    const { startedAt, deadline, then, spread } = this.#settings
    return {
      upstream: this.upstream,
      server: this.server,
      state: this.#state,
      startedAt,
      deadlineAt: deadline === 0 ? undefined : startedAt + deadline,
      then,
      spread,
      ...(this.#rest ?? NOTHING),
      tookMs: this.#tookMs,
      moved: this.#moved,
      isEmpty: this.#isEmpty,
      predicted: this.#predicted(),
    }
  }

  /** In ms since 1970. No later than the deadline, unless that leaves the sessions where they are. */
  #predicted(): PredictedEnd | undefined {
    if (this.#state !== 'draining') return undefined
    const end = this.#forecast.end
    const { startedAt, deadline, then } = this.#settings
    const bound = then === 'keep' || deadline === 0 ? Number.POSITIVE_INFINITY : startedAt + deadline
    const toMs = (at: number) => Math.min(Math.round(at * 1000), bound)
    return end && { at: toMs(end.at), earliest: toMs(end.earliest), latest: toMs(end.latest) }
  }

  #empty(ms: number): DrainNews {
    this.#isEmpty = true
    if (this.#state === 'cut') return { type: 'emptied', ms }
    this.#state = 'empty'
    this.#tookMs = ms
    return { type: 'ended', how: 'empty', moved: 0, ms }
  }

  #cut({ sessions }: Rest, ms: number): DrainNews {
    this.#state = 'cut'
    this.#tookMs = ms
    this.#moved = this.#settings.then === 'keep' ? 0 : sessions
    return { type: 'ended', how: 'cut', moved: this.#moved, ms }
  }
}

import { now, wallSeconds } from '../../runtime/clock.ts'
import type { Scoreboard } from '../../runtime/scoreboard.ts'
import type { SessionTable } from '../../runtime/session-table.ts'
import type { Upstream } from '../../runtime/snapshot.ts'
import { UpstreamBalance } from './upstream-balance.ts'

/** How often the loads are compared, in ms. */
const ROUND = 1000
/** At most this part of the thread's time is spent on it: to count a million sessions takes some 30 ms. */
const SHARE_OF_TIME = 1 / 50

/** Has sessions move, at the rate of their upstream, from servers that have more than their share to those that have less. */
export class Rebalancer {
  readonly #scoreboard: Scoreboard
  readonly #sessions: SessionTable
  /** Upstreams whose sessions move, by their names. */
  #balances: ReadonlyMap<string, UpstreamBalance> = new Map()
  #timer: NodeJS.Timeout | undefined
  #lastRound = 0

  constructor(upstreams: readonly Upstream[], scoreboard: Scoreboard, sessions: SessionTable) {
    this.#scoreboard = scoreboard
    this.#sessions = sessions
    this.apply(upstreams)
  }

  /** Takes over another list of upstreams. Where one has changed, no session moves by what was decided before. */
  apply(upstreams: readonly Upstream[]): void {
    const before = this.#balances
    const balances = upstreams
      .filter(({ rebalance }) => rebalance !== undefined)
      .map((upstream) => this.#balanceOf(upstream, before.get(upstream.name)))
    this.#balances = new Map(balances.map((balance) => [balance.upstream.name, balance]))
    for (const [name, balance] of before) if (this.#balances.get(name) !== balance) balance.stop()
    if (this.#balances.size === 0) return this.close()
    if (this.#timer !== undefined) return
    this.#lastRound = now()
    this.#goOnIn(ROUND)
  }

  #balanceOf(upstream: Upstream, before: UpstreamBalance | undefined): UpstreamBalance {
    return before?.upstream === upstream ? before : new UpstreamBalance(upstream, this.#scoreboard, before)
  }

  #goOnIn(ms: number): void {
    this.#timer = setTimeout(() => this.#round(), ms).unref()
  }

  #round(): void {
    const time = now()
    const balances = [...this.#balances.values()]
    for (const balance of balances) balance.stop()
    const slots = balances.flatMap(({ slots }) => slots)
    const counts = this.#sessions.count(slots, wallSeconds())
    for (const balance of balances) balance.go(counts, time - this.#lastRound)
    this.#lastRound = time
    this.#goOnIn(Math.max(ROUND, (now() - time) / SHARE_OF_TIME))
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}

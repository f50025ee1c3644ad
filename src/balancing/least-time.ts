import type { ServerCounters } from '../runtime/scoreboard/server-counters.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { Balance } from '../runtime/snapshot.ts'
import type { Roster } from './roster.ts'
import type { ServerState } from './server-state.ts'
import type { Choice } from './tiers.ts'

/** How long this worker uses the same copy of other workers' times, in ms. */
const REFRESH = 100

/** The shortest time that counts, in ms, so that no server looks infinitely fast. */
const SHORTEST = 0.01

/**
 * The server with the lowest (time to the first byte) × (requests in flight + 1) / weight.
 *
 * The time is a peak EWMA, as in Finagle's PeakEwma.scala: a slower answer counts at once, a faster one by how long ago
 * the last one was. A server that gets no requests looks faster as time passes, up to the fastest, so that it gets some
 * again. A server without a known time, since it is new or has just returned, has the median time of the others.
 *
 * Ageing makes all times shorter by the same factor, so a server's value needs no update until it answers, and a choice
 * takes one product and one comparison for each server.
 */
export class LeastTime implements Choice {
  readonly #counters: ServerCounters
  #decay: number
  #servers: readonly ServerState[] = []
  /** The index of each server that is up; undefined before the first update. */
  #indices: Map<ServerState, number> | undefined
  /** Those that are up, or were when they went away: what is known of their times stays true. */
  #known: ReadonlySet<ServerState> = new Set()
  #slots = new Uint16Array(0)
  #limits = new Int32Array(0)
  #weights = new Float64Array(0)
  /** Each server's time / weight, as of `#refreshedAt`. */
  #costs = new Float64Array(0)
  /** The fastest and the median of the known times; 0 if there are none. */
  #fastest = 0
  #median = 0
  #refreshedAt = 0
  /** The index that comes first among equals. */
  #next = 0
  /** The best server found in the current choice, and its cost. */
  #best = -1
  #least = Infinity

  /** @param decay the time constant of the EWMA, in ms */
  constructor(decay: number, scoreboard: Scoreboard) {
    this.#decay = decay
    this.#counters = scoreboard.servers
  }

  update({ up, slots, limits, weights }: Roster, now: number): void {
    this.#forgetReturned(up)
    this.#servers = up
    this.#indices = new Map(up.map((server, index) => [server, index]))
    this.#slots = slots
    this.#limits = limits
    this.#weights = weights
    this.#costs = new Float64Array(up.length)
    this.#next = this.#next % Math.max(1, up.length)
    this.#refresh(now)
  }

  apply(balance: Balance): boolean {
    if (balance.type !== 'least-time') return false
    this.#decay = balance.decay
    return true
  }

  choose(avoid: readonly ServerState[], now: number): ServerState | undefined {
    if (now - this.#refreshedAt >= REFRESH) this.#refresh(now)
    this.#best = -1
    this.#least = Infinity
    this.#scan(this.#next, this.#slots.length, avoid)
    this.#scan(0, this.#next, avoid)
    this.#next = this.#best + 1 < this.#slots.length ? this.#best + 1 : 0
    return this.#servers[this.#best]
  }

  #scan(from: number, to: number, avoid: readonly ServerState[]): void {
    const { inFlights } = this.#counters
    const slots = this.#slots
    const costs = this.#costs
    let least = this.#least
    for (let index = from; index < to; index++) {
      const load = inFlights[slots[index]!]!
      const cost = costs[index]! * (load + 1)
      if (cost >= least || !this.#isOpen(index, load, avoid)) continue
      this.#best = index
      least = cost
    }
    this.#least = least
  }

  answered(server: ServerState, ms: number, good: boolean, now: number): void {
    const { slot } = server.settings
    const before = this.#counters.latency(slot)
    const sample = Math.max(SHORTEST, ms, good ? 0 : before || this.#median)
    let latency = sample
    if (sample < before) {
      const kept = Math.exp(-this.#age(slot, now) / this.#decay)
      latency = before * kept + sample * (1 - kept)
    }
    this.#counters.setLatency(slot, latency, now | 0)
    const index = this.#indices?.get(server)
    if (index !== undefined) this.#costs[index] = this.#cost(index, latency, this.#refreshedAt - now)
  }

  /** Forgets the times of servers that were out: they may be different now. */
  #forgetReturned(up: readonly ServerState[]): void {
    const before = this.#known
    const away = Array.from(before).filter(({ isRemoved, settings }) => settings.away && !isRemoved)
    this.#known = new Set([...up, ...away])
    if (this.#indices === undefined) return
    for (const server of up) {
      if (!before.has(server)) this.#counters.setLatency(server.settings.slot, 0, 0)
    }
  }

  #refresh(now: number): void {
    this.#refreshedAt = now
    const known = []
    for (const slot of this.#slots) {
      const latency = this.#counters.latency(slot)
      if (latency > 0) known.push(latency)
    }
    known.sort((a, b) => a - b)
    this.#fastest = known[0] ?? 0
    this.#median = known[known.length >> 1] ?? 0
    this.#slots.forEach((slot, index) => {
      const latency = this.#counters.latency(slot)
      this.#costs[index] =
        latency > 0 ? this.#cost(index, latency, this.#age(slot, now)) : this.#cost(index, this.#median || 1, 0)
    })
  }

  /** @param age how long before `#refreshedAt` the latency was noted, in ms */
  #cost(index: number, latency: number, age: number): number {
    return Math.max(this.#fastest, latency * Math.exp(-age / this.#decay)) / this.#weights[index]!
  }

  #isOpen(index: number, load: number, avoid: readonly ServerState[]): boolean {
    return load < this.#limits[index]! && (avoid.length === 0 || !avoid.includes(this.#servers[index]!))
  }

  /** How long ago the server's latency was noted, in ms. */
  #age(slot: number, now: number): number {
    return Math.max(0, ((now | 0) - this.#counters.answeredAt(slot)) | 0)
  }
}

import type { Scoreboard } from '../scoreboard.ts'
import type { Choice } from './choice.ts'
import type { Roster } from './roster.ts'
import type { ServerState } from './server-state.ts'

/** How old what this worker knows of other workers' answers may be, in ms. */
const REFRESH = 100

/** The shortest time that counts, in ms, so that no server looks infinitely fast. */
const SHORTEST = 0.01

/** The logarithm of the requests that a server would have in flight with one more, by how many it has. */
const LOGARITHMS = Float64Array.from({ length: 4_096 }, (_, inFlight) => Math.log(inFlight + 1))

/**
 * The server with the lowest (time to the first byte) × (requests in flight + 1) / weight.
 *
 * The time is a peak EWMA, as in Finagle's PeakEwma.scala: a slower answer counts at once, a faster one by how long ago
 * the last one was; and a server that is not asked looks faster as time passes, so that it is asked again. A server that
 * nobody knows, for it is new or has just returned, has the median time of the others.
 *
 * Costs are compared by their logarithms. Growing old takes the same from each of them, which is why what is known of a
 * server changes only when it answers, and a choice is a sum and a comparison a server.
 */
export class LeastTime implements Choice {
  readonly #decay: number
  readonly #scoreboard: Scoreboard
  #servers: readonly ServerState[] = []
  /** Of each server that is up. Undefined until this worker knows any. */
  #indices: Map<ServerState, number> | undefined
  #slots = new Uint16Array(0)
  #limits = new Float64Array(0)
  #weights = new Float64Array(0)
  /** The logarithm of each server's time / weight, as of `#refreshedAt`. */
  #costs = new Float64Array(0)
  #median = 0
  #refreshedAt = 0
  /** Where the next choice begins, for equals to take turns. */
  #next = 0

  /** @param decay the time constant of the EWMA, in ms */
  constructor(decay: number, scoreboard: Scoreboard) {
    this.#decay = decay
    this.#scoreboard = scoreboard
  }

  update({ up, weights }: Roster, now: number): void {
    this.#forgetReturned(up)
    this.#servers = up
    this.#indices = new Map(up.map((server, index) => [server, index]))
    this.#slots = Uint16Array.from(up, (server) => server.settings.slot)
    this.#limits = Float64Array.from(up, (server) => server.settings.maxConnections || Infinity)
    this.#weights = weights
    this.#costs = new Float64Array(up.length)
    this.#refresh(now)
  }

  choose(avoid: readonly ServerState[], now: number): ServerState | undefined {
    if (now - this.#refreshedAt >= REFRESH) this.#refresh(now)
    const { inFlights } = this.#scoreboard
    const slots = this.#slots
    const costs = this.#costs
    let index = this.#next
    let best = -1
    let least = Infinity
    for (let left = slots.length; left > 0; left--) {
      if (index >= slots.length) index = 0
      const load = inFlights[slots[index]!]!
      const cost = costs[index]! + (LOGARITHMS[load] ?? Math.log(load + 1))
      if (cost < least && load < this.#limits[index]! && !avoid.includes(this.#servers[index]!)) {
        best = index
        least = cost
      }
      index++
    }
    this.#next = best + 1
    return this.#servers[best]
  }

  answered(server: ServerState, ms: number, good: boolean, now: number): void {
    const { slot } = server.settings
    const before = this.#scoreboard.latency(slot)
    const sample = Math.max(SHORTEST, ms, good ? 0 : before || this.#median)
    let latency = sample
    if (sample < before) {
      const kept = Math.exp(-this.#age(slot, now) / this.#decay)
      latency = before * kept + sample * (1 - kept)
    }
    this.#scoreboard.setLatency(slot, latency, now | 0)
    const index = this.#indices?.get(server)
    if (index !== undefined) this.#costs[index] = this.#cost(index, latency, this.#refreshedAt - now)
  }

  /** A server that was out is another one now, for all that is known. */
  #forgetReturned(up: readonly ServerState[]): void {
    if (this.#indices === undefined) return
    for (const server of up) {
      if (!this.#indices.has(server)) this.#scoreboard.setLatency(server.settings.slot, 0, 0)
    }
  }

  #refresh(now: number): void {
    this.#refreshedAt = now
    const known: number[] = []
    for (const slot of this.#slots) {
      const latency = this.#scoreboard.latency(slot)
      if (latency > 0) known.push(latency)
    }
    this.#median = medianOf(known)
    for (let index = 0; index < this.#slots.length; index++) {
      const slot = this.#slots[index]!
      const latency = this.#scoreboard.latency(slot)
      this.#costs[index] =
        latency > 0 ? this.#cost(index, latency, this.#age(slot, now)) : this.#cost(index, this.#median || 1, 0)
    }
  }

  /** @param age how long before `#refreshedAt` that was the time, in ms */
  #cost(index: number, latency: number, age: number): number {
    return Math.log(latency / this.#weights[index]!) - age / this.#decay
  }

  /** How long ago the server's time was last noted, in ms. */
  #age(slot: number, now: number): number {
    return Math.max(0, ((now | 0) - this.#scoreboard.answeredAt(slot)) | 0)
  }
}

function medianOf(values: number[]): number {
  values.sort((a, b) => a - b)
  return values[values.length >> 1] ?? 0
}

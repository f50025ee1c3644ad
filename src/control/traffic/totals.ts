import type { Sample } from '../../admin/traffic.ts'
import type { Scoreboard } from '../../runtime/scoreboard.ts'
import { HISTOGRAM } from '../../runtime/tallies/layout.ts'
import { Load } from './load.ts'
import { quantilesOf } from './quantiles.ts'
import { stickinessOf } from './stickiness.ts'
import type { UpstreamTrack } from './upstream-track.ts'

/** Everything together in one interval, added up upstream by upstream. */
export class Totals {
  readonly #scoreboard: Scoreboard
  readonly #load = new Load()
  readonly #durations = new Float64Array(HISTOGRAM)
  #inFlight = 0
  #tunnels = 0
  #queued = 0
  #received = 0
  #sent = 0
  #retries = 0
  #known = 0
  #stuck = 0

  constructor(scoreboard: Scoreboard) {
    this.#scoreboard = scoreboard
  }

  addServer(slot: number): void {
    this.#inFlight += this.#scoreboard.servers.inFlight(slot)
    this.#tunnels += this.#scoreboard.servers.tunnels(slot)
  }

  addQueue(upstreamSlot: number): void {
    this.#queued += this.#scoreboard.queues.waiting(upstreamSlot)
  }

  /** Its load has that of its servers. */
  addUpstream({ load, durations, received, sent, retries, known, stuck }: UpstreamTrack): void {
    this.#load.add(load)
    for (let cell = 0; cell < HISTOGRAM; cell++) this.#durations[cell]! += durations[cell]!
    this.#received += received
    this.#sent += sent
    this.#retries += retries
    this.#known += known
    this.#stuck += stuck
  }

  /**
   * @param at in ms since 1970
   * @param sessions how many are live
   */
  sample(at: number, sessions: number): Sample {
    const { requests, errors, refused } = this.#load
    return {
      at: new Date(at).toISOString(),
      requests,
      errors,
      refused,
      ...quantilesOf(this.#durations),
      inFlight: this.#inFlight,
      tunnels: this.#tunnels,
      connections: this.#scoreboard.clients.connections(),
      queued: this.#queued,
      received: this.#received,
      sent: this.#sent,
      retries: this.#retries,
      sessions,
      stickiness: stickinessOf({ known: this.#known, stuck: this.#stuck }),
    }
  }
}

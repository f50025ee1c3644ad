import { now } from '../../runtime/clock.ts'
import type { ServerHolding, SlotBook } from '../slots/slot-book.ts'

const LOOK_EVERY = 1000

/** How the tunnels and calls of gRPC of a removed server end, by the drain of its upstream. Times in ms. */
export interface TunnelsEnd {
  /** How long they may go on after the removal; 0: no limit. */
  readonly deadline: number
  /** Over how long their closing is spread. */
  readonly spread: number
}

interface Removal {
  readonly closeAt: number
  readonly spread: number
  isClosing: boolean
}

/**
 * Servers that were removed while exchanges were in flight on them. At the deadline, tunnels (WebSockets) and calls of gRPC are
 * closed, unless the server comes back before; other exchanges end by themselves.
 */
export class RemovedServers {
  readonly #book: SlotBook
  readonly #inFlight: (slot: number) => number
  readonly #closeTunnels: (slot: number, spread: number) => void
  readonly #now: () => number
  readonly #removals = new Map<ServerHolding, Removal>()
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  /**
   * @param inFlight how many exchanges a server's slot has
   * @param clock in ms; its zero means nothing
   */
  constructor(
    book: SlotBook,
    inFlight: (slot: number) => number,
    closeTunnels: (slot: number, spread: number) => void,
    clock: () => number = now,
  ) {
    this.#book = book
    this.#inFlight = inFlight
    this.#closeTunnels = closeTunnels
    this.#now = clock
  }

  /** To be called whenever the slot book has adopted a Snapshot; `endOf` gives the settings of an upstream before that. */
  apply(endOf: (upstream: string) => TunnelsEnd): void {
    for (const server of this.#book.retiredServers()) {
      if (this.#removals.has(server)) continue
      const { deadline, spread } = endOf(server.upstream.name)
      this.#removals.set(server, {
        closeAt: deadline === 0 ? Number.POSITIVE_INFINITY : this.#now() + deadline,
        spread,
        isClosing: false,
      })
    }
    this.look()
  }

  /** Closes what is due now. The timer does so every second. */
  look(): void {
    for (const [server, removal] of this.#removals) {
      if (!this.#book.isRetired(server)) this.#removals.delete(server)
      else if (!removal.isClosing && this.#now() >= removal.closeAt && this.#inFlight(server.slot) > 0) {
        removal.isClosing = true
        this.#closeTunnels(server.slot, removal.spread)
      }
    }
    this.#watch()
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  #watch(): void {
    if (this.#isClosed || this.#timer !== undefined || this.#removals.size === 0) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.look()
    }, LOOK_EVERY)
    this.#timer.unref()
  }
}

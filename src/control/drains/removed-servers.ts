import { now } from '../../runtime/clock.ts'
import type { ServerHolding, SlotBook } from '../slots/slot-book.ts'

const LOOK_EVERY = 1000

/** How the tunnels of a removed server end, by the drain of its upstream. Times in ms. */
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
 * Servers that were removed while tunnels (WebSockets) were open on them. Other exchanges end by themselves; tunnels are closed
 * at the deadline, unless the server comes back before.
 */
export class RemovedServers {
  readonly #book: SlotBook
  readonly #tunnels: (slot: number) => number
  readonly #closeTunnels: (slot: number, spread: number) => void
  readonly #now: () => number
  readonly #removals = new Map<ServerHolding, Removal>()
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  /**
   * @param tunnels how many tunnels a server's slot has
   * @param clock in ms; its zero means nothing
   */
  constructor(
    book: SlotBook,
    tunnels: (slot: number) => number,
    closeTunnels: (slot: number, spread: number) => void,
    clock: () => number = now,
  ) {
    this.#book = book
    this.#tunnels = tunnels
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
      else if (!removal.isClosing && this.#now() >= removal.closeAt && this.#tunnels(server.slot) > 0) {
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

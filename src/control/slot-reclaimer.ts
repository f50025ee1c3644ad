import { setImmediate } from 'node:timers/promises'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import { PARTS } from '../runtime/session-table/layout.ts'
import type { SessionTable } from '../runtime/session-table.ts'
import type { SlotBook } from './slot-book.ts'

/** How often it is looked whether slots have become free, as long as names have gone, in ms. */
const LOOK_EVERY = 1000
/** For how long the session table is swept before others have their turn, in ms. */
const SLICE = 3

/**
 * Gives slots of names that have gone back to the slot book, once nothing refers to them: every worker has acknowledged a
 * Snapshot without the name, no exchange is in flight there or waits, and no session is on it.
 */
export class SlotReclaimer {
  readonly #book: SlotBook
  readonly #scoreboard: Scoreboard
  readonly #sessions: SessionTable
  #timer: NodeJS.Timeout | undefined
  /** One pass after the other. */
  #pass: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(book: SlotBook, scoreboard: Scoreboard, sessions: SessionTable) {
    this.#book = book
    this.#scoreboard = scoreboard
    this.#sessions = sessions
  }

  /** Looks from time to time, until no name that has gone has a slot. */
  watch(): void {
    if (this.#isClosed || this.#timer !== undefined || !this.#book.hasRetired) return
    this.#timer = setTimeout(async () => {
      await this.reclaim()
      this.#timer = undefined
      this.watch()
    }, LOOK_EVERY)
    this.#timer.unref()
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  /** Gives back all slots that can be by now. */
  reclaim(): Promise<void> {
    this.#pass = this.#pass.then(() => this.#reclaim())
    return this.#pass
  }

  async #reclaim(): Promise<void> {
    const idle = this.#book.forgottenServers().filter(({ slot }) => !this.#scoreboard.isServerInUse(slot))
    if (idle.length > 0) await this.#sweep(new Set(idle.map(({ slot }) => slot)))
    for (const server of idle) {
      // Its name may have come back meanwhile.
      if (!this.#book.isForgotten(server) || this.#scoreboard.isServerInUse(server.slot)) continue
      this.#scoreboard.servers.zero(server.slot)
      this.#book.giveBackServer(server)
    }
    for (const upstream of this.#book.forgottenUpstreams()) {
      if (this.#scoreboard.queues.waiting(upstream.slot) > 0) continue
      this.#scoreboard.upstreams.zero(upstream.slot)
      this.#book.giveBackUpstream(upstream)
    }
  }

  async #sweep(servers: ReadonlySet<number>): Promise<void> {
    let sliceEnds = performance.now() + SLICE
    for (let part = 0; part < PARTS; part++) {
      this.#sessions.sweep(part, servers)
      if (performance.now() < sliceEnds) continue
      await setImmediate()
      sliceEnds = performance.now() + SLICE
    }
  }
}

import { setImmediate } from 'node:timers/promises'
import type { Scoreboard } from '../../runtime/scoreboard.ts'
import { PARTS } from '../../runtime/session-table/layout.ts'
import type { SessionTable } from '../../runtime/session-table.ts'
import type { SlotBook } from './slot-book.ts'

/** How often to look for slots that have become free, while there are removed names, in ms. */
const LOOK_EVERY = 1000
/** How long the session table is swept before the event loop goes on, in ms. */
const SLICE = 3

/**
 * Returns the slots of removed names to the slot book once nothing refers to them: every worker has acknowledged a Snapshot
 * without the name, no exchange is in flight there or waits, and its sessions have been swept from the table.
 */
export class SlotReclaimer {
  readonly #book: SlotBook
  readonly #scoreboard: Scoreboard
  readonly #sessions: SessionTable
  #timer: NodeJS.Timeout | undefined
  /** Passes run one after the other. */
  #pass: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(book: SlotBook, scoreboard: Scoreboard, sessions: SessionTable) {
    this.#book = book
    this.#scoreboard = scoreboard
    this.#sessions = sessions
  }

  /** Looks at intervals, until no removed name has a slot. */
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

  /** Returns all slots that nothing refers to any more. */
  reclaim(): Promise<void> {
    this.#pass = this.#pass.then(() => this.#reclaim())
    return this.#pass
  }

  async #reclaim(): Promise<void> {
    const idle = this.#book.forgottenServers().filter(({ slot }) => !this.#scoreboard.isServerInUse(slot))
    if (idle.length > 0) await this.#sweep(new Set(idle.map(({ slot }) => slot)))
    for (const server of idle) {
      // The name may have come back during the sweep.
      if (!this.#book.isForgotten(server) || this.#scoreboard.isServerInUse(server.slot)) continue
      this.#scoreboard.freeServer(server.slot, server.upstream.slot)
      this.#book.returnServer(server)
    }
    for (const upstream of this.#book.forgottenUpstreams()) {
      if (this.#scoreboard.queues.waiting(upstream.slot) > 0) continue
      this.#scoreboard.freeUpstream(upstream.slot)
      this.#book.returnUpstream(upstream)
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

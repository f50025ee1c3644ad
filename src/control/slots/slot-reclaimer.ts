import type { Scoreboard } from '../../runtime/scoreboard.ts'
import { PARTS } from '../../runtime/session-table/layout.ts'
import type { SessionTable } from '../../runtime/session-table.ts'
import { inSlices } from '../../runtime/slices.ts'
import type { ServerHolding, SlotBook, UpstreamHolding } from './slot-book.ts'

/** How often to look for slots that have become free, while there are removed names, in ms. */
const LOOK_EVERY = 1000

/** Has something of its own under the slots: it takes that away when one is about to be returned. */
export interface SlotUser {
  keepServer(server: ServerHolding): void
  keepUpstream(upstream: UpstreamHolding): void
}

/**
 * Returns the slots of removed names to the slot book once nothing refers to them: every worker has acknowledged a Snapshot
 * without the name, no exchange is in flight there or waits, and its sessions have been swept from the table.
 */
export class SlotReclaimer {
  readonly #book: SlotBook
  readonly #scoreboard: Scoreboard
  readonly #sessions: SessionTable
  readonly #users: readonly SlotUser[]
  #timer: NodeJS.Timeout | undefined
  /** Passes run one after the other. */
  #pass: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(book: SlotBook, scoreboard: Scoreboard, sessions: SessionTable, users: readonly SlotUser[] = []) {
    this.#users = users
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
      for (const user of this.#users) user.keepServer(server)
      this.#book.returnServer(server)
    }
    for (const upstream of this.#book.forgottenUpstreams()) {
      if (this.#scoreboard.queues.waiting(upstream.slot) > 0) continue
      this.#scoreboard.freeUpstream(upstream.slot)
      for (const user of this.#users) user.keepUpstream(upstream)
      this.#book.returnUpstream(upstream)
    }
  }

  async #sweep(servers: ReadonlySet<number>): Promise<void> {
    await inSlices(Array(PARTS).keys(), (part) => this.#sessions.sweep(part, servers))
  }
}

import { type Deadlines, Timed } from '../runtime/deadlines.ts'
import type { ClientTimeouts } from '../runtime/snapshot.ts'

/**
 * What a client must do: finish a head, send another request, go on with a body, stay connected until it is answered,
 * or read the response.
 */
export type Owed = 'head' | 'next request' | 'body' | 'presence' | 'reading' | 'nothing'

/** How long a client may take for what it owes, in ms. */
const LIMITS: Readonly<Record<Owed, (timeouts: ClientTimeouts) => number>> = {
  head: ({ head }) => head,
  'next request': ({ idle }) => idle,
  body: ({ body }) => body,
  presence: ({ halfClosed }) => halfClosed,
  reading: ({ send }) => send,
  nothing: () => 0,
}

/** What the client of a connection owes, and by when. Subclasses say what happens when it is overdue. */
export abstract class ClientDeadline extends Timed {
  #owed: Owed = 'nothing'
  /** The writer's progress when the deadline was set. */
  #progress = 0

  /**
   * Gives the client as long for it as the timeouts say. Every byte of a body is a sign of life; for all else the deadline stands until something
   * else is owed.
   *
   * @param progress how far the client has read
   */
  protected expect(owed: Owed, timeouts: ClientTimeouts, progress: number, deadlines: Deadlines): void {
    if (owed === this.#owed && owed !== 'body') return
    this.#owed = owed
    this.#progress = progress
    deadlines.set(this, LIMITS[owed](timeouts))
  }

  /** What was owed has come: the same may be expected again. */
  protected met(): void {
    this.#owed = 'nothing'
  }

  /** Whether the client has read anything since the deadline was set. */
  protected hasReadTo(progress: number): boolean {
    return progress !== this.#progress
  }

  override expire(): void {
    const owed = this.#owed
    this.#owed = 'nothing'
    this.overdue(owed)
  }

  /** The client did not do it in time. */
  protected abstract overdue(owed: Owed): void
}

import type { SessionTally } from '../../runtime/session-table.ts'

/** Into how many parts the idle limit is divided. */
const PARTS = 64
/** The width of a bin in s where sessions have no idle limit. */
const MINUTE = 60

/** When the live sessions of a server were last seen: how many of them in each of some 64 spans of time. Times in s since 1970. */
export class LastSeen implements SessionTally {
  readonly now: number
  /** After how many s without an exchange a session is over; 0 for never. */
  readonly idle: number
  /** The length of a span in s. Span n begins at n * width. */
  readonly width: number
  /** The first span of `counts`: the one whose sessions are ending now. Those seen before it are counted in it. */
  readonly first: number
  readonly counts: Uint32Array
  live = 0
  /** Those with an exchange in flight, which count as seen now. */
  active = 0
  /** When the one that was seen last was seen; 0 if there is none. */
  youngest = 0

  constructor(now: number, idle: number) {
    this.now = now
    this.idle = idle
    this.width = idle === 0 ? MINUTE : Math.ceil(idle / PARTS)
    this.first = this.spanOf(now - (idle || PARTS * MINUTE))
    this.counts = new Uint32Array(this.last - this.first + 1)
  }

  /** The current span. */
  get last(): number {
    return this.spanOf(this.now)
  }

  add(seenAt: number, isActive: boolean): void {
    const seen = isActive ? this.now : Math.min(seenAt, this.now)
    this.live++
    if (isActive) this.active++
    if (seen > this.youngest) this.youngest = seen
    this.counts[Math.max(0, this.spanOf(seen) - this.first)]!++
  }

  /** How many sessions were last seen in that span. */
  in(span: number): number {
    return this.counts[span - this.first] ?? 0
  }

  spanOf(time: number): number {
    return Math.floor(time / this.width)
  }
}

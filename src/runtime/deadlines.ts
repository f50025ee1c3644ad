import { now, STANDSTILL } from './clock.ts'

/** How long one slot of the wheel lasts, in ms: a deadline may be late by as much. */
const TICK = 50
const SLOTS = 2048

/** Something with one deadline at a time. Subclasses say what happens when it passes. */
export abstract class Timed {
  /** ms on the shared clock; Infinity for none. */
  deadline = Infinity
  slot = -1
  earlier: Timed | undefined
  later: Timed | undefined

  /** Called once when the deadline has passed. */
  abstract expire(): void
}

/**
 * All deadlines of a worker in one hashed timing wheel (Varghese and Lauck, 1987), driven by a single timer. To move a
 * deadline further away, as nearly every byte that arrives does, is one store: the wheel looks again when the old
 * deadline's slot comes round.
 *
 * Its clock stands still while the process does: after a standstill no peer has had the time that it was given, and the
 * answers that came meanwhile still wait to be read. So every deadline moves by the length of the standstill, once.
 */
export class Deadlines {
  /** The time of the last tick, in ms on the wheel's own clock: good enough for deadlines, and free. */
  now: number
  readonly #clock: () => number
  /** How long the process has stood still, in ms, which is how far the wheel's clock is behind the shared one. */
  #stoodStill = 0
  readonly #slots: (Timed | undefined)[] = new Array(SLOTS).fill(undefined)
  #position: number
  readonly #timer: NodeJS.Timeout

  /** @param clock ms, monotonic */
  constructor(clock: () => number = now) {
    this.#clock = clock
    this.now = clock()
    this.#position = Math.floor(this.now / TICK)
    this.#timer = setInterval(() => this.#tick(), TICK)
  }

  /** Sets, moves or (with 0, which stands for "no limit") clears the deadline of `timed`, in ms from now. */
  set(timed: Timed, after: number): void {
    if (after === 0) {
      timed.deadline = Infinity
      return
    }
    timed.deadline = this.now + after
    const slot = this.#slotOf(timed.deadline)
    if (timed.slot >= 0) {
      if (this.#distance(timed.slot) <= this.#distance(slot)) return
      this.#unlink(timed)
    }
    this.#link(timed, slot)
  }

  /** Clears the deadline of `timed` and forgets it; `set` takes it in again. */
  remove(timed: Timed): void {
    timed.deadline = Infinity
    if (timed.slot >= 0) this.#unlink(timed)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #tick(): void {
    const late = this.#clock() - this.#stoodStill - this.now - TICK
    if (late > STANDSTILL) this.#stoodStill += late
    this.now = this.#clock() - this.#stoodStill
    // Far fewer than a turn of the wheel: this clock does not advance by more than a standstill at once.
    for (const target = Math.floor(this.now / TICK); this.#position < target; ) {
      this.#position++
      this.#empty(this.#position % SLOTS)
    }
  }

  #empty(slot: number): void {
    // One at a time from the front: what expires may remove others. `#slotOf` never gives the current slot.
    for (let timed = this.#slots[slot]; timed !== undefined; timed = this.#slots[slot]) {
      this.#unlink(timed)
      if (timed.deadline <= this.now) {
        timed.deadline = Infinity
        timed.expire()
      } else if (timed.deadline !== Infinity) {
        this.#link(timed, this.#slotOf(timed.deadline))
      }
    }
  }

  /** The slot that comes round once the deadline has passed; the farthest one for what lies beyond the wheel. */
  #slotOf(deadline: number): number {
    const ahead = Math.floor(deadline / TICK) + 1 - this.#position
    return (this.#position + Math.max(1, Math.min(ahead, SLOTS - 1))) % SLOTS
  }

  #distance(slot: number): number {
    return (slot - (this.#position % SLOTS) + SLOTS) % SLOTS
  }

  #link(timed: Timed, slot: number): void {
    const first = this.#slots[slot]
    timed.slot = slot
    timed.earlier = undefined
    timed.later = first
    if (first !== undefined) first.earlier = timed
    this.#slots[slot] = timed
  }

  #unlink(timed: Timed): void {
    if (timed.earlier !== undefined) timed.earlier.later = timed.later
    else this.#slots[timed.slot] = timed.later
    if (timed.later !== undefined) timed.later.earlier = timed.earlier
    timed.slot = -1
    timed.earlier = timed.later = undefined
  }
}

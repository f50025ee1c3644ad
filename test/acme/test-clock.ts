import type { WallClock } from '../../src/control/acme/wall-clock.ts'

/** A clock that a test sets. */
export class TestClock implements WallClock {
  #time: number
  readonly #alarms = new Set<{ readonly time: number; readonly act: () => void }>()

  constructor(time = Date.now()) {
    this.#time = time
  }

  now(): number {
    return this.#time
  }

  at(time: number, act: () => void): () => void {
    const alarm = { time, act }
    this.#alarms.add(alarm)
    // As a timer: not before the caller has returned.
    if (time <= this.#time) setImmediate(() => this.#ring(alarm))
    return () => this.#alarms.delete(alarm)
  }

  /** The time of the next alarm; undefined if there is none. */
  get next(): number | undefined {
    const times = Array.from(this.#alarms, ({ time }) => time)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  /** Moves on to that time; what is due by then happens. */
  advanceTo(time: number): void {
    this.#time = Math.max(time, this.#time)
    for (const alarm of [...this.#alarms]) if (alarm.time <= this.#time) this.#ring(alarm)
  }

  advance(ms: number): void {
    this.advanceTo(this.#time + ms)
  }

  #ring(alarm: { readonly time: number; readonly act: () => void }): void {
    if (this.#alarms.delete(alarm)) alarm.act()
  }
}

import type { Log } from '../observability/log.ts'
import { now } from '../runtime/clock.ts'
import type { Upstream } from '../runtime/snapshot.ts'
import type { SampleReport } from '../skew/address-sample.ts'
import { describeRelief, describeSkew, type SkewChange, SkewWatch } from '../skew/skew-watch.ts'
import type { EventRing } from './event-ring.ts'

/** How often the samples are judged, in ms. Not after each report, which covers only one worker. */
const LOOK_EVERY = 5000

/**
 * Warns the operator, once for each occurrence, when an address or a network sends too much, and reports when that has
 * ended.
 */
export class SkewAlarm {
  readonly watch: SkewWatch
  readonly #log: Log
  readonly #events: EventRing
  readonly #timer: NodeJS.Timeout

  constructor(upstreams: readonly Upstream[], log: Log, events: EventRing) {
    this.watch = new SkewWatch(upstreams)
    this.#log = log
    this.#events = events
    this.#timer = setInterval(() => this.#judge(), LOOK_EVERY)
    this.#timer.unref()
  }

  /** Takes over another list of upstreams; samples of those that remain still count. */
  apply(upstreams: readonly Upstream[]): void {
    for (const change of this.watch.apply(upstreams)) this.#report(change)
  }

  hear(reports: readonly SampleReport[]): void {
    for (const report of reports) this.watch.add(report, now())
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #judge(): void {
    for (const change of this.watch.judge(now())) this.#report(change)
  }

  #report(change: SkewChange): void {
    const { upstream, skew, isOver } = change
    const message = `upstream ${upstream}: ${isOver ? describeRelief(change) : describeSkew(skew)}`
    if (isOver) this.#log.info(message, { event: 'skew-over', upstream, ...skew })
    else this.#log.warn(message, { event: 'skew', upstream, ...skew })
    this.#events.add({ type: 'skew', upstream, better: isOver, message })
  }
}

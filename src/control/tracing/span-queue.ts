import type { Config } from '../../config/schema.ts'
import type { Log } from '../../observability/log.ts'
import { SPANS_AT_ONCE, type SpanRecord } from '../../observability/span-record.ts'
import { Trouble } from '../../observability/trouble.ts'
import type { OtlpExporter } from './otlp-exporter.ts'

/** The most spans that wait for the collector. */
const MAX_WAITING = 8192

/** How long the last spans may take, in ms. */
const END_WITHIN = 3000

/**
 * The spans that wait for one collector, which gets one batch after the other. A collector that takes none costs the spans that
 * there is no room for, and a line in the log.
 */
export class SpanQueue {
  /** How many spans the collector has taken. */
  exported = 0
  readonly #exporter: Promise<OtlpExporter>
  readonly #trouble: Trouble
  readonly #waiting: SpanRecord[] = []
  /** How many are on their way. */
  #underway = 0
  /** Whether the collector has taken the last batch. */
  #isTaken = true
  /** Once it is to end: called when nothing waits. */
  #whenEmpty: (() => void) | undefined
  #hasEnded = false

  constructor(settings: NonNullable<Config['tracing']>, log: Log) {
    const name = `the export of traces to ${settings.endpoint}`
    const loss = { unit: 'span', again: 'works again' }
    this.#trouble = new Trouble(
      name,
      (...trouble) => log.warn(...trouble),
      () => this.#isTaken,
      loss,
    )
    this.#exporter = import('./otlp-exporter.ts').then(({ OtlpExporter }) => new OtlpExporter(settings))
    // Each export finds the error again.
    this.#exporter.catch(() => {})
  }

  /** The number of spans that were lost for lack of room, or because the collector did not take them. */
  get dropped(): number {
    return this.#trouble.lost
  }

  /** @param dropped how many more were dropped before they came here */
  add(spans: readonly SpanRecord[], dropped: number): void {
    const taken = spans.slice(0, MAX_WAITING - this.#waiting.length)
    const lost = dropped + spans.length - taken.length
    this.#waiting.push(...taken)
    if (lost > 0) this.#trouble.tooSlow(lost)
    if (this.#underway === 0) void this.#exportAll()
  }

  /** Exports until nothing waits. */
  async #exportAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, SPANS_AT_ONCE)
      this.#underway = batch.length
      const error = await this.#exporter.then((exporter) => exporter.export(batch)).catch((reason: Error) => reason)
      this.#underway = 0
      if (this.#hasEnded) return
      this.#isTaken = error === undefined
      if (error === undefined) this.exported += batch.length
      else this.#trouble.broken(batch.length, 'fails', error.message)
    }
    this.#whenEmpty?.()
  }

  /** Takes no more spans. Resolves once those that wait have been exported, or are lost since that takes too long. */
  async end(): Promise<void> {
    if (this.#underway > 0) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#whenEmpty = resolve
      const timer = setTimeout(resolve, END_WITHIN)
      await promise
      clearTimeout(timer)
    }
    this.#hasEnded = true
    this.#trouble.end(this.#underway + this.#waiting.length)
  }
}

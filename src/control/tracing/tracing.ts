import { isDeepStrictEqual } from 'node:util'
import type { Config } from '../../config/schema.ts'
import type { Log } from '../../observability/log.ts'
import type { SpanRecord } from '../../observability/span-record.ts'
import { SpanQueue } from './span-queue.ts'

/** The export of the spans of all workers, as the configuration says. What it needs is loaded once it is on. */
export class Tracing {
  readonly #log: Log
  #settings: Config['tracing']
  /** Undefined while it is off. */
  #queue: SpanQueue | undefined
  /** Former queues that are exported to their end. */
  readonly #ending = new Set<Promise<void>>()
  #exportedBefore = 0
  #droppedBefore = 0

  constructor(log: Log, settings: Config['tracing']) {
    this.#log = log
    this.#settings = settings
    this.#use(settings)
  }

  /**
   * Exports by these settings from now on. What was recorded before still goes where it was to go.
   *
   * @param acknowledged resolves once all workers record by these settings
   */
  apply(settings: Config['tracing'], acknowledged: Promise<void>): void {
    if (isDeepStrictEqual(settings, this.#settings)) return
    const before = this.#settings
    this.#settings = settings
    if (before === undefined) return this.#use(settings)
    const use = () => this.#use(settings)
    void acknowledged.then(use, use)
  }

  #use(settings: Config['tracing']): void {
    this.#end()
    if (settings !== undefined) this.#queue = new SpanQueue(settings, this.#log)
  }

  #end(): void {
    const queue = this.#queue
    this.#queue = undefined
    if (queue === undefined) return
    const ended = queue.end().then(() => {
      this.#exportedBefore += queue.exported
      this.#droppedBefore += queue.dropped
      this.#ending.delete(ended)
    })
    this.#ending.add(ended)
  }

  /**
   * Spans that have ended.
   *
   * @param dropped how many more were dropped before they came here
   */
  take(spans: readonly SpanRecord[], dropped: number): void {
    this.#queue?.add(spans, dropped)
  }

  /** The number of spans that a collector has taken. */
  get exported(): number {
    return this.#exportedBefore + (this.#queue?.exported ?? 0)
  }

  /** The number of spans that were lost for lack of room, or because no collector took them. */
  get dropped(): number {
    return this.#droppedBefore + (this.#queue?.dropped ?? 0)
  }

  /** Exports what there is, as far as that is possible within a few seconds. */
  async close(): Promise<void> {
    this.#end()
    await Promise.all(this.#ending)
  }
}

import type { SourceMistake, SourceSummary } from '../../admin/sources.ts'
import type { Log } from '../../observability/log.ts'
import { printable } from '../../runtime/printable.ts'
import type { EventRing } from '../event-ring.ts'

/** Which source it is. */
export type SourcePlace = Pick<SourceSummary, 'upstream' | 'source' | 'name'>

/** How one source is, for the log, the events, the metrics and the admin API. */
export class SourceReport {
  #place: SourcePlace
  readonly #log: Log
  readonly #events: EventRing
  #state: SourceSummary['state'] = 'waiting'
  #since = Date.now()
  #servers = 0
  #lastSuccess: number | undefined
  #error: string | undefined
  #mistakes: readonly SourceMistake[] = []

  constructor(place: SourcePlace, log: Log, events: EventRing) {
    this.#place = place
    this.#log = log
    this.#events = events
  }

  get place(): SourcePlace {
    return this.#place
  }

  /** What it is called is known once there is a provider. */
  rename(name: string): void {
    this.#place = { ...this.#place, name }
  }

  get summary(): SourceSummary {
    return {
      ...this.#place,
      state: this.#state,
      servers: this.#servers,
      since: this.#since,
      lastSuccess: this.#lastSuccess,
      error: this.#error,
      mistakes: this.#mistakes,
    }
  }

  /** It has answered, with so many servers. */
  found(servers: number, mistakes: readonly SourceMistake[]): void {
    this.holds(servers, mistakes)
    this.#lastSuccess = Date.now()
    if (this.#state === 'failing') {
      const { name } = this.#place
      const message = `${name} answers again`
      this.#log.info(message, { event: 'source-recovered', source: name })
      this.#report(message, true)
    }
    this.#become('ok', undefined)
  }

  /** So many servers of its last answer are in effect now, whether it has answered since or not. */
  holds(servers: number, mistakes: readonly SourceMistake[]): void {
    this.#servers = servers
    this.#warnOf(mistakes)
  }

  /** It cannot be reached or understood. What it found before still holds. */
  failed(reason: string): void {
    const cause = printable(reason)
    // It is tried again and again: only another reason is news.
    if (this.#error !== cause) {
      const meanwhile = this.#lastSuccess === undefined ? '' : '; the servers that it found before stay'
      const { name } = this.#place
      const message = `${name} fails: ${cause}${meanwhile}`
      this.#log.warn(message, { event: 'source-failing', source: name, cause })
      this.#report(message, false)
    }
    this.#become('failing', cause)
  }

  #become(state: SourceSummary['state'], error: string | undefined): void {
    if (this.#state !== state) this.#since = Date.now()
    this.#state = state
    this.#error = error
  }

  /** Each mistake once, for as long as it is there. */
  #warnOf(mistakes: readonly SourceMistake[]): void {
    const known = new Set(this.#mistakes.map(inWords))
    this.#mistakes = mistakes
    const { name } = this.#place
    for (const mistake of mistakes) {
      const cause = inWords(mistake)
      if (!known.has(cause)) this.#log.warn(`${name}: ${cause}`, { event: 'source-mistake', source: name, cause })
    }
  }

  #report(message: string, better: boolean): void {
    const { upstream, name } = this.#place
    this.#events.add({ type: 'source', upstream, source: name, better, message })
  }
}

/** All sources of the configuration in effect. */
export class SourceReports {
  readonly #log: Log
  readonly #events: EventRing
  readonly #reports = new Set<SourceReport>()

  constructor(log: Log, events: EventRing) {
    this.#log = log
    this.#events = events
  }

  add(place: SourcePlace): SourceReport {
    const report = new SourceReport(place, this.#log, this.#events)
    this.#reports.add(report)
    return report
  }

  remove(report: SourceReport): void {
    this.#reports.delete(report)
  }

  /** What sources have found cannot be put into effect; it is tried again with their next change. */
  notApplied(by: string, reason: string): void {
    const cause = printable(reason)
    this.#log.error(`what ${by} has found is not in effect: ${cause}`, { event: 'found-not-applied', by, cause })
  }

  get all(): SourceSummary[] {
    return [...this.#reports].map(({ summary }) => summary)
  }
}

function inWords({ where, message, hint }: SourceMistake): string {
  return printable(`${where}: ${message}${hint === undefined ? '' : ` (${hint})`}`)
}

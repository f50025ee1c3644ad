import { follow } from '../../discovery/follow.ts'
import type { Mistake, Provider } from '../../discovery/provider.ts'
import type { SourceReport } from './source-reports.ts'

/** What a source has found, as it is to be in effect. */
export interface Reading<Result> {
  readonly result: Result
  readonly servers: number
  readonly mistakes: readonly Mistake[]
}

/** Makes what is to be in effect of what a source says. */
export interface Reader<Raw, Result> {
  /** What the source says, with what is expected back. */
  fill(raw: Raw): Raw
  /** When `fill` would give something else for the same, by the clock; undefined if never. */
  readonly nextEnd: number | undefined
  read(filled: Raw): Reading<Result>
}

/** How long a source may take for its first answer, in ms, before nothing waits for it and that is said. */
export const FIRST_ANSWER_WITHIN = 10_000

/** One source that is followed. What it has found last holds while it fails. */
export class WatchedSource<Raw extends { readonly isUrgent?: boolean } = never, Result = unknown> {
  readonly report: SourceReport
  readonly #reader: Reader<Raw, Result>
  readonly #changed: (isUrgent: boolean) => void
  readonly #now: () => number
  readonly #end = new AbortController()
  readonly #settled = Promise.withResolvers<void>()
  #raw: Raw | undefined
  #filled: Raw | undefined
  #reading: Reading<Result> | undefined
  #refused: readonly Mistake[] = []
  #timer: NodeJS.Timeout | undefined
  readonly #patience: NodeJS.Timeout

  /**
   * @param open makes its provider
   * @param before what another process has found, or the same entry with other settings: it holds until there is an answer
   * @param changed called when there is something else to put into effect
   * @param now a clock, in ms
   */
  constructor(
    open: () => Promise<Provider<Raw>>,
    reader: Reader<Raw, Result>,
    before: Raw | undefined,
    report: SourceReport,
    changed: (isUrgent: boolean) => void,
    now: () => number,
  ) {
    this.#reader = reader
    this.report = report
    this.#changed = changed
    this.#now = now
    this.#patience = setTimeout(() => {
      this.report.failed(`it has not answered within ${FIRST_ANSWER_WITHIN / 1000} s`)
      this.#settled.resolve()
    }, FIRST_ANSWER_WITHIN)
    if (before !== undefined) {
      this.#take(before)
      this.#tell()
      this.#settled.resolve()
    }
    void this.#follow(open)
  }

  /** What the source said last, with what is expected back; undefined if it has never said anything. */
  get last(): Raw | undefined {
    return this.#filled
  }

  get result(): Result | undefined {
    return this.#reading?.result
  }

  /** Resolves once it has answered or failed, or has had its time; at once where what it found before holds. */
  get settled(): Promise<void> {
    return this.#settled.promise
  }

  get hasAnswered(): boolean {
    return this.#raw !== undefined
  }

  /** What of it contradicts the rest of the configuration. */
  refuse(refused: readonly Mistake[]): void {
    if (refused.length === 0 && this.#refused.length === 0) return
    this.#refused = refused
    this.#tell()
  }

  /** Reads again what it said last: something else is known of the rest by now. */
  readAgain(): void {
    if (this.#raw === undefined) return
    this.#take(this.#raw)
    this.#tell()
    this.#changed(false)
  }

  close(): void {
    this.#end.abort()
    clearTimeout(this.#timer)
    clearTimeout(this.#patience)
    this.#settled.resolve()
  }

  async #follow(open: () => Promise<Provider<Raw>>): Promise<void> {
    const found = (raw: Raw) => {
      clearTimeout(this.#patience)
      this.#take(raw)
      this.report.found(...this.#findings)
      this.#settled.resolve()
      this.#changed(raw.isUrgent === true)
    }
    const failed = (reason: string) => {
      clearTimeout(this.#patience)
      this.report.failed(reason)
      this.#settled.resolve()
    }
    try {
      await follow(await open(), { found, failed }, this.#end.signal)
    } catch (error) {
      if (!this.#end.signal.aborted) failed((error as Error).message)
    }
  }

  #take(raw: Raw): void {
    this.#raw = raw
    this.#filled = this.#reader.fill(raw)
    this.#reading = this.#reader.read(this.#filled)
    this.#awaitEnd()
  }

  #tell(): void {
    this.report.holds(...this.#findings)
  }

  get #findings(): [servers: number, mistakes: readonly Mistake[]] {
    const { servers, mistakes } = this.#reading!
    return [servers, [...mistakes, ...this.#refused]]
  }

  /** What is expected back is given up in time. */
  #awaitEnd(): void {
    clearTimeout(this.#timer)
    const { nextEnd } = this.#reader
    if (nextEnd === undefined || this.#end.signal.aborted) return
    this.#timer = setTimeout(() => this.readAgain(), Math.max(1, nextEnd - this.#now())).unref()
  }
}

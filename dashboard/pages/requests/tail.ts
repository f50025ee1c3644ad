import { batch, computed, effect, type ReadonlySignal, signal } from '@preact/signals'
import type { TailedRequest } from '../../../src/admin/request-tail.ts'
import type { ApiError } from '../../state/api.ts'
import { Stream } from '../../state/stream.ts'
import { filterQuery } from './filter.ts'

/** How many requests are kept. */
const KEPT = 200
/** How often new ones are shown, in ms: faster than that, nobody reads. */
const SHOWN_EVERY = 250
/** After which pause in the typing a filter is applied, in ms. */
const SETTLED = 300

/** Clients can choose ids of requests, so a number of our own tells them apart. */
export interface TailRow extends TailedRequest {
  readonly number: number
}

/** The requests as they end, as long as it is followed. */
export class Tail {
  /** Newest first. */
  readonly #rows = signal<readonly TailRow[]>([])
  /** Those that came while it was held, oldest first. */
  readonly #waiting = signal<readonly TailRow[]>([])
  readonly #error = signal<ApiError | undefined>(undefined)
  /** Until somebody says to go on. */
  readonly isPaused = signal(false)
  /** While somebody points at a row, or has moved the focus there, so that it does not move away. */
  readonly isPointedAt = signal(false)
  readonly hasFocus = signal(false)
  readonly isHeld = computed(() => this.isPaused.value || this.isPointedAt.value || this.hasFocus.value)
  readonly #stream: Stream
  #heard: TailRow[] = []
  #lastNumber = 0

  constructor() {
    this.#stream = new Stream({
      path: () => `/v1/requests/stream${filterQuery.peek()}`,
      // A comment every 15 s says that it is alive.
      silence: 35_000,
      opened: () => (this.#error.value = undefined),
      heard: ({ type, data }) => {
        if (type !== 'request') return
        this.#heard.push({ ...(JSON.parse(data) as TailedRequest), number: ++this.#lastNumber })
        if (this.#heard.length > KEPT) this.#heard.shift()
      },
      lost: (why) => (this.#error.value = why),
    })
  }

  get rows(): ReadonlySignal<readonly TailRow[]> {
    return this.#rows
  }

  get waiting(): ReadonlySignal<readonly TailRow[]> {
    return this.#waiting
  }

  /** Why they cannot be had. */
  get error(): ReadonlySignal<ApiError | undefined> {
    return this.#error
  }

  /** Until the function that it returns is called. Nothing is asked for while the page cannot be seen. */
  follow(): () => void {
    let isFirst = true
    let settled: ReturnType<typeof setTimeout> | undefined
    const stopWatching = effect(() => {
      filterQuery.value
      clearTimeout(settled)
      settled = setTimeout(() => this.#begin(), isFirst ? 0 : SETTLED)
      isFirst = false
    })
    // What has come meanwhile is shown at once.
    const stopGoingOn = effect(() => {
      if (!this.isHeld.value) this.#show()
    })
    const showing = setInterval(() => this.#show(), SHOWN_EVERY)
    const seen = () => (document.hidden ? this.#stream.close() : this.#stream.open())
    document.addEventListener('visibilitychange', seen)
    return () => {
      stopWatching()
      stopGoingOn()
      clearTimeout(settled)
      clearInterval(showing)
      document.removeEventListener('visibilitychange', seen)
      this.#stream.close()
    }
  }

  /** What was shown by another filter is dropped. */
  #begin(): void {
    this.#heard = []
    batch(() => {
      this.#rows.value = []
      this.#waiting.value = []
    })
    this.#stream.open()
  }

  #show(): void {
    const come = [...this.#waiting.peek(), ...this.#heard].slice(-KEPT)
    this.#heard = []
    if (come.length === 0) return
    batch(() => {
      const isHeld = this.isHeld.peek()
      this.#waiting.value = isHeld ? come : []
      if (!isHeld) this.#rows.value = [...come.toReversed(), ...this.#rows.peek()].slice(0, KEPT)
    })
  }
}

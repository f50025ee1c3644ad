import { type ReadonlySignal, signal } from '@preact/signals'
import { type Answers, ApiError, get } from './api.ts'

/** What the API says at a path, as of the last time that it was asked. */
export class Resource<Answer> {
  readonly #data = signal<Answer | undefined>(undefined)
  readonly #error = signal<ApiError | undefined>(undefined)
  readonly #ask: () => Promise<Answer>
  #pending: Promise<void> | undefined
  #isStale = false

  constructor(ask: () => Promise<Answer>) {
    this.#ask = ask
  }

  /** The last answer; undefined until there is one. It stays when a later request fails. */
  get data(): ReadonlySignal<Answer | undefined> {
    return this.#data
  }

  /** Why the last request failed; undefined if it did not. */
  get error(): ReadonlySignal<ApiError | undefined> {
    return this.#error
  }

  /** Asks again. Requests do not overlap: what is asked for meanwhile is asked once, afterwards. */
  refresh(): Promise<void> {
    if (this.#pending !== undefined) this.#isStale = true
    this.#pending ??= this.#load().finally(() => {
      this.#pending = undefined
      if (!this.#isStale) return
      this.#isStale = false
      void this.refresh()
    })
    return this.#pending
  }

  async #load(): Promise<void> {
    try {
      this.#data.value = await this.#ask()
      this.#error.value = undefined
    } catch (error) {
      this.#error.value = error instanceof ApiError ? error : new ApiError(0, 'No answer', String(error))
    }
  }
}

export function resourceAt<Path extends keyof Answers & string>(path: Path): Resource<Answers[Path]> {
  return new Resource(() => get(path))
}

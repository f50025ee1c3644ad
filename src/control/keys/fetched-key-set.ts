import type { KeySet } from '../../runtime/credentials.ts'

/** How often a set is fetched again, in ms. */
const EVERY = 300_000
/** How long to wait after a failure: the first time, and at most, in ms. */
const FIRST_WAIT = 1000
const LONGEST_WAIT = 60_000
/** Within this time, in ms, a set is not fetched again because of a key that it does not have: anybody can make such tokens. */
const NOT_AGAIN_FOR = 10_000

export interface KeySetOwner {
  /** @throws Error with the reason */
  fetch(signal: AbortSignal): Promise<KeySet>
  /**
   * Resolves once it is in effect.
   *
   * @param isNews whether there was none before, or it could not be fetched
   */
  fetched(set: KeySet, isNews: boolean): Promise<void>
  /** Not called again until it was fetched. */
  failed(cause: string): void
}

/** One key set that is fetched at once, from time to time, and when it is asked for. */
export class FetchedKeySet {
  readonly #owner: KeySetOwner
  readonly #end = new AbortController()
  #state: 'new' | 'good' | 'failing' = 'new'
  #wait = FIRST_WAIT
  #fetching: Promise<void> | undefined
  #fetchedAt = -Infinity
  #timer: NodeJS.Timeout | undefined

  constructor(owner: KeySetOwner) {
    this.#owner = owner
    void this.#fetch()
  }

  /** Resolves once it was fetched again, or cannot be. */
  async renew(): Promise<void> {
    if (this.#fetching !== undefined) return this.#fetching
    if (performance.now() - this.#fetchedAt >= NOT_AGAIN_FOR) await this.#fetch()
  }

  close(): void {
    this.#end.abort()
    clearTimeout(this.#timer)
  }

  #fetch(): Promise<void> {
    this.#fetching ??= this.#attempt().finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  async #attempt(): Promise<void> {
    clearTimeout(this.#timer)
    const { signal } = this.#end
    try {
      const set = await this.#owner.fetch(signal)
      if (signal.aborted) return
      const isNews = this.#state !== 'good'
      this.#state = 'good'
      this.#wait = FIRST_WAIT
      this.#plan(EVERY)
      await this.#owner.fetched(set, isNews)
    } catch (error) {
      if (signal.aborted) return
      if (this.#state !== 'failing') this.#owner.failed((error as Error).message)
      this.#state = 'failing'
      this.#plan(this.#wait)
      this.#wait = Math.min(2 * this.#wait, LONGEST_WAIT)
    } finally {
      this.#fetchedAt = performance.now()
    }
  }

  #plan(wait: number): void {
    this.#timer = setTimeout(() => void this.#fetch(), wait).unref()
  }
}

/** Whether there is something new to yield: whatever notices it reports it here, and one generator waits for it. */
export class News {
  #next = Promise.withResolvers<void>()
  #failure: { readonly error: unknown } | undefined

  /** @param signal there is no more news once it is aborted */
  constructor(signal: AbortSignal) {
    const abort = () => this.fail(signal.reason)
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
  }

  report(): void {
    this.#next.resolve()
  }

  /** There is no more news, for that reason; the first one counts. */
  fail(error: unknown): void {
    this.#failure ??= { error }
    this.#next.resolve()
  }

  /** There is no more news where that fails. */
  failWith(work: Promise<unknown>): void {
    work.catch((error) => this.fail(error))
  }

  /**
   * Resolves once there is something that was not there the last time.
   *
   * @throws the reason where there is no more news
   */
  async next(): Promise<void> {
    await this.#next.promise
    if (this.#failure !== undefined) throw this.#failure.error
    this.#next = Promise.withResolvers()
  }
}

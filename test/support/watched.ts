import type { TestContext } from 'node:test'
import type { FoundServer, Provider, ServerList } from '../../src/discovery/provider.ts'

/** A provider that is being watched: its lists, one after the other. It ends with the test. */
export class Watched {
  /** Lists so far. */
  readonly lists: ServerList[] = []
  readonly #lists: AsyncIterator<ServerList>
  readonly #ends = new AbortController()
  #next: Promise<IteratorResult<ServerList>> | undefined

  constructor(test: Pick<TestContext, 'after'>, provider: Provider) {
    this.#lists = provider.watch(this.#ends.signal)[Symbol.asyncIterator]()
    test.after(() => this.#ends.abort())
  }

  /** The next list; rejects where the provider throws. */
  async next(): Promise<ServerList> {
    this.#next ??= this.#lists.next()
    const { value, done } = await this.#next
    this.#next = undefined
    if (done === true) throw new Error('the provider has ended')
    this.lists.push(value)
    return value
  }

  /** The first list, of those that follow, for which the condition holds. */
  async until(condition: (list: ServerList) => boolean): Promise<ServerList> {
    for (;;) {
      const list = await this.next()
      if (condition(list)) return list
    }
  }

  /** Whether it yields another list within that time, in ms. */
  async isQuietFor(milliseconds: number): Promise<boolean> {
    this.#next ??= this.#lists.next()
    const quiet = Symbol()
    const { promise, resolve } = Promise.withResolvers<typeof quiet>()
    const timer = setTimeout(() => resolve(quiet), milliseconds)
    const first = await Promise.race([this.#next, promise])
    clearTimeout(timer)
    return first === quiet
  }

  /** Aborts, and resolves once the provider has ended. */
  async end(): Promise<void> {
    const last = this.#next ?? this.#lists.next()
    this.#ends.abort()
    for (let result = await last; result.done !== true; ) result = await this.#lists.next()
  }
}

/** Servers in one line each: `web-1 10.0.0.1:80`, and their state where they are not ready. */
export function inLines({ servers }: { readonly servers: readonly FoundServer[] }): string[] {
  return servers.map(({ id, address, state = 'ready' }) => `${id} ${address}${state === 'ready' ? '' : ` ${state}`}`)
}

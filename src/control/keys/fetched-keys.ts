import { isDeepStrictEqual } from 'node:util'
import { keySetUrlsOf } from '../../config/filters/credentials.ts'
import type { Config } from '../../config/schema.ts'
import { parseKeySet } from '../../credentials/key-set.ts'
import type { HttpClient } from '../../discovery/http-client.ts'
import type { Log } from '../../observability/log.ts'
import type { KeySet } from '../../runtime/credentials.ts'
import { FetchedKeySet } from './fetched-key-set.ts'

/** The key sets of tokens that are fetched from URLs. What was fetched last stays in effect while a URL fails. */
export class FetchedKeys {
  /** Those that were fetched, by their URLs. */
  readonly sets = new Map<string, KeySet>()
  /** Puts other keys into effect. */
  onChange: (() => Promise<unknown>) | undefined
  readonly #log: Log
  #client: Promise<HttpClient> | undefined
  readonly #followed = new Map<string, FetchedKeySet>()
  /** Workers may ask before the first configuration is followed. */
  readonly #begun = Promise.withResolvers<void>()
  #isClosed = false

  constructor(log: Log) {
    this.#log = log
  }

  adopted({ config }: { readonly config: Config }): void {
    if (!this.#isClosed) this.follow(config)
  }

  /** Fetches the key sets of that configuration from now on, and no others. */
  follow(config: Config): void {
    const wanted = keySetUrlsOf(config)
    for (const [url, followed] of this.#followed) {
      if (wanted.has(url)) continue
      followed.close()
      this.#followed.delete(url)
      this.sets.delete(url)
    }
    for (const url of wanted) if (!this.#followed.has(url)) this.#followed.set(url, this.#open(url))
    this.#begun.resolve()
  }

  /** Fetches that set again, unless that was done a moment ago; resolves once it is in effect, or cannot be fetched. */
  async demand(url: string): Promise<void> {
    await this.#begun.promise
    await this.#followed.get(url)?.renew()
  }

  close(): void {
    this.#isClosed = true
    for (const followed of this.#followed.values()) followed.close()
    void this.#client?.then((client) => client.close())
  }

  #open(url: string): FetchedKeySet {
    return new FetchedKeySet({
      fetch: async (signal) => {
        this.#client ??= newClient()
        const { body } = await (await this.#client).ask(new URL(url), { signal, largest: LARGEST })
        return parseKeySet(url, body)
      },
      fetched: (set, isNews) => this.#take(set, isNews),
      failed: (cause) => {
        const kept = this.sets.has(url)
          ? 'those that were fetched last stay in effect'
          : 'no token is accepted until then'
        this.#log.warn(`the keys at ${url} cannot be fetched: ${cause}; ${kept}`, {
          event: 'keys-not-fetched',
          source: url,
          cause,
        })
      },
    })
  }

  async #take(set: KeySet, isNews: boolean): Promise<void> {
    const { name: source, keys } = set
    if (isNews)
      this.#log.info(`${keys.length} key(s) of tokens fetched from ${source}`, {
        event: 'keys-fetched',
        source,
        count: keys.length,
      })
    if (isDeepStrictEqual(this.sets.get(source), set)) return
    this.sets.set(source, set)
    try {
      await this.onChange?.()
    } catch (error) {
      if (this.#isClosed) return
      const { message: cause } = error as Error
      this.#log.error(`other keys of tokens are not in effect: ${cause}`, { event: 'keys-not-applied', cause })
    }
  }
}

/** Loaded where a key set is fetched only: it brings Node's client, which is large. */
async function newClient(): Promise<HttpClient> {
  const { HttpClient } = await import('../../discovery/http-client.ts')
  return new HttpClient()
}

/** How large a set may be, in bytes. */
const LARGEST = 1024 * 1024

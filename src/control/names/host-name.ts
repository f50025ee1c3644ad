import { isDeepStrictEqual } from 'node:util'
import { inOrderOfTrial } from '../../discovery/dns/address-order.ts'
import { holdFor } from '../../discovery/dns/hold.ts'
import type { Found } from '../../discovery/dns/known-here.ts'
import { now } from '../../runtime/clock.ts'

/** What a name needs of all of them. */
export interface NameOwner {
  /** What is known without the DNS; undefined if nothing is. */
  knownHere(host: string): Found | undefined
  find(host: string, signal: AbortSignal, known: Found | undefined): Promise<Found>
  /** How long an answer holds, in ms. */
  readonly ttl: { readonly least: number; readonly most: number }
  /** It was looked up: its addresses may be others. */
  looked(name: HostName): void
  failing(name: HostName, cause: string): void
  recovered(name: HostName): void
}

/** More addresses than anyone waits for are not tried. */
const MOST_ADDRESSES = 16
/** After a failure, it is looked up again after so long, in ms: each time after twice as long, up to the last. */
const FIRST_RETRY = 1000
const LAST_RETRY = 30_000
/** By which part these times differ at random, so that many names are not all looked up at once. */
const JITTER = 0.2

/** One host name, which is looked up again whenever its records expire. */
export class HostName {
  readonly host: string
  readonly #owner: NameOwner
  readonly #end = new AbortController()
  readonly #first = Promise.withResolvers<void>()
  #addresses: readonly string[]
  #known: Found | undefined
  #lookedAt = Number.NEGATIVE_INFINITY
  /** In a row. */
  #failures = 0
  #timer: NodeJS.Timeout | undefined
  /** Undefined while it is being looked up. */
  #wake: (() => void) | undefined

  /** @param addresses that it had in the process before; none if that is not known */
  constructor(host: string, addresses: readonly string[], owner: NameOwner) {
    this.host = host
    this.#owner = owner
    const here = owner.knownHere(host)
    this.#addresses = here === undefined ? addresses : inOrder(here, addresses)
    if (this.#addresses.length > 0) this.#first.resolve()
    void this.#run()
  }

  /** In the order in which they are tried; the same object for as long as they are the same. Those found last stay. */
  get addresses(): readonly string[] {
    return this.#addresses
  }

  /** Resolves once it was found, or could not be. */
  get first(): Promise<void> {
    return this.#first.promise
  }

  /** Looks it up again at once, but not more often than `ttl.least` allows, and not while the DNS fails: its server does not answer. */
  doubt(): void {
    if (this.#failures === 0) this.lookAgain()
  }

  /** Looks it up again at once, but not more often than `ttl.least` allows. */
  lookAgain(): void {
    if (this.#wake !== undefined) this.#wakeIn(Math.max(0, this.#lookedAt + this.#owner.ttl.least - now()))
  }

  close(): void {
    this.#end.abort()
    this.#wake?.()
  }

  async #run(): Promise<void> {
    const { signal } = this.#end
    while (!signal.aborted) {
      const hold = await this.#look(signal)
      if (signal.aborted) return
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      this.#wakeIn(hold)
      await promise
      clearTimeout(this.#timer)
      this.#wake = undefined
    }
  }

  #wakeIn(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#wake?.(), ms).unref()
  }

  /** Returns after how long it is to be looked up again, in ms. */
  async #look(signal: AbortSignal): Promise<number> {
    this.#lookedAt = now()
    try {
      const found = await this.#owner.find(this.host, signal, this.#known)
      this.#known = found
      const addresses = inOrder(found, this.#addresses)
      if (!isDeepStrictEqual(addresses, this.#addresses)) this.#addresses = addresses
      if (this.#failures > 0) this.#owner.recovered(this)
      this.#failures = 0
      this.#owner.looked(this)
      return holdFor(found, this.#owner.ttl)
    } catch (error) {
      if (signal.aborted) return 0
      if (this.#failures++ === 0) this.#owner.failing(this, (error as Error).message)
      return Math.min(FIRST_RETRY * 2 ** (this.#failures - 1), LAST_RETRY) * (1 + JITTER * (2 * Math.random() - 1))
    } finally {
      this.#first.resolve()
    }
  }
}

function inOrder({ addresses }: Found, before: readonly string[]): readonly string[] {
  return inOrderOfTrial(Object.values(addresses).flat(), before).slice(0, MOST_ADDRESSES)
}

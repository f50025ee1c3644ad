import { createHmac } from 'node:crypto'
import { SIP_KEY_SIZE, SipHash } from '../runtime/sip-hash.ts'
import type { Affinity as Settings } from '../runtime/snapshot.ts'
import type { Affinity, KeyedRequest, Session } from './affinity.ts'

/** A session that is nothing but its key; the policy that hashes keys says which server that belongs to. */
class KeyedSession implements Session {
  readonly high: number
  readonly low: number
  readonly key: Uint8Array
  readonly standing = 'new'
  readonly home = undefined

  constructor(high: number, low: number, key: Uint8Array) {
    this.high = high
    this.low = low
    this.key = key
  }
}

/** Part of each request ties its client to a server: an address, a header, a parameter. Nothing is remembered of it. */
export class KeyedAffinity implements Affinity {
  #settings: Settings
  /** Makes ids of keys. Clients choose keys, but not so that their ids meet. */
  readonly #hash: SipHash

  /**
   * @param secret the session table's key: of it and the upstream's name the key of the ids is made, so that alike keys of
   *   different upstreams are different sessions
   */
  constructor(settings: Settings, upstream: string, secret: Uint8Array) {
    this.#settings = settings
    this.#hash = new SipHash(createHmac('sha256', secret).update(upstream).digest().subarray(0, SIP_KEY_SIZE))
  }

  read(request: KeyedRequest): Session | undefined {
    const key = request.key(this.#settings)
    if (key.length === 0) return undefined
    this.#hash.hash(key)
    // An id of zeros stands for none.
    return new KeyedSession(this.#hash.high, this.#hash.low || 1, key)
  }

  settle(session: Session): Session {
    return session
  }

  apply(settings: Settings): boolean {
    if (settings.type !== this.#settings.type) return false
    this.#settings = settings
    return true
  }
}

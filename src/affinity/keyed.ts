import { createHmac } from 'node:crypto'
import { keyHash, keyOf } from '../runtime/key-hash.ts'
import type { SavedSession } from '../runtime/session-table/session-entries.ts'
import { SIP_KEY_SIZE, SipHash } from '../runtime/sip-hash.ts'
import type { Affinity as AnySettings } from '../runtime/snapshot.ts'
import type { Affinity, KeyedRequest, Session, Standing } from './affinity.ts'

type Settings = Extract<AnySettings, { type: 'ip-hash' | 'consistent-hash' }>

/** A session that consists of its key; the policy that hashes keys chooses its server, unless it has one. */
export class KeyedSession implements Session {
  readonly high: number
  readonly low: number
  readonly key: Uint8Array
  readonly standing: Standing
  readonly home: number | undefined

  constructor(high: number, low: number, key: Uint8Array, standing: Standing = 'new', home?: number) {
    this.high = high
    this.low = low
    this.key = key
    this.standing = standing
    this.home = home
  }
}

/**
 * Hashes what clients send to ids in the session table, so that clients, who choose it, cannot make ids collide.
 *
 * @param secret the session table's key. The hash key is derived from it and the upstream's name, so that equal keys in
 *   different upstreams are different sessions
 */
export function hashOfKeys(upstream: string, secret: Uint8Array): SipHash {
  return new SipHash(createHmac('sha256', secret).update(upstream).digest().subarray(0, SIP_KEY_SIZE))
}

/**
 * Ties a client to a server by a part of each request: an address, a header, a parameter. Nothing is remembered, but half of a
 * session's id in the table is what hash policies know of its key, so that it can be asked where the session would go.
 */
export class KeyedAffinity implements Affinity {
  #settings: Settings
  readonly #hash: SipHash

  /** @param secret the session table's key */
  constructor(settings: Settings, upstream: string, secret: Uint8Array) {
    this.#settings = settings
    this.#hash = hashOfKeys(upstream, secret)
  }

  read(request: KeyedRequest): Session | undefined {
    const key = request.key(this.#settings)
    if (key.length === 0) return undefined
    this.#hash.hash(key)
    // The id 0 stands for none.
    return new KeyedSession(this.#hash.high || 1, keyHash(this.#settings.type, key, this.#hash.low), key)
  }

  recall({ high, low }: SavedSession): Session {
    return new KeyedSession(high, low, keyOf(this.#settings.type, low))
  }

  settle(session: Session): Session {
    return session
  }

  apply(settings: AnySettings): boolean {
    if (settings.type !== 'ip-hash' && settings.type !== 'consistent-hash') return false
    if (settings.type !== this.#settings.type) return false
    this.#settings = settings
    return true
  }
}

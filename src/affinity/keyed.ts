import type { Affinity, Session, SessionRequest } from './affinity.ts'
import { sessionIdOf } from './session-id.ts'

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
  readonly #keyOf: (request: SessionRequest) => Uint8Array
  /** Tells alike keys of different upstreams apart. */
  readonly #salt: number

  /** @param keyOf the bytes of a request that are hashed; empty where it has none */
  constructor(keyOf: (request: SessionRequest) => Uint8Array, upstream: string) {
    this.#keyOf = keyOf
    this.#salt = sessionIdOf(Buffer.from(upstream), 0).low
  }

  read(request: SessionRequest): Session | undefined {
    const key = this.#keyOf(request)
    if (key.length === 0) return undefined
    const { high, low } = sessionIdOf(key, this.#salt)
    return new KeyedSession(high, low, key)
  }

  settle(session: Session): Session {
    return session
  }
}

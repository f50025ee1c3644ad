import { createHash, randomBytes } from 'node:crypto'
import type { Caller } from '../access.ts'

interface Grant {
  readonly caller: Caller
  /** In ms since 1970. */
  readonly expires: number
}

interface GrantOptions {
  /** How long one is good for, in ms. */
  readonly lifetime: number
  /** How many there may be with the same scope; the oldest gives way. So who may only read takes none from who may write. */
  readonly most: number
  /** The present, in ms since 1970. */
  readonly clock?: () => number
}

/** Secrets that stand for a caller for a while. It holds only their hashes, so that the time of a look-up says nothing of them. */
export class Grants {
  readonly lifetime: number
  readonly #most: number
  readonly #clock: () => number
  /** By hash, oldest first. */
  readonly #grants = new Map<string, Grant>()

  constructor({ lifetime, most, clock = Date.now }: GrantOptions) {
    this.lifetime = lifetime
    this.#most = most
    this.#clock = clock
  }

  /** A new secret: 256 bits, as base64url. */
  issue(caller: Caller): { readonly secret: string; readonly expires: number } {
    this.#makeRoom(caller)
    const secret = randomBytes(32).toString('base64url')
    const expires = this.#clock() + this.lifetime
    this.#grants.set(hashOf(secret), { caller, expires })
    return { secret, expires }
  }

  /** Whom a secret stands for; undefined if it was never issued, has expired or was revoked. */
  holderOf(secret: string): Caller | undefined {
    const grant = this.#grants.get(hashOf(secret))
    return grant !== undefined && grant.expires > this.#clock() ? grant.caller : undefined
  }

  revoke(secret: string): void {
    this.#grants.delete(hashOf(secret))
  }

  #makeRoom({ scope }: Caller): void {
    const now = this.#clock()
    for (const [hash, { expires }] of this.#grants) if (expires <= now) this.#grants.delete(hash)
    const peers = Array.from(this.#grants).filter(([, { caller }]) => caller.scope === scope)
    for (const [hash] of peers.slice(0, Math.max(0, peers.length + 1 - this.#most))) this.#grants.delete(hash)
  }
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64')
}

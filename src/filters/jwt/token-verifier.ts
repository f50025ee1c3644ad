import { createHmac, randomBytes } from 'node:crypto'
import type { JWTVerifyGetKey, JWTVerifyOptions } from 'jose'
import type { KeySet, TokenKey } from '../../runtime/credentials.ts'
import { BriefCache } from '../brief-cache.ts'

/** For how long a token that was verified is not verified again, in ms; never beyond its end. */
const KEPT_FOR = 60_000
const MOST_KEPT = 10_000
/** How many keys a token without the id of its key is tried with. */
const MOST_TRIED = 8

/** How tokens are to be. */
export interface TokenRules {
  readonly algorithms: readonly string[]
  /** Empty for any. */
  readonly issuers: readonly string[]
  readonly audiences: readonly string[]
  /** By how much clocks may differ, in s. */
  readonly clockSkew: number
}

/** Where the keys come from. */
export interface KeySource {
  /** Undefined: they have not been fetched yet. */
  readonly current: KeySet | undefined
  /** Resolves once they were fetched again, or cannot be. */
  renew(): Promise<void>
}

export type Claims = Readonly<Record<string, unknown>>

/** What a token says, or in plain ASCII why it is not accepted, without a part of the token. */
export type Verified = { readonly claims: Claims } | { readonly refused: string }

/** There are no keys to verify tokens with. */
export class NoKeys extends Error {}

/** Verifies signed tokens (RFC 7519). Those that were accepted are remembered for a short time, without the tokens themselves. */
export class TokenVerifier {
  readonly #clockSkew: number
  readonly #options: JWTVerifyOptions
  readonly #source: KeySource
  readonly #secret = randomBytes(32)
  #accepted: BriefCache<Claims>
  /** The keys that the accepted tokens were verified with. */
  #keys: KeySet | undefined

  constructor({ algorithms, issuers, audiences, clockSkew }: TokenRules, source: KeySource) {
    this.#clockSkew = clockSkew
    this.#options = {
      algorithms: [...algorithms],
      clockTolerance: clockSkew,
      requiredClaims: ['exp'],
      ...(issuers.length > 0 && { issuer: [...issuers] }),
      ...(audiences.length > 0 && { audience: [...audiences] }),
    }
    this.#source = source
    this.#accepted = emptyCache()
  }

  get hasKeys(): boolean {
    return this.#source.current !== undefined
  }

  /** What a token says that was accepted a short time ago. */
  remembered(token: string): Claims | undefined {
    this.#followKeys()
    return this.#accepted.get(this.#idOf(token))
  }

  /**
   * What a token says, or why it is not accepted. Signatures are verified beside the event loop.
   *
   * @throws NoKeys
   */
  async verify(token: string): Promise<Verified> {
    if (this.#source.current === undefined) await this.#source.renew()
    this.#followKeys()
    const keys = this.#keys
    if (keys === undefined) throw new NoKeys()
    const verified = await this.#verifiedWith(keys, token)
    if (verified !== 'no-key') return this.#remember(keys, token, verified)
    await this.#source.renew()
    this.#followKeys()
    const renewed = this.#keys
    if (renewed === undefined || renewed === keys) return UNKNOWN_KEY
    const again = await this.#verifiedWith(renewed, token)
    return again === 'no-key' ? UNKNOWN_KEY : this.#remember(renewed, token, again)
  }

  /** With other keys, tokens may not be accepted any more. */
  #followKeys(): void {
    if (this.#keys === this.#source.current) return
    this.#keys = this.#source.current
    this.#accepted = emptyCache()
  }

  #remember(keys: KeySet, token: string, verified: Verified): Verified {
    if ('refused' in verified || keys !== this.#keys) return verified
    const left = ((verified.claims.exp as number) + this.#clockSkew) * 1000 - Date.now()
    this.#accepted.set(this.#idOf(token), verified.claims, Math.min(KEPT_FOR, left))
    return verified
  }

  #idOf(token: string): string {
    return createHmac('sha256', this.#secret).update(token).digest('base64')
  }

  async #verifiedWith({ keys }: KeySet, token: string): Promise<Verified | 'no-key'> {
    const jose = await import('jose')
    try {
      const { payload } = await jose.jwtVerify(token, await keyFinder(keys), this.#options)
      return { claims: payload }
    } catch (error) {
      if (error instanceof jose.errors.JWKSNoMatchingKey) return 'no-key'
      if (!(error instanceof jose.errors.JWKSMultipleMatchingKeys)) return refusal(error)
      let tried = 0
      for await (const key of error) {
        if (tried++ === MOST_TRIED) break
        try {
          const { payload } = await jose.jwtVerify(token, key, this.#options)
          return { claims: payload }
        } catch (again) {
          if (!(again instanceof jose.errors.JWSSignatureVerificationFailed)) return refusal(again)
        }
      }
      return refusal(new jose.errors.JWSSignatureVerificationFailed())
    }
  }
}

const finders = new WeakMap<readonly TokenKey[], JWTVerifyGetKey>()

/** Finds the key of a token among these. It is made once, since it imports each key where that is used first. */
async function keyFinder(keys: readonly TokenKey[]): Promise<JWTVerifyGetKey> {
  const known = finders.get(keys)
  if (known !== undefined) return known
  const finder = finderOf(keys, await import('jose'))
  finders.set(keys, finder)
  return finder
}

function finderOf(keys: readonly TokenKey[], { createLocalJWKSet }: typeof import('jose')): JWTVerifyGetKey {
  const [first] = keys
  if (first?.kty === 'oct') {
    const secret = Buffer.from(first.k ?? '', 'base64url')
    return () => secret
  }
  const find = createLocalJWKSet({ keys: keys.map((key) => ({ ...key })) })
  if (keys.some(({ kid }) => kid !== undefined)) return find
  // Keys in PEM have no ids, whatever the token calls its key.
  return ({ kid: _, ...header }, token) => find(header, token)
}

const UNKNOWN_KEY: Verified = { refused: 'it is signed with a key that is not known' }

const reasons: Readonly<Record<string, string>> = {
  ERR_JWT_EXPIRED: 'it has expired',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'its signature is wrong',
  ERR_JOSE_ALG_NOT_ALLOWED: 'it is signed by an algorithm that is not accepted',
  ERR_JOSE_NOT_SUPPORTED: 'it is signed in a way that is not supported',
}

const ofClaims: Readonly<Record<string, string>> = {
  exp: 'it has no valid end (exp)',
  nbf: 'it is not valid yet',
  iss: 'its issuer is not accepted',
  aud: 'it is for another audience',
}

/** Errors of jose may quote the token, so that none of their texts is passed on. */
function refusal(error: unknown): Verified {
  const { code = '', claim } = error as { readonly code?: string; readonly claim?: string }
  if (claim !== undefined && code !== 'ERR_JWT_EXPIRED')
    return { refused: ofClaims[claim] ?? 'its claims are not valid' }
  return { refused: reasons[code] ?? 'it is malformed' }
}

function emptyCache(): BriefCache<Claims> {
  return new BriefCache(MOST_KEPT, () => performance.now())
}

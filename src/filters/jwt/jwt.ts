import { Failure } from '../../exchange/failure.ts'
import type { Filter, Rehearsed, Verdict } from '../../exchange/filter.ts'
import type { FilteredRequest } from '../../exchange/filtered-request.ts'
import type { WorkerContext } from '../../exchange/worker-context.ts'
import { claimNamed, claimText } from '../../runtime/claim-text.ts'
import type { JwtSettings } from '../../runtime/filter-settings.ts'
import { quoted, unauthorized } from '../challenge.ts'
import { type FoundToken, passToken, tokenIn } from './found-token.ts'
import { type Claims, NoKeys, TokenVerifier } from './token-verifier.ts'

/** The largest claim that a server gets in a header, in bytes. */
const LARGEST_CLAIM = 4096

/** Lets requests with a valid token through (RFC 7519, RFC 6750). */
export class Jwt implements Filter {
  readonly name = 'jwt'
  readonly #settings: JwtSettings
  readonly #verifier: TokenVerifier
  readonly #realm: string

  constructor(settings: JwtSettings, context: WorkerContext) {
    this.#settings = settings
    this.#realm = `Bearer realm=${quoted(settings.realm)}`
    const { algorithms, issuers, audiences, clockSkew, keys, areKeysFetched } = settings
    this.#verifier = new TokenVerifier(
      { algorithms, issuers, audiences, clockSkew: clockSkew / 1000 },
      {
        get current() {
          return context.generation.snapshot.keySets?.find(({ name }) => name === keys)
        },
        renew: async () => {
          if (areKeysFetched) await context.renewKeys(keys)
        },
      },
    )
  }

  request(request: FilteredRequest): Verdict | Promise<Verdict> {
    const found = tokenIn(request, this.#settings.from)
    if (found === undefined) {
      request.note(this.name, 'there is no token')
      // Without credentials, no error is named (RFC 6750 §3.1).
      return unauthorized(this.#realm, 'there is no token')
    }
    const claims = this.#verifier.remembered(found.token)
    return claims === undefined ? this.#verify(request, found) : this.#admit(request, found, claims)
  }

  rehearse(request: FilteredRequest): Rehearsed | Promise<Rehearsed> {
    const isThere = tokenIn(request, this.#settings.from) !== undefined
    if (!isThere || this.#verifier.hasKeys) return this.request(request)
    request.note(this.name, `the token decides, and ${this.#settings.keys} has given no keys to verify it with`)
    return 'open'
  }

  async #verify(request: FilteredRequest, found: FoundToken): Promise<Verdict> {
    try {
      const verified = await this.#verifier.verify(found.token)
      return 'claims' in verified
        ? this.#admit(request, found, verified.claims)
        : this.#refuse(request, `the token is refused: ${verified.refused}`)
    } catch (error) {
      if (!(error instanceof NoKeys)) throw error
      const why = `${this.#settings.keys} has given no keys yet`
      request.note(this.name, why)
      return new Failure('auth-unavailable', why)
    }
  }

  #admit(request: FilteredRequest, found: FoundToken, claims: Claims): Verdict {
    const { from, require, headers, forward } = this.#settings
    const missing = require.find(({ claim, values }) => !hasOneOf(claim, claimNamed(claims, claim), values))
    if (missing !== undefined)
      return this.#forbid(request, `the token has not what is required of its claim ${missing.claim}`)
    const texts = headers.map(({ claim }) => claimText(claimNamed(claims, claim)))
    const large = texts.findIndex((text) => text !== undefined && text.length > LARGEST_CLAIM)
    if (large >= 0)
      return this.#forbid(request, `the claim ${headers[large]!.claim} is larger than ${LARGEST_CLAIM} bytes`)
    passToken(request, from, forward ? found : undefined)
    for (const [index, { name }] of headers.entries()) {
      request.edits.remove(name)
      const text = texts[index]
      if (text !== undefined) request.edits.add(name, text)
    }
    request.claims = claims
    request.user = claimText(claims.sub)
    request.note(this.name, 'the token is valid')
    return undefined
  }

  #refuse(request: FilteredRequest, why: string): Failure {
    request.note(this.name, why)
    return unauthorized(`${this.#realm}, error="invalid_token", error_description=${quoted(why)}`, why)
  }

  #forbid(request: FilteredRequest, why: string): Failure {
    request.note(this.name, why)
    return new Failure('forbidden', why, { lines: [`WWW-Authenticate: ${this.#realm}, error="insufficient_scope"`] })
  }
}

/** Whether a claim is one of these values, or has one of them in its list or, as a scope does, among its words. */
function hasOneOf(name: string, claim: unknown, values: readonly unknown[]): boolean {
  if (claim === undefined || claim === null) return false
  if (values.length === 0) return true
  const isScope = typeof claim === 'string' && SCOPE.test(name)
  const found: readonly unknown[] = Array.isArray(claim) ? claim : isScope ? [claim, ...claim.split(' ')] : [claim]
  return found.some((each) => values.includes(each))
}

/** The claims that are lists of words (RFC 8693 §4.2, and Microsoft's name for it). Users choose the words of others, such as names. */
const SCOPE = /(?:^|\.)(?:scope|scp)$/

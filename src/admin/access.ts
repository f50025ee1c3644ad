import { createHash, timingSafeEqual } from 'node:crypto'
import { OperationRefused } from './operation-refused.ts'
import type { Author } from './operations.ts'

/** What a caller may do: read, or also change things. */
export type Scope = 'read' | 'write'

export interface Token {
  readonly name: string
  readonly scope: Scope
  readonly value: string
}

/** Who asks, and what they may do. */
export interface Caller extends Author {
  readonly scope: Scope
}

/** Who may ask what. */
export interface AccessRules {
  readonly tokens: readonly Token[]
  /** Who asks without a token; undefined where each request needs one. */
  readonly anyone: Caller | undefined
  /** Where to find a token, for the answer to a caller who needs one. */
  readonly hint: string
}

/** Identifies callers by their tokens, of which it holds only the hashes. */
export class Access {
  readonly #tokens: readonly { readonly caller: Caller; readonly hash: Buffer }[]
  readonly #anyone: Caller | undefined
  readonly #hint: string

  constructor({ tokens, anyone, hint }: AccessRules) {
    this.#tokens = tokens.map(({ name, scope, value }) => ({ caller: { name, scope }, hash: hashOf(value) }))
    this.#anyone = anyone
    this.#hint = hint
  }

  /**
   * @param authorization the header of that name
   * @param without who may ask without a token: anyone whom the rules allow to, or nobody
   * @throws OperationRefused if the token is missing or wrong
   */
  callerOf(authorization: string | undefined, without: 'anyone' | 'nobody'): Caller {
    if (authorization === undefined) {
      if (without === 'nobody') throw new OperationRefused('unauthorized', 'sign in with a link of limpet dashboard')
      if (this.#anyone !== undefined) return this.#anyone
      throw new OperationRefused('unauthorized', `each request needs a token: ${this.#hint}`)
    }
    const [, token] = /^Bearer +([\w.~+/-]+=*) *$/i.exec(authorization) ?? []
    const caller = token === undefined ? undefined : this.#holderOf(token)
    if (caller !== undefined) return caller
    throw new OperationRefused('unauthorized', `this is not a valid token: ${this.#hint}`)
  }

  /** @throws OperationRefused if the caller may only read */
  assertMay(scope: Scope, caller: Caller): void {
    if (scope === 'read' || caller.scope === 'write') return
    if (caller === this.#anyone) throw new OperationRefused('unauthorized', `this needs a token: ${this.#hint}`)
    throw new OperationRefused('forbidden', `the token ${caller.name} may only read; this needs one of scope write`)
  }

  /** Compares with every token, so that the time does not depend on which one it is. */
  #holderOf(token: string): Caller | undefined {
    const hash = hashOf(token)
    let holder: Caller | undefined
    for (const { caller, hash: known } of this.#tokens) if (timingSafeEqual(hash, known)) holder = caller
    return holder
  }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

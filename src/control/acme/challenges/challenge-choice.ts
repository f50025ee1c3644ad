import { isIP } from 'node:net'
import type { ChallengeType } from '../protocol/authority-settings.ts'

/** By which kind of challenge a host is to be proven next: what has worked once is tried first, and what has failed last. */
export class ChallengeChoice {
  readonly #host: string
  #kinds: readonly ChallengeType[]

  /** @param kinds in order of preference */
  constructor(host: string, kinds: readonly ChallengeType[]) {
    this.#host = host
    // A name with a wildcard needs a record in the DNS, and an address has none.
    const isWildcard = host.startsWith('*.')
    const isAddress = isIP(host) > 0
    this.#kinds = kinds.filter((each) => (isWildcard ? each === 'dns-01' : each !== 'dns-01' || !isAddress))
  }

  /** How many kinds are possible. */
  get size(): number {
    return this.#kinds.length
  }

  /** @throws Error where none is possible, which says what to set */
  get next(): ChallengeType {
    const [kind] = this.#kinds
    if (kind !== undefined) return kind
    const isWildcard = this.#host.startsWith('*.')
    throw new Error(
      isWildcard
        ? 'a wildcard can only be proven by dns-01, and acme has no dns.command'
        : 'acme.challenges has no kind that can prove it',
    )
  }

  worked(kind: ChallengeType): void {
    if (this.#kinds.includes(kind)) this.#kinds = [kind, ...this.#others(kind)]
  }

  failed(kind: ChallengeType): void {
    this.#kinds = [...this.#others(kind), kind]
  }

  #others(kind: ChallengeType): ChallengeType[] {
    return this.#kinds.filter((each) => each !== kind)
  }
}

import type { FilteredRequest } from '../exchange/filtered-request.ts'
import { claimNamed, claimText } from '../runtime/claim-text.ts'
import type { KeyedLimitSettings, LimitPart } from '../runtime/filter-settings.ts'
import { isAddress } from '../runtime/ip-address.ts'
import type { LimitKey } from '../runtime/keyed-limits/limit-key.ts'
import type { KeyedLimits } from '../runtime/keyed-limits.ts'

/** Of a request without what its limit counts by. */
export const NOT_LIMITED = 'does not count it: it has not what is counted by'

/** Parts that are text. */
type TextPart = Exclude<LimitPart, { from: 'client.address' | 'session' }>

/** By which key a limit counts a request. */
export class LimitSubject {
  /** Of the last request that `of` was asked about: the id of its key. */
  high = 0
  low = 0
  readonly #settings: KeyedLimitSettings
  readonly #key: LimitKey
  /** What all keys of the limit begin with. */
  readonly #nameHigh: number
  readonly #nameLow: number
  readonly #network = new Uint8Array(16)

  constructor(settings: KeyedLimitSettings, { key }: KeyedLimits) {
    this.#settings = settings
    this.#key = key
    key.begin(0, 0)
    key.addText(settings.name)
    this.#nameHigh = key.high
    this.#nameLow = key.low
  }

  /** Whether a request is limited. */
  of(request: FilteredRequest): boolean {
    const { by, limitsMissing } = this.#settings
    const key = this.#key
    key.begin(this.#nameHigh, this.#nameLow)
    for (const part of by) {
      if (this.#add(part, request)) continue
      if (!limitsMissing) return false
      key.addNothing()
    }
    this.high = key.high
    this.low = key.low
    return true
  }

  /** Returns false if the request does not have that part. */
  #add(part: LimitPart, request: FilteredRequest): boolean {
    switch (part.from) {
      case 'client.address':
        return this.#addAddress(request)
      case 'session':
        return this.#addSession(request)
      default: {
        // A server may read another one than is counted here: who sends several, each time another, would never be refused.
        if (part.from === 'header' && request.repeatsHeader(part.name)) {
          this.#key.addNothing()
          return true
        }
        const text = textOf(part, request)
        if (text === undefined) return false
        this.#key.addText(text)
        return true
      }
    }
  }

  #addAddress({ clientAddress }: FilteredRequest): boolean {
    const { octets } = clientAddress
    if (!isAddress(clientAddress)) return false
    if (octets.length === 4) this.#key.add(octets)
    else this.#key.add(this.#networkOf(octets))
    return true
  }

  /** An address of IPv6 without the bits that do not count. */
  #networkOf(octets: Uint8Array): Uint8Array {
    const { ipv6Prefix } = this.#settings
    for (let at = 0; at < 16; at++) {
      this.#network[at] = octets[at]! & (0xff00 >> Math.min(8, Math.max(0, ipv6Prefix - 8 * at)))
    }
    return this.#network
  }

  /** Only a session that is known, or that any value of the key begins, tells clients apart. */
  #addSession(request: FilteredRequest): boolean {
    const session = request.session
    if (session === undefined || (session.high === 0 && session.low === 0)) return false
    if (session.standing !== 'known' && session.key === undefined) return false
    this.#key.addId(session.high, session.low)
    return true
  }
}

/** Its text in a request; undefined if that does not have it. */
export function textOf(part: TextPart, request: FilteredRequest): string | undefined {
  switch (part.from) {
    case 'user':
      return request.user
    case 'header':
      return request.header(part.name)
    case 'cookie':
      return request.cookie(part.name)
    case 'query':
      return request.query(part.name)
    case 'claim':
      return request.claims && claimText(claimNamed(request.claims, part.name))
  }
}

import { authorityOf, pathOf } from '../../exchange/received-request.ts'
import { RequestView } from '../../exchange/request-view.ts'
import { RequestHead } from '../../http1/request-head.ts'
import { normaliseHost } from '../../routing/host.ts'
import type { IpAddress } from '../../runtime/ip-address.ts'
import type { Snapshot } from '../../runtime/snapshot.ts'
import { USER_HEADER } from './log-snapshot.ts'
import type { LoggedRequest } from './logged-request.ts'

/** A request of a log as its client sends it, without its cookies. */
export interface UserRequest {
  readonly time: number
  readonly address: IpAddress
  readonly isSecure: boolean
  /** The lines of its head, each with its line end. */
  readonly lines: string
}

/** @param user a name for the user, which stands for what logs do not have */
export function userRequest(logged: LoggedRequest, address: IpAddress, host: string, user: string): UserRequest {
  const { method, target, userAgent, time, isSecure = false } = logged
  // Only HTTP/1.0 lets a request do without a host.
  const first = host === '' ? `${method} ${target} HTTP/1.0\r\n` : `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n`
  const agent = userAgent === '' ? '' : `User-Agent: ${userAgent}\r\n`
  return { time, address, isSecure, lines: `${first}${agent}${USER_HEADER}: ${user}\r\n` }
}

/** The same, in memory of its own. */
export function detached({ time, address, isSecure, lines }: UserRequest): UserRequest {
  return {
    time,
    isSecure,
    lines: detachedText(lines),
    address: { text: detachedText(address.text), octets: address.octets.slice() },
  }
}

/** The same text in memory of its own: a part of a longer text keeps all of that, such as a chunk of a log. */
export function detachedText(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}

/** Reads requests as a worker does, one after the other. */
export class UserRequestReader {
  readonly #head = new RequestHead()
  readonly #view = new RequestView(this.#head)
  readonly #limits: Snapshot['limits']

  /** @param listener the name by which routes know that of all requests; empty for none */
  constructor(limits: Snapshot['limits'], listener = '') {
    this.#limits = limits
    this.#view.listener = listener
  }

  /**
   * The request with those further lines; it lasts until the next one. Undefined if Limpet would not read it.
   */
  read({ address, lines }: UserRequest, more: string): RequestView | undefined {
    try {
      this.#head.parse(Buffer.from(`${lines}${more}\r\n`, 'latin1'), 0, this.#limits)
    } catch {
      return undefined
    }
    const path = pathOf(this.#head)
    if (path === undefined) return undefined
    this.#view.path = path
    this.#view.address = address
    return this.#view
  }

  /** The host of the last request, as routes know it. */
  get host(): string {
    return normaliseHost(authorityOf(this.#head))
  }
}

import { randomBytes } from 'node:crypto'
import { TICKET_KEY_BYTES } from '../../certificates/ticket-key.ts'

/** How long a key is used, in ms: recorded connections whose tickets it encrypts cannot be read once it is forgotten. */
const USED_FOR = 24 * 3600 * 1000

/** A key of session tickets as one process hands it to the next. */
export interface TicketKey {
  /** In base64. */
  readonly key: string
  /** Since when it is used, in ms since 1970. */
  readonly since: number
}

/**
 * The key with which TLS session tickets are encrypted: random, only in memory, and another one each day. A client with a ticket
 * of the former key makes one full handshake.
 */
export class TicketKeys {
  #key: Uint8Array
  #since: number

  /** @param inherited from the process that this one replaces */
  constructor(inherited?: TicketKey) {
    this.#key = inherited === undefined ? newKey() : new Uint8Array(Buffer.from(inherited.key, 'base64'))
    this.#since = inherited?.since ?? Date.now()
  }

  get current(): Uint8Array {
    return this.#key
  }

  /** For the process that replaces this one. */
  get inheritance(): TicketKey {
    return { key: Buffer.from(this.#key).toString('base64'), since: this.#since }
  }

  /** Until the key is to be replaced, in ms; not below 0. */
  get timeLeft(): number {
    return Math.max(0, this.#since + USED_FOR - Date.now())
  }

  rotate(): void {
    this.#key = newKey()
    this.#since = Date.now()
  }
}

function newKey(): Uint8Array {
  return new Uint8Array(randomBytes(TICKET_KEY_BYTES))
}

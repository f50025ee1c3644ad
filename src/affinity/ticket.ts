import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto'

/** The content of a cookie. Times are in s since 1970. */
export interface Ticket {
  /** The session's id, as two Int32. */
  readonly high: number
  readonly low: number
  /** A tag for the server: see `TicketSeal.tagOf`. */
  readonly tag: string
  readonly begunAt: number
  readonly seenAt: number
}

const VERSION = 1
const Offset = { Version: 0, Id: 1, Tag: 9, BegunAt: 17, SeenAt: 21, Mac: 25 } as const
const TAG_LENGTH = 8
const MAC_LENGTH = 16
const LENGTH = Offset.Mac + MAC_LENGTH
const TEXT_LENGTH = Math.ceil((LENGTH * 8) / 6)
const TEXT = /^[A-Za-z0-9_-]+$/

/**
 * Signs and verifies tickets with one secret. A ticket is 25 bytes and the first 16 of their HMAC-SHA-256 (RFC 2104),
 * in base64url (RFC 4648 §5). The key is derived from the secret and the upstream's name, so that one upstream's
 * tickets are invalid in another.
 */
export class TicketSeal {
  readonly #key: KeyObject

  constructor(secret: string, upstream: string) {
    this.#key = createSecretKey(createHmac('sha256', secret).update(`limpet ticket 1\0${upstream}`).digest())
  }

  /** The tag of a server in tickets: the same for every replica with the secret, and meaningless without it. */
  tagOf(server: string): string {
    const digest = createHmac('sha256', this.#key).update(`server\0${server}`).digest()
    return digest.toString('latin1', 0, TAG_LENGTH)
  }

  write({ high, low, tag, begunAt, seenAt }: Ticket): string {
    const bytes = Buffer.alloc(LENGTH)
    bytes[Offset.Version] = VERSION
    bytes.writeInt32BE(high, Offset.Id)
    bytes.writeInt32BE(low, Offset.Id + 4)
    bytes.write(tag, Offset.Tag, 'latin1')
    bytes.writeUInt32BE(begunAt, Offset.BegunAt)
    bytes.writeUInt32BE(seenAt, Offset.SeenAt)
    this.#macOf(bytes).copy(bytes, Offset.Mac, 0, MAC_LENGTH)
    return bytes.toString('base64url')
  }

  /** Undefined if the text was not signed with this secret. */
  read(text: string): Ticket | undefined {
    if (text.length !== TEXT_LENGTH || !TEXT.test(text)) return undefined
    const bytes = Buffer.from(text, 'base64url')
    const mac = this.#macOf(bytes).subarray(0, MAC_LENGTH)
    if (!timingSafeEqual(mac, bytes.subarray(Offset.Mac)) || bytes[Offset.Version] !== VERSION) return undefined
    return {
      high: bytes.readInt32BE(Offset.Id),
      low: bytes.readInt32BE(Offset.Id + 4),
      tag: bytes.toString('latin1', Offset.Tag, Offset.Tag + TAG_LENGTH),
      begunAt: bytes.readUInt32BE(Offset.BegunAt),
      seenAt: bytes.readUInt32BE(Offset.SeenAt),
    }
  }

  #macOf(bytes: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(bytes.subarray(0, Offset.Mac)).digest()
  }
}

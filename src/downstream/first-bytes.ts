import type { WorkerContext } from '../exchange/worker-context.ts'
import { PREFACE } from '../http2/frames/frame-type.ts'
import type { Ends } from '../transport/ends.ts'
import type { ClientSocket } from './client-socket.ts'
import type { Entrance } from './entrance.ts'
import { NewConnection, type NewConnectionOwner } from './new-connection.ts'

export interface FirstBytesOwner extends NewConnectionOwner {
  /** The client's protocol is known. `bytes` is what it has sent so far. */
  chosen(first: FirstBytes, isHttp2: boolean, bytes: Buffer): void
}

const LF = 0x0a
/** At the end of every request line of HTTP/1.1. */
const HTTP = Buffer.from(' HTTP/')

/** A connection on a listener with `h2c`, until its first bytes show which version of HTTP its client speaks (RFC 9113 §3.3). */
export class FirstBytes extends NewConnection {
  declare protected readonly owner: FirstBytesOwner
  /** How many bytes of the preface of HTTP/2 have come. */
  #matched = 0

  constructor(socket: ClientSocket, entrance: Entrance, ends: Ends, context: WorkerContext, owner: FirstBytesOwner) {
    super(socket, entrance, ends, context, owner, context.generation.snapshot.timeouts.head)
  }

  override whenRead(bytes: Buffer): void {
    const before = this.#matched
    let at = 0
    while (at < bytes.length && this.#matched < PREFACE.length) {
      if (bytes[at] !== PREFACE[this.#matched]) return this.#choose(before === 0 && isNeither(bytes), before, bytes)
      at++
      this.#matched++
    }
    if (this.#matched === PREFACE.length) this.#choose(true, before, bytes)
  }

  /** @param before how many bytes of the preface came before `bytes` */
  #choose(isHttp2: boolean, before: number, bytes: Buffer): void {
    const all = before === 0 ? bytes : Buffer.concat([PREFACE.subarray(0, before), bytes])
    this.owner.chosen(this.leave(), isHttp2, all)
  }

  override expire(): void {
    this.socket.destroy()
  }

  override whenEnded(): void {
    this.socket.destroy()
  }
}

/**
 * Whether a first line is there that names no version of HTTP. It is taken for a preface of HTTP/2 that is not valid, so that the
 * connection ends with PROTOCOL_ERROR (RFC 9113 §3.4).
 */
function isNeither(bytes: Buffer): boolean {
  const lineEnd = bytes.indexOf(LF)
  return lineEnd >= 0 && !bytes.subarray(0, lineEnd).includes(HTTP)
}

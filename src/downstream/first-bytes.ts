import type { WorkerContext } from '../exchange/worker-context.ts'
import { PREFACE } from '../http2/frames/frame-type.ts'
import { Timed } from '../runtime/deadlines.ts'
import type { IpAddress } from '../runtime/ip-address.ts'
import type { Ends } from '../transport/ends.ts'
import { own, type SocketOwner } from '../transport/socket-owner.ts'
import type { ClientSocket, SocketReader } from './client-socket.ts'
import type { Entrance } from './entrance.ts'

/** What accepted the connection. */
export interface FirstBytesOwner {
  /** The client's protocol is known. `bytes` is what it has sent so far. */
  chosen(first: FirstBytes, isHttp2: boolean, bytes: Buffer): void
  closed(first: FirstBytes): void
}

const LF = 0x0a
/** At the end of every request line of HTTP/1.1. */
const HTTP = Buffer.from(' HTTP/')

/** A connection on a listener with `h2c`, until its first bytes show which version of HTTP its client speaks (RFC 9113 §3.3). */
export class FirstBytes extends Timed implements SocketReader, SocketOwner {
  readonly socket: ClientSocket
  readonly entrance: Entrance
  readonly ends: Ends
  readonly #context: WorkerContext
  readonly #owner: FirstBytesOwner
  /** How many bytes of the preface of HTTP/2 have come. */
  #matched = 0

  constructor(socket: ClientSocket, entrance: Entrance, ends: Ends, context: WorkerContext, owner: FirstBytesOwner) {
    super()
    this.socket = socket
    this.entrance = entrance
    this.ends = ends
    this.#context = context
    this.#owner = owner
    socket.reader = this
    own(socket, this)
    context.deadlines.set(this, context.generation.snapshot.timeouts.head)
  }

  get peer(): IpAddress {
    return this.ends.source.address
  }

  whenRead(bytes: Buffer): void {
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
    this.#context.deadlines.remove(this)
    const all = before === 0 ? bytes : Buffer.concat([PREFACE.subarray(0, before), bytes])
    this.#owner.chosen(this, isHttp2, all)
  }

  override expire(): void {
    this.socket.destroy()
  }

  /** The program is about to stop. */
  stop(): void {
    this.socket.destroy()
  }

  /** Another process, or another worker, takes the next connections. */
  drain(): void {}

  whenEnded(): void {
    this.socket.destroy()
  }

  whenClosed(): void {
    this.#context.deadlines.remove(this)
    this.#owner.closed(this)
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

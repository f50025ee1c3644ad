import type { WorkerContext } from '../exchange/worker-context.ts'
import { decodeProxyHeader, type ProxyHeader, ProxyHeaderError } from '../proxy-protocol/proxy-header.ts'
import { Timed } from '../runtime/deadlines.ts'
import { UNKNOWN_ADDRESS } from '../runtime/ip-address.ts'
import { type Ends, endsOf } from '../transport/ends.ts'
import { own, type SocketOwner } from '../transport/socket-owner.ts'
import type { ClientSocket, SocketReader } from './client-socket.ts'
import type { Entrance } from './entrance.ts'

/** What accepted the connection. */
export interface ArrivalOwner {
  /** The PROXY header has been read: these are the connection's ends. `rest` is what came after it. */
  introduced(arrival: Arrival, ends: Ends, rest: Buffer): void
  closed(arrival: Arrival): void
}

/** A connection on a listener with `proxyProtocol`, until its PROXY header has been read. */
export class Arrival extends Timed implements SocketReader, SocketOwner {
  readonly socket: ClientSocket
  readonly entrance: Entrance
  /** Not known yet. */
  readonly peer = UNKNOWN_ADDRESS
  /** The proxy's and the listener's. */
  readonly #ends: Ends
  readonly #context: WorkerContext
  readonly #owner: ArrivalOwner
  #bytes: Buffer | undefined

  constructor(socket: ClientSocket, entrance: Entrance, context: WorkerContext, owner: ArrivalOwner) {
    super()
    this.socket = socket
    this.entrance = entrance
    this.#ends = endsOf(socket, entrance.listener)
    this.#context = context
    this.#owner = owner
    socket.reader = this
    own(socket, this)
    context.deadlines.set(this, context.generation.snapshot.timeouts.head)
  }

  /** The program is about to stop. */
  stop(): void {
    this.socket.destroy()
  }

  /** Another process, or another worker, takes the next connections. */
  drain(): void {}

  override expire(): void {
    this.#refuse('its PROXY header did not come in time')
  }

  whenRead(bytes: Buffer): void {
    // The next read overwrites these bytes.
    this.#bytes = this.#bytes === undefined ? Buffer.from(bytes) : Buffer.concat([this.#bytes, bytes])
    try {
      const header = decodeProxyHeader(this.#bytes)
      if (header !== undefined) this.#introduce(header, this.#bytes.subarray(header.length))
    } catch (error) {
      if (!(error instanceof ProxyHeaderError)) throw error
      this.#refuse(error.message)
    }
  }

  /** Hands the connection on, with the ends that the header names, if any: only a trusted proxy may name others. */
  #introduce({ ends, isSecure }: ProxyHeader, rest: Buffer): void {
    const mayIntroduce = this.#context.generation.trustedProxies?.include(this.#ends.source.address) ?? true
    if (ends !== undefined && !mayIntroduce) return this.#refuse('it speaks for others, and is not a trusted proxy')
    this.#context.deadlines.remove(this)
    this.#owner.introduced(
      this,
      ends === undefined ? this.#ends : { ...this.#ends, ...ends, port: ends.destination.port, isSecure },
      rest,
    )
  }

  /** Closes the connection, and reports why; not where nothing was sent at all, as by some health checks. */
  #refuse(cause: string): void {
    this.socket.destroy()
    if (this.#bytes === undefined) return
    this.#context.notices.connectionRefused(this.entrance.listener, this.#ends.source.address.text, cause)
  }

  whenEnded(): void {
    this.#refuse('it ended within its PROXY header')
  }

  whenClosed(): void {
    this.#context.deadlines.remove(this)
    this.#owner.closed(this)
  }
}

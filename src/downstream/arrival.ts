import type { WorkerContext } from '../exchange/worker-context.ts'
import { decodeProxyHeader, type ProxyHeader, ProxyHeaderError } from '../proxy-protocol/proxy-header.ts'
import { type IpAddress, UNKNOWN_ADDRESS } from '../runtime/ip-address.ts'
import { type Ends, endsOf } from '../transport/ends.ts'
import type { ClientSocket } from './client-socket.ts'
import type { Entrance } from './entrance.ts'
import { NewConnection, type NewConnectionOwner } from './new-connection.ts'

export interface ArrivalOwner extends NewConnectionOwner {
  /** The PROXY header has been read: these are the connection's ends. `rest` is what came after it. */
  introduced(arrival: Arrival, ends: Ends, rest: Buffer): void
}

/** A connection on a listener with `proxyProtocol`, until its PROXY header has been read. Its ends are the proxy's and the listener's. */
export class Arrival extends NewConnection {
  declare protected readonly owner: ArrivalOwner
  #bytes: Buffer | undefined

  constructor(socket: ClientSocket, entrance: Entrance, context: WorkerContext, owner: ArrivalOwner) {
    super(
      socket,
      entrance,
      endsOf(socket, entrance.listener),
      context,
      owner,
      context.generation.snapshot.timeouts.head,
    )
  }

  /** Not known yet. */
  override get peer(): IpAddress {
    return UNKNOWN_ADDRESS
  }

  override expire(): void {
    this.#refuse('its PROXY header did not come in time')
  }

  override whenRead(bytes: Buffer): void {
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
    const mayIntroduce = this.context.generation.trustedProxies?.include(this.ends.source.address) ?? true
    if (ends !== undefined && !mayIntroduce) return this.#refuse('it speaks for others, and is not a trusted proxy')
    this.owner.introduced(
      this.leave(),
      ends === undefined ? this.ends : { ...this.ends, ...ends, port: ends.destination.port, isSecure },
      rest,
    )
  }

  /** Closes the connection, and reports why; not where nothing was sent at all, as by some health checks. */
  #refuse(cause: string): void {
    this.socket.destroy()
    if (this.#bytes === undefined) return
    this.context.notices.connectionRefused(this.entrance.listener, this.ends.source.address.text, cause)
  }

  override whenEnded(): void {
    this.#refuse('it ended within its PROXY header')
  }
}

import type { Socket } from 'node:net'
import { now } from '../clock.ts'
import { CR, LF } from '../http1/bytes.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { IpAddress } from '../ip-address.ts'
import type { ClientSocket } from './client-socket.ts'
import type { DataPlane } from './data-plane.ts'
import { Timed } from './deadlines.ts'
import type { Ends } from './ends.ts'
import { errorPage } from './error-page.ts'
import { Exchange } from './exchange.ts'
import { Failure, failureOf } from './failure.ts'
import { PrivatePools } from './private-pools.ts'
import { makeRequestId } from './request-id.ts'
import { TrustedPeer } from './trusted-peer.ts'

const owner = Symbol('owner')
type OwnedSocket = ClientSocket & { [owner]: ClientConnection }

const NOTHING = Buffer.alloc(0)

/** How long a connection that is being closed may take to say goodbye, in ms (nginx's lingering_timeout). */
const LINGER = 5000

/** How much is read of what follows a request's head while that waits in a queue, in bytes. */
const MOST_UNREAD_IN_QUEUE = 16 * 1024

/** What the connection's deadline is for. */
type Awaiting = 'head' | 'next request' | 'body' | 'drain' | 'goodbye' | 'nothing'

/**
 * A client's connection: reads one request after another, in order, and hands each to an Exchange. It takes no more
 * from the socket than the exchange in hand can use.
 */
export class ClientConnection extends Timed {
  readonly socket: ClientSocket
  readonly ends: Ends
  /** Where there is a trusted proxy at the other end. */
  readonly trustedPeer: TrustedPeer | undefined
  readonly #plane: DataPlane
  #privatePools: PrivatePools | undefined
  #exchange: Exchange | undefined
  /** Bytes that have arrived and that nobody has taken, from `#at` on. */
  #unread: Buffer | undefined
  #at = 0
  #requests = 0
  #advancing = false
  #clientEnded = false
  #closing = false
  #awaiting: Awaiting = 'nothing'
  /** What was still unsent when the deadline for a slow reader was set. */
  #unsent = 0

  constructor(socket: ClientSocket, ends: Ends, plane: DataPlane) {
    super()
    this.socket = socket
    this.ends = ends
    this.#plane = plane
    const { address } = ends.source
    this.trustedPeer = plane.trustedProxies?.include(address)
      ? new TrustedPeer(address, plane.trustedProxies)
      : undefined
    ;(socket as OwnedSocket)[owner] = this
    socket.whenRead = onRead
    socket.on('drain', onDrain)
    socket.on('end', onEnd)
    socket.on('error', onError)
    socket.on('close', onClose)
    this.#awaitWhatIsDue()
  }

  /** The address at the other end. */
  get peer(): IpAddress {
    return this.ends.source.address
  }

  /** Whose request it is: the peer's, unless that is a trusted proxy, and names another. */
  clientOf(head: RequestHead): IpAddress {
    return this.trustedPeer === undefined ? this.peer : this.trustedPeer.clientOf(head)
  }

  /** Whether the client came by HTTPS, as far as a trusted proxy says so. */
  isSecure(head: RequestHead): boolean {
    return this.trustedPeer?.saysSecure(head) ?? this.ends.isSecure
  }

  /** Connections to servers that are this client's alone. */
  get privatePools(): PrivatePools {
    this.#privatePools ??= new PrivatePools()
    return this.#privatePools
  }

  /** Whether another request may follow the one in hand. */
  get mayPersist(): boolean {
    const most = this.#plane.snapshot.limits.requestsPerConnection
    return (!this.#clientEnded || this.#unread !== undefined) && (most === 0 || this.#requests < most)
  }

  /** @param bytes overwritten by others once this has returned: what is not used at once is copied */
  whenRead(bytes: Buffer): void {
    if (this.#closing) return
    if (this.#unread === undefined && this.#exchange?.wantsBody) {
      const taken = this.#exchange.requestBytes(bytes, 0)
      if (taken < bytes.length && !this.#closing) this.#keep(bytes.subarray(taken))
      return this.#advance()
    }
    this.#keep(bytes)
    if (this.#exchange !== undefined || this.#mayCompleteHead(bytes)) this.#advance()
  }

  #keep(bytes: Buffer): void {
    this.#unread =
      this.#unread === undefined ? Buffer.from(bytes) : Buffer.concat([this.#unread.subarray(this.#at), bytes])
    this.#at = 0
  }

  /**
   * Whether it is worth reading the head again with these bytes. A head is judged line by line; only the end of one
   * changes anything, or that it has grown too long. Without this, a head that drips in would cost its square.
   */
  #mayCompleteHead(bytes: Buffer): boolean {
    return (
      bytes.length === this.#unread!.length ||
      bytes.includes(LF) ||
      this.#unread!.length >= this.#plane.snapshot.limits.headSize
    )
  }

  /** Goes as far as the unread bytes, and the exchange in hand, allow. */
  #advance(): void {
    if (this.#advancing) return
    this.#advancing = true
    while (!this.#closing && this.#unread !== undefined) {
      const exchange = this.#exchange
      if (exchange === undefined && !this.socket.writableNeedDrain) {
        if (!this.#readHead()) break
      } else if (exchange?.gathersBody) {
        if (exchange.offerBody(this.#unread.length - this.#at)) continue
        break
      } else if (exchange?.wantsBody) {
        this.#at = exchange.requestBytes(this.#unread, this.#at)
      } else if (exchange?.isQueued && this.#unread.length - this.#at < MOST_UNREAD_IN_QUEUE) {
        // Only who reads on sees a client leave.
        break
      } else {
        // The server is not ready for more; or the client asks on, and does not read what it is answered.
        this.socket.pause()
        break
      }
      if (this.#unread !== undefined && this.#at >= this.#unread.length) this.#unread = undefined
    }
    this.#advancing = false
    if (this.#clientEnded) this.#sayEnd()
    this.#awaitWhatIsDue()
  }

  /** The client will say no more than what is unread; tells the exchange once it has all of that. */
  #sayEnd(): void {
    const exchange = this.#exchange
    const isHeldBack = this.#unread !== undefined && this.socket.writableNeedDrain
    if (exchange === undefined) return isHeldBack ? undefined : this.#close()
    // Browsers, too, leave by closing their half. Nobody is known to be there to hear an answer that is far off.
    if (exchange.isQueued) return exchange.clientLeft()
    const allTaken = this.#unread === undefined || exchange.gathersBody
    if (allTaken && !exchange.requestIsDone) exchange.requestEnded()
  }

  /** Reads a head and begins its exchange. Returns false while the head is incomplete. */
  #readHead(): boolean {
    const plane = this.#plane
    const bytes = this.#unread!
    try {
      if (!plane.requestHead.parse(bytes, this.#at, plane.snapshot.limits)) return false
      this.#exchange = new Exchange(plane, this, plane.requestHead)
    } catch (error) {
      this.#refuse(failureOf(error))
      return true
    }
    this.#at = this.#exchange.request.headEnd
    this.#requests++
    this.#awaiting = 'nothing'
    this.#exchange.begin()
    return true
  }

  /** Called when a server can take (more of) the request's body. */
  continueBody(): void {
    if (this.socket.isPaused()) this.socket.resume()
    this.#advance()
  }

  /** The exchange in hand is over; goes on with the next request, or says goodbye. */
  exchangeOver(persists: boolean): void {
    const mayPart = this.#exchange !== undefined && isLast(this.#exchange) && this.#unread === undefined
    this.#exchange = undefined
    if (!persists && mayPart) return this.#part()
    if (!persists || this.#plane.stopping) return this.#close()
    this.#awaiting = 'nothing'
    if (this.socket.isPaused()) this.socket.resume()
    this.#advance()
  }

  /** Breaks off in the middle of a response, so that the client cannot take it for whole. */
  abort(): void {
    this.#exchange = undefined
    this.#closing = true
    this.#unread = undefined
    // A reset in the middle of a goodbye fails, and leaves the socket's handle open for good (EINVAL, libuv).
    if (this.socket.writableEnded) this.socket.destroy()
    else this.socket.resetAndDestroy()
  }

  /** The client is behind in reading: `clientDrained` tells the exchange when it has caught up. */
  awaitDrain(): void {
    this.#awaitWhatIsDue()
  }

  whenDrained(): void {
    if (this.#closing) return
    if (this.#exchange !== undefined) this.#exchange.clientDrained()
    else if (this.socket.isPaused()) this.socket.resume()
    this.#advance()
  }

  /** The client has said all it will say; it still gets the answers to what it said. */
  whenEnded(): void {
    this.#clientEnded = true
    this.#advance()
  }

  whenClosed(): void {
    this.#plane.deadlines.remove(this)
    this.#plane.forget(this)
    this.#closing = true
    if (this.#exchange !== undefined) this.#leave(this.#exchange)
    this.#privatePools?.closeAll()
  }

  #leave(exchange: Exchange): void {
    this.#exchange = undefined
    exchange.clientLeft()
    this.socket.destroy()
  }

  /** The program is about to stop: closes the connection as soon as no exchange needs it. */
  stop(): void {
    if (this.#exchange === undefined && this.#unread === undefined) this.#part()
  }

  override expire(): void {
    const awaited = this.#awaiting
    this.#awaiting = 'nothing'
    switch (awaited) {
      case 'head':
        // A connection on which nothing was ever said is closed without a word.
        return this.#unread === undefined ? this.#part() : this.#refuse(new Failure('head-timeout'))
      case 'body':
        return this.#exchange?.bodyTimedOut()
      case 'drain':
        if (this.socket.writableLength < this.#unsent) this.#awaitWhatIsDue()
        else this.socket.destroy()
        return
      case 'next request':
        return this.#part()
      case 'goodbye':
        if (this.socket.writableLength > 0 && this.socket.writableLength < this.#unsent) this.#awaitGoodbye()
        else this.socket.destroy()
    }
  }

  /** Sets the deadline for what the client now owes: to read, to go on with its request, or to make the next one. */
  #awaitWhatIsDue(): void {
    if (this.#closing) return
    const { timeouts } = this.#plane.snapshot
    const exchange = this.#exchange
    if (this.socket.writableNeedDrain) this.#await('drain', timeouts.send)
    else if (exchange === undefined) {
      if (this.#unread === undefined && this.#requests > 0) this.#await('next request', timeouts.idle)
      else this.#await('head', timeouts.head)
    } else if (exchange.awaitsClient) this.#await('body', timeouts.body)
    else this.#await('nothing', 0)
  }

  /** Every byte of a body is a sign of life; for anything else the deadline stands until something else is due. */
  #await(what: Awaiting, ms: number): void {
    if (what === this.#awaiting && what !== 'body') return
    this.#awaiting = what
    this.#unsent = this.socket.writableLength
    this.#plane.deadlines.set(this, ms)
  }

  /** Closes a connection that there is no room for, with a word of why, and at once: it must not take up room. */
  turnAway(failure: Failure): void {
    this.#sayNo(failure)
    this.#part()
  }

  /** Answers what is not a request. Where it ends nobody knows, so nothing after it is read. */
  #refuse(failure: Failure): void {
    this.#sayNo(failure)
    this.#close()
  }

  #sayNo(failure: Failure): void {
    const said = this.#unread ?? NOTHING
    const requestId = makeRequestId()
    const page = errorPage(failure, { accept: '', requestId, closing: 'close', withBody: true })
    this.socket.write(page.bytes)
    this.#plane.accessLog.write({
      ...nothingForwarded,
      clientAddress: this.peer.text,
      request: {
        ...noFields,
        bytes: said,
        headStart: this.#at,
        requestLineEnd: endOfFirstLine(said, this.#at),
        id: requestId,
      },
      startedAt: now(),
      status: failure.status,
      bytesSent: page.bodyLength,
    })
  }

  /** Closes a connection on which nothing is under way. */
  #part(): void {
    if (this.socket.writableLength > 0) return this.#close()
    this.#closing = true
    this.socket.destroy()
  }

  /** Sends what is left to send, then waits for the client to close too, lest it lose the end of the answer. */
  #close(): void {
    if (this.#closing) return
    this.#closing = true
    this.#unread = undefined
    this.socket.end(() => this.#awaitGoodbye())
    if (this.socket.isPaused()) this.socket.resume()
    this.#awaitGoodbye()
  }

  /** Gives the client as long as ever to read what is unsent; after that, little. */
  #awaitGoodbye(): void {
    if (this.socket.destroyed) return
    this.#awaiting = 'nothing'
    this.#await('goodbye', this.socket.writableLength > 0 ? this.#plane.snapshot.timeouts.send : LINGER)
  }
}

/**
 * Whether the client itself has said that nothing follows, so that there is nothing to wait for: a socket loses the end of
 * an answer only where bytes arrive that nobody has read (nginx lingers, too, only where some have).
 */
function isLast({ request }: Exchange): boolean {
  return !request.persists && request.framing === 0
}

/** What the log is told of a request that was not understood. */
const nothingForwarded = { upstreamAddresses: '', upstreamStatuses: '', queued: 0, reason: undefined } as const
const noFields = { refererStart: 0, refererEnd: 0, userAgentStart: 0, userAgentEnd: 0 } as const

/** Where the first line of something that may not be text ends, or has gone on for long enough. */
function endOfFirstLine(bytes: Buffer, from: number): number {
  const most = Math.min(bytes.length, from + 1024)
  for (let at = from; at < most; at++) {
    if (bytes[at] === CR || bytes[at] === LF) return at
  }
  return most
}

function onRead(this: Socket, bytes: Buffer): void {
  ;(this as OwnedSocket)[owner].whenRead(bytes)
}

function onDrain(this: Socket): void {
  ;(this as OwnedSocket)[owner].whenDrained()
}

function onEnd(this: Socket): void {
  ;(this as OwnedSocket)[owner].whenEnded()
}

function onError(): void {
  // 'close' follows, and tells all there is to tell.
}

function onClose(this: Socket): void {
  ;(this as OwnedSocket)[owner].whenClosed()
}

import type { Socket } from 'node:net'
import { errorPage } from '../exchange/error-page.ts'
import { Exchange } from '../exchange/exchange.ts'
import { Failure, failureOf } from '../exchange/failure.ts'
import { makeRequestId } from '../exchange/request-id.ts'
import { TrustedPeer } from '../forwarding/trusted-peer.ts'
import { CR, LF } from '../http1/bytes.ts'
import { isWorthReading, PendingBytes } from '../http1/pending-bytes.ts'
import type { RequestHead } from '../http1/request-head.ts'
import { now } from '../runtime/clock.ts'
import { Timed } from '../runtime/deadlines.ts'
import type { IpAddress } from '../runtime/ip-address.ts'
import type { Ends } from '../transport/ends.ts'
import type { Scratch } from '../transport/scratch.ts'
import { SocketWriter } from '../transport/socket-writer.ts'
import { PrivatePools } from '../upstream/private-pools.ts'
import type { DataPlane } from '../worker/data-plane.ts'
import type { ClientSocket } from './client-socket.ts'

const owner = Symbol('owner')
type OwnedSocket = ClientSocket & { [owner]: ClientConnection }

const NOTHING = Buffer.alloc(0)

/** How long a client may be silent on a connection that is being closed, in ms (nginx's lingering_timeout). */
const LINGER = 5000
/** … and how long it may go on sending there, in ms (nginx's lingering_time). */
const LONGEST_LINGER = 30_000

/** How much is read ahead of what the current exchange can use, in bytes: only who reads on sees a client leave. */
const READ_AHEAD = 16 * 1024

/** What the connection's deadline is for. */
type Awaiting = 'head' | 'next request' | 'body' | 'answer' | 'drain' | 'goodbye' | 'nothing'

/**
 * A client's connection: reads one request after another, in order, and hands each to an Exchange. It takes no more
 * from the socket than the exchange in hand can use.
 */
export class ClientConnection extends Timed {
  readonly socket: ClientSocket
  readonly writer: SocketWriter
  readonly ends: Ends
  /** Where there is a trusted proxy at the other end. */
  readonly trustedPeer: TrustedPeer | undefined
  readonly #plane: DataPlane
  #privatePools: PrivatePools | undefined
  #exchange: Exchange | undefined
  /** Bytes that have arrived and that nobody has taken, from `#at` on. */
  #unread: Buffer | undefined
  #at = 0
  /** What `#unread` is a view of while it is a head that is incomplete. */
  #incomplete: PendingBytes | undefined
  #requests = 0
  #advancing = false
  #clientEnded = false
  #closing = false
  #awaiting: Awaiting = 'nothing'
  /** How far the client had read when the deadline for a slow reader was set. */
  #progress = 0
  /** When the last wait for the client's own end is over, in ms on the clock of the deadlines. */
  #lingersUntil = 0

  constructor(socket: ClientSocket, ends: Ends, plane: DataPlane) {
    super()
    this.socket = socket
    this.writer = new SocketWriter(socket, this)
    this.ends = ends
    this.#plane = plane
    const { address } = ends.source
    this.trustedPeer = plane.trustedProxies?.include(address)
      ? new TrustedPeer(address, plane.trustedProxies)
      : undefined
    ;(socket as OwnedSocket)[owner] = this
    socket.whenRead = onRead
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

  /** The port that the client reached; 0 where it is a trusted proxy's, which says by which scheme the client came to it. */
  portReachedBy(head: RequestHead): number {
    return this.trustedPeer?.saysSecure(head) === undefined ? this.ends.port : 0
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
    if (this.#closing) return this.#linger()
    if (this.#incomplete !== undefined) {
      const isDue = this.#incomplete.add(bytes, this.#plane.snapshot.limits.headSize)
      this.#unread = this.#incomplete.bytes
      if (isDue) this.#advance()
      return
    }
    if (this.#unread === undefined && this.#exchange?.wantsBody) {
      const taken = this.#exchange.requestBytes(bytes, 0)
      if (taken < bytes.length && !this.#closing) this.#keep(bytes.subarray(taken))
      return this.#advance()
    }
    this.#keep(bytes)
    this.#advance()
  }

  #keep(bytes: Buffer): void {
    this.#unread =
      this.#unread === undefined ? Buffer.from(bytes) : Buffer.concat([this.#unread.subarray(this.#at), bytes])
    this.#at = 0
  }

  /** Goes as far as the unread bytes, and the exchange in hand, allow. */
  #advance(): void {
    if (this.#advancing) return
    this.#advancing = true
    while (!this.#closing && this.#unread !== undefined) {
      const exchange = this.#exchange
      if (exchange === undefined && !this.writer.isFull) {
        if (!this.#readHead()) break
      } else if (exchange?.gathersBody) {
        const taken = exchange.offerBody(this.#unread, this.#at)
        if (taken === undefined) break
        this.#at += taken
      } else if (exchange?.wantsBody) {
        this.#at = exchange.requestBytes(this.#unread, this.#at)
      } else {
        // The server is not ready for more; or the client asks on, and does not read what it is answered.
        if (this.#unread.length - this.#at >= READ_AHEAD) this.socket.pause()
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
    const isHeldBack = this.#unread !== undefined && this.writer.isFull
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
      const { limits } = plane.snapshot
      const isWorthIt = this.#incomplete !== undefined || isWorthReading(bytes, this.#at, limits.headSize)
      if (!isWorthIt || !plane.requestHead.parse(bytes, this.#at, limits)) {
        this.#keepIncomplete()
        return false
      }
      this.#incomplete = undefined
      this.#exchange = new Exchange(plane, this, plane.requestHead)
    } catch (error) {
      this.#refuse(failureOf(error))
      return true
    }
    if (this.trustedPeer === undefined) plane.noticeScheme(this.ends)
    this.#at = this.#exchange.request.headEnd
    this.#requests++
    this.#awaiting = 'nothing'
    this.#exchange.begin()
    return true
  }

  /** The rest of the head may be long in coming: what there is must not keep alive memory that others share. */
  #keepIncomplete(): void {
    if (this.#incomplete !== undefined) return
    this.#incomplete = new PendingBytes(this.#unread!.subarray(this.#at))
    this.#unread = this.#incomplete.bytes
    this.#at = 0
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

  /**
   * Breaks off in the middle of a response, after what there is of it.
   *
   * @param endIsVisible whether the client sees by the framing that the response is not whole; else only a reset tells it
   */
  breakOff(endIsVisible: boolean): void {
    this.#exchange = undefined
    if (endIsVisible) this.#close()
    else this.#reset()
  }

  /** Closes the connection at once; the kernel, too, forgets what the client has not read. */
  #reset(): void {
    this.#closing = true
    this.#unread = undefined
    const { socket } = this
    // Once the end has been sent a reset fails, and leaves the socket's handle open for good (EINVAL, libuv).
    if (socket.writableEnded && socket.writableLength === 0) socket.destroy()
    else socket.resetAndDestroy()
  }

  /**
   * Sends what is in `scratch` to the client.
   *
   * @returns whether it can take more; if not, `clientDrained` tells the exchange when it can
   */
  send(scratch: Scratch): boolean {
    scratch.flushTo(this.writer)
    if (!this.writer.isBehind) return true
    this.#awaitWhatIsDue()
    return !this.writer.isFull
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
      case 'answer':
        return this.#exchange?.clientLeft()
      case 'drain':
        if (this.writer.progress !== this.#progress) this.#awaitWhatIsDue()
        else this.#reset()
        return
      case 'next request':
        return this.#part()
      case 'goodbye':
        if (this.writer.unsent > 0 && this.writer.progress !== this.#progress) this.#awaitGoodbye()
        else this.#reset()
    }
  }

  /** Sets the deadline for what the client now owes: to read, to go on with its request, or to make the next one. */
  #awaitWhatIsDue(): void {
    if (this.#closing) return
    const { timeouts } = this.#plane.snapshot
    const exchange = this.#exchange
    if (this.#clientEnded && timeouts.halfClosed > 0 && exchange?.owesAnswer) this.#await('answer', timeouts.halfClosed)
    else if (this.writer.isBehind) this.#await('drain', timeouts.send)
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
    this.#progress = this.writer.progress
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
    this.writer.write(page.bytes)
    this.#plane.accessLog.write({
      ...nothingForwarded,
      clientAddress: this.peer.text,
      request: {
        ...nothingUnderstood,
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
    if (this.writer.unsent > 0) return this.#close()
    this.#closing = true
    this.socket.destroy()
  }

  /** Sends what is left to send, then waits for the client to close too, lest it lose the end of the answer. */
  #close(): void {
    if (this.#closing) return
    this.#closing = true
    this.#unread = undefined
    this.#lingersUntil = this.#plane.deadlines.now + LONGEST_LINGER
    this.writer.end(() => this.#awaitGoodbye())
    if (this.socket.isPaused()) this.socket.resume()
    this.#awaitGoodbye()
  }

  /** Gives the client as long as ever to read what is unsent; after that, little. */
  #awaitGoodbye(): void {
    if (this.socket.destroyed) return
    this.#awaiting = 'nothing'
    this.#await('goodbye', this.writer.unsent > 0 ? this.#plane.snapshot.timeouts.send : LINGER)
  }

  /** The client goes on sending what nobody will use: a while for it to notice, since a reset could cost it the answer. */
  #linger(): void {
    const { deadlines } = this.#plane
    if (this.#awaiting !== 'goodbye' || this.writer.unsent > 0) return
    deadlines.set(this, Math.max(1, Math.min(LINGER, this.#lingersUntil - deadlines.now)))
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
const nothingForwarded = {
  upstreamName: undefined,
  serverNames: '',
  upstreamAddresses: '',
  upstreamStatuses: '',
  queued: 0,
  reason: undefined,
} as const
const nothingUnderstood = {
  method: '',
  pathStart: 0,
  pathEnd: 0,
  targetEnd: 0,
  authorityStart: 0,
  authorityEnd: 0,
  refererStart: 0,
  refererEnd: 0,
  userAgentStart: 0,
  userAgentEnd: 0,
} as const

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

function onEnd(this: Socket): void {
  ;(this as OwnedSocket)[owner].whenEnded()
}

function onError(): void {
  // 'close' follows, and tells all there is to tell.
}

function onClose(this: Socket): void {
  ;(this as OwnedSocket)[owner].whenClosed()
}

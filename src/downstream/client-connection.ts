import type { Socket } from 'node:net'
import type { Downstream, DownstreamUser } from '../exchange/downstream.ts'
import { errorPage } from '../exchange/error-page.ts'
import { Exchange } from '../exchange/exchange.ts'
import { Failure, failureOf } from '../exchange/failure.ts'
import type { OwnResponse } from '../exchange/own-response.ts'
import { ReceivedRequest } from '../exchange/received-request.ts'
import { makeRequestId } from '../exchange/request-id.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import { type ClientOrigin, type Lifetime, OriginReader } from '../forwarding/client-origin.ts'
import { BodyDecoder, type BodyForm } from '../http1/body-decoder.ts'
import type { BodySink } from '../http1/chunked-body.ts'
import type { ConnectionOptions } from '../http1/connection-options.ts'
import { type Framing, UNTIL_CLOSE } from '../http1/framing.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { Timed } from '../runtime/deadlines.ts'
import type { IpAddress } from '../runtime/ip-address.ts'
import type { Ends } from '../transport/ends.ts'
import { SocketWriter, type WriterOwner } from '../transport/socket-writer.ts'
import type { ClientSocket } from './client-socket.ts'
import { recordOfRefusal } from './refused-request.ts'
import { ResponseWriter } from './response-writer.ts'
import { UnreadBytes } from './unread-bytes.ts'

const owner = Symbol('owner')
type OwnedSocket = ClientSocket & { [owner]: ClientConnection }

/** How long a client may be silent on a connection that is being closed, in ms (nginx's lingering_timeout). */
const LINGER = 5000
/** … and how long it may go on sending there, in ms (nginx's lingering_time). */
const LONGEST_LINGER = 30_000

/** How much is read ahead of what the current exchange can use, in bytes: a client that leaves is noticed only by reading on. */
const READ_AHEAD = 16 * 1024

/** What the connection's deadline is for. */
type Awaiting = 'head' | 'next request' | 'body' | 'answer' | 'drain' | 'close' | 'nothing'

/** Whoever accepted a connection. */
export interface ConnectionOwner {
  closed(connection: ClientConnection): void
}

/**
 * A client's HTTP/1 connection: reads one request after another, in order, and is the Downstream of the exchange of each. It
 * takes no more from the socket than the current exchange can use.
 */
export class ClientConnection extends Timed implements Downstream, Lifetime, WriterOwner, BodySink {
  readonly socket: ClientSocket
  origin: ClientOrigin
  readonly #context: WorkerContext
  readonly #owner: ConnectionOwner
  readonly #origins: OriginReader
  readonly #writer: SocketWriter
  readonly #response: ResponseWriter
  readonly #unread = new UnreadBytes()
  #exchange: DownstreamUser | undefined
  /** The current exchange's. */
  #request: ReceivedRequest | undefined
  /** Reads the body of the current request, once that has been asked for. */
  #body: BodyDecoder | undefined
  #isBodyWanted = false
  #isBodyOwed = false
  #requests = 0
  #isAdvancing = false
  #clientEnded = false
  #isClosing = false
  #awaiting: Awaiting = 'nothing'
  /** How far the client had read when the deadline for a slow reader was set. */
  #progress = 0
  /** When the last wait for the client's own end is over, in ms on the clock of the deadlines. */
  #lingersUntil = 0
  #atEnd: (() => void)[] | undefined

  constructor(socket: ClientSocket, ends: Ends, context: WorkerContext, connections: ConnectionOwner) {
    super()
    this.socket = socket
    this.#context = context
    this.#owner = connections
    this.#writer = new SocketWriter(socket, this)
    this.#response = new ResponseWriter(context, this.#writer)
    this.#origins = new OriginReader(ends, this, context.generation.trustedProxies)
    this.origin = this.#origins.own
    ;(socket as OwnedSocket)[owner] = this
    socket.whenRead = onRead
    socket.on('end', onEnd)
    socket.on('error', onError)
    socket.on('close', onClose)
    this.#awaitWhatIsDue()
  }

  /** The address at the other end. */
  get peer(): IpAddress {
    return this.origin.peer
  }

  /** Whether there is a trusted proxy at the other end. */
  get isTrusted(): boolean {
    return this.#origins.isTrusted
  }

  atEnd(act: () => void): void {
    this.#atEnd ??= []
    this.#atEnd.push(act)
  }

  // ── what the client sends ──────────────────────────────────────────────────────────────────────────────────────

  /** @param bytes overwritten by others once this has returned: what is not used at once is copied */
  whenRead(bytes: Buffer): void {
    if (this.#isClosing) return this.#linger()
    if (this.#isBodyWanted && this.#unread.isEmpty) {
      const end = this.#readBody(bytes, 0)
      if (end < bytes.length && !this.#isClosing) this.#keep(bytes.subarray(end))
      return this.#advance()
    }
    if (this.#keep(bytes)) this.#advance()
  }

  #keep(bytes: Buffer): boolean {
    return this.#unread.add(bytes, this.#context.generation.snapshot.limits.headSize)
  }

  /** Goes as far as the unread bytes, and the current exchange, allow. */
  #advance(): void {
    if (this.#isAdvancing) return
    this.#isAdvancing = true
    const unread = this.#unread
    while (!this.#isClosing && !unread.isEmpty) {
      if (this.#exchange === undefined && !this.#writer.isFull) {
        if (!this.#readHead()) break
      } else if (this.#isBodyWanted) {
        const { bytes } = unread
        const end = this.#readBody(bytes, unread.at)
        if (unread.bytes === bytes) unread.takeTo(end)
      } else {
        // The server is not ready for more; or the client asks on, and does not read what it is answered.
        if (unread.length >= READ_AHEAD) this.socket.pause()
        break
      }
    }
    this.#isAdvancing = false
    if (this.#clientEnded) this.#passOnEnd()
    this.#awaitWhatIsDue()
  }

  /** Reads a head and begins its exchange. Returns false while the head is incomplete. */
  #readHead(): boolean {
    const context = this.#context
    const unread = this.#unread
    const { requestHead: head } = context
    try {
      const { limits } = context.generation.snapshot
      if (!unread.mayHoldHead(limits.headSize) || !head.parse(unread.bytes, unread.at, limits)) {
        unread.awaitRestOfHead()
        return false
      }
      this.#request = new ReceivedRequest(head)
    } catch (error) {
      this.#refuse(failureOf(error))
      return true
    }
    if (this.#origins.isClaimIgnored(head)) context.notices.schemeIgnored(this.origin.peer.text)
    this.origin = this.#origins.of(head)
    this.#body = undefined
    this.#requests++
    this.#awaiting = 'nothing'
    this.#response.begin(this.#request)
    unread.takeTo(this.#request.headEnd)
    const exchange = new Exchange(context, this, this.#request)
    this.#exchange = exchange
    exchange.begin(head)
    return true
  }

  /** Hands over what belongs to the request's body; returns the offset after that. */
  #readBody(bytes: Buffer, from: number): number {
    const exchange = this.#exchange!
    const body = this.#body!
    let end: number
    try {
      end = body.read(bytes, from, this)
    } catch (error) {
      exchange.flush()
      exchange.failed(failureOf(error))
      return bytes.length
    }
    if (body.done) {
      this.#isBodyWanted = false
      exchange.bodyEnded(body.trailers)
    }
    exchange.flush()
    return end
  }

  bodyBytes(bytes: Buffer, from: number, to: number): void {
    this.#exchange!.bodyBytes(bytes, from, to)
  }

  /** Whether nothing of the request is still to come. */
  get #requestIsWhole(): boolean {
    return this.#body === undefined ? this.#request!.framing === 0 : this.#body.done
  }

  /** The client will say no more than what is unread; tells the exchange once it has all of that. */
  #passOnEnd(): void {
    const exchange = this.#exchange
    if (exchange === undefined) {
      const isHeldBack = !this.#unread.isEmpty && this.#writer.isFull
      return isHeldBack ? undefined : this.#close()
    }
    // Browsers, too, leave by closing their half. Nobody is known to be there to hear an answer that is far off.
    if (exchange.isQueued) return this.#leave(exchange)
    if (!this.#unread.isEmpty || this.#requestIsWhole) return
    if (!this.#response.isTunnel) return this.#leave(exchange)
    this.#body!.close()
    exchange.bodyEnded()
  }

  #leave(exchange: DownstreamUser): void {
    this.#response.persists = false
    exchange.left()
  }

  /** The client has said all it will say; it still gets the answers to what it said. */
  whenEnded(): void {
    this.#clientEnded = true
    this.#advance()
  }

  whenClosed(): void {
    this.#context.deadlines.remove(this)
    this.#owner.closed(this)
    this.#isClosing = true
    this.#exchange?.left()
    this.socket.destroy()
    for (const act of this.#atEnd ?? []) act()
  }

  // ── what the exchange asks for ─────────────────────────────────────────────────────────────────────────────────

  get bodyLength(): number {
    return this.#body?.length ?? 0
  }

  get bytesSent(): number {
    return this.#response.bytesSent
  }

  wantBody(form: BodyForm, isOwed: boolean): void {
    const { limits } = this.#context.generation.snapshot
    this.#body ??= new BodyDecoder(this.#request!.framing, form, limits, 'client')
    if (this.#body.done) return
    this.#isBodyWanted = true
    this.#isBodyOwed = isOwed
    this.#resume()
    this.#advance()
  }

  holdBody(): void {
    this.#isBodyWanted = false
  }

  inform(head: ResponseHead, options: ConnectionOptions): void {
    this.#response.inform(head, options)
  }

  respond(head: ResponseHead, options: ConnectionOptions, framing: Framing, fields: string): BodyForm {
    this.#judgePersistence()
    return this.#response.respond(head, options, framing, fields)
  }

  upgrade(head: ResponseHead, options: ConnectionOptions, fields: string): void {
    this.#response.upgrade(head, options, fields)
    this.#body = new BodyDecoder(UNTIL_CLOSE, 'data', this.#context.generation.snapshot.limits, 'client')
  }

  data(bytes: Buffer, from: number, to: number): void {
    this.#response.data(bytes, from, to)
  }

  end(): void {
    this.#response.end()
  }

  flush(): boolean {
    this.#response.flush()
    if (!this.#writer.isBehind) return true
    this.#awaitWhatIsDue()
    return !this.#writer.isFull
  }

  answer(response: OwnResponse): void {
    this.#judgePersistence()
    this.#response.answer(response)
  }

  /** The client could not be understood afterwards where it is answered before it has said everything. */
  #judgePersistence(): void {
    const most = this.#context.generation.snapshot.limits.requestsPerConnection
    const mayFollow = (!this.#clientEnded || !this.#unread.isEmpty) && (most === 0 || this.#requests < most)
    if (!mayFollow || !this.#requestIsWhole || this.#context.isStopping) this.#response.persists = false
  }

  whenDrained(): void {
    if (this.#isClosing) return
    if (this.#exchange !== undefined) this.#exchange.drained()
    else this.#resume()
    this.#advance()
  }

  #resume(): void {
    if (this.socket.isPaused()) this.socket.resume()
  }

  // ── the end of an exchange, and of the connection ──────────────────────────────────────────────────────────────

  finish(): void {
    if (this.#endExchange()) return
    const { persists } = this.#response
    if (persists && !this.#context.isStopping) {
      this.#awaiting = 'nothing'
      this.#resume()
      this.#advance()
    } else if (!persists && isLast(this.#request!) && this.#unread.isEmpty) {
      this.#drop()
    } else {
      this.#close()
    }
  }

  reset(): void {
    if (this.#endExchange()) return
    if (this.#response.hasVisibleEnd) this.#close()
    else this.#reset()
  }

  /** Returns whether the connection is gone already. */
  #endExchange(): boolean {
    this.#exchange = undefined
    this.#isBodyWanted = false
    return this.#isClosing
  }

  /** The program is about to stop: closes the connection as soon as no exchange needs it. */
  stop(): void {
    if (this.#exchange === undefined && this.#unread.isEmpty) this.#drop()
  }

  /** Closes a connection that there is no room for, with a word of why, and at once: it must not take up room. */
  turnAway(failure: Failure): void {
    this.#refuseWith(failure)
    this.#drop()
  }

  /** Answers what is not a request. Where it ends is unknown, so nothing after it is read. */
  #refuse(failure: Failure): void {
    this.#refuseWith(failure)
    this.#close()
  }

  #refuseWith(failure: Failure): void {
    const id = makeRequestId()
    const bytesSent = this.#response.refuse(errorPage(failure, { accept: '', requestId: id }))
    const { bytes, at } = this.#unread
    const record = recordOfRefusal(this.origin.peer.text, bytes, at, { id, status: failure.status, bytesSent })
    for (const observer of this.#context.observers) observer.ended(record)
  }

  /** Closes a connection on which nothing is under way. */
  #drop(): void {
    if (this.#writer.unsent > 0) return this.#close()
    this.#isClosing = true
    this.socket.destroy()
  }

  /** Sends what is left to send, then waits for the client to close too, lest it lose the end of the answer. */
  #close(): void {
    if (this.#isClosing) return
    this.#isClosing = true
    this.#unread.clear()
    this.#lingersUntil = this.#context.deadlines.now + LONGEST_LINGER
    this.#writer.end(() => this.#awaitClose())
    this.#resume()
    this.#awaitClose()
  }

  /** Closes the connection at once; the kernel, too, forgets what the client has not read. */
  #reset(): void {
    this.#isClosing = true
    this.#unread.clear()
    const { socket } = this
    // Once the end has been sent a reset fails, and leaves the socket's handle open for good (EINVAL, libuv).
    if (socket.writableEnded && socket.writableLength === 0) socket.destroy()
    else socket.resetAndDestroy()
  }

  // ── deadlines ──────────────────────────────────────────────────────────────────────────────────────────────────

  override expire(): void {
    const awaited = this.#awaiting
    this.#awaiting = 'nothing'
    switch (awaited) {
      case 'head':
        // A connection on which nothing was ever said is closed without a word.
        return this.#unread.isEmpty ? this.#drop() : this.#refuse(new Failure('head-timeout'))
      case 'body':
        if (this.#exchange !== undefined && !this.#requestIsWhole) this.#exchange.failed(new Failure('body-timeout'))
        return
      case 'answer':
        if (this.#exchange !== undefined) this.#leave(this.#exchange)
        return
      case 'drain':
        if (this.#writer.progress !== this.#progress) this.#awaitWhatIsDue()
        else this.#reset()
        return
      case 'next request':
        return this.#drop()
      case 'close':
        if (this.#writer.unsent > 0 && this.#writer.progress !== this.#progress) this.#awaitClose()
        else this.#reset()
    }
  }

  /** Sets the deadline for what the client now owes: to read, to go on with its request, or to make the next one. */
  #awaitWhatIsDue(): void {
    if (this.#isClosing) return
    const { timeouts } = this.#context.generation.snapshot
    const isUnderWay = this.#exchange !== undefined
    if (isUnderWay && this.#clientEnded && timeouts.halfClosed > 0 && this.#requestIsWhole && !this.#response.isTunnel)
      this.#await('answer', timeouts.halfClosed)
    else if (this.#writer.isBehind) this.#await('drain', timeouts.send)
    else if (isUnderWay && this.#isBodyWanted && this.#isBodyOwed) this.#await('body', timeouts.body)
    else if (isUnderWay) this.#await('nothing', 0)
    else if (this.#unread.isEmpty && this.#requests > 0) this.#await('next request', timeouts.idle)
    else this.#await('head', timeouts.head)
  }

  /** Every byte of a body is a sign of life; for anything else the deadline stands until something else is due. */
  #await(what: Awaiting, ms: number): void {
    if (what === this.#awaiting && what !== 'body') return
    this.#awaiting = what
    this.#progress = this.#writer.progress
    this.#context.deadlines.set(this, ms)
  }

  /** Gives the client as long as ever to read what is unsent; after that, little. */
  #awaitClose(): void {
    if (this.socket.destroyed) return
    this.#awaiting = 'nothing'
    this.#await('close', this.#writer.unsent > 0 ? this.#context.generation.snapshot.timeouts.send : LINGER)
  }

  /** The client goes on sending what will not be used: a while for it to notice, since a reset could cost it the answer. */
  #linger(): void {
    const { deadlines } = this.#context
    if (this.#awaiting !== 'close' || this.#writer.unsent > 0) return
    deadlines.set(this, Math.max(1, Math.min(LINGER, this.#lingersUntil - deadlines.now)))
  }
}

/**
 * Whether the client itself has said that nothing follows, so that there is nothing to wait for: a socket loses the end of
 * an answer only where bytes arrive that nobody has read (nginx lingers, too, only where some have).
 */
function isLast({ persists, framing }: ReceivedRequest): boolean {
  return !persists && framing === 0
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

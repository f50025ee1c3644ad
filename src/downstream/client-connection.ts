import type { Downstream, DownstreamUser } from '../exchange/downstream.ts'
import { Exchange } from '../exchange/exchange.ts'
import { Failure, failureOf } from '../exchange/failure.ts'
import type { OwnResponse } from '../exchange/own-response.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import { type ClientOrigin, ConnectionOrigin, type Lifetime } from '../forwarding/client-origin.ts'
import type { BodyForm } from '../http1/body-decoder.ts'
import type { ConnectionOptions } from '../http1/connection-options.ts'
import type { Framing } from '../http1/framing.ts'
import type { Head } from '../http1/head.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import type { IpAddress } from '../runtime/ip-address.ts'
import type { Ends } from '../transport/ends.ts'
import { own, type SocketOwner } from '../transport/socket-owner.ts'
import { SocketWriter, type WriterOwner } from '../transport/socket-writer.ts'
import { ClientDeadline, type Owed } from './client-deadline.ts'
import { type ClientSocket, resetSocket, type SocketReader } from './client-socket.ts'
import type { Entrance } from './entrance.ts'
import { Farewell } from './farewell.ts'
import { LingeringClose } from './lingering-close.ts'
import { refuse } from './refusal.ts'
import { RequestReader } from './request-reader.ts'
import { ResponseWriter } from './response-writer.ts'

/** How much is read beyond what the exchange can use, in bytes: only reading on shows that a client has left. */
const READ_AHEAD = 16 * 1024

/**
 * How a connection ends: at once, if nothing is left to send; once all that was written has been sent; or by a reset, so that
 * the client sees that its response is incomplete.
 */
type Ending = 'drop' | 'linger' | 'reset'

const NOTHING: readonly (() => void)[] = []

/** The owner of client connections, which it has accepted. */
export interface ConnectionOwner {
  closed(connection: ClientConnection): void
}

/**
 * A client's HTTP/1 connection: reads one request after another, in order, and is the Downstream of each one's
 * exchange. It reads little more from the socket than the current exchange can use.
 */
export class ClientConnection
  extends ClientDeadline
  implements Downstream, Lifetime, SocketReader, SocketOwner, WriterOwner
{
  readonly source: ConnectionOrigin
  origin: ClientOrigin
  readonly #socket: ClientSocket
  readonly #entrance: Entrance
  readonly #context: WorkerContext
  readonly #owner: ConnectionOwner
  readonly #writer: SocketWriter
  readonly #reader: RequestReader
  readonly #response: ResponseWriter
  #exchange: DownstreamUser | undefined
  #isAdvancing = false
  /** Whether no more requests are read or answered. */
  #isClosing = false
  #closing: LingeringClose | undefined
  #atEnd = NOTHING
  #farewell: Farewell | undefined

  constructor(
    socket: ClientSocket,
    entrance: Entrance,
    ends: Ends,
    context: WorkerContext,
    connections: ConnectionOwner,
  ) {
    super()
    this.#socket = socket
    this.#entrance = entrance
    this.#context = context
    this.#owner = connections
    this.#writer = new SocketWriter(socket, this)
    this.#reader = new RequestReader(context)
    this.#response = new ResponseWriter(context, this.#writer)
    this.source = new ConnectionOrigin(ends, this, context.generation.trustedProxies)
    this.origin = this.source
    socket.reader = this
    own(socket, this)
    this.#expectWhatIsDue()
  }

  /** The address of the other end. */
  get peer(): IpAddress {
    return this.source.peer
  }

  atEnd(act: () => void): void {
    this.#atEnd = [...this.#atEnd, act]
  }

  // ── what the client sends ──────────────────────────────────────────────────────────────────────────────────────

  /** @param bytes reused once this has returned: what is kept must be copied */
  whenRead(bytes: Buffer): void {
    if (this.#isClosing) return this.#closing?.heard()
    const reader = this.#reader
    if (this.#exchange !== undefined && reader.isBodyWanted && reader.isEmpty) {
      reader.readArrived(this.#exchange, bytes)
      return this.#advance()
    }
    if (reader.keep(bytes)) this.#advance()
  }

  /** Reads on, as far as there are unread bytes and the current exchange can use them. */
  #advance(): void {
    if (this.#isAdvancing) return
    this.#isAdvancing = true
    const reader = this.#reader
    while (!this.#isClosing && !reader.isEmpty) {
      if (this.#exchange === undefined && !this.#writer.isFull) {
        if (!this.#readHead()) break
      } else if (this.#exchange !== undefined && reader.isBodyWanted) {
        reader.readBody(this.#exchange)
      } else {
        // The server is not ready for more; or the client asks on, and does not read what it is answered.
        if (reader.unreadLength >= READ_AHEAD) this.#socket.pause()
        break
      }
    }
    this.#isAdvancing = false
    if (this.#reader.hasEnded) this.#passOnEnd()
    this.#expectWhatIsDue()
  }

  /** Reads a head and begins its exchange. Returns false while the head is incomplete. */
  #readHead(): boolean {
    let head: RequestHead | undefined
    try {
      head = this.#reader.readHead()
    } catch (error) {
      this.#refuse(failureOf(error))
      return true
    }
    if (head === undefined) return false
    const context = this.#context
    const request = this.#reader.request!
    if (this.source.isClaimIgnored(head)) context.notices.schemeIgnored(this.peer.text)
    this.origin = this.source.of(head)
    this.met()
    this.#response.begin(request)
    const exchange = new Exchange(context, this, request)
    this.#exchange = exchange
    exchange.begin(head)
    return true
  }

  /** The client will send no more than what is unread; tells the exchange once it has all of that. */
  #passOnEnd(): void {
    const exchange = this.#exchange
    if (exchange === undefined) {
      const isHeldBack = !this.#reader.isEmpty && this.#writer.isFull
      return isHeldBack ? undefined : this.#end('linger')
    }
    // Browsers close their sending side when they leave, so the client may be gone: its request leaves the queue.
    if (exchange.isQueued) return this.#leave(exchange)
    if (!this.#reader.isEmpty || this.#reader.isWhole) return
    if (this.#response.isTunnel) this.#reader.endBody(exchange)
    else this.#leave(exchange)
  }

  #leave(exchange: DownstreamUser): void {
    this.#response.persists = false
    exchange.left()
  }

  /** The client has closed its sending side; it still gets the responses to its requests. */
  whenEnded(): void {
    this.#reader.hasEnded = true
    this.#advance()
  }

  whenClosed(): void {
    this.#context.deadlines.remove(this)
    if (this.#closing !== undefined) this.#context.deadlines.remove(this.#closing)
    this.#owner.closed(this)
    this.#isClosing = true
    const exchange = this.#exchange
    // What the client has sent in a tunnel still goes to the server, even if that was not ready for it.
    if (exchange !== undefined && this.#response.isTunnel && !this.#reader.isEmpty) this.#reader.readBody(exchange)
    exchange?.left()
    this.#socket.destroy()
    for (const act of this.#atEnd) act()
  }

  // ── what the exchange asks for ─────────────────────────────────────────────────────────────────────────────────

  get bodyLength(): number {
    return this.#reader.bodyLength
  }

  get bytesSent(): number {
    return this.#response.bytesSent
  }

  wantBody(form: BodyForm, isOwed: boolean): void {
    if (!this.#reader.wantBody(form, isOwed)) return
    this.#resume()
    this.#advance()
  }

  holdBody(): void {
    this.#reader.isBodyWanted = false
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
    this.#reader.switchProtocols()
  }

  data(bytes: Buffer, from: number, to: number): void {
    this.#response.data(bytes, from, to)
  }

  end(trailers?: Head): void {
    this.#response.end(trailers)
  }

  flush(): boolean {
    this.#response.flush()
    if (!this.#writer.isBehind) return true
    this.#expectWhatIsDue()
    return !this.#writer.isFull
  }

  answer(response: OwnResponse): void {
    this.#judgePersistence()
    this.#response.answer(response)
  }

  /** If the client is answered before it has sent its whole request, the start of the next one would not be found. */
  #judgePersistence(): void {
    if (!this.#reader.mayFollow || this.#isLast) this.#response.persists = false
  }

  /** Whether the response is the last on this connection, since its worker or its listener is to end. */
  get #isLast(): boolean {
    const { ending } = this.#context
    if (ending === 'none') return this.#entrance.isClosed
    if (ending === 'stop') return true
    // The next request goes to another process, which must know the session by then.
    this.#farewell ??= new Farewell()
    return this.#farewell.isDue(this.#exchange?.isSessionNew === true)
  }

  whenDrained(): void {
    if (this.#isClosing) return
    if (this.#exchange !== undefined) this.#exchange.drained()
    else this.#resume()
    this.#advance()
  }

  #resume(): void {
    if (this.#socket.isPaused()) this.#socket.resume()
  }

  // ── the end of an exchange, and of the connection ──────────────────────────────────────────────────────────────

  finish(): void {
    const { persists } = this.#response
    const isLast = !persists && this.#reader.isLast
    this.#endExchange()
    if (this.#isClosing) return
    if (isLast) return this.#end('drop')
    if (!persists || this.#context.ending === 'stop') return this.#end('linger')
    this.met()
    this.#resume()
    this.#advance()
  }

  reset(): void {
    this.#endExchange()
    this.#end(this.#response.hasVisibleEnd ? 'linger' : 'reset')
  }

  #endExchange(): void {
    this.#exchange = undefined
    this.#reader.finish()
  }

  /** The program is about to stop: closes the connection as soon as no exchange needs it. */
  stop(): void {
    if (this.#exchange === undefined && this.#reader.isEmpty) this.#end('drop')
  }

  /** Closes a connection for which there is no room, with an error page. Lingering would take up room. */
  turnAway(failure: Failure): void {
    this.#refuse(failure, 'drop')
  }

  /** Answers an invalid request. Its end is unknown, so nothing after it is read. */
  #refuse(failure: Failure, ending: Ending = 'linger'): void {
    const record = refuse(this.#reader.unread, this.peer.text, failure, this.#response)
    for (const observer of this.#context.observers) observer.ended(record)
    this.#end(ending)
  }

  #end(ending: Ending): void {
    if (this.#isClosing) return
    this.#isClosing = true
    this.#reader.close()
    if (ending === 'reset') return resetSocket(this.#socket)
    if (ending === 'drop' && this.#writer.unsent === 0) {
      this.#socket.destroy()
      return
    }
    this.#context.deadlines.remove(this)
    this.#closing = new LingeringClose(this.#socket, this.#writer, this.#context)
  }

  protected override overdue(owed: Owed): void {
    switch (owed) {
      case 'head':
        // A connection on which nothing was sent is closed without an answer.
        return this.#reader.isEmpty ? this.#end('drop') : this.#refuse(new Failure('head-timeout'))
      case 'body':
        return this.#exchange?.failed(new Failure('body-timeout'))
      case 'presence':
        if (this.#exchange !== undefined) this.#leave(this.#exchange)
        return
      case 'reading':
        return this.hasReadTo(this.#writer.progress) ? this.#expectWhatIsDue() : this.#end('reset')
      case 'next request':
        return this.#end('drop')
    }
  }

  /** Sets the deadline for what the client now owes. */
  #expectWhatIsDue(): void {
    if (this.#isClosing) return
    const { deadlines, generation } = this.#context
    this.expect(this.#owed, generation.snapshot.timeouts, this.#writer.progress, deadlines)
  }

  /** What the client now owes: to read, to go on with its request, or to make the next one. */
  get #owed(): Owed {
    const reader = this.#reader
    const { timeouts } = this.#context.generation.snapshot
    if (this.#exchange === undefined) {
      if (this.#writer.isBehind) return 'reading'
      return reader.isEmpty && reader.requests > 0 ? 'next request' : 'head'
    }
    const { isTunnel } = this.#response
    if (reader.hasEnded && reader.isWhole && timeouts.halfClosed > 0 && !isTunnel) return 'presence'
    if (this.#writer.isBehind) return 'reading'
    return reader.isBodyWanted && reader.isBodyOwed && !isTunnel ? 'body' : 'nothing'
  }
}

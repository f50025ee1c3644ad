import type { Downstream, DownstreamUser } from '../exchange/downstream.ts'
import { Exchange } from '../exchange/exchange.ts'
import { Failure, failureOf } from '../exchange/failure.ts'
import type { OwnResponse } from '../exchange/own-response.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import type { ClientOrigin } from '../forwarding/client-origin.ts'
import type { BodyForm } from '../http1/body-decoder.ts'
import type { ConnectionOptions } from '../http1/connection-options.ts'
import type { Framing } from '../http1/framing.ts'
import type { Head } from '../http1/head.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { backlog } from '../transport/backlog.ts'
import type { Ends } from '../transport/ends.ts'
import type { Owed } from './client-deadline.ts'
import type { ClientSocket } from './client-socket.ts'
import { Connection, type ConnectionOwner, type Ending } from './connection.ts'
import type { Entrance } from './entrance.ts'
import { refuse } from './refusal.ts'
import { RequestReader } from './request-reader.ts'
import { ResponseWriter } from './response-writer.ts'

/** How much is read beyond what the exchange can use, in bytes: only reading on shows that a client has left. */
const READ_AHEAD = 16 * 1024

/**
 * A client's HTTP/1 connection: reads one request after another, in order, and is the Downstream of each one's
 * exchange. It reads little more from the socket than the current exchange can use.
 */
export class Http1Connection extends Connection implements Downstream {
  readonly room = Infinity
  readonly isFickle = false
  origin: ClientOrigin
  readonly #reader: RequestReader
  readonly #response: ResponseWriter
  #exchange: DownstreamUser | undefined
  #isAdvancing = false

  constructor(socket: ClientSocket, entrance: Entrance, ends: Ends, context: WorkerContext, owner: ConnectionOwner) {
    super(socket, entrance, ends, context, owner)
    this.#reader = new RequestReader(context)
    this.#response = new ResponseWriter(context, this.writer)
    this.origin = this.source
    this.#expectWhatIsDue()
  }

  // ── what the client sends ──────────────────────────────────────────────────────────────────────────────────────

  protected override arrived(bytes: Buffer): void {
    backlog.share()
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
    while (!this.isClosing && !reader.isEmpty) {
      if (this.#exchange === undefined && !this.writer.isFull) {
        if (!this.#readHead()) break
      } else if (this.#exchange !== undefined && reader.isBodyWanted) {
        reader.readBody(this.#exchange)
      } else {
        // The server is not ready for more; or the client asks on, and does not read what it is answered.
        if (reader.unreadLength >= READ_AHEAD) this.socket.pause()
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
    const context = this.context
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
      const isHeldBack = !this.#reader.isEmpty && this.writer.isFull
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
  override whenEnded(): void {
    this.#reader.hasEnded = true
    this.#advance()
  }

  protected override lost(): void {
    const exchange = this.#exchange
    // What the client has sent in a tunnel still goes to the server, even if that was not ready for it.
    if (exchange !== undefined && this.#response.isTunnel && !this.#reader.isEmpty) this.#reader.readBody(exchange)
    exchange?.left()
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
    this.resume()
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
    if (!this.writer.isBehind) return true
    this.#expectWhatIsDue()
    return !this.writer.isFull
  }

  answer(response: OwnResponse): void {
    this.#judgePersistence()
    this.#response.answer(response)
  }

  /** If the client is answered before it has sent its whole request, the start of the next one would not be found. */
  #judgePersistence(): void {
    if (!this.#reader.mayFollow || this.isLast(this.#exchange?.isSessionNew === true)) this.#response.persists = false
  }

  protected override mayWrite(): void {
    if (this.#exchange !== undefined) this.#exchange.drained()
    else this.resume()
    this.#advance()
  }

  // ── the end of an exchange, and of the connection ──────────────────────────────────────────────────────────────

  finish(): void {
    const { persists } = this.#response
    const isLast = !persists && this.#reader.isLast
    this.#endExchange()
    if (this.isClosing) return
    if (isLast) return this.#end('drop')
    if (!persists || this.context.ending === 'stop') return this.#end('linger')
    this.met()
    this.resume()
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

  override stop(): void {
    if (this.#exchange === undefined && this.#reader.isEmpty) this.#end('drop')
  }

  /** Its next response says that it ends. */
  override drain(): void {}

  override turnAway(failure: Failure): void {
    this.#refuse(failure, 'drop')
  }

  /** Answers what cannot be a request here, and closes the connection. */
  refuse(bytes: Buffer, failure: Failure): void {
    this.#reader.keep(bytes)
    this.#refuse(failure)
  }

  /** Answers an invalid request. Its end is unknown, so nothing after it is read. */
  #refuse(failure: Failure, ending: Ending = 'linger'): void {
    this.#response.persists = false
    const record = refuse(this.#reader.unread, this.source, failure, this.#response)
    for (const observer of this.context.observers) observer.ended(record)
    this.#end(ending)
  }

  #end(ending: Ending): void {
    this.#reader.close()
    this.close(ending)
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
        return this.hasReadTo(this.writer.progress) ? this.#expectWhatIsDue() : this.#end('reset')
      case 'next request':
        return this.#end('drop')
    }
  }

  /** Sets the deadline for what the client now owes. */
  #expectWhatIsDue(): void {
    if (this.isClosing) return
    const { deadlines, generation } = this.context
    this.expect(this.#owed, generation.snapshot.timeouts, this.writer.progress, deadlines)
  }

  /** What the client now owes: to read, to go on with its request, or to make the next one. */
  get #owed(): Owed {
    const reader = this.#reader
    const { timeouts } = this.context.generation.snapshot
    if (this.#exchange === undefined) {
      if (this.writer.isBehind) return 'reading'
      return reader.isEmpty && reader.requests > 0 ? 'next request' : 'head'
    }
    const { isTunnel } = this.#response
    if (reader.hasEnded && reader.isWhole && timeouts.halfClosed > 0 && !isTunnel) return 'presence'
    if (this.writer.isBehind) return 'reading'
    return reader.isBodyWanted && reader.isBodyOwed && !isTunnel ? 'body' : 'nothing'
  }
}

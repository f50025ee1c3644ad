import { Failure, failureOf } from '../exchange/failure.ts'
import type { ReceivedRequest } from '../exchange/received-request.ts'
import { isShort, type RequestBody } from '../exchange/request-body.ts'
import type { ServerStream, ServerStreamUser } from '../exchange/server-stream.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import { writeRequestHead } from '../forwarding/forwarded-request.ts'
import type { Forwarding } from '../forwarding/forwarding-fields.ts'
import { writeTrailerSection } from '../forwarding/passed-trailers.ts'
import { BodyDecoder, type BodyForm } from '../http1/body-decoder.ts'
import type { BodySink } from '../http1/chunked-body.ts'
import { type ConnectionOptions, connectionOptions, persists } from '../http1/connection-options.ts'
import { FieldName } from '../http1/field-name.ts'
import { type Framing, framingOfResponse, UNTIL_CLOSE } from '../http1/framing.ts'
import type { Head } from '../http1/head.ts'
import { MessageError } from '../http1/message-error.ts'
import { isWorthReading, PendingBytes } from '../http1/pending-bytes.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { isAlert } from '../runtime/server-tls.ts'
import { writeChunk, writeLastChunk } from '../transport/chunk.ts'
import { connectFailure } from './connect-failure.ts'
import type { ConnectionUser, Http1Connection } from './http1-connection.ts'
import { RESPONSE_LIMITS } from './response-limits.ts'
import { isReset } from './server-connection.ts'
import { type Appetite, fitRead, isResetSince, isUsedUp } from './server-socket.ts'

/** A client that takes less than that, in bytes, has no use for a large read. */
const LITTLE_ROOM = 16 * 1024

/** So many bytes that are sent at once arrive at once, whatever lies in between: a server has read all of them or none. */
const ONE_SEGMENT = 1300

/** So soon after its end a connection is reset, in ms, whose server did not read what came. */
const RESET_WITHIN = 10

const CLOSED = 'the server closed the connection'

/** One request and its response on an HTTP/1 connection to a server. */
export class Http1Stream implements ServerStream, ConnectionUser, BodySink {
  readonly protocol = 'HTTP/1.1'
  readonly #connection: Http1Connection
  readonly #user: ServerStreamUser
  readonly #context: WorkerContext
  /** Whether the server comes and goes, so that a reset says more of its end than of the request. */
  readonly #mayEnd: boolean
  #request: ReceivedRequest | undefined
  /** Of the request's body. */
  #framing: Framing = 0
  /** Whether the request's body is put into chunks here, since only its client's protocol shows where it ends. */
  #makesChunks = false
  /** Whether all of the request went with its head, and is so short that it counts as read together with that. */
  #isSentAtOnce = false
  /** Whether all of the request went with its head, in one segment. */
  #isOneSegment = false
  /** Whether the whole request has been written. */
  #requestEnded = false
  /** Whether the server has sent anything. */
  #isHeard = false
  /** Whether the server has closed the connection without an answer. */
  #isEnded = false
  /** The start of a response's head that is still incomplete. */
  #incomplete: PendingBytes | undefined
  #response: BodyDecoder | undefined
  /** Whether the server keeps the connection open for another exchange. */
  #serverPersists = false
  #isTunnel = false
  #isOver = false

  constructor(connection: Http1Connection, user: ServerStreamUser, context: WorkerContext, mayEnd = false) {
    this.#connection = connection
    this.#mayEnd = mayEnd
    this.#user = user
    this.#context = context
    connection.use(this)
  }

  get isConnected(): boolean {
    return this.#connection.isConnected
  }

  connected(): void {
    // One that comes and goes may have ended since it accepted the connection. With TLS, bytes that the session needs would be lost.
    const mayHaveEnded = this.#mayEnd && !this.#connection.isSecure
    if (mayHaveEnded && isUsedUp(this.#connection.socket)) this.#fail(new Failure('not-processed', CLOSED))
    else this.#user.connected()
  }

  // ── the request ────────────────────────────────────────────────────────────────────────────────────────────────

  send(request: ReceivedRequest, head: RequestHead, forwarding: Forwarding, body: RequestBody): BodyForm {
    const { scratch } = this.#context
    const connection = this.#connection
    this.#request = request
    const { framing, bytes } = body
    this.#framing = framing
    this.#requestEnded = body.goesWithHead
    this.#isSentAtOnce = this.#requestEnded && isShort(framing)
    if (connection.introduction !== undefined) {
      scratch.write(connection.introduction)
      connection.introduction = undefined
    }
    writeRequestHead(scratch, head, framing, forwarding)
    if (bytes !== undefined) scratch.write(bytes)
    this.#isOneSegment = this.#requestEnded && scratch.length <= ONE_SEGMENT
    this.#makesChunks = framing === UNTIL_CLOSE
    if (this.#user.room < LITTLE_ROOM) fitRead(connection.socket)
    return 'chunks'
  }

  data(bytes: Buffer, from: number, to: number): void {
    const { scratch } = this.#context
    if (this.#makesChunks) writeChunk(scratch, bytes, from, to)
    else scratch.copy(bytes, from, to)
  }

  end(trailers?: Head): void {
    const { scratch } = this.#context
    this.#requestEnded = true
    if (this.#makesChunks) writeLastChunk(scratch)
    if (!this.#isTunnel) {
      if (this.#framing < 0) writeTrailerSection(scratch, trailers)
      return
    }
    // What was written before goes before the end.
    this.flush()
    this.#connection.writer.end()
  }

  flush(): boolean {
    const { writer } = this.#connection
    const { scratch } = this.#context
    if (scratch.length > 0) scratch.flushTo(writer)
    return !writer.isFull
  }

  drained(): void {
    this.#user.drained()
  }

  // ── the response ───────────────────────────────────────────────────────────────────────────────────────────────

  pause(): void {
    this.#connection.socket.pause()
  }

  resume(): void {
    this.#connection.socket.resume()
  }

  get appetite(): Appetite {
    if (this.#isOver) return 'some'
    if (this.#user.room < LITTLE_ROOM) return 'little'
    return this.#response === undefined ? 'some' : 'much'
  }

  bytesRead(bytes: Buffer): void {
    this.#isHeard = true
    this.#user.heard()
    if (this.#isOver) return
    if (this.#response !== undefined) return this.#readBody(bytes, 0)
    if (this.#incomplete?.add(bytes, RESPONSE_LIMITS.headSize) === false) return
    try {
      this.#readHeads(this.#incomplete?.bytes ?? bytes)
    } catch (error) {
      this.#user.flush()
      this.#fail(new Failure('response-malformed', failureOf(error).detail))
    }
  }

  /** Reads interim responses and the final one, as far as they have arrived. */
  #readHeads(bytes: Buffer): void {
    const { responseHead: head } = this.#context
    for (let at = 0; ; at = head.end) {
      const isPending = this.#incomplete !== undefined && at === 0
      const isWorthIt = isPending || at > 0 || isWorthReading(bytes, at, RESPONSE_LIMITS.headSize)
      if (!isWorthIt || !head.parse(bytes, at, RESPONSE_LIMITS)) {
        if (!isPending) this.#incomplete = new PendingBytes(bytes.subarray(at))
        return this.#user.flush()
      }
      const framing = framingOfResponse(head, this.#request!.method === 'HEAD')
      const options = connectionOptions(head)
      if (head.status >= 200) return this.#beginBody(head, options, framing)
      if (head.status === 101) return this.#switchProtocols(head, options)
      this.#user.interim(head, options)
    }
  }

  #beginBody(head: ResponseHead, options: ConnectionOptions, framing: Framing): void {
    const { bytes, end } = head
    this.#incomplete = undefined
    this.#serverPersists = persists(head, options) && framing !== UNTIL_CLOSE
    const form = this.#user.response(head, options, framing)
    if (this.#isOver) return
    this.#response = new BodyDecoder(framing, form, RESPONSE_LIMITS, 'server')
    this.#readBody(bytes, end)
  }

  /** From here on both sides send any bytes, until both have closed (RFC 9110 §7.8). */
  #switchProtocols(head: ResponseHead, options: ConnectionOptions): void {
    if (!this.#request!.mayUpgrade) throw new MessageError('the server switches protocols, unasked')
    if (head.find(FieldName.Upgrade) < 0)
      throw new MessageError('the server switches protocols, and does not say to which')
    const { bytes, end } = head
    this.#incomplete = undefined
    this.#isTunnel = true
    this.#requestEnded = false
    this.#connection.socket.allowHalfOpen = true
    this.#response = new BodyDecoder(UNTIL_CLOSE, 'data', RESPONSE_LIMITS, 'server')
    this.#user.switched(head, options)
    if (!this.#isOver && end < bytes.length) this.#readBody(bytes, end)
  }

  #readBody(bytes: Buffer, from: number): void {
    const response = this.#response!
    let end: number
    try {
      end = response.read(bytes, from, this)
    } catch (error) {
      this.#user.flush()
      return this.#fail(new Failure('response-malformed', failureOf(error).detail))
    }
    if (response.done) this.#complete(end === bytes.length)
    else this.#user.flush()
  }

  bodyBytes(bytes: Buffer, from: number, to: number): void {
    this.#user.bodyBytes(bytes, from, to)
  }

  /** @param isClean whether nothing followed the response */
  #complete(isClean: boolean): void {
    this.#isOver = true
    if (isClean && this.#serverPersists && this.#requestEnded) this.#connection.release()
    else this.#connection.destroy()
    this.#user.ended(this.#response!.trailers)
  }

  // ── the end ────────────────────────────────────────────────────────────────────────────────────────────────────

  wait(ms: number): void {
    this.#connection.wait(ms)
  }

  cancel(): void {
    this.#isOver = true
    this.#connection.destroy()
  }

  discard(): void {
    this.#isOver = true
    if (this.#isWholeResponseHere && this.#serverPersists && this.#requestEnded) this.#connection.release()
    else this.#connection.destroy()
  }

  /** Whether nothing is missing of the response whose head was just read, and nothing follows it. */
  get #isWholeResponseHere(): boolean {
    const { responseHead: head } = this.#context
    const framing = framingOfResponse(head, this.#request!.method === 'HEAD')
    const body = new BodyDecoder(framing, 'data', RESPONSE_LIMITS, 'server')
    try {
      return body.read(head.bytes, head.end, { bodyBytes: () => {} }) === head.bytes.length && body.done
    } catch {
      return false
    }
  }

  finish(ms: number): void {
    this.#isOver = true
    this.#connection.finish(ms)
  }

  timedOut(): void {
    if (this.#isEnded) this.#lost(CLOSED, isResetSince(this.#connection.socket))
    else this.#user.timedOut()
  }

  serverEnded(): void {
    if (this.#isTunnel) {
      this.#response!.close()
      return this.#user.ended()
    }
    if (this.#response?.close()) return this.#complete(false)
    if (!this.#mayEnd || !this.#isOneSegment || this.#isHeard) return this.#lost(CLOSED)
    // Whether it had read the request shows in a moment: if not, it resets the connection.
    this.#isEnded = true
    this.#connection.socket.allowHalfOpen = true
    this.#connection.wait(RESET_WITHIN)
  }

  closed(error: Error | undefined): void {
    const detail = error?.message ?? 'the connection was closed'
    const isRefused = !this.#isHeard && isAlert(error)
    if (this.isConnected && !isRefused) return this.#lost(detail, isReset(error))
    this.#fail(connectFailure(error, this.#connection.isSecure, this.#context))
  }

  /** @param isReset whether by a reset, which the kernel sends for a server that closes and has not read everything */
  #lost(detail: string, isReset = false): void {
    // The kernel resets a connection, and does not just end it, if its server has not read all that has come.
    const isUnread = isReset && !this.#isHeard && this.#isOneSegment
    if (isUnread && this.#mayEnd) return this.#fail(new Failure('not-processed', detail))
    if (!this.#isHeard && this.#connection.served > 0) return this.#fail(new Failure('connection-stale', detail))
    const isBeingSent = !this.#requestEnded || this.#connection.writer.isBehind || (isReset && !this.#isSentAtOnce)
    // A response that ends with the connection, before the request is sent: this is the only way in which a server can end it.
    const mayBeEarly = isBeingSent || (isReset && this.#framing !== 0)
    if (mayBeEarly && !this.#isTunnel && this.#response?.close()) return this.#complete(false)
    this.#fail(new Failure(isBeingSent ? 'request-cut' : this.#codeOfLoss, detail))
  }

  get #codeOfLoss(): 'response-cut' | 'connection-lost' | 'no-answer' {
    if (this.#response !== undefined) return 'response-cut'
    return this.#isHeard ? 'connection-lost' : 'no-answer'
  }

  #fail(failure: Failure): void {
    this.#isOver = true
    this.#connection.destroy()
    this.#user.failed(failure)
  }
}

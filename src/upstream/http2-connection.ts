import type { TLSSocket } from 'node:tls'
import { Failure } from '../exchange/failure.ts'
import { Incident } from '../exchange/incident.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import { type ConnectionError, ErrorCode } from '../http2/error-code.ts'
import { ClientSession, type ClientSessionOwner } from '../http2/session/client-session.ts'
import { isAlert } from '../runtime/server-tls.ts'
import type { ServerProtocol } from '../runtime/snapshot.ts'
import type { Scratch } from '../transport/scratch.ts'
import { type TurnUser, turnEnd } from '../transport/turn-end.ts'
import { connectFailure } from './connect-failure.ts'
import type { Http2Pool } from './http2-pool.ts'
import { FRESH } from './keep-alive.ts'
import { RESPONSE_LIMITS } from './response-limits.ts'
import { isReset, ServerConnection } from './server-connection.ts'
import type { ServerSocket } from './server-socket.ts'
import type { Loss, PlacedStream, SharedConnection } from './shared-connection.ts'

/** How long a server may take to answer a PING, in ms. */
const PING_TIMEOUT = 1000

/** An HTTP/2 connection to a server, whose streams are those of all clients. */
export class Http2Connection extends ServerConnection implements SharedConnection, ClientSessionOwner, TurnUser {
  readonly headSize = RESPONSE_LIMITS.headSize
  /** Of each stream, no more arrives than its window allows. */
  readonly appetite = 'much'
  readonly #protocol: ServerProtocol
  readonly #introduction: Buffer | undefined
  readonly #pool: Http2Pool
  readonly #context: WorkerContext
  /** Undefined until it is connected. */
  #session: ClientSession | undefined
  /** Streams that wait for the server's settings, for its answer to a PING, or for room. */
  #waiting: PlacedStream[] = []
  /** Whether the server's settings are there. */
  #isReady = false
  #isPinging = false
  /** Whether it accepts no more streams. */
  #isLeaving = false
  /** Whether its stream is to be alone until it is answered. */
  #isExclusive = false
  #isResting = false
  #isOver = false
  #heardAt = 0
  opened = 0
  served = 0
  loss: Loss | undefined
  /** What streams fail by that time out while nothing at all arrives. */
  #silence: Incident | undefined

  /** @param introduction a PROXY header that is still to be sent */
  constructor(
    socket: ServerSocket,
    introduction: Buffer | undefined,
    protocol: ServerProtocol,
    pool: Http2Pool,
    context: WorkerContext,
  ) {
    super(socket, context.deadlines)
    this.#introduction = introduction
    this.#protocol = protocol
    this.#pool = pool
    this.#context = context
  }

  get isResting(): boolean {
    return this.#isResting
  }

  // ── its streams ────────────────────────────────────────────────────────────────────────────────────────────────

  take(stream: PlacedStream): boolean {
    if (this.#isLeaving || this.#isExclusive) return false
    if (!this.#isReady) return this.#enqueue(stream, this.#pool.mostStreams)
    if (stream.isForConnect && !this.#session!.takesConnect) return false
    if (this.#pool.isSpent(this)) {
      this.#isLeaving = true
      if (this.#isResting) this.leave()
      return false
    }
    const room = this.#session!.room
    if (room <= this.#waiting.length) return false
    if (this.#isResting) this.#rouse()
    const isProven = this.deadlines.now - this.#heardAt <= FRESH
    if (!isProven) this.#ping()
    if (isProven || stream.need !== 'proven') this.#begin(stream)
    else this.#enqueue(stream, room)
    return true
  }

  #enqueue(stream: PlacedStream, most: number): boolean {
    if (this.#waiting.length >= most) return false
    if (stream.need === 'new') this.#isExclusive = true
    this.#waiting.push(stream)
    stream.waitAt(this)
    return true
  }

  #begin(stream: PlacedStream): void {
    this.opened++
    stream.begin(this, this.#session!)
  }

  forget(stream: PlacedStream): void {
    this.#waiting = this.#waiting.filter((each) => each !== stream)
    if (this.#waiting.length === 0 && !this.#isReady) this.#close()
  }

  answered(): void {
    this.#isExclusive = false
  }

  completed(): void {
    this.served++
  }

  /** The streams that wait begin, as far as there is room. */
  #serve(): void {
    if (this.#waiting.length === 0 || (this.#isPinging && !this.#isLeaving)) return
    const waiting = this.#waiting
    const isFull = this.#session!.room === 0 && !this.#session!.hasPeerLeft
    // Another connection to a server that accepts no stream at all would not help.
    if (isFull && !this.#isLeaving) return
    this.#waiting = []
    for (const stream of waiting) {
      if (stream.isOver) continue
      if (this.#session!.room > 0 && !this.#isLeaving) this.#begin(stream)
      else this.#pool.place(stream)
    }
  }

  waitedTooLong(): void {
    if (this.#isReady) this.#leaveUnproven()
    else this.#failToOpen(Failure.by(new Incident(this.#waiting.length > 1), 'connect-timeout'))
  }

  silenceOf(ms: number): Incident | undefined {
    if (this.deadlines.now - this.#heardAt < ms) return undefined
    if (!this.#isPinging) this.#ping()
    this.#silence ??= new Incident(true)
    return this.#silence
  }

  // ── opening ────────────────────────────────────────────────────────────────────────────────────────────────────

  override whenConnected(): void {
    const agreed = this.isSecure ? (this.socket as Partial<Pick<TLSSocket, 'alpnProtocol'>>).alpnProtocol : 'h2'
    if (agreed !== 'h2') return this.#withoutHttp2()
    if (this.#introduction !== undefined) this.writer.write(this.#introduction)
    this.#session = new ClientSession(this, this.isSecure)
    this.#session.begin()
  }

  #withoutHttp2(): void {
    if (this.#protocol !== 'auto') {
      const detail = 'the server does not agree to HTTP/2 (ALPN); set protocol to http1, or to auto'
      return this.#failToOpen(Failure.by(new Incident(false), 'tls-failed', detail))
    }
    this.#isOver = true
    this.#pool.remove(this)
    this.#pool.choseHttp1()
    const [first, ...others] = this.#waiting
    this.#waiting = []
    if (first === undefined) this.socket.destroy()
    else first.goOnBy(this.socket)
    for (const stream of others) if (!stream.isOver) stream.useHttp1()
  }

  /** The server's settings have arrived. */
  settled(): void {
    const isFirst = !this.#isReady
    this.#isReady = true
    this.#pool.learn(this.#session!)
    this.#serve()
    if (isFirst) this.streamEnded()
  }

  #failToOpen(failure: Failure): void {
    const waiting = this.#waiting
    this.#waiting = []
    this.#close()
    for (const stream of waiting) if (!stream.isOver) stream.fail(failure)
  }

  // ── is it alive? ───────────────────────────────────────────────────────────────────────────────────────────────

  #ping(): void {
    if (this.#isPinging) return
    this.#isPinging = true
    this.#session!.sendPing()
    this.deadlines.set(this, PING_TIMEOUT)
  }

  pong(): void {
    this.#isPinging = false
    this.deadlines.set(this, 0)
    this.#serve()
  }

  /** It has not answered a PING, and gets no more streams. Those that it has time out by themselves. */
  #leaveUnproven(): void {
    this.#isPinging = false
    this.#isLeaving = true
    this.#serve()
    if (this.#session!.isIdle) this.#close()
  }

  override expire(): void {
    if (this.#isPinging) this.#leaveUnproven()
    else if (this.#isResting) this.leave()
  }

  // ── the socket ─────────────────────────────────────────────────────────────────────────────────────────────────

  override whenRead(bytes: Buffer): void {
    this.#heardAt = this.deadlines.now
    this.#silence = undefined
    this.#session?.read(bytes)
  }

  override whenDrained(): void {
    if (!this.#isOver) this.#session?.drained()
  }

  get isFull(): boolean {
    return this.writer.isFull
  }

  get isBehind(): boolean {
    return this.writer.isBehind
  }

  send(out: Scratch): void {
    out.flushTo(this.writer)
  }

  holdReading(): void {
    this.socket.pause()
  }

  readOn(): void {
    this.socket.resume()
  }

  awaitTurnEnd(): void {
    turnEnd.await(this)
  }

  /** The servers' connections are few, and have a part of each turn. */
  awaitTime(): void {
    setImmediate(this.#catchUp)
  }

  readonly #catchUp = (): void => {
    if (!this.#isOver) this.#session!.readOn()
  }

  turnEnds(): void {
    if (this.#isOver) return
    this.#session!.turnEnds()
    if (this.#isReady) this.#serve()
    if (!this.#isReady || this.#isOver || !this.#session!.isIdle || this.#waiting.length > 0) return
    if (this.#isLeaving) this.leave()
    else if (!this.#isResting) this.#pool.rest(this)
  }

  streamEnded(): void {
    if (this.#session!.isIdle || this.#waiting.length > 0) turnEnd.await(this)
  }

  // ── the end ────────────────────────────────────────────────────────────────────────────────────────────────────

  rest(ms: number): void {
    this.#isResting = true
    this.#isExclusive = false
    this.deadlines.set(this, ms === Infinity ? 0 : ms)
  }

  #rouse(): void {
    this.#isResting = false
    this.deadlines.set(this, 0)
  }

  leave(): void {
    this.#isLeaving = true
    if (this.#isOver || this.#waiting.length > 0 || this.#session?.isIdle === false) return
    this.#session?.leave(ErrorCode.NoError)
    this.#session?.turnEnds()
    this.#close()
  }

  peerWentAway(): void {
    this.#isLeaving = true
    this.#serve()
    this.streamEnded()
  }

  failing(error: ConnectionError): void {
    const { message: detail } = error
    this.loss = { detail, incident: this.#incident, isReset: false, isFault: true }
  }

  failed(error: ConnectionError): void {
    if (!this.#isReady)
      return this.#failToOpen(
        Failure.by(this.#incident, 'connect-failed', `the server does not speak HTTP/2 (${error.message})`),
      )
    this.#isLeaving = true
    this.#serve()
    this.#close()
  }

  get #incident(): Incident {
    return new Incident((this.#session?.size ?? 0) > 1)
  }

  override whenEnded(): void {
    this.#lose('the server closed the connection')
  }

  override whenClosed(): void {
    const error = this.error
    this.#lose(error?.message ?? 'the connection was closed')
    this.deadlines.remove(this)
  }

  #lose(detail: string): void {
    if (this.#isOver) return
    if (!this.#isReady) {
      const isTls = this.isSecure && (this.#session === undefined || isAlert(this.error))
      const error = this.error ?? new Error(detail)
      return this.#failToOpen(connectFailure(error, isTls, this.#context, new Incident(this.#waiting.length > 1)))
    }
    this.loss = { detail, incident: this.#incident, isReset: isReset(this.error), isFault: false }
    this.#isLeaving = true
    this.#session!.close()
    this.#serve()
    this.#close()
  }

  /** Closes the connection once what was written has been sent. */
  #close(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#isLeaving = true
    this.#isResting = false
    this.#pool.remove(this)
    if (this.writer.isBehind || this.error !== undefined || this.#session === undefined) this.socket.destroy()
    else this.socket.destroySoon()
  }
}

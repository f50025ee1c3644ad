import type { Failure } from '../exchange/failure.ts'
import { makeRequestId } from '../exchange/request-id.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import { type ConnectionError, ErrorCode } from '../http2/error-code.ts'
import type { RequestLines } from '../http2/heads/request-lines.ts'
import { ServerSession, type ServerSessionOwner } from '../http2/session/server-session.ts'
import { CONNECTION_WINDOW } from '../http2/session/session.ts'
import type { Stream } from '../http2/session/stream.ts'
import { type BacklogUser, backlog } from '../transport/backlog.ts'
import type { Ends } from '../transport/ends.ts'
import type { Scratch } from '../transport/scratch.ts'
import { type TurnUser, turnEnd } from '../transport/turn-end.ts'
import type { Owed } from './client-deadline.ts'
import type { ClientSocket } from './client-socket.ts'
import { Connection, type ConnectionOwner } from './connection.ts'
import { Departure, type DepartureOwner } from './departure.ts'
import type { Entrance } from './entrance.ts'
import { Http2Stream, type StreamOwner } from './http2-stream.ts'
import { recordOfRefusal } from './refusal.ts'

const NOTHING = Buffer.alloc(0)

/** A client's HTTP/2 connection: one exchange a stream, as many as the client opens. */
export class Http2Connection
  extends Connection
  implements ServerSessionOwner, StreamOwner, DepartureOwner, TurnUser, BacklogUser
{
  readonly #session: ServerSession
  readonly #departure: Departure
  /** How many requests have begun, and how many of them have no response yet. */
  #requests = 0
  #unanswered = 0

  constructor(socket: ClientSocket, entrance: Entrance, ends: Ends, context: WorkerContext, owner: ConnectionOwner) {
    super(socket, entrance, ends, context, owner)
    this.#departure = new Departure(this, context.deadlines)
    this.#session = new ServerSession(this)
    this.#session.begin()
    this.#expectWhatIsDue()
  }

  // ── what the client sends ──────────────────────────────────────────────────────────────────────────────────────

  protected override arrived(bytes: Buffer): void {
    this.#session.read(bytes)
    if (!this.#session.isBehind) backlog.share()
    this.#expectWhatIsDue()
  }

  get headSize(): number {
    return this.context.generation.snapshot.limits.headSize
  }

  begin(stream: Stream, request: RequestLines, isWhole: boolean, isFickle: boolean): void {
    const most = this.context.generation.snapshot.limits.requestsPerConnection
    this.#requests++
    this.#unanswered++
    this.met()
    if (this.#requests === most) this.#departure.begin()
    new Http2Stream(this.context, this, stream).begin(request, isWhole, isFickle)
  }

  holdReading(): void {
    this.socket.pause()
  }

  readOn(): void {
    this.resume()
  }

  awaitTime(): void {
    backlog.enter(this)
  }

  catchUp(cost: number): boolean {
    if (this.isClosing) return false
    this.#session.readOn(cost)
    this.#expectWhatIsDue()
    return this.#session.isWasteful
  }

  pong(): void {
    this.#departure.answered()
  }

  /** It closes the connection itself. */
  peerWentAway(): void {}

  override whenEnded(): void {
    // It can neither cancel a request nor open a window any more, so the client is gone.
    this.#session.close()
    this.close('linger')
  }

  // ── what it gets ───────────────────────────────────────────────────────────────────────────────────────────────

  get isFull(): boolean {
    return this.writer.isFull
  }

  get isBehind(): boolean {
    return this.writer.isBehind
  }

  awaitTurnEnd(): void {
    turnEnd.await(this)
  }

  turnEnds(): void {
    this.#session.turnEnds()
    if (this.isClosing) return
    if (this.#departure.isSettled && this.#session.isIdle) this.close('linger')
    else this.#expectWhatIsDue()
  }

  send(out: Scratch): void {
    if (this.isClosing) out.length = 0
    else out.flushTo(this.writer)
  }

  protected override mayWrite(): void {
    this.#session.drained()
    this.#expectWhatIsDue()
  }

  answered(isSessionNew: boolean): void {
    this.#unanswered--
    if (!this.isLast(isSessionNew)) return
    if (this.#unanswered === 0 || this.context.ending === 'stop') this.#departure.begin()
    else this.#departure.want()
  }

  unanswered(): void {
    this.#unanswered--
  }

  // ── the end ────────────────────────────────────────────────────────────────────────────────────────────────────

  override stop(): void {
    this.#departure.begin()
  }

  override drain(): void {
    this.#departure.want()
  }

  get mayDepart(): boolean {
    return this.#unanswered === 0 && this.isLast(false)
  }

  announceEnd(): void {
    this.#session.announceEnd()
  }

  refuseStreams(): void {
    this.#session.leave(ErrorCode.NoError)
  }

  override turnAway(failure: Failure): void {
    const record = recordOfRefusal(NOTHING, this.source, failure, makeRequestId(), 0)
    for (const observer of this.context.observers) observer.ended(record)
    this.#end(ErrorCode.EnhanceYourCalm, failure.text)
  }

  /** It is answered already: nothing is lost that it sends after that. */
  protected override get mostUnread(): number {
    return CONNECTION_WINDOW / 4
  }

  failed(_error: ConnectionError): void {
    this.close('linger')
  }

  protected override lost(): void {
    this.context.deadlines.remove(this.#departure)
    this.#session.close()
  }

  /** Closes the connection after what has been written; there are no exchanges, or they cannot go on. */
  #end(code: ErrorCode, reason = ''): void {
    this.#session.leave(code, reason)
    this.#session.turnEnds()
    this.#session.close(code)
    this.close('linger')
  }

  protected override overdue(owed: Owed): void {
    switch (owed) {
      case 'reading':
        return this.hasReadTo(this.writer.progress) ? this.#expectWhatIsDue() : this.close('reset')
      case 'head':
        return this.#end(this.#session.isSettled ? ErrorCode.NoError : ErrorCode.SettingsTimeout)
      case 'next request':
        return this.#end(ErrorCode.NoError)
    }
  }

  /** Sets the deadline for what the client now owes. */
  #expectWhatIsDue(): void {
    if (this.isClosing) return
    const { deadlines, generation } = this.context
    this.expect(this.#owed, generation.snapshot.timeouts, this.writer.progress, deadlines)
  }

  /** What the client now owes for the connection; streams have deadlines of their own. */
  get #owed(): Owed {
    if (this.writer.isBehind) return 'reading'
    // The settings of this end must be acknowledged (RFC 9113 §6.5.3).
    if (!this.#session.isSettled) return 'head'
    if (!this.#session.isIdle) return 'nothing'
    return this.#requests > 0 ? 'next request' : 'head'
  }
}

import type { Scratch } from '../../transport/scratch.ts'
import { type ConnectionError, ErrorCode } from '../error-code.ts'
import { PREFACE } from '../frames/frame-type.ts'
import { MAX_WINDOW, Setting } from '../frames/setting.ts'
import { ResponseLines } from '../heads/response-lines.ts'
import { Session, type SessionOwner } from './session.ts'
import { LARGEST_WINDOW, type Stream, type StreamUser } from './stream.ts'

/** How many streams are open at most, even where the server allows more: so much data of them all has room in the window. */
const MOST_STREAMS = 100
const response = new ResponseLines()

/** The user of a stream that this end has opened. */
export interface ResponseUser extends StreamUser {
  /**
   * A head has arrived, of an interim response or of the final one.
   *
   * @param response valid during the call only
   * @param isLast whether the response is complete with it; `bodyEnded` follows
   */
  head(response: ResponseLines, isLast: boolean): void
}

/** The connection of a session to a server. */
export interface ClientSessionOwner extends SessionOwner {
  /** The server's settings have arrived, the first or others. */
  settled(): void
  /** The session is about to end because of an error. `failed` follows, once its streams have been closed. */
  failing(error: ConnectionError): void
}

/**
 * The session of a connection to a server, at its client. Its streams are those of many clients: the connection's window has
 * room for all that can wait in theirs, so that a client that does not read holds up no other.
 */
export class ClientSession extends Session<ResponseUser> {
  declare protected readonly owner: ClientSessionOwner
  readonly #isSecure: boolean
  #nextId = 1
  #mostStreams = MOST_STREAMS
  /** Whether the server accepts no more streams. */
  hasPeerLeft = false
  /** Whether the server knows the extended CONNECT of RFC 8441. */
  takesConnect = false

  /** @param isSecure whether the connection is TLS: the scheme of its requests */
  constructor(owner: ClientSessionOwner, isSecure: boolean) {
    super('client', owner, MOST_STREAMS * LARGEST_WINDOW)
    this.#isSecure = isSecure
  }

  /** Sends the preface, and the settings of this end. */
  begin(): void {
    this.open(
      [
        [Setting.EnablePush, 0],
        [Setting.MaxHeaderListSize, this.owner.headSize],
      ],
      PREFACE,
    )
  }

  /** How many streams can be opened now. */
  get room(): number {
    if (this.isOver || this.hasPeerLeft || this.#nextId > MAX_WINDOW) return 0
    return Math.max(0, this.#mostStreams - this.streams.size)
  }

  /** Opens a stream, for which there must be room. Its `head` is to be sent before another stream is opened. */
  openStream(user: ResponseUser): Stream<ResponseUser> {
    const stream = this.makeStream(this.#nextId)
    this.lastId = this.#nextId
    this.#nextId += 2
    stream.user = user
    return stream
  }

  override setting(id: number, value: number): void {
    if (id === Setting.MaxConcurrentStreams) this.#mostStreams = Math.min(value, MOST_STREAMS)
    else if (id === Setting.EnableConnectProtocol) this.takesConnect = value === 1
    else super.setting(id, value)
  }

  override settingsEnd(isAck: boolean): void {
    super.settingsEnd(isAck)
    if (!isAck) this.owner.settled()
  }

  override fail(error: ConnectionError): void {
    if (!this.isOver) this.owner.failing(error)
    super.fail(error)
  }

  protected override receiveHeaders(
    streamId: number,
    stream: Stream<ResponseUser> | undefined,
    block: Buffer,
    from: number,
    to: number,
    isLast: boolean,
  ): void {
    if (stream?.hasHead) return this.receiveTrailers(stream, block, from, to, isLast)
    response.begin(this.owner.headSize)
    this.decoder.decode(block, from, to, response)
    response.finish()
    if (stream === undefined) return this.judgeLate(streamId, 'HEADERS')
    if (stream.peerHasEnded) return this.failStream(streamId, ErrorCode.StreamClosed)
    if (response.fault !== '') return stream.breakOff(response.fault)
    if (response.isTooLarge) return stream.breakOff('the head is too large')
    const isInterim = response.statusClass === 1
    if (isInterim && isLast) return stream.breakOff('an interim response ends the stream')
    stream.hasHead = !isInterim
    stream.user.head(response, isLast)
    if (isLast) this.receiveEnd(stream)
  }

  protected override encodeHead(out: Scratch, bytes: Buffer, from: number, to: number): void {
    this.encoder.request(out, bytes, from, to, this.#isSecure)
  }

  protected override peerGoesAway(lastStreamId: number): void {
    this.hasPeerLeft = true
    for (const stream of [...this.streams.values()]) {
      if (stream.id > lastStreamId) stream.close(ErrorCode.RefusedStream, true)
    }
  }

  /** No stream is opened any more, and the server is told. */
  leave(code: ErrorCode): void {
    this.hasPeerLeft = true
    this.writeGoAway(0, code)
  }

  /** A server opens no streams. */
  protected override get lastPeerId(): number {
    return 0
  }
}

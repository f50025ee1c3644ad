import { equalsIgnoringCase } from '../http1/bytes.ts'
import { FieldName } from '../http1/field-name.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { type Deadlines, Timed } from '../runtime/deadlines.ts'
import { closeFrameToClient, closeFrameToServer } from '../websocket/close-frame.ts'
import { FrameTracker } from '../websocket/frame-tracker.ts'
import type { Downstream } from './downstream.ts'
import type { ServerStream } from './server-stream.ts'
import type { OpenTunnel } from './tunnels.ts'

const WEBSOCKET = Buffer.from('websocket')

/** How long each step of a close may take, in ms: until a frame is complete, the client answers, and the server ends. */
const PATIENCE = 5000

/**
 * How far a tunnel is:
 * - `open`: bytes pass until both sides have ended.
 * - `leaving`: it is to be closed, but one side has closed the WebSocket already, and the other has some time to answer.
 * - `finishing`: what passes from the server is the rest of the current frame.
 * - `answering`: the client has its Close frame, and the server gets what the client sends until it answers.
 * - `ending`: nothing passes any more, and the server has some time to end.
 */
type Stage = 'open' | 'leaving' | 'finishing' | 'answering' | 'ending'

/** The attempt that has become a tunnel. */
export interface TunnelOwner {
  /** Whether the client is slower to read than the server sends. */
  readonly isPaused: boolean
  /** Whether the server has been told to end, or comes and goes. */
  readonly isServerTransient: boolean
  /** Both sides have ended, or have had the time to. */
  tunnelOver(): void
}

/**
 * Both directions of an attempt after a switch of protocols; each lasts until it is ended. `close` ends both: the client of a
 * WebSocket gets a Close frame between two frames, and its answer goes to the server. Where frames cannot be told apart, and
 * with any other protocol, the connections are ended after what has been sent.
 */
export class Tunnel extends Timed implements OpenTunnel {
  readonly #owner: TunnelOwner
  readonly #downstream: Downstream
  readonly #stream: ServerStream
  readonly #deadlines: Deadlines
  /** Undefined for another protocol than WebSocket. */
  readonly #fromClient: FrameTracker | undefined
  readonly #fromServer: FrameTracker | undefined
  #stage: Stage = 'open'
  /** Whether the server has been told that the client has ended its direction. */
  #clientEnded = false
  /** Whether the client has been told that the server has ended its direction. */
  #serverEnded = false

  /** @param head the response that switches protocols */
  constructor(
    owner: TunnelOwner,
    head: ResponseHead,
    downstream: Downstream,
    stream: ServerStream,
    deadlines: Deadlines,
  ) {
    super()
    this.#owner = owner
    this.#downstream = downstream
    this.#stream = stream
    this.#deadlines = deadlines
    if (!isToWebSocket(head)) return
    this.#fromClient = new FrameTracker('client')
    this.#fromServer = new FrameTracker('server')
  }

  // ── the two directions ─────────────────────────────────────────────────────────────────────────────────────────

  clientBytes(bytes: Buffer, from: number, to: number): void {
    if (this.#stage === 'ending') return
    this.#fromClient?.read(bytes, from, to)
    this.#stream.data(bytes, from, to)
  }

  serverBytes(bytes: Buffer, from: number, to: number): void {
    if (!this.takesFromServer) return
    if (this.#stage !== 'finishing') {
      this.#fromServer?.read(bytes, from, to)
      return this.#downstream.data(bytes, from, to)
    }
    const end = this.#fromServer!.finishFrame(bytes, from, to)
    if (end > from) this.#downstream.data(bytes, from, end)
  }

  /** Whether the client still gets what the server sends. */
  get takesFromServer(): boolean {
    return this.#stage !== 'answering' && this.#stage !== 'ending'
  }

  /** The client has ended its direction. */
  clientEnd(): void {
    if (this.#stage === 'answering') return this.#endBoth()
    if (this.#stage === 'ending') return
    this.#clientEnded = true
    this.#stream.end()
    if (this.#serverEnded) this.#owner.tunnelOver()
  }

  /** The server has ended its direction. */
  serverEnd(): void {
    if (!this.#serverEnded) {
      this.#announceEnd()
      this.#endClient()
    }
    if (this.#clientEnded || this.#stage === 'ending') this.#owner.tunnelOver()
  }

  /** The client of a WebSocket whose server has ended without a word learns that it may connect again, where it can be told. */
  #announceEnd(): void {
    const frames = this.#fromServer
    const isMute = frames?.isValid === true && frames.isBetweenFrames && !frames.hasClosed
    if (this.#stage === 'open' && isMute && this.#owner.isServerTransient)
      this.#downstream.data(closeFrameToClient, 0, closeFrameToClient.length)
  }

  #endClient(): void {
    this.#serverEnded = true
    this.#downstream.end()
    this.#downstream.flush()
  }

  // ── the close ──────────────────────────────────────────────────────────────────────────────────────────────────

  close(ms: number): void {
    if (this.#stage === 'open' && this.#deadlines.now + ms < this.deadline) this.#deadlines.set(this, Math.max(1, ms))
  }

  override expire(): void {
    if (this.#stage === 'open') this.#beginClose()
    else if (this.#stage === 'ending') this.#owner.tunnelOver()
    else this.#endBoth()
  }

  #beginClose(): void {
    if (this.#fromServer?.hasClosed || this.#fromClient?.hasClosed) return this.#enter('leaving')
    this.#enter('finishing')
    this.advance()
  }

  #enter(stage: Stage): void {
    this.#stage = stage
    this.#deadlines.set(this, PATIENCE)
  }

  /** Goes on with the close, as far as what both sides have sent allows. Whatever was written before has been flushed. */
  advance(): void {
    if (this.#stage === 'finishing') this.#closeClient()
    if (this.#stage === 'answering' && (this.#clientEnded || this.#fromClient!.hasClosed)) this.#endBoth()
  }

  /** Sends the client its Close frame, once the server's current frame is complete and the client has taken it. */
  #closeClient(): void {
    const frames = this.#fromServer
    if (frames?.isValid !== true || this.#serverEnded) return this.#endBoth()
    if (this.#owner.isPaused || !(frames.isBetweenFrames || frames.hasClosed)) return
    if (!frames.hasClosed) {
      this.#downstream.data(closeFrameToClient, 0, closeFrameToClient.length)
      this.#downstream.flush()
    }
    this.#enter('answering')
  }

  /**
   * Ends both directions. The server of a WebSocket that has got a Close frame is the one to end first (RFC 6455 §7.1.1), and
   * the client ends after it: otherwise the connection to the server could be reset before it has read that frame.
   */
  #endBoth(): void {
    this.#enter('ending')
    const isServerClosing = !this.#clientEnded && this.#closeServer()
    if (this.#serverEnded) return this.#owner.tunnelOver()
    if (!isServerClosing) this.#endClient()
    // What it still sends is dropped, so its end must not wait for the client to read.
    this.#stream.resume()
  }

  /** Sees to it that the server gets a Close frame. Where there can be none, ends its direction, and returns false. */
  #closeServer(): boolean {
    const frames = this.#fromClient
    if (frames?.isBetweenFrames) {
      const frame = closeFrameToServer()
      this.#stream.data(frame, 0, frame.length)
    } else if (!frames?.hasClosed) {
      this.#stream.end()
      return false
    }
    this.#stream.flush()
    return true
  }

  /** The attempt is over. */
  stop(): void {
    this.#stage = 'ending'
    this.#deadlines.remove(this)
  }
}

function isToWebSocket(head: ResponseHead): boolean {
  const field = head.find(FieldName.Upgrade)
  return equalsIgnoringCase(head.bytes, head.valueStart(field), head.valueEnd(field), WEBSOCKET)
}

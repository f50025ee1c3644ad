import assert from 'node:assert/strict'
import type { Downstream, DownstreamUser } from '../../../src/exchange/downstream.ts'
import type { OwnResponse } from '../../../src/exchange/own-response.ts'
import type { WorkerContext } from '../../../src/exchange/worker-context.ts'
import type { ClientOrigin } from '../../../src/forwarding/client-origin.ts'
import { declaredLength, writeResponseHead, writeSwitchingHead } from '../../../src/forwarding/forwarded-response.ts'
import type { BodyForm } from '../../../src/http1/body-decoder.ts'
import { ChunkedBody } from '../../../src/http1/chunked-body.ts'
import type { ConnectionOptions } from '../../../src/http1/connection-options.ts'
import type { Framing } from '../../../src/http1/framing.ts'
import type { Head } from '../../../src/http1/head.ts'
import type { ResponseHead } from '../../../src/http1/response-head.ts'
import type { Received, ReceivedHead } from './client.ts'

/** Bytes that may wait for a client that does not read. */
const WINDOW = 64 * 1024
/** The most that is handed over at once, as in a frame of HTTP/2. */
const FRAME = 16 * 1024
/** Where a frame's bytes lie in the memory that they are read to. */
const FRAME_HEADER = 9

type Phase = 'before' | 'response' | 'tunnel' | 'complete' | 'over'

/**
 * A Downstream without a socket, as a stream of HTTP/2 will be. It hands the body over as data alone, in memory that is
 * overwritten at once, and holds its exchange to the order of the calls.
 */
export class ScriptedDownstream implements Downstream {
  readonly origin: ClientOrigin
  bodyLength = 0
  bytesSent = 0
  readonly room = Infinity
  readonly isFickle = false
  readonly #context: WorkerContext
  readonly #response: Received
  readonly #takesTrailers: boolean
  readonly #memory = Buffer.alloc(FRAME_HEADER + FRAME)
  /** What its client has sent that has not been handed over. */
  readonly #pending: Buffer[] = []
  #user: DownstreamUser | undefined
  #phase: Phase = 'before'
  #isWanted = false
  #isHandingOver = false
  #clientEnded = false
  #trailers: ReceivedHead['fields'] | undefined
  #isUnflushed = false
  #isPaused = false
  #isFull = false
  #unread = 0
  #whenHeld: (() => void)[] = []

  constructor(context: WorkerContext, origin: ClientOrigin, response: Received, takesTrailers: boolean) {
    this.#context = context
    this.origin = origin
    this.#response = response
    this.#takesTrailers = takesTrailers
  }

  serve(user: DownstreamUser): void {
    this.#user = user
  }

  // ── the script ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** The client sends bytes. */
  push(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += FRAME) this.#pending.push(bytes.subarray(at, at + FRAME))
    this.#handOver()
  }

  /** The client has sent all that it will send. */
  pushEnd(trailers?: ReceivedHead['fields']): void {
    this.#clientEnded = true
    this.#trailers = trailers
    this.#handOver()
  }

  pause(): void {
    this.#isPaused = true
  }

  /** The client has read everything, and goes on to. */
  drain(): void {
    this.#isPaused = false
    this.#unread = 0
    if (!this.#isFull) return
    this.#isFull = false
    if (this.#phase !== 'over') this.#user!.drained()
  }

  /** Resolves once the body is not wanted, and there is more of it: to the bytes that were handed over. */
  async held(): Promise<number> {
    while (this.#isWanted || this.#pending.length === 0)
      await new Promise<void>((resolve) => this.#whenHeld.push(resolve))
    return this.bodyLength
  }

  #handOver(): void {
    if (this.#isHandingOver) return
    this.#isHandingOver = true
    while (this.#isWanted) {
      const bytes = this.#pending.shift()
      const isLast = this.#clientEnded && this.#pending.length === 0
      if (bytes === undefined && !isLast) break
      if (bytes !== undefined) this.#handOverBytes(bytes)
      if (isLast) {
        this.#isWanted = false
        this.#user!.bodyEnded(this.#trailers && trailersOf(this.#trailers))
      }
      if (this.#phase !== 'over') this.#user!.flush()
    }
    this.#isHandingOver = false
    for (const resolve of this.#whenHeld.splice(0)) resolve()
  }

  #handOverBytes(bytes: Buffer): void {
    const end = FRAME_HEADER + bytes.copy(this.#memory, FRAME_HEADER)
    this.bodyLength += bytes.length
    this.#user!.bodyBytes(this.#memory, FRAME_HEADER, end)
    this.#memory.fill('!')
  }

  // ── what the exchange asks for ─────────────────────────────────────────────────────────────────────────────────

  wantBody(_form: BodyForm, _isOwed: boolean): void {
    this.#assertPhase('before', 'response', 'tunnel')
    this.#isWanted = true
    this.#handOver()
  }

  holdBody(): void {
    this.#isWanted = false
    for (const resolve of this.#whenHeld.splice(0)) resolve()
  }

  inform(head: ResponseHead, options: ConnectionOptions): void {
    this.#assertPhase('before')
    this.#isUnflushed = true
    this.#response.inform(
      this.#headWrittenBy(() => writeResponseHead(this.#context.scratch, head, options, -1, false, 'unsaid')),
    )
  }

  respond(head: ResponseHead, options: ConnectionOptions, framing: Framing, fields: string): BodyForm {
    this.#assertPhase('before')
    this.#phase = 'response'
    this.#isUnflushed = true
    const length = declaredLength(head, framing, options)
    const { scratch } = this.#context
    const takesTrailers = this.#takesTrailers
    this.#response.respond(
      this.#headWrittenBy(() =>
        writeResponseHead(scratch, head, options, length, false, 'unsaid', fields, takesTrailers),
      ),
    )
    return 'data'
  }

  upgrade(head: ResponseHead, options: ConnectionOptions, fields: string): void {
    this.#assertPhase('before')
    this.#phase = 'tunnel'
    this.#isUnflushed = true
    this.#response.respond(this.#headWrittenBy(() => writeSwitchingHead(this.#context.scratch, head, options, fields)))
  }

  data(bytes: Buffer, from: number, to: number): void {
    this.#assertPhase('response', 'tunnel')
    assert.ok(!this.#isFull, 'nothing is written after a flush that returned false, until the client has drained')
    assert.ok(to > from, 'there are bytes')
    this.#isUnflushed = true
    this.#unread += to - from
    this.bytesSent += to - from
    this.#response.data(Buffer.from(bytes.subarray(from, to)))
  }

  end(trailers?: Head): void {
    this.#assertPhase('response', 'tunnel')
    if (this.#phase === 'response') this.#phase = 'complete'
    this.#isUnflushed = true
    if (trailers !== undefined) this.#response.trailers = fieldsOf(trailers)
    this.#response.finish('whole')
  }

  flush(): boolean {
    this.#isUnflushed = false
    this.#isFull = this.#isPaused && this.#unread >= WINDOW
    return !this.#isFull
  }

  answer({ status, lines, fields, body, isToHead }: OwnResponse): void {
    this.#assertPhase('before')
    this.#phase = 'complete'
    this.#response.respond({ status, fields: parsed(`${lines.join('\r\n')}\r\n${fields}`) })
    if (!isToHead) {
      this.bytesSent = body.length
      this.#response.data(body)
    }
    this.#response.finish('whole')
  }

  finish(): void {
    this.#assertPhase('before', 'tunnel', 'complete')
    assert.ok(!this.#isUnflushed, 'what was written is flushed before the end')
    this.#end()
    this.#response.finish('whole')
  }

  reset(): void {
    this.#assertPhase('response', 'tunnel')
    this.#end()
    this.#response.finish('reset')
  }

  #end(): void {
    this.#phase = 'over'
    this.#isWanted = false
    this.#pending.length = 0
  }

  #assertPhase(...phases: Phase[]): void {
    assert.ok(phases.includes(this.#phase), `this does not come in the phase "${this.#phase}"`)
  }

  /** A head, without the fields that are for one hop. */
  #headWrittenBy(write: () => void): ReceivedHead {
    const { scratch } = this.#context
    const start = scratch.length
    write()
    const text = scratch.bytes.toString('latin1', start, scratch.length)
    scratch.length = start
    const end = text.indexOf('\r\n')
    return { status: Number(text.slice('HTTP/1.1 '.length, end).slice(0, 3)), fields: parsed(text.slice(end + 2)) }
  }
}

function parsed(lines: string): Record<string, string> {
  const fields: Record<string, string> = {}
  for (const line of lines.split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) fields[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
  }
  return fields
}

function fieldsOf(head: Head): Record<string, string> {
  return parsed(head.bytes.toString('latin1', head.start, head.end))
}

/** Trailers that the one strict reader has read. */
function trailersOf(fields: ReceivedHead['fields']): Head {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  const body = new ChunkedBody(false, { headSize: 1024, headers: 16 })
  body.read(Buffer.from(`0\r\n${lines.join('')}\r\n`, 'latin1'), 0, { bodyBytes() {} })
  return body.trailers!
}

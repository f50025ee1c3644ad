import { EventEmitter, once } from 'node:events'
import type { Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { type Origin, rawOrigin } from '../support/origin.ts'
import type { Script } from './fixture.ts'
import type { Step } from './notation.ts'
import { type LaxRequest, readOneLaxly } from './readers.ts'

/**
 * An origin that records every byte, and answers each request that the laxest reader would find with its target in the body.
 * Scripts replace the responses to the first requests.
 */
export class RecordingOrigin {
  /** All bytes since `begin`, of all connections, in the order of arrival. */
  record = ''
  /** The same bytes by connection. */
  readonly byConnection = new Map<Socket, string>()
  readonly #arrivals = new EventEmitter()
  #scripts: Script[] = []

  static async start(test: TestContext): Promise<RecordingOrigin & Origin> {
    const recording = new RecordingOrigin()
    const origin = await rawOrigin(test, (socket) => new Conversation(socket, recording))
    return Object.assign(recording, origin)
  }

  begin(scripts: readonly Script[] = []): void {
    this.record = ''
    this.byConnection.clear()
    this.#scripts = [...scripts]
  }

  /** `request`: resolves once it got the head of a request; `10 bytes`: once it got so many in all. */
  async hears(what: string): Promise<void> {
    const [, count] = /^(\d+) bytes$/.exec(what) ?? []
    const isThere = () => (count === undefined ? this.record.includes('\r\n\r\n') : this.record.length >= Number(count))
    while (!isThere()) await once(this.#arrivals, 'bytes', { signal: AbortSignal.timeout(60_000) })
  }

  note(socket: Socket, text: string): void {
    this.record += text
    this.#arrivals.emit('bytes')
    this.byConnection.set(socket, (this.byConnection.get(socket) ?? '') + text)
  }

  scriptFor(target: string): Script | undefined {
    return target.startsWith('/~') ? undefined : this.#scripts[0]
  }

  /** The script has been used. */
  next(): void {
    this.#scripts.shift()
  }
}

/** The response to a request without a script. */
export function answerTo(target: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`
}

/** The values that differ from run to run, by their names in fixtures. */
export function anonymous(forwarded: string, origin: string, port: number): string {
  return forwarded
    .replaceAll(origin, '<origin>')
    .replace(/^(X-Request-Id: )[0-9a-f]{32}\r$/gm, '$1<id>\r')
    .replaceAll(`X-Forwarded-Port: ${port}\r`, 'X-Forwarded-Port: <port>\r')
}

/** One connection to the origin. */
class Conversation {
  readonly #socket: Socket
  readonly #origin: RecordingOrigin
  #pending = ''
  /** Whether the current request has got 100 Continue or a response. */
  #continued = false
  #answered = false

  constructor(socket: Socket, origin: RecordingOrigin) {
    this.#socket = socket
    this.#origin = origin
    socket.setNoDelay()
    socket.on('end', () => socket.end())
    socket.on('data', (bytes: Buffer) => {
      const text = bytes.toString('latin1')
      origin.note(socket, text)
      this.#pending += text
      this.#converse()
    })
  }

  #converse(): void {
    for (;;) {
      const request = readOneLaxly(this.#pending, 0)
      if (request === undefined) return
      const script = this.#origin.scriptFor(request.target)
      if (!this.#continued && script === undefined && /^expect:[ \t]*100-continue/im.test(request.head)) {
        this.#socket.write('HTTP/1.1 100 Continue\r\n\r\n')
      }
      this.#continued = true
      if (!this.#answered && (request.body !== undefined || script?.early)) this.#answer(request, script)
      if (request.body === undefined) return
      this.#pending = this.#pending.slice(request.end)
      this.#continued = this.#answered = false
    }
  }

  #answer({ method, target }: LaxRequest, script: Script | undefined): void {
    this.#answered = true
    if (script !== undefined) {
      this.#origin.next()
      void perform(this.#socket, script.steps)
    } else {
      this.#socket.write(answerTo(method === 'HEAD' ? '' : target), 'latin1')
    }
  }
}

/** Sends a script, each piece in a separate segment if the network allows it. */
export async function perform(socket: Socket, steps: readonly Step[], hear?: (status: string) => Promise<unknown>) {
  for (const step of steps) {
    if (step.kind === 'close') socket.end()
    else if (step.kind === 'reset') socket.resetAndDestroy()
    else if (step.kind === 'hear') await hear?.(step.status)
    else if (step.text !== '') {
      await new Promise((resolve) => socket.write(step.text, 'latin1', resolve))
      await turn()
    }
  }
}

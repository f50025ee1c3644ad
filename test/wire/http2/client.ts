import { EventEmitter, once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { connect as connectSecurely } from 'node:tls'
import type { Outcome } from './fixture.ts'
import { ERRORS, FLAGS, FRAME_TYPES, type Frame, FrameParser, frameBytes, PREFACE } from './frames.ts'
import { BlockReader, type Field } from './hpack.ts'
import type { Conversation } from './notation.ts'

/** In ms. Whatever a client waits for comes at once, or never. */
const PATIENCE = 60_000
const ACK = frameBytes({
  type: FRAME_TYPES.indexOf('SETTINGS'),
  flags: FLAGS.ACK!,
  stream: 0,
  payload: Buffer.alloc(0),
})
const NO_SETTINGS = frameBytes({ type: FRAME_TYPES.indexOf('SETTINGS'), flags: 0, stream: 0, payload: Buffer.alloc(0) })

/** What a client got on a stream. */
class HeardStream {
  /** The field blocks: interim responses, the response, trailers. */
  readonly blocks: (readonly Field[])[] = []
  body = ''
  isEnded = false
  error: string | undefined

  get statuses(): string[] {
    return this.blocks.flatMap((fields) => fields.flatMap(([name, value]) => (name === ':status' ? [value] : [])))
  }

  get isOver(): boolean {
    return this.isEnded || this.error !== undefined
  }

  /** As the outcome of a case has it. */
  get became(): string {
    const isOpen = this.statuses.length > 0 && !this.isOver
    return [...this.statuses, ...(isOpen ? ['open'] : []), ...(this.error === undefined ? [] : [this.error])].join(' ')
  }
}

/** A client that sends the bytes that it is given, and understands what it gets. */
export class FrameClient {
  readonly streams = new Map<number, HeardStream>()
  readonly pings: string[] = []
  /** The error code of GOAWAY. */
  goAway: string | undefined
  /** Whatever arrived that is not allowed. */
  fault: Error | undefined
  isClosed = false
  /** The first bytes, of a server that may not speak HTTP/2. */
  #start = ''
  readonly #socket: Socket
  /** The connection below TLS; without it, the same. */
  readonly #carrier: Socket
  readonly #parser = new FrameParser()
  readonly #blocks = new BlockReader()
  readonly #changes = new EventEmitter().setMaxListeners(0)
  #fragments: Buffer[] = []
  #settings = 0
  #acknowledged = 0

  private constructor(socket: Socket, carrier: Socket) {
    this.#socket = socket
    this.#carrier = carrier
    carrier.setNoDelay()
    socket.on('error', () => socket.destroy())
    socket.on('data', (bytes: Buffer) => this.#read(bytes))
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.isClosed = true
        this.#changes.emit('change')
      })
    }
  }

  /** @param ca whose certificate the server has, by TLS */
  static async connect(test: TestContext, port: number, ca?: string): Promise<FrameClient> {
    const host = '127.0.0.1'
    const carrier = connect({ port, host, allowHalfOpen: true })
    test.after(() => carrier.destroy())
    await once(carrier, 'connect')
    if (ca === undefined) return new FrameClient(carrier, carrier)
    const socket = connectSecurely({ socket: carrier, host, ca, ALPNProtocols: ['h2'] })
    await once(socket, 'secureConnect')
    return new FrameClient(socket, carrier)
  }

  /** Sends the preface, and acknowledges the server's settings before anything else is sent. */
  async begin(): Promise<void> {
    this.say(Buffer.concat([Buffer.from(PREFACE, 'latin1'), NO_SETTINGS]))
    await this.until(() => this.#settings > 0 && this.#acknowledged > 0, 'settings')
    this.say(ACK)
  }

  say(bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  end(): void {
    this.#socket.destroy()
  }

  /** @param hear waits for what a client cannot see: that the origin got something */
  async perform({ steps }: Conversation, isSplit: boolean, hear?: (what: string) => Promise<unknown>): Promise<void> {
    for (const step of steps) {
      if (step.kind === 'close') this.#socket.end()
      else if (step.kind === 'reset') this.#carrier.resetAndDestroy()
      else if (step.kind === 'hear') await (this.#hears(step.what) ?? hear?.(step.what))
      else if (isSplit) await this.#trickle(step.bytes)
      else this.say(step.bytes)
    }
  }

  async #trickle(bytes: Buffer): Promise<void> {
    for (const byte of bytes) {
      this.say(Buffer.of(byte))
      await turn()
    }
  }

  /** `acknowledgement`, `1` (the end of a stream), `1 200`, `1 100 bytes`. */
  #hears(what: string): Promise<void> | undefined {
    const [, stream, status, length] = /^(\d+)(?: (\d{3})| (\d+) bytes)?$/.exec(what) ?? []
    const heard = () => this.streams.get(Number(stream))
    if (what === 'acknowledgement') return this.until(() => this.#acknowledged > 1, what)
    if (stream === undefined) return undefined
    if (status !== undefined) return this.until(() => heard()?.statuses.includes(status) === true, what)
    if (length !== undefined) return this.until(() => (heard()?.body.length ?? 0) >= Number(length), what)
    return this.until(() => heard()?.isOver === true, what)
  }

  /** Resolves once the condition holds, or the connection is closed. @throws Error if neither happens */
  async until(condition: () => boolean, what: string): Promise<void> {
    const tooLong = AbortSignal.timeout(PATIENCE)
    while (!condition() && !this.isClosed) {
      if (this.fault !== undefined) throw this.fault
      await once(this.#changes, 'change', { signal: tooLong }).catch(() => {
        throw new Error(`no ${what} after ${JSON.stringify(this.outcome)}`)
      })
    }
  }

  get outcome(): Outcome {
    const streams = [...this.streams].filter(([, { became }]) => became !== '')
    return {
      streams: Object.fromEntries(streams.map(([id, { became }]) => [String(id), became])),
      connection: this.goAway ?? (this.isClosed ? 'closed' : ''),
      pings: this.pings,
      http1: this.#http1,
    }
  }

  get #http1(): number | undefined {
    const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(this.#start) ?? []
    return status === undefined ? undefined : Number(status)
  }

  /** What it got on its streams, in the notation of `received`. The content of a body is one frame. */
  received(withDate: boolean): string {
    const lines: string[] = []
    for (const [id, { blocks, body, isEnded, error }] of [...this.streams].sort(([one], [other]) => one - other)) {
      const frames = blocks.map((fields) => ({
        type: 'HEADERS',
        lines: fields.map((field) => linesOf(field, withDate)),
      }))
      const isTrailer = blocks.length > 1 && !blocks.at(-1)!.some(([name]) => name === ':status')
      if (body !== '') frames.splice(isTrailer ? -1 : blocks.length, 0, { type: 'DATA', lines: [[printable(body)]] })
      for (const [index, frame] of frames.entries()) {
        const isLast = isEnded && index === frames.length - 1
        lines.push(`${frame.type} ${id}${isLast ? ' +END_STREAM' : ''}`)
        lines.push(...frame.lines.flat().map((line) => `  ${line}`))
      }
      if (error !== undefined) lines.push(`RST_STREAM ${id} ${error}`)
    }
    return `${lines.join('\n')}\n`
  }

  #read(bytes: Buffer): void {
    if (this.#start.length < 20) this.#start += bytes.toString('latin1')
    try {
      if (this.#start.startsWith('HTTP/1.1')) return

      for (const frame of this.#parser.read(bytes)) this.#take(frame)
    } catch (error) {
      this.fault ??= error as Error
    } finally {
      this.#changes.emit('change')
    }
  }

  #take({ type, flags, stream, payload }: Frame): void {
    const isEnd = (flags & FLAGS.END_STREAM!) !== 0
    switch (FRAME_TYPES[type]) {
      case 'DATA':
        this.#at(stream).body += payload.toString('latin1')
        if (isEnd) this.#at(stream).isEnded = true
        break
      case 'HEADERS':
        this.#fragments = []
        if (isEnd) this.#at(stream).isEnded = true
        this.#takeFragment(stream, flags, payload)
        break
      case 'CONTINUATION':
        this.#takeFragment(stream, flags, payload)
        break
      case 'RST_STREAM':
        this.#at(stream).error = errorIn(payload, 0)
        break
      case 'SETTINGS':
        if ((flags & FLAGS.ACK!) === 0) this.#settings++
        else this.#acknowledged++
        break
      case 'PING':
        if ((flags & FLAGS.ACK!) !== 0) this.pings.push(printable(payload.toString('latin1')))
        break
      case 'GOAWAY':
        this.goAway = errorIn(payload, 4)
        break
      case 'WINDOW_UPDATE':
        break
      default:
        throw new Error(`the server sent a frame of type ${type}`)
    }
  }

  #takeFragment(stream: number, flags: number, fragment: Buffer): void {
    this.#fragments.push(fragment)
    if ((flags & FLAGS.END_HEADERS!) === 0) return
    this.#at(stream).blocks.push(this.#blocks.read(Buffer.concat(this.#fragments)))
  }

  #at(stream: number): HeardStream {
    const heard = this.streams.get(stream) ?? new HeardStream()
    this.streams.set(stream, heard)
    return heard
  }
}

function errorIn(payload: Buffer, at: number): string {
  const code = payload.readUInt32BE(at)
  return ERRORS[code] ?? String(code)
}

/** The line of a field; none for a Date that Limpet adds. */
function linesOf([name, value]: Field, withDate: boolean): string[] {
  return name === 'date' && !withDate ? [] : [`${printable(name)}: ${printable(value)}`]
}

function printable(text: string): string {
  return text
    .replaceAll('\\', '\\\\')
    .replaceAll('\r', '\\r')
    .replaceAll('\n', '\\n')
    .replace(/[^ -~]/g, (byte) => (byte === '\\' ? byte : `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`))
    .replace(/ $/, '\\s')
}

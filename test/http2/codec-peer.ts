import type { Duplex } from 'node:stream'
import { FrameReader } from '../../src/http2/frames/frame-reader.ts'
import type { FrameSink, Role } from '../../src/http2/frames/frame-sink.ts'
import { PREFACE } from '../../src/http2/frames/frame-type.ts'
import { beginHeaders, endHeaders, writeSettings, writeSettingsAck } from '../../src/http2/frames/frame-writer.ts'
import { Setting } from '../../src/http2/frames/setting.ts'
import type { FieldLines } from '../../src/http2/heads/field-lines.ts'
import { HeadEncoder } from '../../src/http2/heads/head-encoder.ts'
import { RequestLines } from '../../src/http2/heads/request-lines.ts'
import { ResponseLines } from '../../src/http2/heads/response-lines.ts'
import { HpackDecoder } from '../../src/http2/hpack/decoder.ts'
import { Scratch } from '../../src/transport/scratch.ts'
import { LIMITS } from './frames.ts'

/** One end of a connection that has the codec and nothing else: it reads heads, and writes heads of messages without a body. */
export class CodecPeer implements FrameSink {
  /** Called with each head, as HTTP/1.1 has it. */
  received: (streamId: number, head: string) => void = () => {}
  readonly #socket: Duplex
  readonly #role: Role
  readonly #decoder = new HpackDecoder()
  readonly #encoder: HeadEncoder
  readonly #lines: FieldLines
  readonly #tableSize: number
  readonly #out = new Scratch()

  /** @param tableSize the SETTINGS_HEADER_TABLE_SIZE of this end */
  constructor(socket: Duplex, role: Role, tableSize: number) {
    this.#socket = socket
    this.#role = role
    this.#tableSize = tableSize
    this.#encoder = new HeadEncoder(role)
    this.#lines = role === 'server' ? new RequestLines() : new ResponseLines()
    if (role === 'client') this.#out.write(PREFACE)
    writeSettings(this.#out, [[Setting.HeaderTableSize, tableSize]])
    this.#flush()
    const reader = new FrameReader(this, role, LIMITS)
    socket.on('data', (bytes: Buffer) => reader.read(bytes))
  }

  send(streamId: number, head: string): void {
    const bytes = Buffer.from(head, 'latin1')
    const frame = beginHeaders(this.#out)
    if (this.#role === 'client') this.#encoder.request(this.#out, bytes, 0, bytes.length, false)
    else this.#encoder.response(this.#out, bytes, 0, bytes.length)
    endHeaders(this.#out, frame, streamId, true, LIMITS.frameSize)
    this.#flush()
  }

  #flush(): void {
    this.#socket.write(Buffer.from(this.#out.bytes.subarray(0, this.#out.length)))
    this.#out.length = 0
  }

  headers(streamId: number, block: Buffer, from: number, to: number): void {
    const lines = this.#lines
    lines.begin(64_000)
    this.#decoder.decode(block, from, to, lines)
    lines.finish()
    this.received(streamId, lines.fault === '' ? lines.bytes.toString('latin1', 0, lines.length) : lines.fault)
  }

  setting(id: number, value: number): void {
    if (id === Setting.HeaderTableSize) this.#encoder.setMaxTableSize(value)
  }

  settingsEnd(isAck: boolean): void {
    if (isAck) return this.#decoder.limitTable(this.#tableSize)
    writeSettingsAck(this.#out)
    this.#flush()
  }

  dataBegins(): boolean {
    return false
  }

  data(): void {}
  dataEnds(): void {}
  priority(): void {}
  rstStream(): void {}
  ping(): void {}
  goAway(): void {}
  windowUpdate(): void {}
  streamError(): void {}
}

import type { Scratch } from './scratch.ts'

const CRLF = Buffer.from('\r\n')
const LAST_CHUNK = Buffer.from('0\r\n\r\n')

/** Puts a body together as HTTP/1 sends it: as it was handed over, or in chunks that are made here (RFC 9112 §7.1). */
export class BodyEncoder {
  /** Bytes of the current body that were put together, framing included. */
  sent = 0
  #makesChunks = false

  /** Another body begins. */
  begin(makesChunks: boolean): void {
    this.sent = 0
    this.#makesChunks = makesChunks
  }

  data(out: Scratch, bytes: Buffer, from: number, to: number): void {
    if (!this.#makesChunks) return this.#copy(out, bytes, from, to)
    const size = `${(to - from).toString(16)}\r\n`
    this.sent += size.length
    out.text(size)
    this.#copy(out, bytes, from, to)
    this.#copy(out, CRLF, 0, CRLF.length)
  }

  end(out: Scratch): void {
    if (this.#makesChunks) this.#copy(out, LAST_CHUNK, 0, LAST_CHUNK.length)
    this.#makesChunks = false
  }

  #copy(out: Scratch, bytes: Buffer, from: number, to: number): void {
    this.sent += to - from
    out.copy(bytes, from, to)
  }
}

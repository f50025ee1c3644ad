import type { Scratch } from './scratch.ts'

const CRLF = Buffer.from('\r\n')
const LAST_CHUNK = Buffer.from('0\r\n')

/** Writes `bytes[from, to)`, which are not empty, as one chunk (RFC 9112 §7.1); returns its length, framing included. */
export function writeChunk(out: Scratch, bytes: Buffer, from: number, to: number): number {
  const before = out.length
  out.text(`${(to - from).toString(16)}\r\n`)
  out.copy(bytes, from, to)
  out.write(CRLF)
  return out.length - before
}

/** Writes the line of the last chunk, which a trailer section must follow. */
export function writeLastChunk(out: Scratch): void {
  out.write(LAST_CHUNK)
}

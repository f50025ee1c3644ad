import { ZERO } from '../http1/bytes.ts'
import type { SocketWriter } from './socket-writer.ts'

const SIZE = 64 * 1024

/**
 * A worker puts together here what it is about to write. The kernel takes most writes at once; the same memory then serves
 * the next one, and nothing is allocated.
 */
export class Scratch {
  bytes: Buffer
  length = 0
  readonly #size: number

  /** @param size how large it is at first */
  constructor(size = SIZE) {
    this.#size = size
    this.bytes = Buffer.allocUnsafeSlow(size)
  }

  copy(bytes: Buffer, from: number, to: number): void {
    this.reserve(to - from)
    const target = this.bytes
    let at = this.length
    if (to - from < 32) {
      // Faster than a call into native code.
      for (let i = from; i < to; i++) target[at++] = bytes[i]!
    } else {
      // Unlike `set`, this needs no view of the part.
      bytes.copy(target, at, from, to)
    }
    this.length += to - from
  }

  write(bytes: Buffer): void {
    this.copy(bytes, 0, bytes.length)
  }

  /** Appends text, one byte for each character (Latin-1). */
  text(text: string): void {
    this.reserve(text.length)
    this.length += this.bytes.write(text, this.length, 'latin1')
  }

  /** Appends a whole number from 0 on, in decimal. Faster than `text`, which needs a string of it. */
  number(value: number): void {
    let digits = 1
    for (let power = 10; power <= value; power *= 10) digits++
    this.reserve(digits)
    let rest = value
    for (let at = this.length + digits - 1; at >= this.length; at--) {
      const tenth = Math.floor(rest / 10)
      this.bytes[at] = ZERO + rest - 10 * tenth
      rest = tenth
    }
    this.length += digits
  }

  /** Writes everything, and empties the buffer. */
  flushTo(writer: SocketWriter): void {
    const mayReuse = writer.write(this.bytes.subarray(0, this.length))
    this.length = 0
    if (!mayReuse) this.bytes = Buffer.allocUnsafeSlow(this.#size)
  }

  /** Makes room for `size` more bytes; `bytes` may be another buffer from then on. */
  reserve(size: number): void {
    if (this.length + size <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.length + size))
    larger.set(this.bytes.subarray(0, this.length))
    this.bytes = larger
  }
}

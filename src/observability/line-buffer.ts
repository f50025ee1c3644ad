const SIZE = 64 * 1024

/** Bytes that need no escape between quotes: visible ASCII and the space, without the quote and the backslash. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c),
)

const DIGITS = Buffer.from('0123456789ABCDEF')
const DASH = 0x2d
const BACKSLASH = 0x5c
const LETTER_X = 0x78

/** Lines of a log, put together as bytes: what a client sent is copied, and never becomes a string. */
export class LineBuffer {
  length = 0
  #bytes = Buffer.allocUnsafeSlow(SIZE)

  /** Appends text that is ASCII. */
  ascii(text: string): void {
    this.#reserve(text.length)
    this.length += this.#bytes.write(text, this.length, 'latin1')
  }

  /** Appends any text, as UTF-8. */
  text(text: string): void {
    this.#reserve(Buffer.byteLength(text))
    this.length += this.#bytes.write(text, this.length)
  }

  /** Appends what may stand between quotes: `-` for nothing, and nginx's `\\xHH` for what could end the quotes or the line. */
  quotable(bytes: Uint8Array, from: number, to: number): void {
    this.#reserve(Math.max(1, 4 * (to - from)))
    const target = this.#bytes
    let length = this.length
    if (from === to) target[length++] = DASH
    for (let at = from; at < to; at++) {
      const byte = bytes[at]!
      if (PLAIN[byte] === 1) {
        target[length++] = byte
      } else {
        target[length++] = BACKSLASH
        target[length++] = LETTER_X
        target[length++] = DIGITS[byte >> 4]!
        target[length++] = DIGITS[byte & 15]!
      }
    }
    this.length = length
  }

  /** Gives all lines away, in memory of their own, and begins anew. */
  take(): Uint8Array<ArrayBuffer> {
    const lines = new Uint8Array(this.length)
    lines.set(this.#bytes.subarray(0, this.length))
    this.length = 0
    return lines
  }

  #reserve(size: number): void {
    if (this.length + size <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, this.length + size))
    larger.set(this.#bytes.subarray(0, this.length))
    this.#bytes = larger
  }
}

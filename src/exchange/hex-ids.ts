import { randomFillSync } from 'node:crypto'

/** How many ids are drawn at once. */
const AT_ONCE = 256

/** Random ids of so many hexadecimal digits. Random bytes are drawn for many at once. */
export class HexIds {
  readonly #length: number
  readonly #random: Buffer
  /** Unused ids, from `#next` on. */
  #ids = ''
  #next = 0

  constructor(length: number) {
    this.#length = length
    this.#random = Buffer.allocUnsafeSlow((length / 2) * AT_ONCE)
  }

  next(): string {
    if (this.#next === this.#ids.length) {
      this.#ids = randomFillSync(this.#random).toString('hex')
      this.#next = 0
    }
    this.#next += this.#length
    return this.#ids.slice(this.#next - this.#length, this.#next)
  }
}

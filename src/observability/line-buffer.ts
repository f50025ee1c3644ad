/** Room for as many lines as leave at once, and for the one too many. */
const SIZE = 320 * 1024

/** No more than so many memories lie with whoever writes the lines: 10 MB in all, unless lines are very long. */
const MAX_MEMORIES = 32

/** Bytes that need no escape between quotes: visible ASCII and the space, without the quote and the backslash. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c),
)

const DIGITS = Buffer.from('0123456789ABCDEF')
const DASH = 0x2d
const BACKSLASH = 0x5c
const LETTER_X = 0x78

/** Lines that leave: the first `length` bytes of one of the buffer's memories. */
export interface Batch {
  readonly memory: number
  /** The memory itself, where it is used for the first time. */
  readonly shared: SharedArrayBuffer | undefined
  readonly length: number
}

interface Memory {
  readonly number: number
  bytes: Buffer<SharedArrayBuffer>
  /** Whether the other side has it. */
  isKnown: boolean
}

/**
 * Lines of a log, put together as bytes: what a client sent is copied, and never becomes a string. They are handed over in
 * memory that is shared and comes back, since memory given away would weigh on the other thread's garbage collector, and
 * each of its collections on the requests of this one.
 */
export class LineBuffer {
  length = 0
  readonly #memories: Memory[] = []
  readonly #free: Memory[] = []
  #memory = this.#newMemory()
  #bytes = this.#memory.bytes

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

  /** Whether there is another memory to go on in; if not, one has to be given back first. */
  get canTake(): boolean {
    return this.#free.length > 0 || this.#memories.length < MAX_MEMORIES
  }

  /** Hands all lines over and begins anew, where it can; their memory is not touched until it is given back. */
  take(): Batch {
    const memory = this.#memory
    const shared = memory.isKnown ? undefined : memory.bytes.buffer
    const batch = { memory: memory.number, shared, length: this.length }
    memory.isKnown = true
    this.#memory = this.#free.pop() ?? this.#newMemory()
    this.#bytes = this.#memory.bytes
    this.length = 0
    return batch
  }

  /** The lines in that memory are needed no more. */
  giveBack(memory: number): void {
    this.#free.push(this.#memories[memory]!)
  }

  #newMemory(): Memory {
    const memory = { number: this.#memories.length, bytes: sharedBuffer(SIZE), isKnown: false }
    this.#memories.push(memory)
    return memory
  }

  #reserve(size: number): void {
    if (this.length + size <= this.#bytes.length) return
    const larger = sharedBuffer(Math.max(2 * this.#bytes.length, this.length + size))
    larger.set(this.#bytes.subarray(0, this.length))
    this.#bytes = larger
    this.#memory.bytes = larger
    this.#memory.isKnown = false
  }
}

function sharedBuffer(size: number): Buffer<SharedArrayBuffer> {
  return Buffer.from(new SharedArrayBuffer(size))
}

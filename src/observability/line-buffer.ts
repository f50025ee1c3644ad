/** The size of a memory in bytes: room for a full batch of lines and the line that exceeds it. */
const SIZE = 320 * 1024

/** The maximum number of memories: 10 MB in total, unless lines are very long. */
const MAX_MEMORIES = 32

/** Bytes that need no escape between quotes: visible ASCII and the space, without the quote and the backslash. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c),
)

const DIGITS = Buffer.from('0123456789ABCDEF')
const DASH = 0x2d
const BACKSLASH = 0x5c
const LETTER_X = 0x78

/** Lines that are handed over: the first `length` bytes of one of the buffer's memories. */
export interface Batch {
  /** The number of the memory. */
  readonly memory: number
  /** The memory itself, if the receiver does not have it yet. */
  readonly shared: SharedArrayBuffer | undefined
  readonly length: number
}

interface Memory {
  readonly number: number
  bytes: Buffer<SharedArrayBuffer>
  /** Whether the receiver already has it. */
  isKnown: boolean
}

/**
 * Builds the lines of a log as bytes: input of clients is copied and never becomes a string. Lines are handed over in shared
 * memory that is returned and reused. Transferred memory would load the other thread's garbage collector, and each of its
 * collections would delay requests in this thread.
 */
export class LineBuffer {
  length = 0
  readonly #memories: Memory[] = []
  readonly #free: Memory[] = []
  #memory = this.#newMemory()
  #bytes = this.#memory.bytes

  /** Appends ASCII text. */
  ascii(text: string): void {
    this.#reserve(text.length)
    this.length += this.#bytes.write(text, this.length, 'latin1')
  }

  /** Appends any text, as UTF-8. */
  text(text: string): void {
    this.#reserve(Buffer.byteLength(text))
    this.length += this.#bytes.write(text, this.length)
  }

  /** Appends bytes for a quoted part: `-` if there are none, and nginx's `\\xHH` for bytes that could end the quotes or the line. */
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

  /** Whether `take` has another memory to continue in. If not, one has to be returned first. */
  get canTake(): boolean {
    return this.#free.length > 0 || this.#memories.length < MAX_MEMORIES
  }

  /** Hands over all lines and continues in another memory. Only valid if `canTake`. The memory is not touched until `giveBack`. */
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

  /** The lines in this memory are no longer needed. */
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

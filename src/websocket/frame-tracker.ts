const FINAL = 0x80
const OPCODE = 0x0f
const CONTROL = 0x08
const CLOSE = 0x08
const MASKED = 0x80
const LENGTH = 0x7f
/** A payload length that stands for "in the next 2 bytes". */
const LENGTH_IN_TWO = 126
const MASK_SIZE = 4

/** Who sends the frames: a client masks all of them, and a server none (RFC 6455 §5.1). */
export type FrameSender = 'client' | 'server'

/**
 * Follows where frames begin and end in one direction of a WebSocket (RFC 6455 §5.2). It reads their headers only, and keeps
 * none of the bytes. The direction begins between frames.
 */
export class FrameTracker {
  /** Whether the bytes so far were frames. Once they were not, the next frame's beginning is unknown for good. */
  isValid = true
  /** Whether a whole Close frame has passed; what follows it means nothing. */
  hasClosed = false
  readonly #maskSize: number
  /** Bytes of the current frame's header that have been read; 0 between frames. */
  #read = 0
  /** The size of the current frame's header, as far as its bytes have shown. */
  #headerSize = 2
  #first = 0
  /** Bytes of the current frame's payload that are still to come, once its header is complete. */
  #left = 0

  constructor(sender: FrameSender) {
    this.#maskSize = sender === 'client' ? MASK_SIZE : 0
  }

  /** Whether another frame may begin here. */
  get isBetweenFrames(): boolean {
    return this.#read === 0 && this.isValid && !this.hasClosed
  }

  /** Follows `bytes[from, to)`. */
  read(bytes: Uint8Array, from: number, to: number): void {
    for (let at = from; at < to && this.isValid; ) at = this.#readInFrame(bytes, at, to)
  }

  /** Follows the current frame to its end, or to `to`; returns the offset after it. Between frames, follows nothing. */
  finishFrame(bytes: Uint8Array, from: number, to: number): number {
    if (!this.isValid) return to
    return this.#read === 0 ? from : this.#readInFrame(bytes, from, to)
  }

  /** Reads on in the current frame, or in the next one. Returns the offset after it, or `to`. */
  #readInFrame(bytes: Uint8Array, from: number, to: number): number {
    let at = from
    for (; this.#read < this.#headerSize; at++) {
      if (at === to) return at
      this.#readHeader(bytes[at]!)
      if (!this.isValid) return to
    }
    const taken = Math.min(this.#left, to - at)
    this.#left -= taken
    if (this.#left === 0) this.#endFrame()
    return at + taken
  }

  #readHeader(byte: number): void {
    const index = this.#read++
    if (index === 0) this.#first = byte
    else if (index === 1) this.#readShortLength(byte)
    else if (index < this.#headerSize - this.#maskSize) this.#readLongLength(byte)
  }

  #readShortLength(byte: number): void {
    const length = byte & LENGTH
    const isMaskRight = ((byte & MASKED) !== 0) === this.#maskSize > 0
    const isControl = (this.#first & CONTROL) !== 0
    const isWhole = (this.#first & FINAL) !== 0 && length < LENGTH_IN_TWO
    // Control frames are short, and are not fragmented (§5.5).
    this.isValid = isMaskRight && (isWhole || !isControl)
    const lengthSize = length < LENGTH_IN_TWO ? 0 : length === LENGTH_IN_TWO ? 2 : 8
    this.#left = lengthSize === 0 ? length : 0
    this.#headerSize = 2 + lengthSize + this.#maskSize
  }

  #readLongLength(byte: number): void {
    this.#left = this.#left * 256 + byte
    if (this.#read < this.#headerSize - this.#maskSize) return
    // The shortest form must be used, and no payload is that long.
    const shortest = this.#headerSize - this.#maskSize === 4 ? LENGTH_IN_TWO : 0x1_0000
    this.isValid = this.#left >= shortest && this.#left <= Number.MAX_SAFE_INTEGER
  }

  #endFrame(): void {
    this.#read = 0
    this.#headerSize = 2
    this.hasClosed ||= (this.#first & OPCODE) === CLOSE
  }
}

import { constants, createGzip, type Gzip, type ZlibReset } from 'node:zlib'

/** A body of at most so many bytes is short. */
export const SHORT = 64 * 1024

/** How many are compressed at the same time: zlib has four threads, and each compressor a quarter of a megabyte. */
const MOST = 4

/** How much memory for bodies is kept that none uses, in pages of SHORT. */
const MOST_SPARE = 16

/** Is told what has become of a body: what it is compressed, in pieces, or why it cannot be. */
export type Done = (error: Error | undefined, pieces: readonly Buffer[]) => void

/**
 * Compresses short bodies with gzip, each as a whole, on the threads of zlib. Compressors, and the memory in which bodies
 * are gathered, are used again: for what is made for one body, V8 collects garbage so often that this costs as much as compressing does.
 */
export class ShortBodies {
  readonly #level: number
  readonly #idle: BodyCompressor[] = []
  #compressors = 0
  /** In the order in which they came. */
  readonly #waiting: { readonly body: Buffer; readonly done: Done }[] = []
  readonly #spare: Buffer[] = []
  #isClosed = false

  /** @param level from 1 to 9 */
  constructor(level: number) {
    this.#level = level
  }

  /** Memory for a short body, until it is given back. */
  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(SHORT)
  }

  giveBack(memory: Buffer): void {
    if (this.#spare.length < MOST_SPARE) this.#spare.push(memory)
  }

  /** @param body not changed until `done` */
  compress(body: Buffer, done: Done): void {
    const compressor = this.#idle.pop() ?? this.#another()
    if (compressor === undefined) this.#waiting.push({ body, done })
    else this.#give(compressor, body, done)
  }

  #another(): BodyCompressor | undefined {
    if (this.#compressors === MOST) return undefined
    this.#compressors++
    return new BodyCompressor(this.#level)
  }

  #give(compressor: BodyCompressor, body: Buffer, done: Done): void {
    compressor.compress(body, (error, pieces) => {
      if (error === undefined && !this.#isClosed) this.#idle.push(compressor)
      else this.#drop(compressor)
      const next = this.#waiting.shift()
      if (next !== undefined) this.compress(next.body, next.done)
      done(error, pieces)
    })
  }

  #drop(compressor: BodyCompressor): void {
    this.#compressors--
    compressor.close()
  }

  /** Those in hand are finished; the memory of each goes with the last body. */
  close(): void {
    this.#isClosed = true
    for (const compressor of this.#idle.splice(0)) this.#drop(compressor)
  }
}

/** Compresses one body after another. */
class BodyCompressor {
  /** The types leave out that every form of deflate can be reset. */
  readonly #gzip: Gzip & ZlibReset
  #pieces: Buffer[] = []
  #done: Done | undefined

  constructor(level: number) {
    // Each write is a whole body.
    this.#gzip = createGzip({ level, flush: constants.Z_FINISH }) as Gzip & ZlibReset
    this.#gzip.on('data', (piece: Buffer) => this.#pieces.push(piece))
    this.#gzip.on('error', (error) => this.#end(error))
  }

  compress(body: Buffer, done: Done): void {
    this.#done = done
    this.#gzip.write(body, (error) => {
      if (error) return
      this.#gzip.reset()
      this.#end()
    })
  }

  #end(error?: Error): void {
    const done = this.#done
    const pieces = this.#pieces
    this.#done = undefined
    this.#pieces = []
    done?.(error, pieces)
  }

  close(): void {
    this.#gzip.close()
  }
}

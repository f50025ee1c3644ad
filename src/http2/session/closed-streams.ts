/** How a stream ended: both sides ended it, this end reset it, or the other end did. */
export type How = 'whole' | 'reset here' | 'reset by peer'

/** From 1 on, since an empty place has a 0. */
const HOWS: readonly (How | undefined)[] = [undefined, 'whole', 'reset here', 'reset by peer']

/** How many are remembered: those of as many streams as can be open at once, twice. */
const MOST = 256

const NONE = new Uint32Array(0)

/**
 * How the last streams of a session ended. Frames may still be on their way to a stream that was reset here, and are ignored (RFC
 * 9113 §5.1); for one that the other end has ended or reset, they are errors.
 */
export class ClosedStreams {
  /** Half of each stream's number, times 4, and an index into HOWS. Empty until the first stream has ended. */
  #ring = NONE
  #next = 0

  add(streamId: number, how: How): void {
    if (this.#ring === NONE) this.#ring = new Uint32Array(MOST)
    this.#ring[this.#next] = ((streamId >>> 1) << 2) | HOWS.indexOf(how)
    this.#next = (this.#next + 1) % MOST
  }

  /** How it ended; undefined if that is not known. */
  how(streamId: number): How | undefined {
    const key = streamId >>> 1
    for (let back = 1; back <= this.#ring.length; back++) {
      const entry = this.#ring[(this.#next - back + MOST) % MOST]!
      if (entry !== 0 && entry >>> 2 === key) return HOWS[entry & 3]
    }
    return undefined
  }
}

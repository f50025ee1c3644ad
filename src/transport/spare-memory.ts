import { Scratch } from './scratch.ts'

/** How many are kept. */
const MOST = 64
/** How large each of them is at first. */
const SMALLEST = 16 * 1024
/** A larger one is not kept. */
const LARGEST = 128 * 1024

/**
 * Memory that connections need for part of a turn of the event loop, or for as long as they are behind: used again and again, so that
 * a connection on which much happens is no reason to collect garbage.
 */
class SpareMemory {
  readonly #spare: Scratch[] = []

  take(): Scratch {
    return this.#spare.pop() ?? new Scratch(SMALLEST)
  }

  /** @param memory not used by anyone any more */
  giveBack(memory: Scratch): void {
    memory.length = 0
    if (this.#spare.length < MOST && memory.bytes.length <= LARGEST) this.#spare.push(memory)
  }
}

/** That of this thread. */
export const spareMemory = new SpareMemory()

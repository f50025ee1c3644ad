import { Scratch } from '../../transport/scratch.ts'

/** How many are kept. */
const MOST = 64
/** How large each of them is at first. */
const SMALLEST = 16 * 1024
/** A larger one is not kept. */
const LARGEST = 128 * 1024

/** Memory in which sessions gather what they send: each has one for part of a turn of the event loop, and all together few. */
class Outputs {
  readonly #spare: Scratch[] = []

  take(): Scratch {
    return this.#spare.pop() ?? new Scratch(SMALLEST)
  }

  /** @param output empty */
  giveBack(output: Scratch): void {
    if (this.#spare.length < MOST && output.bytes.length <= LARGEST) this.#spare.push(output)
  }
}

/** Those of this thread. */
export const outputs = new Outputs()

import { setImmediate as nextTurn } from 'node:timers/promises'

/** How long work goes on before the event loop goes on, in ms. */
const SLICE = 2

/** Does something with each item, in slices: after each slice, the event loop can do something else. */
export async function inSlices<Item>(items: Iterable<Item>, each: (item: Item) => void): Promise<void> {
  let sliceEnds = performance.now() + SLICE
  for (const item of items) {
    each(item)
    if (performance.now() < sliceEnds) continue
    await nextTurn()
    sliceEnds = performance.now() + SLICE
  }
}

/** Work in slices of about a millisecond: after each it yields, so that the event loop can do something else. */
export type Slices<Result> = Generator<undefined, Result>

/** Does the first slice of some work at once, and each of the others in a later turn of the event loop. */
export class Background<Result> {
  readonly #work: Slices<Result>
  readonly #done: (result: Result) => void
  #isOver = false

  /** @param done is called with the result, perhaps before the constructor returns; never after `cancel` */
  constructor(work: Slices<Result>, done: (result: Result) => void) {
    this.#work = work
    this.#done = done
    this.#goOn()
  }

  /** Whether it is done or cancelled. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Does the rest at once. */
  finish(): void {
    while (!this.#isOver) this.#doSlice()
  }

  cancel(): void {
    this.#isOver = true
  }

  readonly #goOn = (): void => {
    if (!this.#isOver) this.#doSlice()
    if (!this.#isOver) setImmediate(this.#goOn)
  }

  #doSlice(): void {
    const { done, value } = this.#work.next()
    if (!done) return
    this.#isOver = true
    this.#done(value)
  }
}

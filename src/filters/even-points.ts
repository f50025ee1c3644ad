import { POINTS } from '../runtime/cohort.ts'

const SIZE = 100

/** A hundred cards, from 0 to 99, that are drawn in random order and shuffled again when all of them were. */
class Deck {
  readonly #cards = Uint8Array.from({ length: SIZE }, (_, card) => card)
  readonly #random: () => number
  #left = 0

  constructor(random: () => number) {
    this.#random = random
  }

  get isEmpty(): boolean {
    return this.#left === 0
  }

  draw(): number {
    if (this.#left === 0) this.#left = SIZE
    const at = Math.floor(this.#random() * this.#left--)
    const card = this.#cards[at]!
    this.#cards[at] = this.#cards[this.#left]!
    this.#cards[this.#left] = card
    return card
  }
}

/**
 * Points from 0 to POINTS - 1 in an order that is random, and yet spread evenly: of any hundred that are drawn from one deck, one lies in each
 * hundredth of the whole, and of ten thousand each point is one. So shares come out exactly, while two such sequences have nothing to do
 * with each other.
 */
export class EvenPoints {
  readonly #hundredths: Deck
  readonly #within: Deck
  #offset = 0

  /** @param random a number from 0 to below 1 */
  constructor(random: () => number = Math.random) {
    this.#hundredths = new Deck(random)
    this.#within = new Deck(random)
  }

  next(): number {
    if (this.#hundredths.isEmpty) this.#offset = this.#within.draw()
    return this.#hundredths.draw() * (POINTS / SIZE) + this.#offset
  }
}

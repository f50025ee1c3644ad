import { Dice as PlainDice } from '../../demo/traffic/dice.ts'

/** Random choices, also of how the network splits bytes. */
export class Dice extends PlainDice {
  /** Offsets at which the network might split so many bytes. */
  cuts(length: number): number[] {
    if (this.below(8) === 0) return Array.from({ length }, (_, index) => index)
    return Array.from({ length: this.below(6) }, () => this.below(length + 1)).sort((a, b) => a - b)
  }
}

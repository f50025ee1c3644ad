/** Imported for its side effect: Math.random in this process is seeded with the seed of the tests (mulberry32). */
import { seed } from './seed.ts'

let state = seed

Math.random = () => {
  state = (state + 0x6d2b79f5) | 0
  let mixed = Math.imul(state ^ (state >>> 15), state | 1)
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}

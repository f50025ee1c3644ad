import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Waste } from '../../src/http2/session/waste.ts'

/** What a read of an honest client costs, and what of it is of use. */
const honest = {
  'requests with small updates of windows between them': [20, 17],
  'requests with large heads': [90, 89],
  'requests of which one in four is cancelled': [17 * 5, 16 * 4 - 16],
  'small messages on open streams': [1000, 1000],
} as const

for (const [what, [cost, useful]] of Object.entries(honest)) {
  test(`a client is not wasteful that sends ${what}, however many`, () => {
    const waste = new Waste()
    for (let read = 0; read < 100_000; read++) {
      waste.useful(useful)
      waste.add(cost)
      assert.equal(waste.isTooMuch, false)
    }
  })
}

test('a client that sends nothing of use is wasteful, and not any more once it does', () => {
  const waste = new Waste()
  let reads = 0
  while (!waste.isTooMuch) {
    waste.add(100)
    reads++
  }
  assert.ok(reads >= 3)
  waste.useful(1000)
  waste.add(1000)
  assert.equal(waste.isTooMuch, false)
})

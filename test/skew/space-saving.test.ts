/** The most frequent keys, against exact counts. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SEVERAL, SpaceSaving } from '../../src/skew/space-saving.ts'
import fc from '../support/property.ts'

const SIZE = 8
/** Keys, some of which are far more frequent than others. */
const someKeys = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.nat(2) },
    { weight: 2, arbitrary: fc.nat(12) },
    { weight: 3, arbitrary: fc.nat(500) },
  ),
  { maxLength: 400 },
)

function counted(keys: readonly number[]): { sketch: SpaceSaving; exact: Map<string, number> } {
  const sketch = new SpaceSaving(SIZE)
  const exact = new Map<string, number>()
  for (const key of keys.map(String)) {
    sketch.add(key, 0)
    exact.set(key, (exact.get(key) ?? 0) + 1)
  }
  return { sketch, exact }
}

describe('the most frequent keys', () => {
  test('are never counted too low, and too high by at most their reported error, which is a fraction of the total', () => {
    fc.assert(
      fc.property(someKeys, (keys) => {
        const { sketch, exact } = counted(keys)
        assert.equal(sketch.total, keys.length)
        for (const { key, count, error } of sketch.top(SIZE)) {
          assert.ok(count >= exact.get(key)!)
          assert.ok(count - error <= exact.get(key)!)
          assert.ok(error <= keys.length / SIZE)
        }
      }),
    )
  })

  test('include every key above a fraction of the total', () => {
    fc.assert(
      fc.property(someKeys, (keys) => {
        const { sketch, exact } = counted(keys)
        const found = new Set(sketch.top(SIZE).map(({ key }) => key))
        for (const [key, count] of exact) if (count > keys.length / SIZE) assert.ok(found.has(key), key)
      }),
    )
  })

  test('are returned in order, in the requested number, and are removed by clear', () => {
    fc.assert(
      fc.property(someKeys, fc.nat(SIZE), (keys, most) => {
        const { sketch, exact } = counted(keys)
        const counts = sketch.top(most).map(({ count }) => count)
        assert.deepEqual(
          counts,
          counts.toSorted((a, b) => b - a),
        )
        assert.equal(counts.length, Math.min(most, SIZE, exact.size))
        sketch.clear()
        assert.deepEqual([sketch.total, sketch.top(SIZE)], [0, []])
        sketch.add('new', 1)
        assert.deepEqual(sketch.top(SIZE), [{ key: 'new', count: 1, error: 0, tag: 1 }])
      }),
    )
  })

  test('report whether they always had the same tag', () => {
    const sketch = new SpaceSaving(SIZE)
    for (const [key, tag] of [
      ['a', 1],
      ['b', 2],
      ['a', 1],
      ['b', 3],
      ['b', 2],
    ] as const)
      sketch.add(key, tag)
    assert.deepEqual(
      sketch.top(2).map(({ key, tag }) => [key, tag]),
      [
        ['b', SEVERAL],
        ['a', 1],
      ],
    )
  })
})

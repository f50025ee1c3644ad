import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptiest } from '../../src/admin/emptiest.ts'
import { serversWith } from '../balancing/group.ts'

test('the emptiest server is the one whose removal moves the fewest sessions', () => {
  const of = (...counts: readonly (readonly [live: number, active: number, weight?: number])[]) => {
    const servers = serversWith(counts.map(([, , weight = 1], index) => ({ name: 'abc'[index]!, weight })))
    return emptiest(servers, new Map(counts.map(([live, active], slot) => [slot, { live, active }])))?.name
  }
  assert.equal(of([3, 0], [1, 1], [2, 0]), 'b')
  assert.equal(of([3, 1], [3, 0], [4, 0]), 'b')
  assert.equal(of([3, 1, 2], [3, 1, 1], [3, 1, 2]), 'b')
  assert.equal(of([3, 1], [3, 1], [3, 1]), 'c')
  assert.equal(of([0, 0]), undefined)
  assert.equal(emptiest(serversWith([{ name: 'a' }, { name: 'b' }]), new Map())!.name, 'b')
})

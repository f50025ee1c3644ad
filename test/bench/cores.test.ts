import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assignCores, parseCoreList } from '../../bench/cores.ts'

test('parses a list of cores in Linux notation', () => {
  assert.deepEqual(parseCoreList('0'), [0])
  assert.deepEqual(parseCoreList('0-1'), [0, 1])
  assert.deepEqual(parseCoreList('0,2-4,7'), [0, 2, 3, 4, 7])
})

test('gives the proxy a core for each worker, and the load the others', () => {
  assert.deepEqual(assignCores(1, [0, 1, 2, 3]), { proxy: [0], load: [1, 2, 3] })
  assert.deepEqual(assignCores(2, [0, 1, 2, 3]), { proxy: [0, 1], load: [2, 3] })
})

test('lets the load share a core when there are too few', () => {
  assert.deepEqual(assignCores(2, [0, 1]), { proxy: [0, 1], load: [1] })
})

test('pins nothing if there is one core, or none is known', () => {
  assert.deepEqual(assignCores(1, [0]), { proxy: [], load: [] })
  assert.deepEqual(assignCores(1, []), { proxy: [], load: [] })
})

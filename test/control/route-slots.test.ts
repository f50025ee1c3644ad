/** Which route is counted where, and under which name. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { labelOf, RouteSlots } from '../../src/control/slots/route-slots.ts'
import type { Route } from '../../src/runtime/snapshot.ts'

test('a label has no credentials; routes that differ in these alone are counted together', () => {
  const routes = ['one', 'other'].map(
    (key): Route => ({
      path: '/*',
      headers: { 'x-api-key': key, 'x-beta': 'yes' },
      upstream: 0,
    }),
  )
  assert.deepEqual(routes.map(labelOf), Array(2).fill('/* x-api-key: ***, x-beta: yes'))
  assert.deepEqual(
    new RouteSlots().plan(routes).map(({ slot }) => slot),
    [1, 1],
  )
})

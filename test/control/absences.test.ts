import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Absences } from '../../src/control/discovery/absences.ts'
import { MAX_SERVERS } from '../../src/runtime/bounds.ts'

const PATIENCE = 30_000

function servers(prefix: string, count: number) {
  return Array.from({ length: count }, (_, index) => {
    return { id: `${prefix}${index}`, name: `${prefix}${index}`, address: '192.0.2.1:80' }
  })
}

const ids = (list: readonly { id: string }[]) => list.map(({ id }) => id)

test('as many servers as there may be go away at once, and keep their places', () => {
  let now = 0
  const absences = new Absences(PATIENCE, () => now)
  const all = servers('a', MAX_SERVERS)
  absences.fill(all)
  const away = absences.fill([])
  assert.deepEqual(ids(away), ids(all))
  assert.ok(away.every(({ state }) => state === 'away'))
  const [first, , third] = all
  assert.deepEqual(ids(absences.fill([first!, third!])), ids(all))
  now = PATIENCE
  assert.deepEqual(
    absences.fill([]).map(({ id, state }) => [id, state]),
    [
      ['a0', 'away'],
      ['a2', 'away'],
    ],
  )
})

test('a source that names other servers each time has no more of them waited for than there may be', () => {
  const absences = new Absences(PATIENCE, () => 0)
  for (let round = 0; round < 5; round++) {
    const present = servers(`r${round}-`, 5000)
    const filled = absences.fill(present)
    assert.ok(filled.length <= MAX_SERVERS)
    assert.deepEqual(ids(filled.filter(({ state }) => state === undefined)), ids(present))
  }
  assert.equal(absences.nextEnd, PATIENCE)
})

/** Sessions that are known by what clients send: nobody can choose a value that takes another's place. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { KeyedAffinity } from '../../src/affinity/keyed.ts'
import { SESSION_BUCKETS } from '../../src/runtime/bounds.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import { SipHash } from '../../src/runtime/sip-hash.ts'

const NOW = 1_800_000_000

function keyedBy({ key }: SessionTable, upstream = 'app') {
  const settings = { type: 'consistent-hash', key: { from: 'uri' }, idle: 0, onLost: 'move' } as const
  const affinity = new KeyedAffinity(settings, upstream, key)
  return (value: string) => affinity.read({ key: () => Buffer.from(value) })
}

/** As many values as a bucket holds, and some more, that come to the victim's bucket in that table. */
function valuesAgainst(table: SessionTable, victim: string, count: number): string[] {
  const sessionOf = keyedBy(table)
  const hash = new SipHash(table.key)
  const bucketOf = (value: string) => {
    const { high, low } = sessionOf(value)!
    hash.hashPair(high, low)
    return (hash.low >>> 0) % SESSION_BUCKETS
  }
  const target = bucketOf(victim)
  const values: string[] = []
  for (let number = 0; values.length < count; number++) {
    if (bucketOf(`user-${number}`) === target) values.push(`user-${number}`)
  }
  return values
}

describe('a session that a key stands for', () => {
  test('is the same in every table of that key, and another for another upstream', () => {
    const table = new SessionTable()
    const idOf = (of: SessionTable, upstream: string) => {
      const { high, low } = keyedBy(of, upstream)('alice')!
      return `${high} ${low}`
    }
    assert.equal(idOf(SessionTable.withKey(table.key), 'app'), idOf(table, 'app'))
    assert.equal(idOf(new SessionTable(table.memory), 'app'), idOf(table, 'app'))
    assert.notEqual(idOf(table, 'api'), idOf(table, 'app'))
    assert.notEqual(idOf(new SessionTable(), 'app'), idOf(table, 'app'))
  })

  test('is none without a key', () => {
    assert.equal(keyedBy(new SessionTable())(''), undefined)
  })

  test('is not given up for twenty others whose values were chosen under another key', () => {
    const [theirs, ours] = [new SessionTable(), new SessionTable()]
    const chosen = valuesAgainst(theirs, 'victim', 20)
    const survivesIn = (table: SessionTable) => {
      const sessionOf = keyedBy(table)
      const { high, low } = sessionOf('victim')!
      table.put(high, low, 0, NOW - 60)
      for (const value of chosen) {
        const session = sessionOf(value)!
        for (let i = 0; i < 2; i++) table.put(session.high, session.low, 0, NOW)
      }
      return table.find(high, low, NOW) === 0
    }
    assert.ok(!survivesIn(theirs), 'the values do what they were chosen for')
    assert.ok(survivesIn(ours))
  })
})

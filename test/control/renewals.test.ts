import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Renewals } from '../../src/control/tls/renewals.ts'
import { TicketKeys } from '../../src/control/tls/ticket-keys.ts'
import { TlsStore } from '../../src/control/tls/tls-store.ts'

const DAY = 86_400_000

test('the key of session tickets is another one each day, also over an upgrade of the program', (t) => {
  t.mock.timers.enable({ apis: ['Date', 'setTimeout'] })
  const before = new TicketKeys()
  t.mock.timers.tick(DAY / 2)
  const store = new TlsStore(assert.fail, before.inheritance)
  const key = store.tickets.current
  assert.deepEqual(Buffer.from(key), Buffer.from(before.current))
  let changes = 0
  const change = async (make: (now: never) => unknown) => {
    make(undefined as never)
    changes++
    return { generation: changes, changes: [] }
  }
  const renewals = new Renewals(store, change as never, {} as never)
  t.mock.timers.tick(DAY / 2 - 1)
  assert.equal(store.tickets.current, key)
  t.mock.timers.tick(1)
  assert.notDeepEqual(Buffer.from(store.tickets.current), Buffer.from(key))
  assert.equal(changes, 1)
  renewals.close()
})

/** What ACME keeps in the state directory. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { AcmeStore } from '../../src/control/acme/orders/acme-store.ts'
import { StateDirectory } from '../../src/control/state/state-directory.ts'
import { temporaryFolder } from '../support/folder.ts'

test('a host may be as long as names in the DNS are, have a wildcard, or be an address', async (t) => {
  const store = new AcmeStore(new StateDirectory(await temporaryFolder(t), {}, assert.fail))
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const label = (letter: string) => letter.repeat(63)
  const longest = ['a', 'b', 'c'].map(label).join('.')
  const hosts = [
    `${longest}.${'d'.repeat(61)}`,
    `${longest}.${'e'.repeat(61)}`,
    '*.a.example',
    'a.example',
    '2001:db8::1',
  ]
  const orders = hosts.map((host) => ({ host, directory: 'https://ca', url: `https://ca/${host.length}`, key }))
  for (const order of orders) await store.keepOrder(order)
  for (const order of orders) assert.deepEqual(store.order(order.host), order)
})

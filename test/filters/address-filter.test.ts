/** The filters allow and deny, before a server that says what it got. Clients are whom `X-Forwarded-For` names. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { AddressFilter } from '../../src/filters/address-filter.ts'
import { type FilterClient, testBoth } from '../support/filtered.ts'
import { temporaryFolder } from '../support/folder.ts'
import { startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { getFrom } from '../support/unix-client.ts'

const behindProxy = { trustedProxies: ['127.0.0.1'] }

async function statuses(client: FilterClient, ...addresses: string[]): Promise<number[]> {
  const all: number[] = []
  for (const address of addresses) all.push((await client.ask('/', { headers: { 'X-Forwarded-For': address } })).status)
  return all
}

testBoth(
  'allow serves these clients, and refuses all others with 403',
  [{ path: '/*', filters: [{ allow: ['10.0.0.0/8', '2001:db8::/32', '192.0.2.7'] }] }],
  async (client) => {
    const served = ['10.0.0.0', '10.255.255.255', '2001:db8::1', '192.0.2.7', '::ffff:10.1.2.3']
    const refused = ['9.255.255.255', '11.0.0.0', '2001:db9::', '192.0.2.8', '::10.0.0.1', '127.0.0.1']
    assert.deepEqual(
      await statuses(client, ...served),
      served.map(() => 200),
    )
    assert.deepEqual(
      await statuses(client, ...refused),
      refused.map(() => 403),
    )
    const { body } = await client.ask('/', { headers: { 'X-Forwarded-For': '9.9.9.9', Accept: 'application/json' } })
    assert.equal(JSON.parse(body).error.code, 'forbidden')
  },
  {},
  behindProxy,
)

testBoth(
  'deny refuses these clients, except some of them',
  [{ path: '/*', filters: [{ deny: { from: ['10.0.0.0/8', '10.1.0.0/16'], except: ['10.1.2.0/24'] } }] }],
  async (client) => {
    assert.deepEqual(
      await statuses(client, '10.0.0.1', '10.1.1.1', '10.1.2.3', '10.1.3.0', '11.0.0.1'),
      [403, 403, 200, 403, 200],
    )
  },
  {},
  behindProxy,
)

testBoth(
  'several rules all count, in any order; status 404 looks as if there were no such route',
  [{ path: '/*', filters: [{ deny: { from: ['10.1.0.0/16'], status: 404 } }, { allow: ['10.0.0.0/8'] }] }],
  async (client) => {
    assert.deepEqual(await statuses(client, '10.1.1.1', '10.2.1.1', '11.0.0.1'), [404, 200, 403])
    const { body } = await client.ask('/', { headers: { 'X-Forwarded-For': '10.1.1.1', Accept: 'application/json' } })
    assert.equal(JSON.parse(body).error.code, 'no-route')
  },
  {},
  behindProxy,
)

testBoth(
  'all means everybody, of both families; what clients claim themselves counts for nothing',
  [{ path: '/*', filters: [{ deny: { from: ['all'], except: ['127.0.0.0/8'] } }] }],
  async (client) => {
    assert.deepEqual(await statuses(client, '10.1.1.1', '2001:db8::1', 'nonsense', ''), [200, 200, 200, 200])
  },
)

test('clients on a Unix socket are in no range; unix: and all include them', async (t) => {
  const { address } = await httpOrigin(t, (_request, response) => response.end('here'))
  const socket = join(await temporaryFolder(t), 'limpet.sock')
  const route = (path: string, filter: object) => ({ path, upstream: 'app', filters: [filter] })
  await startLimpet(t, {
    listeners: [{ address: `unix:${socket}` }, { address: '127.0.0.1', port: 0 }],
    routes: [
      route('/a', { allow: ['0.0.0.0/0', '::/0'] }),
      route('/b', { allow: ['unix:'] }),
      route('/c', { deny: ['all'] }),
      route('/d', { deny: ['0.0.0.0/0'] }),
    ],
    upstreams: { app: { servers: [address] } },
  })
  const all: string[] = []
  for (const path of ['/a', '/b', '/c', '/d']) all.push(await getFrom(socket, {}, path))
  assert.deepEqual(
    all.map((body) => body === 'here'),
    [false, true, false, true],
  )
})

test('10,000 ranges are looked up, not searched', () => {
  const ranges = Array.from({ length: 10_000 }, (_, n) => ({
    octets: Uint8Array.from([10, n >> 8, n & 255, 0]),
    prefix: 24,
  }))
  let reads = 0
  const counted = ranges.map((range) => ({
    ...range,
    get octets() {
      reads++
      return range.octets
    },
  }))
  const filter = new AddressFilter({ type: 'deny', from: { ranges: counted }, except: { ranges: [] }, status: 403 })
  reads = 0
  const verdicts = [77, 255].map((last) => {
    const clientAddress = { text: '', octets: Uint8Array.from([10, 20, last, 9]) }
    return filter.request({ clientAddress, note() {} } as never)
  })
  assert.equal(verdicts.filter((verdict) => verdict !== undefined).length, 2)
  assert.ok(reads < 100, `${reads} ranges were looked at`)
})

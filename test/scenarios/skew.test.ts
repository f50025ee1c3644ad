/** One address or network that carries too much, and what the operator is told of it. */
import assert from 'node:assert/strict'
import { Agent, get } from 'node:http'
import { type TestContext, test } from 'node:test'
import { adminUrlOf, type Limpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'

async function hashed(t: TestContext, workers: number, upstream: object = {}): Promise<Limpet> {
  const origins = await Promise.all([1, 2].map(() => httpOrigin(t, (_request, response) => response.end('ok'))))
  const servers = origins.map(({ address }, index) => ({ name: 'ab'[index], address }))
  return startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers,
    admin: { port: 0 },
    accessLog: 'off',
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { balance: 'ip-hash', skew: { minRequests: 1200 }, servers, ...upstream } },
  })
}

/** Sends so many requests from a source address, over one connection. */
async function send(limpet: Limpet, localAddress: string, count: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  for (let sent = 0; sent < count; sent++) {
    await new Promise((resolve, reject) => {
      get(limpet.url, { localAddress, agent }, (response) => response.resume().on('end', resolve)).on('error', reject)
    })
  }
  agent.destroy()
}

async function warningsOf(limpet: Limpet): Promise<{ code: string; message: string }[]> {
  const api = await adminUrlOf(limpet)
  const answer = await (await fetch(`${api}/v1/upstreams/app`)).json()
  return (answer as { warnings: { code: string; message: string }[] }).warnings
}

for (const workers of [1, 2]) {
  test(`a network that carries too much is named, with its server, by ${workers} worker(s)`, async (t) => {
    const limpet = await hashed(t, workers)
    const heavy = Array.from({ length: 8 }, (_, i) => send(limpet, `127.9.9.${i + 1}`, 160))
    const others = Array.from({ length: 16 }, (_, i) => send(limpet, `127.${i + 20}.3.4`, 16))
    await Promise.all([...heavy, ...others])
    const [, share, server] = await limpet.errors.find(
      /WARN: upstream app: (\d+) % of the requests come from 127\.9\.9\.0\/24 .*go to server ([ab]); give .*affinity: cookie/,
    )
    assert.ok(Number(share) > 50 && Number(share) < 100)
    const warnings = await warningsOf(limpet)
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['skew'],
    )
    assert.match(warnings[0]!.message, new RegExp(`from 127.9.9.0/24 .* server ${server};`))
    const status = limpet.errors.all.filter((line) => line.includes('upstream app'))
    assert.equal(status.length, 1)
  })
}

test('a network that no longer carries too much is said to, and no longer shown', async (t) => {
  const limpet = await hashed(t, 1)
  const others = (count: number) => Array.from({ length: 16 }, (_, i) => send(limpet, `127.${i + 20}.3.4`, count))
  await Promise.all([...Array.from({ length: 8 }, (_, i) => send(limpet, `127.9.9.${i + 1}`, 160)), ...others(16)])
  await limpet.errors.find(/WARN: upstream app: \d+ % of the requests come from 127\.9\.9\.0\/24 /)
  await Promise.all(others(200))
  const [, share] = await limpet.errors.find(
    /INFO: upstream app: 127\.9\.9\.0\/24 no longer carries more than its share of the requests \((\d+) %\)$/,
  )
  assert.ok(Number(share) <= 40)
  assert.deepEqual(await warningsOf(limpet), [])
})

test('nothing is said where load is even, while an uneven upstream beside it is named', async (t) => {
  const origin = await httpOrigin(t, (_request, response) => response.end('ok'))
  const hashedByAddress = {
    balance: 'ip-hash',
    skew: { minRequests: 256 },
    servers: [origin.address, { name: 'other', address: origin.address }],
  }
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers: 1,
    accessLog: 'off',
    routes: [
      { path: '/*', upstream: 'even' },
      { path: '/uneven/*', upstream: 'uneven' },
    ],
    upstreams: { even: hashedByAddress, uneven: hashedByAddress },
  })
  await Promise.all(Array.from({ length: 32 }, (_, i) => send(limpet, `127.${i + 20}.3.4`, 16)))
  const from = { ...limpet, url: `${limpet.url}/uneven/` }
  await send(from, '127.9.9.9', 640)
  // The same report tells of both.
  await limpet.errors.find(/WARN: upstream uneven: 100 % of the requests come from 127\.9\.9\.9 /)
  assert.deepEqual(
    limpet.errors.all.filter((line) => line.includes('upstream even')),
    [],
  )
})

/** What Limpet reports about an address or network that sends too many of the requests. */
import assert from 'node:assert/strict'
import { Agent, get } from 'node:http'
import { type TestContext, test } from 'node:test'
import { adminEvents } from '../support/admin-events.ts'
import { adminUrlOf, type Limpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'

/** Servers are picked by the client's network, and a network that sends too much is reported from 1,200 requests on. */
async function pickingByNetwork(test: TestContext, workers: number): Promise<string> {
  const [a, b] = await Promise.all([1, 2].map(() => httpOrigin(test, (_request, response) => response.end('ok'))))
  return `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: ${workers}
    admin: { port: 0 }
    accessLog: off
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        balance: ip-hash
        skew: { minRequests: 1200 }
        servers: [{ name: a, address: ${a!.address} }, { name: b, address: ${b!.address} }]
  `
}

/** Sends that many requests from a source address, over one connection. */
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
  test(`a network that sends too much is named with its server, with ${workers} worker(s)`, async (t) => {
    const limpet = await startLimpet(t, await pickingByNetwork(t, workers))
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

test('a network that no longer sends too much is reported as such, and its warning ends', async (t) => {
  const limpet = await startLimpet(t, await pickingByNetwork(t, 1))
  const events: { better?: boolean; message?: string }[] = []
  await adminEvents(t, `${await adminUrlOf(limpet)}/v1/events`, (event: object) => events.push(event)).opened
  const others = (count: number) => Array.from({ length: 16 }, (_, i) => send(limpet, `127.${i + 20}.3.4`, count))
  await Promise.all([...Array.from({ length: 8 }, (_, i) => send(limpet, `127.9.9.${i + 1}`, 160)), ...others(16)])
  await limpet.errors.find(/WARN: upstream app: \d+ % of the requests come from 127\.9\.9\.0\/24 /)
  await Promise.all(others(200))
  const [, share] = await limpet.errors.find(
    /INFO: upstream app: 127\.9\.9\.0\/24 no longer carries more than its share of the requests \((\d+) %\)$/,
  )
  assert.ok(Number(share) <= 40)
  assert.deepEqual(await warningsOf(limpet), [])
  const [begun, over] = events
  assert.equal(events.length, 2)
  assert.match(
    `${begun!.better} ${begun!.message}`,
    /^false upstream app: \d+ % of the requests come from 127\.9\.9\.0\/24 /,
  )
  assert.match(`${over!.better} ${over!.message}`, /^true upstream app: 127\.9\.9\.0\/24 no longer carries /)
})

test('an upstream with an even load is not reported, while an uneven one beside it is', async (t) => {
  const origin = await httpOrigin(t, (_request, response) => response.end('ok'))
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: off
    routes:
      - { path: /*, upstream: even }
      - { path: /uneven/*, upstream: uneven }
    upstreams:
      even: &by-network
        balance: ip-hash
        skew: { minRequests: 256 }
        servers: [${origin.address}, { name: other, address: ${origin.address} }]
      uneven: *by-network
  `
  const limpet = await startLimpet(t, config)
  await Promise.all(Array.from({ length: 32 }, (_, i) => send(limpet, `127.${i + 20}.3.4`, 16)))
  const from = { ...limpet, url: `${limpet.url}/uneven/` }
  await send(from, '127.9.9.9', 640)
  // Both upstreams are judged at the same moment.
  await limpet.errors.find(/WARN: upstream uneven: 100 % of the requests come from 127\.9\.9\.9 /)
  assert.deepEqual(
    limpet.errors.all.filter((line) => line.includes('upstream even')),
    [],
  )
})

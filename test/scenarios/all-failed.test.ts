/** What happens when no server of an upstream is left. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { ServingLimpet } from '../support/limpet.ts'
import { httpOrigin, type Origin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { sharedLimpet } from '../support/shared-limpet.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

const server = (t: TestContext): Promise<Origin> =>
  httpOrigin(t, (_request, response) => void setImmediate(() => response.end('ok')))

async function ask(t: TestContext, { port }: ServingLimpet): Promise<string> {
  const client = await RawClient.connect(t, port)
  client.say(GET)
  return client.hear(/ok$|<\/html>/)
}

describe('servers that have all failed', () => {
  test('are still tried, and serve as soon as they are back', async (t) => {
    const [a, b, c] = [await server(t), await server(t), await server(t)]
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${a.address}, ${b.address}, ${c.address}] } }
    `
    const limpet = await sharedLimpet(config)
    assert.match(await ask(t, limpet), /^HTTP\/1.1 200 /)
    for (const origin of [a, b, c]) await origin.kill()
    assert.match(await ask(t, limpet), /^HTTP\/1.1 502 /)
    for (const { address } of [a, b, c]) await limpet.errors.find(new RegExp(`server ${address} is suspended`))
    assert.match(await ask(t, limpet), /^HTTP\/1.1 502 /)
    for (const origin of [a, b, c]) await origin.revive()
    for (let i = 0; i < 20; i++) assert.match(await ask(t, limpet), /^HTTP\/1.1 200 /)
  })

  test('have a queue while they are full', async (t) => {
    const [a, b] = [await server(t), await server(t)]
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          servers:
            - { address: ${a.address}, maxConnections: 1 }
            - { address: ${b.address}, maxConnections: 1 }
    `
    const limpet = await sharedLimpet(config)
    for (const origin of [a, b]) await origin.kill()
    assert.match(await ask(t, limpet), /^HTTP\/1.1 502 /)
    for (const origin of [a, b]) await origin.revive()
    for (const answer of await Promise.all(Array.from({ length: 20 }, () => ask(t, limpet))))
      assert.match(answer, /^HTTP\/1.1 200 /)
  })

  test('keep their sessions', async (t) => {
    const [a, b, c] = [await server(t), await server(t), await server(t)]
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { affinity: cookie, servers: [${a.address}, ${b.address}, ${c.address}] } }
    `
    const limpet = await sharedLimpet(config)
    const client = await RawClient.connect(t, limpet.port)
    client.say(GET)
    const [, cookie] = /Set-Cookie: ([^;]+)/.exec(await client.take(/ok$/))!
    const [, home] = await limpet.log.find(/ (\S+) 200 \S+ new$/)
    for (const origin of [a, b, c]) await origin.kill()
    client.say(GET)
    assert.match(await client.take(/<\/html>\s$/), /^HTTP\/1.1 502 /)
    for (const origin of [a, b, c]) await origin.revive()
    client.say(`GET /back HTTP/1.1\r\nHost: a\r\nCookie: ${cookie}\r\n\r\n`)
    assert.match(await client.take(/ok$/), /^HTTP\/1.1 200 /)
    await limpet.log.find(new RegExp(`"GET /back .* ${home} 200 \\S+ stuck$`))
  })
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { startDataPlane } from '../support/data-plane.ts'
import { HoldingOrigin } from '../support/holding-origin.ts'
import { RawClient } from '../support/raw-client.ts'

const HEADERS = 'Host: a\r\nX-A: 1\r\nX-B: 2\r\n'

for (const limit of ['headers: 2', 'headSize: 1kB']) {
  test(`a request that was read before limits.${limit} is sent on after it`, async (t) => {
    const server = await HoldingOrigin.start(t, 'a')
    const configOf = (limits: string) => `
      listeners: [{ address: 127.0.0.1, port: 8080 }]
      routes: [{ path: /*, upstream: one }]
      limits: { ${limits} }
      upstreams: { one: { servers: [{ address: ${server.address}, maxConnections: 1 }], queue: { size: 10 } } }
    `
    const plane = await startDataPlane(t, configOf(''))
    await server.occupy(t, plane.port)
    const first = await RawClient.connect(t, plane.port)
    first.say(`GET /${'x'.repeat(1000)} HTTP/1.1\r\n${HEADERS}\r\n`)
    // Its head is read after that of the first, which is read again when the first has its turn.
    const second = await RawClient.connect(t, plane.port)
    second.get('/')
    while (plane.scoreboard.queues.waiting(0) < 2) await setImmediate()
    await plane.apply(configOf(limit))
    server.release()
    assert.match(await first.take(/<a>/), /^HTTP\/1\.1 200 /)
  })
}

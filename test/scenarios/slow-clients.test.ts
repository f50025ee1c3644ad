/** Thousands of slow clients do not hold up the others. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'

const SLOW = 2000
const FAST = 1000

/** How a client is slow: what it sends at first, and then now and then. */
const ways = {
  'with their heads': { opening: 'GET /slow HTTP/1.1\r\nHost: a\r\nX-Slow: ', drop: 'x' },
  'with their bodies': { opening: 'POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n', drop: 'x' },
  'with reading': { opening: 'GET /large HTTP/1.1\r\nHost: a\r\n\r\n', drop: '' },
}

describe(`${SLOW} clients that are slow`, () => {
  for (const [way, { opening, drop }] of Object.entries(ways)) {
    test(`${way} do not hold up a thousand fast requests`, async (t) => {
      const large = Buffer.alloc(1_000_000)
      const origin = await httpOrigin(t, (request, response) => {
        if (request.url === '/large') return void response.end(large)
        request.resume()
        if (request.url === '/fast') response.end('fast')
      })
      const config = `
        listeners: [{ address: 127.0.0.1, port: 0 }]
        workers: 2
        routes: [{ path: /*, upstream: one }]
        upstreams: { one: { servers: [${origin.address}] } }
      `
      const limpet = await startLimpet(t, config)
      const slow: RawClient[] = []
      while (slow.length < SLOW) {
        const some = Array.from({ length: 100 }, () => RawClient.connect(t, limpet.port))
        slow.push(...(await Promise.all(some)))
      }
      for (const client of slow) {
        if (drop === '') client.socket.pause()
        client.say(opening)
      }
      const dripping = setInterval(() => {
        for (const client of slow) client.say(drop)
      }, 500)
      try {
        const user = async () => {
          const client = await RawClient.connect(t, limpet.port)
          for (let i = 0; i < FAST / 10; i++) {
            client.say('GET /fast HTTP/1.1\r\nHost: a\r\n\r\n')
            assert.match(await client.take(/fast$/), /^HTTP\/1.1 200 /)
          }
        }
        await Promise.all(Array.from({ length: 10 }, user))
      } finally {
        clearInterval(dripping)
      }
      assert.ok(slow.every((client) => !client.socket.destroyed))
      for (const client of slow) client.socket.destroy()
    })
  }
})

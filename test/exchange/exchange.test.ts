import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { startDataPlane } from '../support/data-plane.ts'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'

test('a body may be as large as when its request came, whatever limits.bodySize becomes meanwhile', async (t) => {
  const server = await httpOrigin(t, (request, response) => {
    let length = 0
    request.on('data', (bytes: Buffer) => {
      length += bytes.length
    })
    request.on('end', () => response.end(`<${length}>`))
  })
  const configOf = (bodySize: string) => `
    listeners: [{ address: 127.0.0.1, port: 8080 }]
    routes: [{ path: /*, upstream: one }]
    limits: { bodySize: ${bodySize} }
    upstreams: { one: { servers: [${server.address}] } }
  `
  const plane = await startDataPlane(t, configOf('10kB'))
  const asked = once(server.server, 'request')
  const early = await RawClient.connect(t, plane.port)
  early.say('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n')
  await asked
  await plane.apply(configOf('8B'))
  early.say('5\r\n56789\r\n0\r\n\r\n')
  assert.match(await early.take(/\r\n\r\n.*>/s), / 200 OK\r\n.*<10>/s)
  const late = await RawClient.connect(t, plane.port)
  late.say('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789')
  assert.match(await late.take(/\r\n\r\n/), / 413 /)
})

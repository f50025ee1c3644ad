import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { describe, test } from 'node:test'
import { startDataPlane } from '../support/data-plane.ts'
import { http1Client, http2Client } from '../support/filtered.ts'
import { httpOrigin } from '../support/origin.ts'

const SIZE = 20_000_000
const body = Buffer.alloc(SIZE)
for (let at = 0; at < SIZE; at += 4) body.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at)
const digest = createHash('sha256').update(body).digest('hex')

describe('a server is free as soon as it has answered, however slow the client is', () => {
  for (const [what, settings] of Object.entries({
    'in memory': { memory: '64MB', disk: '0B' },
    'on disk': { memory: '64kB', disk: '64MB' },
  })) {
    test(what, async (t) => {
      const done = Promise.withResolvers<void>()
      const origin = await httpOrigin(t, (_request, response) => {
        response.writeHead(200, { Trailer: 'X-Sum' })
        for (let at = 0; at < SIZE; at += 100_000) response.write(body.subarray(at, at + 100_000))
        response.addTrailers({ 'X-Sum': digest })
        response.end(() => done.resolve())
      })
      const { port, idle } = await startDataPlane(t, {
        routes: [{ path: '/*', upstream: 'app', filters: [{ bufferResponse: settings }] }],
        upstreams: { app: { servers: [origin.address] } },
      })
      const sent = request({ host: '127.0.0.1', port, headers: { TE: 'trailers' } }).end()
      const [response] = await once(sent, 'response')
      await done.promise
      await idle(0)
      const sum = createHash('sha256')
      for await (const chunk of response) sum.update(chunk)
      assert.equal(sum.digest('hex'), digest)
      assert.equal(response.trailers['x-sum'], digest)
    })
  }

  test('unless more is to be kept than it may', async (t) => {
    let written = 0
    const origin = await httpOrigin(t, ({ url }, response) => {
      if (url === '/quick') {
        response.end()
        return
      }
      const go = () => {
        while (written < 200 && response.write(body.subarray(0, 1_000_000))) written++
        written++
      }
      response.on('drain', go)
      go()
    })
    const { port } = await startDataPlane(t, {
      routes: [{ path: '/*', upstream: 'app', filters: [{ bufferResponse: { memory: '1MB', disk: '4MB' } }] }],
      upstreams: { app: { servers: [origin.address] } },
    })
    const sent = request({ host: '127.0.0.1', port }).end()
    const [response] = await once(sent, 'response')
    response.pause()
    for (let count = 0; count < 300; count++) await http1Client(t, port).ask('/quick')
    assert.ok(written < 60, `${written} MB were taken from the server`)
    sent.destroy()
  })
})

test('answers pass unchanged over both protocols', async (t) => {
  const origin = await httpOrigin(t, ({ url }, response) => {
    if (url === '/empty') response.writeHead(204).end()
    else response.writeHead(200, { 'Content-Length': url!.slice(1) }).end('x'.repeat(Number(url!.slice(1))))
  })
  const { port } = await startDataPlane(t, {
    listeners: [{ h2c: true }],
    routes: [{ path: '/*', upstream: 'app', filters: ['bufferResponse', 'compress'] }],
    upstreams: { app: { servers: [origin.address] } },
  })
  for (const client of [http1Client(t, port), http2Client(t, port)]) {
    assert.equal((await client.ask('/empty')).status, 204)
    for (const size of [0, 1, 100_000, 3_000_000]) assert.equal((await client.ask(`/${size}`)).body.length, size)
    assert.equal((await client.ask('/5', { method: 'HEAD' })).headers['content-length'], '5')
  }
})

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { startDataPlane } from '../support/data-plane.ts'
import { http1Client, http2Client } from '../support/filtered.ts'
import { httpOrigin, rawOrigin } from '../support/origin.ts'
import fc from '../support/property.ts'
import { useTemporaryFolder } from '../support/temporary-files.ts'

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

describe('a body is the same, however its server sends it and its client reads it', () => {
  const piece = fc.record({ size: fc.integer({ min: 1, max: 200_000 }), rests: fc.boolean() })
  for (const [what, settings] of Object.entries({
    'in memory': { memory: '64MB', disk: '0B' },
    'on disk': { memory: '0B', disk: '64MB' },
    'in both': { memory: '100kB', disk: '200kB' },
    'in neither': { memory: '0B', disk: '0B' },
  })) {
    test(what, async (t) => {
      let pieces: readonly { size: number; rests: boolean }[] = []
      const origin = await httpOrigin(t, async (_request, response) => {
        let at = 0
        for (const { size, rests } of pieces) {
          response.write(body.subarray(at, at + size))
          at += size
          if (rests) await turn()
        }
        response.end()
      })
      const { port } = await startDataPlane(t, {
        listeners: [{ h2c: true }],
        routes: [{ path: '/*', upstream: 'app', filters: [{ bufferResponse: settings }] }],
        upstreams: { app: { servers: [origin.address] } },
      })
      await fc.assert(
        fc.asyncProperty(
          fc.array(piece, { maxLength: 40 }),
          fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 5 }),
          async (sent, pauses) => {
            pieces = sent
            const asked = request({ host: '127.0.0.1', port, agent: false }).end()
            const [response] = await once(asked, 'response')
            const got: Buffer[] = []
            for await (const chunk of response) {
              got.push(chunk)
              for (let turns = pauses[got.length % pauses.length]!; turns > 0; turns--) await turn()
            }
            const length = sent.reduce((sum, { size }) => sum + size, 0)
            assert.ok(Buffer.concat(got).equals(body.subarray(0, length)))
          },
        ),
        { numRuns: 15 },
      )
    })
  }
})

test('where the disk takes nothing, the server waits, and the log says why', async (t) => {
  const origin = await httpOrigin(t, (_request, response) => void response.end(body))
  const { port, events } = await startDataPlane(t, {
    routes: [{ path: '/*', upstream: 'app', filters: [{ bufferResponse: { memory: '64kB', disk: '64MB' } }] }],
    upstreams: { app: { servers: [origin.address] } },
  })
  useTemporaryFolder(t, '/nowhere/at/all')
  const sent = request({ host: '127.0.0.1', port }).end()
  const [response] = await once(sent, 'response')
  while (!events.some(({ type }) => type === 'storage-failed')) await turn()
  const sum = createHash('sha256')
  for await (const chunk of response) sum.update(chunk)
  assert.equal(sum.digest('hex'), digest)
  assert.equal(events.filter(({ type }) => type === 'storage-failed').length, 1)
})

test('a client of HTTP/1.0 gets the body up to the end of its connection', async (t) => {
  const origin = await httpOrigin(t, (_request, response) => {
    response.write('one ')
    response.end('two')
  })
  const { port } = await startDataPlane(t, {
    routes: [{ path: '/*', upstream: 'app', filters: ['bufferResponse', 'compress'] }],
    upstreams: { app: { servers: [origin.address] } },
  })
  const socket = connect(port, '127.0.0.1').setEncoding('latin1')
  socket.write('GET / HTTP/1.0\r\nHost: x\r\n\r\n')
  const text = (await socket.toArray()).join('')
  assert.match(text, /^HTTP\/1\.1 200 OK\r\n/)
  assert.doesNotMatch(text, /chunked/i)
  assert.match(text, /\r\n\r\none two$/)
})

test('a response that its server cuts off is cut off for the client', async (t) => {
  const origin = await rawOrigin(t, (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc')
      socket.end()
    })
  })
  const { port } = await startDataPlane(t, {
    routes: [{ path: '/*', upstream: 'app', filters: ['bufferResponse'] }],
    upstreams: { app: { servers: [origin.address] } },
  })
  const sent = request({ host: '127.0.0.1', port }).end()
  const [response] = await once(sent, 'response')
  await assert.rejects(response.toArray())
})

test('a client that leaves ends the answer, and its server is free', async (t) => {
  const gone = Promise.withResolvers<void>()
  const origin = await httpOrigin(t, (_request, response) => {
    response.on('close', gone.resolve)
    const go = () => {
      while (response.write(body.subarray(0, 1_000_000)));
    }
    response.on('drain', go)
    go()
  })
  const { port, idle } = await startDataPlane(t, {
    routes: [{ path: '/*', upstream: 'app', filters: [{ bufferResponse: { memory: '64kB', disk: '4MB' } }] }],
    upstreams: { app: { servers: [origin.address] } },
  })
  const sent = request({ host: '127.0.0.1', port }).end()
  sent.on('error', () => {})
  const [response] = await once(sent, 'response')
  response.on('error', () => {})
  await once(response, 'readable')
  sent.destroy()
  await gone.promise
  await idle(0)
})

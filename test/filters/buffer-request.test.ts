import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import { startDataPlane } from '../support/data-plane.ts'
import { http1Client, http2Client, testBoth } from '../support/filtered.ts'
import { temporaryFolder } from '../support/folder.ts'
import { httpOrigin, rawOrigin } from '../support/origin.ts'
import { useTemporaryFolder } from '../support/temporary-files.ts'

const SIZE = 20_000_000
const body = Buffer.alloc(SIZE)
for (let at = 0; at < SIZE; at += 4) body.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at)
const digest = createHash('sha256').update(body).digest('hex')

const stores = { 'in memory': { memory: '64MB', disk: '0B' }, 'on disk': { memory: '64kB', disk: '64MB' } }

/** A server that answers with what it got: its length as announced, and its sum. */
function summingOrigin(t: TestContext, seen?: (request: IncomingMessage) => void) {
  return httpOrigin(t, async (request, response) => {
    seen?.(request)
    const sum = createHash('sha256')
    for await (const chunk of request) sum.update(chunk as Buffer)
    response.end(`${request.headers['content-length']} ${sum.digest('hex')}`)
  })
}

for (const [what, settings] of Object.entries({ ...stores, 'in both': { memory: '5kB', disk: '5MB' } })) {
  testBoth(
    `bodies are the same when the server gets them, and their length is known: ${what}`,
    [{ path: '/*', filters: [{ bufferRequest: settings }] }],
    async (client) => {
      for (const size of [0, 1, 5000, 16_384, 16_385, 300_000, 3_000_000]) {
        const sent = body.toString('hex', 0, size / 2).padEnd(size, '-')
        for (const headers of [{ 'Content-Length': String(size) }, {}]) {
          const got = await client.got('/', { method: 'POST', body: sent, headers })
          assert.equal(got.body, sent)
          assert.equal(got.headers['content-length'], String(size))
          assert.equal(got.headers['transfer-encoding'], undefined)
        }
      }
      assert.equal((await client.got('/')).headers['content-length'], undefined)
    },
  )
}

testBoth(
  'a body that is larger than both is refused, before it arrives if its length is known',
  [{ path: '/*', filters: [{ bufferRequest: { memory: '10kB', disk: '100kB' } }] }],
  async (client) => {
    assert.equal((await client.ask('/', { method: 'PUT', body: 'x'.repeat(110_000) })).status, 200)
    assert.equal((await client.ask('/', { method: 'PUT', body: 'x'.repeat(110_001) })).status, 413)
    const headers = { 'Content-Length': '110001', Expect: '100-continue' }
    assert.equal((await client.ask('/', { method: 'PUT', headers })).status, 413)
  },
)

describe('a server is free while a request is still on its way, however slow its client is', () => {
  for (const [what, settings] of Object.entries(stores)) {
    for (const protocol of ['HTTP/1.1', 'HTTP/2']) {
      test(`${what}, over ${protocol}`, async (t) => {
        const seen: string[] = []
        const origin = await summingOrigin(t, ({ url }) => seen.push(url!))
        const { port, scoreboard } = await startDataPlane(t, {
          listeners: [{ h2c: true }],
          routes: [{ path: '/*', upstream: 'app', filters: [{ bufferRequest: settings }] }],
          upstreams: { app: { servers: [{ name: 'one', address: origin.address, maxConnections: 1 }] } },
        })
        const slow = protocol === 'HTTP/2' ? http2Upload(t, port) : http1Upload(port)
        for (let at = 0; at < SIZE; at += 500_000) {
          await slow.write(body.subarray(at, at + 500_000))
          if (at % 5_000_000 === 0) await http1Client(t, port).ask('/quick')
          assert.equal(scoreboard.servers.inFlight(0), 0)
        }
        assert.deepEqual(new Set(seen), new Set(['/quick']))
        assert.equal(await slow.end(), `${SIZE} ${digest}`)
        assert.equal(seen.at(-1), '/slow')
      })
    }
  }
})

interface Upload {
  write(bytes: Buffer): Promise<void>
  end(): Promise<string>
}

/** A chunked upload. */
function http1Upload(port: number): Upload {
  const sent = request({ host: '127.0.0.1', port, method: 'POST', path: '/slow', agent: false })
  const answered = once(sent, 'response')
  return {
    write: (bytes) => new Promise((resolve) => sent.write(bytes, () => resolve())),
    async end() {
      sent.end()
      const [response] = await answered
      return (await response.toArray()).join('')
    },
  }
}

function http2Upload(t: TestContext, port: number): Upload {
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  t.after(() => session.destroy())
  const sent = session.request({ ':method': 'POST', ':path': '/slow' }, { endStream: false })
  return {
    write: (bytes) => new Promise((resolve) => sent.write(bytes, () => resolve())),
    async end() {
      sent.end()
      return (await sent.toArray()).join('')
    },
  }
}

describe('a request is sent to another server with its whole body', () => {
  const upload = body.subarray(0, 2_000_000)
  const sum = `${upload.length} ${createHash('sha256').update(upload).digest('hex')}`
  for (const [what, settings] of Object.entries(stores)) {
    const serveBy = (t: TestContext, ...servers: string[]) =>
      startDataPlane(t, {
        listeners: [{ h2c: true }],
        routes: [{ path: '/*', upstream: 'app', filters: [{ bufferRequest: settings }] }],
        upstreams: { app: { servers } },
      })

    test(`if it is idempotent and a server has taken all of it: ${what}`, async (t) => {
      // It reads all of it, and ends without a word.
      const bad = await rawOrigin(t, (socket) => {
        let length = 0
        socket.on('data', (bytes) => {
          length += bytes.length
          if (length > upload.length) socket.destroy()
        })
      })
      const good = await summingOrigin(t)
      const { port } = await serveBy(t, bad.address, good.address)
      for (const client of [http1Client(t, port), http2Client(t, port)]) {
        for (let turns = 0; turns < 2; turns++)
          assert.equal((await client.ask('/', { method: 'PUT', body: upload })).body, sum)
      }
    })

    test(`whatever its method, if a server could not be reached: ${what}`, async (t) => {
      const gone = await summingOrigin(t)
      await gone.kill()
      const good = await summingOrigin(t)
      const { port } = await serveBy(t, gone.address, good.address)
      for (let turns = 0; turns < 3; turns++)
        assert.equal((await http1Client(t, port).ask('/', { method: 'POST', body: upload })).body, sum)
    })

    test(`but not a POST that a server may have acted on: ${what}`, async (t) => {
      const servers = await Promise.all(
        [1, 2].map(() =>
          rawOrigin(t, (socket) => {
            let length = 0
            socket.on('data', (bytes) => {
              length += bytes.length
              if (length > upload.length) socket.destroy()
            })
          }),
        ),
      )
      const { port } = await serveBy(t, ...servers.map(({ address }) => address))
      const answer = await http1Client(t, port).ask('/', { method: 'POST', body: upload })
      assert.equal(answer.status, 502)
    })
  }

  test('after a long upload as soon as after a short one', async (t) => {
    const gone = await summingOrigin(t)
    await gone.kill()
    const good = await summingOrigin(t)
    const { port } = await startDataPlane(t, {
      routes: [{ path: '/*', upstream: 'app', filters: ['bufferRequest'] }],
      upstreams: { app: { servers: [gone.address, good.address], retries: { within: '1s' } } },
    })
    const slow = http1Upload(port)
    await slow.write(upload.subarray(0, 1_000_000))
    await wait(1100)
    await slow.write(upload.subarray(1_000_000))
    assert.equal(await slow.end(), sum)
  })

  test('from the queue, too', async (t) => {
    const held: (() => void)[] = []
    const full = Promise.withResolvers<void>()
    const origin = await httpOrigin(t, async (request, response) => {
      const hash = createHash('sha256')
      for await (const chunk of request) hash.update(chunk as Buffer)
      const answer = () => response.end(hash.digest('hex'))
      if (request.url === '/held') {
        held.push(answer)
        full.resolve()
      } else answer()
    })
    const { port } = await startDataPlane(t, {
      routes: [{ path: '/*', upstream: 'app', filters: [{ bufferRequest: stores['on disk'] }] }],
      upstreams: {
        app: { servers: [{ name: 'one', address: origin.address, maxConnections: 1 }], queue: { size: 10 } },
      },
    })
    const client = http1Client(t, port)
    const first = client.ask('/held')
    await full.promise
    const others = [1, 2, 3].map(() => client.ask('/', { method: 'POST', body: upload }))
    held[0]!()
    await first
    for (const other of others) assert.equal((await other).body, sum.split(' ')[1])
  })
})

test('a server that reads slowly gets the body at its own pace', async (t) => {
  const origin = await httpOrigin(t, async (request, response) => {
    const sum = createHash('sha256')
    for await (const chunk of request) {
      sum.update(chunk as Buffer)
      await turn()
    }
    response.end(sum.digest('hex'))
  })
  const { port } = await startDataPlane(t, {
    routes: [
      { path: '/memory', upstream: 'app', filters: [{ bufferRequest: stores['in memory'] }] },
      { path: '/disk', upstream: 'app', filters: [{ bufferRequest: stores['on disk'] }] },
    ],
    upstreams: { app: { servers: [origin.address] } },
  })
  const client = http1Client(t, port)
  const answers = await Promise.all(
    ['/memory', '/disk', '/disk'].map((path) => client.ask(path, { method: 'POST', body })),
  )
  for (const answer of answers) assert.equal(answer.body, digest)
})

describe('Expect: 100-continue', () => {
  const config = (address: string) => ({
    listeners: [{ h2c: true }],
    routes: [
      { path: '/closed', upstream: 'app', filters: [{ respond: { status: 403 } }, 'bufferRequest'] },
      { path: '/small', upstream: 'app', filters: [{ bufferRequest: { memory: '1kB', disk: '1kB' } }] },
      { path: '/*', upstream: 'app', filters: ['bufferRequest'] },
    ],
    upstreams: { app: { servers: [address] } },
  })

  for (const protocol of ['HTTP/1.1', 'HTTP/2']) {
    test(`is answered by Limpet once it wants the body, over ${protocol}`, async (t) => {
      const seen: IncomingMessage[] = []
      const origin = await summingOrigin(t, (request) => seen.push(request))
      const { port } = await startDataPlane(t, config(origin.address))
      const ask = protocol === 'HTTP/2' ? expectingHttp2 : expectingHttp1
      const passed = await ask(t, port, '/')
      assert.deepEqual(passed, { continued: true, status: 200 })
      assert.deepEqual([seen.length, seen[0]!.headers.expect], [1, undefined])
      assert.deepEqual(await ask(t, port, '/closed'), { continued: false, status: 403 })
      assert.deepEqual(await ask(t, port, '/small'), { continued: false, status: 413 })
    })
  }
})

interface Expected {
  readonly continued: boolean
  readonly status: number
}

async function expectingHttp1(_t: TestContext, port: number, path: string): Promise<Expected> {
  const headers = { Expect: '100-continue', 'Content-Length': '50000' }
  const sent = request({ host: '127.0.0.1', port, method: 'POST', path, headers, agent: false })
  let continued = false
  sent.on('continue', () => {
    continued = true
    sent.end(body.subarray(0, 50_000))
  })
  sent.flushHeaders()
  const [response] = await once(sent, 'response')
  sent.destroy()
  return { continued, status: response.statusCode }
}

async function expectingHttp2(t: TestContext, port: number, path: string): Promise<Expected> {
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  t.after(() => session.destroy())
  const sent = session.request(
    { ':method': 'POST', ':path': path, expect: '100-continue', 'content-length': '50000' },
    { endStream: false },
  )
  let continued = false
  sent.on('continue', () => {
    continued = true
    sent.end(body.subarray(0, 50_000))
  })
  const [{ ':status': status }] = await once(sent, 'response')
  sent.close()
  return { continued, status }
}

test('trailers end here, since a body of known length has none', async (t) => {
  const got = Promise.withResolvers<IncomingMessage>()
  const origin = await httpOrigin(t, (request, response) => {
    request.resume().on('end', () => {
      got.resolve(request)
      response.end()
    })
  })
  const { port } = await startDataPlane(t, {
    routes: [{ path: '/*', upstream: 'app', filters: ['bufferRequest'] }],
    upstreams: { app: { servers: [origin.address] } },
  })
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.write(
    'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n',
  )
  const { headers, trailers } = await got.promise
  assert.deepEqual(trailers, {})
  assert.deepEqual(
    [headers['content-length'], headers['transfer-encoding'], headers.trailer],
    ['3', undefined, undefined],
  )
})

describe('what is a dialogue passes as it comes', () => {
  test('a WebSocket', async (t) => {
    const origin = await rawOrigin(t, (socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')
        socket.pipe(socket)
      })
    })
    const { port } = await startDataPlane(t, {
      routes: [{ path: '/*', upstream: 'app', filters: ['bufferRequest'] }],
      upstreams: { app: { servers: [origin.address] } },
    })
    const headers = { Connection: 'Upgrade', Upgrade: 'websocket' }
    const sent = request({ host: '127.0.0.1', port, headers }).end()
    const [, socket] = await once(sent, 'upgrade')
    socket.write('\x82\x01a')
    assert.equal(String((await once(socket, 'data'))[0]), '\x82\x01a')
    socket.destroy()
  })

  test('a call of gRPC', async (t) => {
    const origin = await httpOrigin(t, (request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/grpc' }).flushHeaders()
      request.pipe(response)
    })
    const { port } = await startDataPlane(t, {
      listeners: [{ h2c: true }],
      routes: [{ path: '/*', upstream: 'app', filters: ['bufferRequest', 'bufferResponse'] }],
      upstreams: { app: { servers: [origin.address] } },
    })
    const session = connectHttp2(`http://127.0.0.1:${port}`)
    t.after(() => session.destroy())
    const call = session.request(
      { ':method': 'POST', ':path': '/a/b', 'content-type': 'application/grpc', te: 'trailers' },
      { endStream: false },
    )
    call.write('one')
    assert.equal(String((await once(call, 'data'))[0]), 'one')
    call.write('two')
    assert.equal(String((await once(call, 'data'))[0]), 'two')
    call.close()
  })
})

test('no file has a name, and none stays open', async (t) => {
  const folder = await temporaryFolder(t)
  const origin = await summingOrigin(t)
  const { port } = await startDataPlane(t, {
    routes: [{ path: '/*', upstream: 'app', filters: [{ bufferRequest: { memory: '0B', disk: '64MB' } }] }],
    upstreams: { app: { servers: [origin.address] } },
  })
  useTemporaryFolder(t, folder)
  const slow = http1Upload(port)
  await slow.write(body)
  assert.ok(openFilesIn(folder) > 0)
  assert.deepEqual(readdirSync(folder), [])
  assert.equal(await slow.end(), `${SIZE} ${digest}`)
  const left = request({ host: '127.0.0.1', port, method: 'POST', agent: false })
  left.on('error', () => {})
  await new Promise((resolve) => left.write(body, resolve))
  left.destroy()
  while (openFilesIn(folder) > 0) await wait(5)
})

test('where the disk takes nothing, the client is told, and the log says why', async (t) => {
  const origin = await summingOrigin(t)
  const { port, events } = await startDataPlane(t, {
    listeners: [{ h2c: true }],
    routes: [{ path: '/*', upstream: 'app', filters: [{ bufferRequest: { memory: '64kB', disk: '64MB' } }] }],
    upstreams: { app: { servers: [origin.address] } },
  })
  useTemporaryFolder(t, '/nowhere/at/all')
  for (const client of [http1Client(t, port), http2Client(t, port)]) {
    assert.equal((await client.ask('/', { method: 'PUT', body: body.subarray(0, 1_000_000) })).status, 507)
    assert.equal((await client.ask('/', { method: 'PUT', body: body.subarray(0, 60_000) })).status, 200)
  }
  const failures = events.filter((event) => event.type === 'storage-failed')
  assert.equal(failures.length, 1)
  assert.match(failures[0]!.cause, /^ENOENT: .*\/nowhere\/at\/all/)
})

describe('a client owes its body as without the filter', () => {
  const serve = async (t: TestContext, more: object) => {
    const seen: string[] = []
    const origin = await summingOrigin(t, ({ url }) => seen.push(url!))
    const { port } = await startDataPlane(t, {
      listeners: [{ h2c: true }],
      routes: [{ path: '/*', upstream: 'app', filters: ['bufferRequest'] }],
      upstreams: { app: { servers: [origin.address] } },
      ...more,
    })
    return { port, seen }
  }

  test('within its time', async (t) => {
    const { port, seen } = await serve(t, { timeouts: { body: '100ms' } })
    const sent = request({ host: '127.0.0.1', port, method: 'POST', agent: false })
    sent.write('x')
    const [response] = await once(sent, 'response')
    assert.deepEqual([response.statusCode, seen], [408, []])
  })

  test('and no more of it than the limit', async (t) => {
    const { port, seen } = await serve(t, { limits: { bodySize: '10kB' } })
    for (const client of [http1Client(t, port), http2Client(t, port)]) {
      const answer = await client.ask('/', { method: 'POST', body: body.subarray(0, 10_001) })
      assert.equal(answer.status, 413)
    }
    const sent = request({ host: '127.0.0.1', port, method: 'POST', agent: false })
    sent.flushHeaders()
    sent.end(body.subarray(0, 10_001))
    const [response] = await once(sent, 'response')
    assert.deepEqual([response.statusCode, seen], [413, []])
  })

  test('or leaves, and no server hears of it', async (t) => {
    const { port, seen } = await serve(t, {})
    const sent = request({ host: '127.0.0.1', port, method: 'POST', agent: false })
    sent.on('error', () => {})
    await new Promise((resolve) => sent.write(body, resolve))
    sent.destroy()
    await http1Client(t, port).ask('/after')
    assert.deepEqual(seen, ['/after'])
  })
})

/** How many files of that folder this process has open that have lost their names. */
function openFilesIn(folder: string): number {
  let count = 0
  for (const entry of readdirSync('/proc/self/fd')) {
    try {
      if (readlinkSync(`/proc/self/fd/${entry}`).startsWith(`${folder}/`)) count++
    } catch {}
  }
  return count
}

/** Servers by HTTP/2: who shares connections, and what becomes of requests when a server or a connection goes. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  constants,
  createServer as createHttp2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { startDataPlane } from '../support/data-plane.ts'
import { startLimpet } from '../support/limpet.ts'
import { rawOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { authorityFile, type KindOfServer, listen, serverOf } from '../support/server-kinds.ts'
import { sharedLimpet } from '../support/shared-limpet.ts'

type Answer = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, session: ServerHttp2Session) => void

/** A server by HTTP/2 without TLS. */
function http2Server(t: TestContext, answer: Answer, options: ServerOptions = {}): Promise<KindOfServer> {
  const server = createHttp2Server(options)
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    answer(stream as ServerHttp2Stream, headers, stream.session as ServerHttp2Session)
  })
  return listen(t, server)
}

const ok: Answer = (stream, headers) => {
  stream.respond({ ':status': 200 })
  stream.end(`<${headers[':path']}>`)
}

const configOf = (servers: readonly KindOfServer[], settings: object = {}) => ({
  listeners: [{ address: '127.0.0.1', port: 0 }],
  workers: 1,
  accessLog: { format: 'json' },
  routes: [{ path: '/*', upstream: 'app' }],
  upstreams: {
    app: { servers: servers.map(({ address }) => address), protocol: 'h2c', balance: 'round-robin', ...settings },
  },
})

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab'

/** Makes a request on a connection of its own. Resolves to the status. */
async function statusOf(t: TestContext, port: number, request = GET): Promise<number> {
  const client = await RawClient.connect(t, port)
  client.say(request)
  const answer = await client.hear(/<.*>|\r\n0\r\n\r\n$|content-length: 0/i)
  client.socket.destroy()
  return Number(answer.slice(9, 12))
}

function many(t: TestContext, count: number, port: number, request = GET): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, () => statusOf(t, port, request)))
}

describe('streams share connections', () => {
  /** Answers once so many requests are open. */
  function gatheringServer(t: TestContext, count: number, options: ServerOptions = {}) {
    const open: ServerHttp2Stream[] = []
    let most = 0
    const perSession = new Map<ServerHttp2Session, number>()
    const server = http2Server(
      t,
      (stream, _, session) => {
        const now = (perSession.get(session) ?? 0) + 1
        perSession.set(session, now)
        stream.on('close', () => perSession.set(session, perSession.get(session)! - 1))
        most = Math.max(most, now)
        open.push(stream)
        if (open.length < count) return
        for (const each of open.splice(0)) {
          each.respond({ ':status': 200 })
          each.end('<ok>')
        }
      },
      options,
    )
    return { server, most: () => most }
  }

  for (const [limit, requests, connections] of [
    [undefined, 100, 1],
    [100, 250, 3],
    [1, 10, 10],
    [7, 20, 3],
  ] as const) {
    test(`${requests} requests at once to a server that ${limit === undefined ? 'sets no limit' : `allows ${limit} streams`} take ${connections} connections`, async (t) => {
      const options = limit === undefined ? {} : { settings: { maxConcurrentStreams: limit } }
      const { server, most } = gatheringServer(t, requests, options)
      const { address, connections: accepted, server: listening } = await server
      const plane = await startDataPlane(t, configOf([{ address, connections: accepted, server: listening }]))
      assert.deepEqual(new Set(await many(t, requests, plane.port)), new Set([200]))
      assert.ok(most() <= (limit ?? 100), `${most()} streams`)
      // The first connection learns the limit; a burst before that may have opened one more.
      assert.ok(accepted.length >= connections && accepted.length <= connections + 1, `${accepted.length} connections`)
      assert.deepEqual(new Set(await many(t, requests, plane.port)), new Set([200]))
    })
  }

  test('clients that do not read hold up no other', async (t) => {
    const server = await http2Server(
      t,
      (stream, headers) => {
        stream.respond({ ':status': 200 })
        stream.end(headers[':path'] === '/large' ? Buffer.alloc(8 * 1024 * 1024) : '<small>')
      },
      // In MB.
      { maxSessionMemory: 1000 },
    )
    const plane = await startDataPlane(t, configOf([server]))
    const idlers = await Promise.all(Array.from({ length: 40 }, () => RawClient.connect(t, plane.port)))
    for (const idler of idlers) {
      idler.socket.pause()
      idler.say('GET /large HTTP/1.1\r\nHost: a\r\n\r\n')
    }
    await once(server.server, 'stream')
    for (let i = 0; i < 20; i++) assert.equal(await statusOf(t, plane.port), 200)
    assert.equal(server.connections.length, 1)
  })

  test('not where a PROXY header names a client', async (t) => {
    const heard: string[] = []
    const inner = createHttp2Server().on('stream', (stream: ServerHttp2Stream) => {
      stream.respond({ ':status': 200 })
      stream.end('<ok>')
    })
    const origin = await rawOrigin(t, (socket) => {
      socket.once('data', (bytes: Buffer) => {
        const end = bytes.indexOf('\r\n') + 2
        heard.push(bytes.toString('latin1', 0, end))
        socket.pause()
        if (bytes.length > end) socket.unshift(bytes.subarray(end))
        inner.emit('connection', socket)
      })
    })
    const plane = await startDataPlane(t, configOf([{ ...origin, connections: [] }], { proxyProtocol: 'v1' }))
    const [one, two] = [await RawClient.connect(t, plane.port), await RawClient.connect(t, plane.port)]
    for (const client of [one, two, one]) assert.equal(await client.ask(GET), 'ok')
    assert.equal(heard.length, 2)
    for (const client of [one, two])
      assert.ok(
        heard.some((line) => line.includes(` ${client.socket.localPort} `)),
        `${heard}`,
      )
  })

  test('a connection that has had its number of requests is replaced, and none is lost', async (t) => {
    const server = await http2Server(t, ok)
    const plane = await startDataPlane(t, configOf([server], { keepAlive: { requestsPerConnection: 10 } }))
    for (let i = 0; i < 5; i++) assert.deepEqual(await many(t, 10, plane.port), new Array(10).fill(200))
    assert.equal(server.connections.length, 5)
  })

  test('none is kept idle, if none is to be', async (t) => {
    const server = await http2Server(t, ok)
    const plane = await startDataPlane(t, configOf([server], { keepAlive: { connections: 0 } }))
    for (let i = 0; i < 3; i++) {
      assert.equal(await statusOf(t, plane.port), 200)
      const [socket] = server.connections.slice(-1)
      if (!socket!.closed) await once(socket!, 'close')
    }
    assert.equal(server.connections.length, 3)
  })
})

describe('a server that goes away', () => {
  test('by GOAWAY under load loses no request, whatever its method', async (t) => {
    let count = 0
    const serve: Answer = (stream, headers, session) => {
      if (++count % 20 === 0) session.close()
      stream.resume()
      setImmediate(() => ok(stream, headers, session))
    }
    const servers = [await http2Server(t, serve), await http2Server(t, serve)]
    const plane = await startDataPlane(t, configOf(servers))
    for (let i = 0; i < 10; i++) {
      const all = await Promise.all([many(t, 20, plane.port), many(t, 20, plane.port, POST)])
      assert.deepEqual(new Set(all.flat()), new Set([200]))
    }
    assert.ok(count >= 400, `${count} requests`)
  })

  for (const [how, refuse] of Object.entries({
    'GOAWAY before it': (_: ServerHttp2Stream, session: ServerHttp2Session) => session.goaway(0, 1),
    REFUSED_STREAM: (stream: ServerHttp2Stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM),
  })) {
    test(`a POST that was not processed (${how}) is sent again, to the same server`, async (t) => {
      let asked = 0
      const server = await http2Server(t, async (stream, headers, session) => {
        if (headers[':method'] === 'POST' && ++asked === 1) return refuse(stream, session)
        if (headers[':method'] === 'POST') assert.equal(await text(stream), 'ab')
        ok(stream, headers, session)
      })
      const limpet = await sharedLimpet(configOf([server]))
      assert.equal(await statusOf(t, limpet.port), 200)
      assert.equal(await statusOf(t, limpet.port, POST), 200)
      assert.equal(asked, 2)
    })
  }

  test('a POST that one server always refuses goes to another, and nobody is blamed', async (t) => {
    const refusing = await http2Server(t, (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM))
    const good = await http2Server(t, ok)
    const limpet = await sharedLimpet(configOf([refusing, good]))
    for (let i = 0; i < 4; i++) assert.equal(await statusOf(t, limpet.port, POST), 200)
    assert.doesNotMatch(limpet.errors.all.join('\n'), /is suspended/)
  })

  test('a stream that the server resets without an answer is sent to another one if that is safe, and counts', async (t) => {
    const bad = await http2Server(t, (stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR))
    const good = await http2Server(t, ok)
    const limpet = await startLimpet(
      t,
      configOf([bad, good], { servers: [{ address: bad.address, maxFails: 1 }, good.address] }),
    )
    assert.equal(await statusOf(t, limpet.port), 200)
    await limpet.errors.find(/is suspended for 10 s \(no-answer: the server reset the stream/)
    const alone = await startLimpet(t, configOf([bad]))
    assert.equal(await statusOf(t, alone.port, POST), 502)
  })
})

describe('a connection that is lost', () => {
  /** Has its connection lost once it has so many streams, the first time. */
  function fragileServer(t: TestContext, count: number): Promise<KindOfServer> {
    const open: (() => void)[] = []
    let isBroken = false
    const server = http2Server(t, (stream, headers, session) => {
      if (isBroken) return ok(stream, headers, session)
      if (open.push(() => {}) < count) return
      isBroken = true
      session.socket?.destroy()
      session.destroy()
    })
    return server
  }

  test('has each request that may be repeated sent again, and blames nobody', async (t) => {
    const server = await fragileServer(t, 50)
    const other = await http2Server(t, ok)
    const limpet = await startLimpet(
      t,
      configOf([server, other], { balance: 'least-connections', retries: { tries: 1 } }),
    )
    const settings = { servers: [server.address], retries: { tries: 1 } }
    const alone = await startLimpet(t, configOf([server], settings))
    assert.deepEqual(new Set(await many(t, 50, alone.port)), new Set([200]))
    assert.doesNotMatch(alone.errors.all.join('\n'), /is suspended/)
    assert.equal(await statusOf(t, limpet.port), 200)
  })

  test('counts as one failure, not as one of each of its requests', async (t) => {
    const server = await fragileServer(t, 50)
    const other = await http2Server(t, ok)
    const servers = [
      { address: server.address, maxFails: 2 },
      { address: other.address, backup: true },
    ]
    const limpet = await sharedLimpet(configOf([server], { servers }))
    const statuses = await many(t, 50, limpet.port, POST)
    assert.deepEqual(new Set(statuses), new Set([502]))
    assert.equal(await statusOf(t, limpet.port, POST), 200)
    assert.doesNotMatch(limpet.errors.all.join('\n'), /is suspended/)
  })

  test('by one poisonous request costs the others nothing, and takes out no server', async (t) => {
    const serve: Answer = (stream, headers, session) => {
      if (headers[':path'] === '/poison') session.socket?.destroy()
      else setTimeout(() => stream.destroyed || ok(stream, headers, session), 20)
    }
    const servers = [await http2Server(t, serve), await http2Server(t, serve)]
    const limpet = await sharedLimpet(configOf(servers))
    for (let i = 0; i < 5; i++) {
      const fair = many(t, 30, limpet.port)
      const poison = statusOf(t, limpet.port, 'GET /poison HTTP/1.1\r\nHost: a\r\n\r\n')
      assert.deepEqual(new Set(await fair), new Set([200]))
      assert.equal(await poison, 502)
    }
    assert.doesNotMatch(limpet.errors.all.join('\n'), /is suspended/)
  })

  test('before it is open counts as one failure, too', async (t) => {
    const refusing = await rawOrigin(t, (socket) => setTimeout(() => socket.destroy(), 50))
    const good = await http2Server(t, ok)
    const servers = [
      { address: refusing.address, maxFails: 3 },
      { address: good.address, backup: true },
    ]
    const limpet = await sharedLimpet(configOf([], { servers }))
    assert.deepEqual(new Set(await many(t, 50, limpet.port)), new Set([200]))
    assert.doesNotMatch(limpet.errors.all.join('\n'), /is suspended/)
  })

  test('is noticed before a POST is sent on it: it does not answer a PING', async (t) => {
    const { port } = (await http2Server(t, ok)).server.address() as AddressInfo
    const roads: Socket[] = []
    const road = await rawOrigin(t, (socket) => {
      const onward = connect(port, '127.0.0.1')
      onward.on('error', () => {})
      roads.push(socket)
      socket.pipe(onward).pipe(socket)
    })
    const plane = await startDataPlane(t, configOf([{ ...road, connections: [] }]))
    assert.equal(await statusOf(t, plane.port, POST), 200)
    // As if the machine were gone: nothing is read any more, and nothing closes.
    roads[0]!.unpipe()
    roads[0]!.pause()
    await new Promise((resolve) => setTimeout(resolve, 1200))
    assert.equal(await statusOf(t, plane.port, POST), 200)
    assert.equal(roads.length, 2)
  })

  test('is not taken for lost by a POST after a pause, if it answers the PING', async (t) => {
    const server = await http2Server(t, ok)
    const plane = await startDataPlane(t, configOf([server]))
    assert.equal(await statusOf(t, plane.port, POST), 200)
    await new Promise((resolve) => setTimeout(resolve, 1200))
    assert.equal(await statusOf(t, plane.port, POST), 200)
    assert.equal(server.connections.length, 1)
  })

  test('answers a PING right after data of another response: that arrives, and so does the request that waited', async (t) => {
    const slow = Promise.withResolvers<ServerHttp2Stream>()
    const answer: Answer = (stream, headers, session) => {
      if (headers[':path'] !== '/slow') return ok(stream, headers, session)
      stream.respond({ ':status': 200 })
      stream.write('<begun, ')
      slow.resolve(stream)
    }
    const { port } = (await http2Server(t, answer)).server.address() as AddressInfo
    let gather = false
    const road = await rawOrigin(t, (socket) => {
      const onward = connect(port, '127.0.0.1')
      const held: Buffer[] = []
      socket.pipe(onward)
      onward.on('error', () => {})
      onward.on('data', (bytes: Buffer) => {
        held.push(bytes)
        const all = Buffer.concat(held)
        if (gather && !(all.includes('done>') && all.includes('limpet..'))) return
        gather = false
        held.length = 0
        socket.write(all)
      })
    })
    const plane = await startDataPlane(t, configOf([{ ...road, connections: [] }]))
    const first = await RawClient.connect(t, plane.port)
    first.get('/slow')
    await first.hear(/begun/)
    await new Promise((resolve) => setTimeout(resolve, 1200))
    gather = true
    const stream = await slow.promise
    stream.write('done>')
    assert.equal(await statusOf(t, plane.port, POST), 200)
    stream.end()
    assert.match(await first.hear(/0\r\n\r\n$/), /<begun, \r\n5\r\ndone>\r\n0/)
  })
})

describe('WebSockets', () => {
  const HANDSHAKE =
    'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'

  test('are an extended CONNECT where the server knows that (RFC 8441)', async (t) => {
    const options = { settings: { enableConnectProtocol: true } }
    const server = await http2Server(
      t,
      (stream, headers) => {
        assert.equal(headers[':method'], 'CONNECT')
        assert.equal(headers[':protocol'], 'websocket')
        assert.equal(headers[':path'], '/chat')
        assert.equal(headers['sec-websocket-key'], undefined)
        stream.respond({ ':status': 200, 'sec-websocket-accept': 'of another', 'sec-websocket-protocol': 'chat' })
        stream.on('data', (bytes) => stream.write(bytes))
        stream.on('end', () => stream.end())
      },
      options,
    )
    const plane = await startDataPlane(t, configOf([server]))
    const client = await RawClient.connect(t, plane.port)
    client.say(HANDSHAKE)
    const head = await client.take(/\r\n\r\n/)
    assert.match(head, /^HTTP\/1.1 101 /)
    assert.match(head, /sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/i)
    assert.equal(head.match(/sec-websocket-accept/gi)!.length, 1)
    assert.match(head, /sec-websocket-protocol: chat\r\n/i)
    client.say('there and back')
    await client.take(/there and back/)
    client.socket.end()
    await client.goodbye()
  })

  test('are refused where the server does not know that', async (t) => {
    const server = await http2Server(t, ok)
    const plane = await startDataPlane(t, configOf([server]))
    const client = await RawClient.connect(t, plane.port)
    client.say(HANDSHAKE)
    assert.match(await client.hear(/<\/html>/), /^HTTP\/1.1 501 /)
    assert.equal(await statusOf(t, plane.port), 200)
  })

  test('go by HTTP/1.1 if that may be spoken, too (protocol: auto)', async (t) => {
    const server = await serverOf(t, 'h2', ({ httpVersion }, response) => response.end(`<${httpVersion}>`), {
      allowHTTP1: true,
    })
    server.server.on('upgrade', (_, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
      socket.pipe(socket)
    })
    const settings = { protocol: 'auto', tls: { ca: await authorityFile(t) } }
    const plane = await startDataPlane(t, configOf([server], settings))
    for (let i = 0; i < 2; i++) {
      const client = await RawClient.connect(t, plane.port)
      client.say(HANDSHAKE)
      await client.take(/ 101 [\s\S]*\r\n\r\n/)
      client.say('echo')
      await client.take(/echo/)
      client.socket.destroy()
      assert.equal(await (await RawClient.connect(t, plane.port)).ask(GET), '2.0')
    }
  })
})

test('trailers of a request reach the server, and its own are no part of the body', async (t) => {
  const server = await http2Server(t, (stream) => {
    stream.on('trailers', (trailers) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-after': 'yes' }))
      stream.end(`<${trailers['x-sum']}>`)
    })
    stream.resume()
  })
  const plane = await startDataPlane(t, configOf([server]))
  const client = await RawClient.connect(t, plane.port)
  client.say(
    'POST / HTTP/1.1\r\nHost: a\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-Sum: 7\r\n\r\n',
  )
  assert.match(await client.take(/0\r\n[\s\S]*\r\n$/), /<7>/)
})

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0'
const GET_BY_HTTP2 = `${PREFACE}\0\0\x06\x01\x05\0\0\0\x01\x82\x86\x84\x01\x01a`

for (const [version, request] of Object.entries({ 'HTTP/1.1': GET, 'HTTP/2': GET_BY_HTTP2 })) {
  test(`interim responses without end do not fill the memory while a client of ${version} does not read`, async (t) => {
    const MB = 1024 * 1024
    const server = await http2Server(
      t,
      async (stream, _, session) => {
        const link = 'x'.repeat(8000)
        for (let sent = 0; sent < 60 * MB; ) {
          for (let i = 0; i < 100; i++, sent += link.length) stream.additionalHeaders({ ':status': 103, link })
          // What was sent before it has been read.
          await new Promise((resolve) => session.ping(resolve))
        }
        stream.respond({ ':status': 200 })
        stream.end('<the end>')
        finished.resolve()
      },
      { maxSessionMemory: 1000 },
    )
    const finished = Promise.withResolvers<void>()
    const plane = await startDataPlane(t, {
      ...configOf([server]),
      listeners: [{ address: '127.0.0.1', port: 0, h2c: true }],
    })
    const client = await RawClient.connect(t, plane.port)
    client.socket.pause()
    client.say(request)
    await finished.promise
    client.socket.resume()
    const { length } = await client.hear(/<the end>/)
    assert.ok(length < 30 * MB, `${length} bytes`)
  })
}

test('a session stays on its server', async (t) => {
  const servers = await Promise.all(
    ['one', 'two', 'three'].map((name) =>
      http2Server(t, (stream) => {
        stream.respond({ ':status': 200 })
        stream.end(`<${name}>`)
      }),
    ),
  )
  const plane = await startDataPlane(t, configOf(servers, { affinity: 'cookie' }))
  const client = await RawClient.connect(t, plane.port)
  client.say(GET)
  const first = await client.take(/>/)
  const [, cookie] = /set-cookie: ([^;]*)/i.exec(first)!
  const [, name] = /<(.*)>/.exec(first)!
  for (let i = 0; i < 5; i++)
    assert.equal(await client.ask(`GET / HTTP/1.1\r\nHost: a\r\nCookie: ${cookie}\r\n\r\n`), name)
})

test('an answer that breaks a rule of HTTP/2 is a 502, and takes no server out', async (t) => {
  const answers: readonly ((stream: ServerHttp2Stream) => void)[] = [
    (stream) => stream.session!.socket.write(Buffer.from([0, 0, 0, 9, 4, 0, 0, 0, 1])),
    (stream) => stream.session!.socket.write('not HTTP/2 at all, and long enough for a frame'),
  ]
  for (const answer of answers) {
    const server = await rawOrigin(t, (socket) => {
      // SETTINGS, and then whatever the test says once a request is there.
      socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]))
      socket.on('data', (bytes: Buffer) => {
        if (bytes.includes(':') || bytes.length > 60) answer({ session: { socket } } as unknown as ServerHttp2Stream)
      })
    })
    const limpet = await sharedLimpet(configOf([{ ...server, connections: [] }]))
    assert.equal(await statusOf(t, limpet.port), 502)
    assert.doesNotMatch(limpet.errors.all.join('\n'), /is suspended/)
    await turn()
  }
})

test('a server that accepts no streams at all is a 504, in the end', async (t) => {
  const server = await http2Server(t, ok, { settings: { maxConcurrentStreams: 0 } })
  const limpet = await sharedLimpet(configOf([server], { timeouts: { connect: '300ms' } }))
  assert.deepEqual(await many(t, 3, limpet.port), [504, 504, 504])
  assert.ok(server.connections.length <= 6, `${server.connections.length} connections`)
})

test('a connection that is being opened is given up when nobody waits for it any more', async (t) => {
  const accepted = Promise.withResolvers<Socket>()
  const silent = await rawOrigin(t, accepted.resolve)
  const plane = await startDataPlane(t, configOf([{ ...silent, connections: [] }]))
  const client = await RawClient.connect(t, plane.port)
  client.say(GET)
  const socket = await accepted.promise
  socket.resume()
  client.socket.resetAndDestroy()
  await once(socket, 'end')
})

describe('a response that contradicts itself', () => {
  for (const [what, answer] of Object.entries<Answer>({
    'has more data than its Content-Length says': (stream) => {
      stream.respond({ ':status': 200, 'content-length': '3' })
      stream.end('too long')
    },
    'has less data than its Content-Length says': (stream) => {
      stream.respond({ ':status': 200, 'content-length': '30' })
      stream.end('too short')
    },
  })) {
    test(`because it ${what} is cut off, and the connection serves on`, async (t) => {
      const server = await http2Server(t, (stream, headers, session) =>
        headers[':path'] === '/bad' ? answer(stream, headers, session) : ok(stream, headers, session),
      )
      const plane = await startDataPlane(t, configOf([server]))
      const client = await RawClient.connect(t, plane.port)
      client.say('GET /bad HTTP/1.1\r\nHost: a\r\n\r\n')
      assert.doesNotMatch(await client.goodbye(), /too long/)
      assert.equal(await statusOf(t, plane.port), 200)
      assert.equal(server.connections.length, 1)
    })
  }

  test('because its head is too large is a 502, and the connection serves on', async (t) => {
    const server = await http2Server(t, (stream, headers, session) => {
      if (headers[':path'] !== '/bad') return ok(stream, headers, session)
      stream.respond({ ':status': 200, 'x-large': 'y'.repeat(80_000) })
      stream.end()
    })
    const plane = await startDataPlane(t, configOf([server]))
    assert.equal(await statusOf(t, plane.port, 'GET /bad HTTP/1.1\r\nHost: a\r\n\r\n'), 502)
    assert.equal(await statusOf(t, plane.port), 200)
  })
})

test('a request that the server never answers is a 504, and others on its connection go on', async (t) => {
  const server = await http2Server(t, (stream, headers, session) => {
    if (headers[':path'] !== '/silent') ok(stream, headers, session)
  })
  const plane = await startDataPlane(t, configOf([server], { timeouts: { firstByte: '500ms' } }))
  const silent = statusOf(t, plane.port, 'GET /silent HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(server.server, 'stream')
  for (let i = 0; i < 5; i++) assert.equal(await statusOf(t, plane.port), 200)
  assert.equal(await silent, 504)
  assert.equal(await statusOf(t, plane.port), 200)
  assert.equal(server.connections.length, 1)
})

describe('when its upstream changes, a connection', () => {
  test('that is idle is closed, and one in use after its requests', async (t) => {
    const held = Promise.withResolvers<ServerHttp2Stream>()
    const server = await http2Server(t, (stream, headers, session) => {
      if (headers[':path'] === '/held') held.resolve(stream)
      else ok(stream, headers, session)
    })
    const other = await http2Server(t, ok)
    const plane = await startDataPlane(t, configOf([server]))
    const waiting = await RawClient.connect(t, plane.port)
    waiting.say('GET /held HTTP/1.1\r\nHost: a\r\n\r\n')
    const stream = await held.promise
    assert.equal(await statusOf(t, plane.port), 200)
    await plane.apply(configOf([other]))
    assert.equal(await statusOf(t, plane.port), 200)
    assert.equal(other.connections.length, 1)
    stream.respond({ ':status': 200 })
    stream.end('<held>')
    await waiting.take(/<held>/)
    const [used] = server.connections
    if (!used!.closed) await once(used!, 'close')
    await plane.apply(configOf([server]))
    const [idle] = other.connections
    if (!idle!.closed) await once(idle!, 'close')
  })

  test('stays where nothing of it changes', async (t) => {
    const server = await http2Server(t, ok)
    const plane = await startDataPlane(t, configOf([server]))
    assert.equal(await statusOf(t, plane.port), 200)
    await plane.apply(configOf([server], { timeouts: { firstByte: '5s' } }))
    assert.equal(await statusOf(t, plane.port), 200)
    assert.equal(server.connections.length, 1)
  })

  test('is not used any more once another protocol is spoken', async (t) => {
    const server = await serverOf(t, 'h2', ({ httpVersion }, response) => response.end(`<${httpVersion}>`), {
      allowHTTP1: true,
    })
    const tls = { ca: await authorityFile(t) }
    const plane = await startDataPlane(t, configOf([server], { protocol: 'h2', tls }))
    assert.equal(await (await RawClient.connect(t, plane.port)).ask(GET), '2.0')
    await plane.apply(configOf([server], { protocol: 'http1', tls }))
    assert.equal(await (await RawClient.connect(t, plane.port)).ask(GET), '1.1')
    const [first] = server.connections
    if (!first!.closed) await once(first!, 'close')
  })
})

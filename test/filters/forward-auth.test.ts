// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are those of a configuration file
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { startDataPlane } from '../support/data-plane.ts'
import { http1Client, mirrorOrigin, testBoth } from '../support/filtered.ts'
import { RawClient } from '../support/raw-client.ts'

type Answering = (request: IncomingMessage, response: ServerResponse) => void

/** An auth service on a port that configurations can name before it answers; each test says how it answers. */
function authService() {
  const state = {
    answer: ((_, response) => response.end()) as Answering,
    asked: [] as IncomingMessage[],
    connections: 0,
  }
  const server = createServer((request, response) => {
    state.asked.push(request)
    state.answer(request, response)
  })
  server.on('connection', (socket) => {
    socket.unref()
    state.connections++
  })
  return { server, state }
}

const { server, state } = authService()
// Tests end before hooks of the whole file run, and these wait for whatever keeps the process alive.
server.listen(0, '127.0.0.1').unref()
await once(server, 'listening')
const service = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

function answering(answer: Answering): void {
  state.answer = answer
  state.asked.length = 0
}

testBoth(
  'the service is asked as Traefik and nginx ask it, without what is of the body and of the connection',
  [
    {
      path: '/*',
      filters: [{ path: { strip: '/app' } }, { host: 'inner' }, { forwardAuth: { url: `${service}/verify?for=app` } }],
    },
  ],
  async (client) => {
    answering((_, response) => response.writeHead(202).end('welcome'))
    const got = await client.got('/app/x%20y?a=1&b=%2F', {
      method: 'POST',
      body: 'x'.repeat(200_000),
      host: 'app.example.org:8443',
      headers: {
        cookie: 'session=abc',
        authorization: 'Bearer xyz',
        accept: 'text/html',
        'x-forwarded-user': 'root',
        'x-forwarded-uri': '/public',
        x_original_url: 'http://public/',
        'if-none-match': '"1"',
        range: 'bytes=0-0',
        'content-type': 'text/plain',
      },
    })
    assert.deepEqual([got.url, got.body.length], ['/x%20y?a=1&b=%2F', 200_000])
    assert.equal(state.asked.length, 1)
    const [{ method, url, headers }] = state.asked as [IncomingMessage]
    assert.deepEqual([method, url, headers.host], ['GET', '/verify?for=app', service.slice('http://'.length)])
    const { connection: _, 'x-request-id': id, ...rest } = headers
    assert.match(String(id), /^[\w-]{8,}/)
    assert.deepEqual(
      { ...rest, host: undefined },
      {
        host: undefined,
        cookie: 'session=abc',
        authorization: 'Bearer xyz',
        accept: 'text/html',
        'content-type': 'text/plain',
        'x-forwarded-method': 'POST',
        'x-forwarded-proto': 'http',
        'x-forwarded-host': 'app.example.org:8443',
        'x-forwarded-uri': '/app/x%20y?a=1&b=%2F',
        'x-forwarded-for': '127.0.0.1',
        'x-real-ip': '127.0.0.1',
        'x-original-method': 'POST',
        'x-original-url': 'http://app.example.org:8443/app/x%20y?a=1&b=%2F',
        'x-original-uri': '/app/x%20y?a=1&b=%2F',
      },
    )
  },
)

testBoth(
  'the service gets the chosen headers only',
  [{ path: '/*', filters: [{ forwardAuth: { url: service, headers: ['Cookie', 'X-Api-Version'] } }] }],
  async (client) => {
    answering((_, response) => response.end())
    await client.got('/', {
      headers: { cookie: 'a=1', authorization: 'Basic eA==', 'x-api-version': '2', 'x-other': 'x' },
    })
    const [{ headers }] = state.asked as [IncomingMessage]
    assert.deepEqual(
      [headers.cookie, headers['x-api-version'], headers.authorization, headers['x-other']],
      ['a=1', '2', undefined, undefined],
    )
  },
)

testBoth(
  'a server gets the chosen headers of the answer, never those that a client claims; the client gets its cookies',
  [{ path: '/*', filters: [{ forwardAuth: { url: service, copy: ['Remote-User', 'Remote-Groups'] } }] }],
  async (client) => {
    answering((_, response) =>
      response
        .writeHead(200, {
          'Remote-User': 'alice',
          'Remote-Email': 'a@example.org',
          'Set-Cookie': ['a=1', 'b=2; HttpOnly'],
        })
        .end('x'.repeat(500_000)),
    )
    const claims = { 'remote-user': 'root', remote_user: 'root', 'remote-groups': 'admins', Remote_Groups: 'admins' }
    const answer = await client.ask('/', {
      headers: { ...claims, 'x-answer': JSON.stringify({ 'Set-Cookie': 'own=1' }) },
    })
    const { headers } = JSON.parse(answer.body)
    assert.deepEqual(
      [
        headers['remote-user'],
        headers['remote-groups'],
        headers.remote_user,
        headers.remote_groups,
        headers['remote-email'],
      ],
      ['alice', undefined, undefined, undefined, undefined],
    )
    assert.deepEqual([...(answer.headers['set-cookie'] ?? [])].toSorted(), ['a=1', 'b=2; HttpOnly', 'own=1'])
    // Nothing of it is left for the next request.
    answering((_, response) => response.end())
    const next = await client.ask('/')
    assert.equal(next.headers['set-cookie'], undefined)
    assert.equal(JSON.parse(next.body).headers['remote-user'], undefined)
  },
)

testBoth(
  'any other answer goes to the client as it is, and no server is asked',
  [{ path: '/*', filters: [{ forwardAuth: { url: service } }] }],
  async (client) => {
    const location = 'https://id.example.org/sign-in?rd=https%3A%2F%2Fapp.example.org%2F'
    answering((_, response) => {
      response.writeHead(302, {
        Location: location,
        'Set-Cookie': ['csrf=1', 'b=2'],
        Connection: 'close, X-Hop',
        'X-Hop': 'of the connection to the service',
        'X-Why': 'no session',
      })
      response.end('<a href="/">sign in</a>')
    })
    const moved = await client.ask('/', { method: 'POST', body: 'x'.repeat(100_000) })
    assert.deepEqual([moved.status, moved.headers.location, moved.headers['x-why']], [302, location, 'no session'])
    assert.equal(moved.headers['x-hop'], undefined)
    assert.deepEqual(moved.headers['set-cookie'], ['csrf=1', 'b=2'])
    assert.equal(moved.body, '<a href="/">sign in</a>')
    for (const status of [401, 403, 404, 429, 500, 503]) {
      answering((_, response) => response.writeHead(status, { 'WWW-Authenticate': 'Bearer' }).end(`${status}`))
      const { status: got, headers, body } = await client.ask('/')
      assert.deepEqual([got, headers['www-authenticate'], body], [status, 'Bearer', `${status}`])
    }
    const head = await client.ask('/', { method: 'HEAD' })
    assert.deepEqual([head.status, head.body, head.headers['content-length']], [503, '', '3'])
  },
)

testBoth(
  'without an answer, no request gets through',
  [
    { path: '/*', filters: [{ forwardAuth: { url: service, timeout: '200ms' } }] },
    { path: '/down', filters: [{ forwardAuth: { url: 'http://127.0.0.1:1/' } }] },
  ],
  async (client) => {
    const refused = async (path: string, answer: Answering) => {
      answering(answer)
      const { status, headers } = await client.ask(path, { headers: { accept: 'application/json' } })
      assert.equal(status, 503)
      assert.equal(headers['retry-after'], '5')
    }
    await refused('/down', () => {})
    // Slow to begin, and slow to end.
    await refused('/', () => {})
    await refused('/', (_, response) => response.writeHead(200).write('x'))
    await refused('/', (_, response) => response.writeHead(403).write('x'))
    await refused('/', ({ socket }) => socket.destroy())
    await refused('/', ({ socket }) => socket.end('HTTP/1.1 200 OK\r\nX: \0\r\n\r\n'))
    await refused('/', ({ socket }) =>
      socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
    )
    await refused('/', (_, response) => response.writeHead(403).end('x'.repeat(200_000)))
    for (const answer of [
      'HTTP/1.1 042 What\r\nContent-Length: 0\r\n\r\n',
      'HTTP/1.1 600 What\r\nContent-Length: 0\r\n\r\n',
      'HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b\r\n\r\n',
      `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
      'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1000),
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ])
      await refused('/', ({ socket }) => socket.end(answer))
    answering((_, response) => response.end())
    assert.equal((await client.ask('/')).status, 200)
  },
)

testBoth(
  'an answer holds for a time where that is asked for: for the same key only, and not where it gives a cookie',
  [
    {
      path: '/*',
      filters: [
        {
          forwardAuth: {
            url: service,
            copy: ['Remote-User'],
            cache: { by: '${request.cookie.session} ${request.host}', for: '1h' },
          },
        },
      ],
    },
    {
      path: '/by-cookie',
      filters: [{ forwardAuth: { url: service, cache: { by: 'session ${request.cookie.session}', for: '1h' } } }],
    },
  ],
  async (client) => {
    answering(({ headers }, response) => {
      const user = /session=(\w+)/.exec(headers.cookie ?? '')?.[1]
      if (user === undefined) return void response.writeHead(401).end()
      response.writeHead(200, { 'Remote-User': user, ...(user === 'new' && { 'Set-Cookie': 'seen=1' }) }).end()
    })
    const as = (user: string, host = 'app') => ({ host, headers: { cookie: `session=${user}`, 'remote-user': 'root' } })
    const user = async (ask: object) => (await client.got('/', ask)).headers['remote-user']
    assert.deepEqual(
      [await user(as('alice')), await user(as('alice')), await user(as('bob'))],
      ['alice', 'alice', 'bob'],
    )
    assert.equal(state.asked.length, 2)
    assert.equal(await user(as('alice', 'other')), 'alice')
    assert.equal(state.asked.length, 3)
    for (const _ of [1, 2]) assert.equal(await user(as('new')), 'new')
    assert.equal(state.asked.length, 5)
    // Another method, or another Authorization, is another question.
    answering((_, response) => response.end())
    const alice = as('alice')
    for (const ask of [
      alice,
      { ...alice, method: 'DELETE' },
      { ...alice, headers: { ...alice.headers, authorization: 'Basic x' } },
    ])
      assert.equal((await client.ask('/', ask)).status, 200)
    assert.equal(state.asked.length, 2)
    // Without a cookie, the service may have gone by something else.
    answering(({ headers }, response) => response.writeHead(headers['x-key'] === 'right' ? 200 : 401).end())
    assert.equal((await client.ask('/', { headers: { 'x-key': 'right' } })).status, 200)
    assert.equal((await client.ask('/')).status, 401)
    // Without a key, each request is asked about.
    answering((_, response) => response.end())
    for (const _ of [1, 2]) assert.equal((await client.ask('/by-cookie')).status, 200)
    assert.equal(state.asked.length, 2)
  },
)

async function clientOf(t: TestContext, url: string, more: object = {}) {
  const origin = await mirrorOrigin(t)
  const plane = await startDataPlane(t, {
    routes: [
      { path: '/*', upstream: 'app', filters: [{ forwardAuth: { url, ...more } }] },
      { path: '/open', upstream: 'app' },
    ],
    upstreams: { app: { servers: [origin.address] } },
  })
  return http1Client(t, plane.port)
}

test('a client that leaves gives up its place', async (t) => {
  const slow = createServer().listen(0, '127.0.0.1')
  await once(slow, 'listening')
  t.after(() => slow.close())
  const origin = await mirrorOrigin(t)
  const url = `http://127.0.0.1:${(slow.address() as AddressInfo).port}`
  const { port } = await startDataPlane(t, {
    routes: [{ path: '/*', upstream: 'app', filters: [{ forwardAuth: { url, timeout: '1m' } }] }],
    upstreams: { app: { servers: [origin.address] } },
  })
  const client = await RawClient.connect(t, port)
  client.get('/')
  const [question] = await once(slow, 'request')
  client.socket.destroy()
  await once(question.socket, 'close')
})

test('a slow service delays nobody but those who need it, and what it has not answered is bounded', async (t) => {
  const waiting: ServerResponse[] = []
  const slow = createServer((_, response) => waiting.push(response)).listen(0, '127.0.0.1')
  await once(slow, 'listening')
  t.after(() => {
    slow.close()
    slow.closeAllConnections()
  })
  const client = await clientOf(t, `http://127.0.0.1:${(slow.address() as AddressInfo).port}`, { timeout: '60s' })
  const asked = Array.from({ length: 300 }, () => client.ask('/').then(({ status }) => status))
  assert.equal(await Promise.any(asked), 503)
  assert.equal((await client.ask('/open')).status, 200)
  while (waiting.length < 256) await once(slow, 'request')
  for (const response of waiting) response.end()
  const statuses = await Promise.all(asked)
  assert.deepEqual(
    [statuses.filter((status) => status === 200).length, statuses.filter((status) => status === 503).length],
    [256, 44],
  )
})

test('connections to the service are used again, and a request is repeated whose connection the service has just closed', async (t) => {
  let connections = 0
  const flaky = createTcpServer((socket) => {
    connections++
    socket.unref().on('error', () => {})
    let answered = 0
    socket.on('data', () => {
      // It closes the connection in place of the second answer.
      if (answered++ === 0) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
      else socket.resetAndDestroy()
    })
  }).listen(0, '127.0.0.1')
  await once(flaky, 'listening')
  t.after(() => flaky.close())
  const client = await clientOf(t, `http://127.0.0.1:${(flaky.address() as AddressInfo).port}`)
  for (let request = 0; request < 3; request++) assert.equal((await client.ask('/')).status, 200)
  assert.equal(connections, 3)
  answering((_, response) => response.end())
  const before = state.connections
  const other = await clientOf(t, service)
  for (let request = 0; request < 5; request++) assert.equal((await other.ask('/')).status, 200)
  assert.equal(state.connections - before, 1)
})

/** Calls that must be refused, and how. Each is sent to a real socket, as its sender would. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import type { AccessRules } from '../../src/admin/access.ts'
import { Problem } from '../../src/admin/problem.ts'
import { RawClient } from '../support/raw-client.ts'
import { bearer, MACHINE_TOKEN, onLoopback, type Served, served } from './served.ts'

const server = '/v1/upstreams/app/servers/web-1'
const weight = '{"weight": 5}'
const machine = bearer(MACHINE_TOKEN)
const [reader, writer] = ['r'.repeat(32), 'w'.repeat(32)]

const withTokens: AccessRules = {
  tokens: [
    { name: 'dashboard', scope: 'read', value: reader },
    { name: 'deploy', scope: 'write', value: writer },
  ],
  anyone: undefined,
  hint: 'one of admin.tokens',
}
const onSocket: AccessRules = { tokens: [], anyone: { name: 'socket', scope: 'write' }, hint: 'none' }

interface Call {
  readonly method: string
  readonly path: string
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer
}

/** Sends a call; returns its status and the kind of problem, and makes sure that it says so as a problem and did nothing. */
async function outcome({ ask, operations }: Served, { method, path, ...message }: Call): Promise<string> {
  const before = operations.done.length
  const { status, headers, body } = await ask(method, path, message)
  if (status < 400) return String(status)
  assert.equal(headers['content-type'], 'application/problem+json')
  assert.equal(headers['cache-control'], 'no-store')
  const problem = Problem.strict().parse(body)
  assert.equal(problem.status, status)
  assert.equal(operations.done.length, before, 'it did nothing')
  return `${status} ${problem.type.replace('/problems/', '')}`
}

describe('who may do what:', () => {
  const read: Call = { method: 'GET', path: '/v1/status' }
  const config: Call = { method: 'GET', path: '/v1/config' }
  const description: Call = { method: 'GET', path: '/v1/openapi.json' }
  const explain: Call = { method: 'POST', path: '/v1/explain', body: '{"path": "/"}' }
  const plan: Call = { method: 'POST', path: '/v1/plan', body: '{}' }
  const write: Call = { method: 'PATCH', path: server, body: weight }
  const reload: Call = { method: 'POST', path: '/v1/reload' }
  const calls = [read, config, description, explain, plan, write, reload]
  const all = (status: string) => Array(calls.length).fill(status)

  const table: [who: string, access: AccessRules, headers: Record<string, string>, outcomes: string[]][] = [
    ['over a socket, everyone who can connect', onSocket, {}, all('200')],
    ['over a port, everyone reads', onLoopback, {}, [...Array(4).fill('200'), ...Array(3).fill('401 unauthorized')]],
    ['over a port, the token of the machine changes', onLoopback, machine, all('200')],
    ['over a port, a wrong token does not even read', onLoopback, bearer('x'.repeat(43)), all('401 unauthorized')],
    ['with tokens, nobody without one', withTokens, {}, all('401 unauthorized')],
    ['with tokens, not the one of the machine', withTokens, machine, all('401 unauthorized')],
    [
      'with tokens, one that reads',
      withTokens,
      bearer(reader),
      [...Array(4).fill('200'), ...Array(3).fill('403 forbidden')],
    ],
    ['with tokens, one that writes', withTokens, bearer(writer), all('200')],
    ['a token that is nearly right', withTokens, bearer(`${writer.slice(0, -1)}x`), all('401 unauthorized')],
    ['a token that begins right', withTokens, bearer(writer.slice(0, -1)), all('401 unauthorized')],
    ['a token by another scheme', withTokens, { Authorization: `Basic ${writer}` }, all('401 unauthorized')],
    ['an empty token', withTokens, { Authorization: 'Bearer ' }, all('401 unauthorized')],
    ['two tokens', withTokens, { Authorization: `Bearer ${reader}, Bearer ${writer}` }, all('401 unauthorized')],
  ]
  for (const [who, access, headers, outcomes] of table) {
    test(who, async (t) => {
      const running = await served(t, {
        access,
        approach: access === onSocket ? 'socket' : { reach: 'loopback', hosts: [] },
      })
      const found = []
      for (const call of calls) found.push(await outcome(running, { ...call, headers }))
      assert.deepEqual(found, outcomes)
    })
  }

  test('a caller who needs a token is told by which scheme', async (t) => {
    const { ask } = await served(t, { access: withTokens })
    assert.match((await ask('GET', '/v1/status')).headers['www-authenticate']!, /^Bearer /)
  })

  test('a refusal names no token', async (t) => {
    const { ask } = await served(t, { access: withTokens })
    for (const token of [reader, 'x'.repeat(32)]) {
      const { text } = await ask('POST', '/v1/reload', { headers: bearer(token) })
      assert.ok(!text.includes(token) && !text.includes(writer))
    }
  })
})

describe('a page in a browser, or a name that leads here:', () => {
  const table: [headers: Record<string, string>, loopback: string, network: string][] = [
    [{ Host: 'localhost' }, '200', '200'],
    [{ Host: 'LOCALHOST:9000' }, '200', '200'],
    [{ Host: '127.1.2.3' }, '200', '200'],
    [{ Host: '[::1]:9000' }, '200', '200'],
    [{ Host: '10.0.0.5:9000' }, '403 forbidden', '200'],
    [{ Host: '[2001:db8::1]:9000' }, '403 forbidden', '200'],
    [{ Host: 'limpet.internal' }, '403 forbidden', '200'],
    [{ Host: 'evil.example' }, '403 forbidden', '403 forbidden'],
    [{ Host: 'localhost.evil.example' }, '403 forbidden', '403 forbidden'],
    [{ Host: '127.0.0.1.evil.example' }, '403 forbidden', '403 forbidden'],
    [{ Host: 'evil.example:80@localhost' }, '403 forbidden', '403 forbidden'],
    [{ Host: 'localhost:9000', Origin: 'http://localhost:9000' }, '200', '200'],
    [{ Host: 'localhost:9000', Origin: 'http://localhost:3000' }, '403 forbidden', '403 forbidden'],
    [{ Host: 'localhost:9000', Origin: 'https://localhost:9000' }, '403 forbidden', '403 forbidden'],
    [{ Host: 'localhost', Origin: 'http://evil.example' }, '403 forbidden', '403 forbidden'],
    [{ Host: 'localhost', Origin: 'null' }, '403 forbidden', '403 forbidden'],
    [{ Host: 'localhost', 'Sec-Fetch-Site': 'none' }, '200', '200'],
    [{ Host: 'localhost', 'Sec-Fetch-Site': 'same-origin' }, '200', '200'],
    [{ Host: 'localhost', 'Sec-Fetch-Site': 'same-site' }, '403 forbidden', '403 forbidden'],
    [{ Host: 'localhost', 'Sec-Fetch-Site': 'cross-site' }, '403 forbidden', '403 forbidden'],
  ]
  const approaches = [
    ['on loopback', { reach: 'loopback', hosts: [] }, 1],
    ['on a network', { reach: 'network', hosts: ['limpet.internal'] }, 2],
  ] as const
  for (const [where, approach, column] of approaches) {
    test(where, async (t) => {
      const running = await served(t, { approach })
      for (const row of table) {
        const headers = { ...row[0], ...machine }
        assert.equal(
          await outcome(running, { method: 'GET', path: '/v1/status', headers }),
          row[column],
          JSON.stringify(row[0]),
        )
        const write = await outcome(running, { method: 'PATCH', path: server, headers, body: weight })
        assert.equal(write, row[column], `a change with ${JSON.stringify(row[0])}`)
      }
    })
  }

  test('is not told that it may ask (CORS)', async (t) => {
    const { ask } = await served(t)
    const headers = { Origin: 'http://evil.example', 'Access-Control-Request-Method': 'PATCH' }
    const { status, headers: got } = await ask('OPTIONS', server, { headers })
    assert.equal(status, 403)
    assert.ok(!Object.keys(got).some((name) => name.startsWith('access-control')))
  })
})

describe('a body that cannot be read:', () => {
  const patch = (body: string | Buffer, headers: Record<string, string> = {}): Call => ({
    method: 'PATCH',
    path: server,
    headers: { ...machine, ...headers },
    body,
  })
  const table: [what: string, call: Call, outcome: string][] = [
    ['no JSON', patch('{"weight": '), '400 invalid'],
    ['JSON of another kind', patch('[1]'), '400 invalid'],
    ['no JSON object', patch('null'), '400 invalid'],
    ['not UTF-8', patch(Buffer.from([0x22, 0xff, 0x22])), '400 invalid'],
    ['an unknown key', patch('{"wieght": 5}'), '400 invalid'],
    ['a known key of another type', patch('{"weight": "5"}'), '400 invalid'],
    ['a prototype', patch('{"__proto__": {"weight": 5}, "constructor": 1}'), '400 invalid'],
    ['an unknown state', patch('{"admin": "off"}'), '400 invalid'],
    [
      'form data',
      patch('weight=5', { 'Content-Type': 'application/x-www-form-urlencoded' }),
      '415 unsupported-media-type',
    ],
    ['plain text, as any page may send', patch(weight, { 'Content-Type': 'text/plain' }), '415 unsupported-media-type'],
    ['no type', patch(weight, { 'Content-Type': '' }), '415 unsupported-media-type'],
    [
      'another charset',
      patch(weight, { 'Content-Type': 'application/json; charset=utf-16' }),
      '415 unsupported-media-type',
    ],
    ['compressed', patch(weight, { 'Content-Encoding': 'gzip' }), '415 unsupported-media-type'],
    [
      'YAML, where no configuration is wanted',
      patch('weight: 5', { 'Content-Type': 'application/yaml' }),
      '415 unsupported-media-type',
    ],
    ['nothing', { method: 'PATCH', path: server, headers: machine }, '400 invalid'],
    ['nothing, for a configuration', { method: 'PUT', path: '/v1/config', headers: machine }, '400 invalid'],
    ['larger than 64 KiB', patch(JSON.stringify({ name: 'x'.repeat(65_536) })), '413 too-large'],
    [
      'a duration without a unit',
      { ...patch('{"max": "30"}'), method: 'PUT', path: '/v1/upstreams/app/pause' },
      '400 invalid',
    ],
    [
      'a duration of a year',
      { ...patch('{"max": "365d"}'), method: 'PUT', path: '/v1/upstreams/app/pause' },
      '400 invalid',
    ],
    [
      'an unknown key of the query',
      { method: 'DELETE', path: `${server}?forced=true`, headers: machine },
      '400 invalid',
    ],
    ['a value of the query', { method: 'DELETE', path: `${server}?force=maybe`, headers: machine }, '400 invalid'],
    [
      'the last event, by no number',
      { method: 'GET', path: '/v1/events', headers: { 'Last-Event-ID': '1e3' } },
      '400 invalid',
    ],
  ]
  for (const [what, call, expected] of table) {
    test(what, async (t) => {
      const running = await served(t)
      assert.equal(await outcome(running, call), expected)
      assert.equal(await outcome(running, patch(weight)), '200', 'the next one is served')
    })
  }

  test('a mistake is named by its key', async (t) => {
    const { ask } = await served(t)
    const { body } = await ask('PATCH', server, { headers: machine, body: '{"weight": "5", "admin": "ready"}' })
    assert.deepEqual(
      body.problems.map(({ where, path }: { where: string; path: string }) => [where, path]),
      [['body', 'weight']],
    )
  })

  test('a configuration may have 16 MiB, and no more', async (t) => {
    const running = await served(t)
    const put = (size: number) =>
      outcome(running, {
        method: 'PUT',
        path: '/v1/config',
        headers: machine,
        body: `upstreams${' '.repeat(size - 9)}`,
      })
    assert.deepEqual([await put(16 * 1024 * 1024), await put(16 * 1024 * 1024 + 1)], ['200', '413 too-large'])
  })

  test('of no announced size is read up to the limit', async (t) => {
    const { port } = await served(t)
    const client = await RawClient.connect(t, port)
    client.say(`PATCH ${server} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${MACHINE_TOKEN}\r\n`)
    client.say('Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n')
    for (let chunks = 0; chunks < 17; chunks++) client.say(`1000\r\n${' '.repeat(4096)}\r\n`)
    assert.match(await client.hear(/\r\n\r\n.*\}/), /^HTTP\/1\.1 413 /)
  })

  test('is not asked for (100-continue) where it would be refused', async (t) => {
    const { port } = await served(t)
    const statusOf = async (length: number, token: string) => {
      const client = await RawClient.connect(t, port)
      client.say(
        `PATCH ${server} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nExpect: 100-continue\r\n`,
      )
      client.say(`Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`)
      return (await client.hear(/\r\n\r\n/)).slice(9, 12)
    }
    assert.equal(await statusOf(13, MACHINE_TOKEN), '100')
    assert.equal(await statusOf(13, 'x'.repeat(43)), '401')
    assert.equal(await statusOf(70_000, MACHINE_TOKEN), '413')
  })
})

describe('a path or a method that is not there:', () => {
  const table: [call: Call, outcome: string, allow?: string][] = [
    [{ method: 'GET', path: '/' }, '404 not-found'],
    [{ method: 'GET', path: '/v1' }, '404 not-found'],
    [{ method: 'GET', path: '/v2/status' }, '404 not-found'],
    [{ method: 'GET', path: '/v1/status/' }, '404 not-found'],
    [{ method: 'GET', path: '//v1/status' }, '404 not-found'],
    [{ method: 'GET', path: '/v1/upstreams/none' }, '404 not-found'],
    [{ method: 'GET', path: '/v1/upstreams/app/servers/none' }, '404 not-found'],
    [{ method: 'GET', path: '/v1/upstreams/app%2Fservers%2Fweb-1' }, '404 not-found'],
    [{ method: 'GET', path: '/v1/upstreams/%zz' }, '404 not-found'],
    [{ method: 'GET', path: '/v1/upstreams/__proto__' }, '404 not-found'],
    [{ method: 'GET', path: '/v1/upstreams/%00' }, '404 not-found'],
    [{ method: 'PATCH', path: '/v1/upstreams/app/servers/none', body: '{}', headers: machine }, '404 not-found'],
    [{ method: 'PUT', path: '/v1/upstreams/none/pause', body: '{"max": "1s"}', headers: machine }, '404 not-found'],
    [{ method: 'POST', path: '/v1/status' }, '405 method-not-allowed', 'GET, HEAD'],
    [{ method: 'DELETE', path: '/v1/config' }, '405 method-not-allowed', 'GET, HEAD, PUT'],
    [{ method: 'GET', path: '/v1/reload' }, '405 method-not-allowed', 'POST'],
    [{ method: 'POST', path: server }, '405 method-not-allowed', 'GET, HEAD, PUT, PATCH, DELETE'],
    [{ method: 'OPTIONS', path: '/v1/openapi.json' }, '405 method-not-allowed', 'GET, HEAD'],
    [{ method: 'PROPFIND', path: '/v1/status' }, '405 method-not-allowed', 'GET, HEAD'],
    [{ method: 'TRACE', path: '/v1/status' }, '405 method-not-allowed', 'GET, HEAD'],
  ]
  for (const [call, expected, allow] of table) {
    test(`${call.method} ${call.path}`, async (t) => {
      const running = await served(t)
      assert.equal(await outcome(running, call), expected)
      if (allow === undefined) return
      assert.equal((await running.ask(call.method, call.path)).headers.allow, allow)
    })
  }

  test('dots in a path lead nowhere else than where a browser would go', async (t) => {
    const { ask } = await served(t)
    assert.equal((await ask('GET', '/v1/upstreams/../status')).status, 200)
    assert.equal((await ask('POST', '/v1/explain/../reload')).status, 401)
  })

  test('HEAD is answered as GET, without a body, and watches no events', async (t) => {
    const { ask } = await served(t)
    const [get, head] = [await ask('GET', '/v1/upstreams'), await ask('HEAD', '/v1/upstreams')]
    assert.deepEqual([head.status, head.text, head.headers['content-type']], [200, '', get.headers['content-type']])
    assert.equal((await ask('HEAD', '/v1/events')).status, 200)
    assert.equal((await ask('HEAD', '/v1/upstreams/none')).status, 404)
  })
})

describe('bytes that are no request, or come too slowly', () => {
  const heardFrom = async (t: TestContext, port: number, ...parts: string[]) => {
    const client = await RawClient.connect(t, port)
    for (const part of parts) client.say(part)
    return client.goodbye()
  }

  test('are refused', async (t) => {
    const { port } = await served(t)
    const table: [bytes: string, expected: RegExp][] = [
      ['nonsense\r\n\r\n', /^HTTP\/1\.1 400 .*\/problems\/invalid/s],
      ['GET /v1/status HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
      [
        `GET /v1/status HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
        /^HTTP\/1\.1 413 .*too-large/s,
      ],
      [
        'GET http://evil.example/v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
        /^HTTP\/1\.1 400 /,
      ],
      ['GET /v1/status HTTP/1.1\r\nHost: localhost\r\nHost: a\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 400 /],
      ['CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n', /^$/],
    ]
    for (const [bytes, expected] of table)
      assert.match(await heardFrom(t, port, bytes), expected, JSON.stringify(bytes))
  })

  test('a slow head and a slow body are given up', async (t) => {
    const { port, operations } = await served(t, { requestTimeout: 200 })
    const head = `PATCH ${server} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${MACHINE_TOKEN}\r\n`
    const body = 'Content-Type: application/json\r\nContent-Length: 13\r\n\r\n{"weight"'
    for (const parts of [[head], [head, body]]) {
      assert.match(await heardFrom(t, port, ...parts), /^HTTP\/1\.1 408 .*\/problems\/timeout/s)
    }
    assert.deepEqual(operations.done, [])
  })

  test('a client that ends in the middle of a body changes nothing', async (t) => {
    const { port, operations, ask } = await served(t)
    const client = await RawClient.connect(t, port)
    client.say(`PATCH ${server} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${MACHINE_TOKEN}\r\n`)
    client.say('Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"weight": 5}')
    client.socket.end()
    await client.goodbye()
    assert.equal((await ask('GET', '/v1/status')).status, 200)
    assert.deepEqual(operations.done, [])
  })

  test('a client that does not read its answer is given up', async (t) => {
    const { port, ask, accepted } = await served(t, { sendTimeout: 200 })
    await ask('PUT', '/v1/config', { headers: machine, body: JSON.stringify({ upstreams: 'x'.repeat(15_000_000) }) })
    const client = await RawClient.connect(t, port)
    client.socket.pause()
    client.say('GET /v1/config HTTP/1.1\r\nHost: localhost\r\n\r\n')
    while (accepted.length < 2) await ask('GET', '/v1/status')
    await once(accepted[1]!, 'close')
    client.socket.resume()
    assert.ok((await client.goodbye()).length < 15_000_000)
  })

  test('answers that nobody reads take at most 64 MiB; the next one is refused, until their clients are gone', async (t) => {
    const { port, ask } = await served(t)
    await ask('PUT', '/v1/config', { headers: machine, body: JSON.stringify({ upstreams: 'x'.repeat(15_000_000) }) })
    const config = 'GET /v1/config HTTP/1.1\r\nHost: localhost\r\n\r\n'
    const [one, pipelining] = [await RawClient.connect(t, port), await RawClient.connect(t, port)]
    for (const { socket } of [one, pipelining]) socket.pause()
    one.say(config)
    pipelining.say(config.repeat(3))
    for (;;) if ((await ask('GET', '/v1/config')).status === 503) break
    const busy = await ask('GET', '/v1/config')
    assert.deepEqual([busy.status, busy.body.type], [503, '/problems/busy'])
    assert.equal((await ask('GET', '/v1/status')).status, 200)
    one.socket.destroy()
    pipelining.socket.destroy()
    for (;;) if ((await ask('GET', '/v1/config')).status === 200) break
  })

  test('at most 128 connections are open at a time; the next one is closed, until one has ended', async (t) => {
    const { port } = await served(t)
    const clients = await Promise.all(Array.from({ length: 128 }, () => RawClient.connect(t, port)))
    const [first, last] = [clients[0]!, clients.at(-1)!]
    last.say('GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await last.hear(/^HTTP\/1\.1 200 /)
    assert.equal(await heardFrom(t, port), '')
    first.socket.destroy()
    for (;;) {
      const next = await RawClient.connect(t, port)
      next.say('GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
      if (/^HTTP\/1\.1 200 /.test(await next.goodbye())) break
    }
  })
})

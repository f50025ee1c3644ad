/**
 * `/app/*` redirects `/app` to `/app/`. nginx 1.22 decided these cases for `location /app/` with `proxy_pass`; its Location
 * has the scheme and the host in front. test/nginx/differential.test.ts puts thousands more to both.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { httpOrigin, type Origin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { sharedLimpet } from '../support/shared-limpet.ts'

const manyRoutes = (root: Origin, app: Origin, exact: Origin) => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 1
  routes:
    - { path: /*, upstream: root }
    - { path: [/app/*, /app/deep/*, '/a b%"/*', /café/*, /evil.example/*], upstream: app }
    - { path: /exact, upstream: exact }
    - { path: /exact/*, upstream: app }
    - { path: /read/*, methods: [GET], upstream: app }
    - { path: [/beta, /both], headers: { x-beta: "1" }, upstream: exact }
    - { path: /both/*, upstream: app }
    - { host: www.example.org, path: /*, upstream: app }
    - { host: "*.example.org", path: /app, upstream: exact }
    - { host: "*.example.org", path: /own/*, upstream: app }
  upstreams:
    root: { servers: [${root.address}] }
    app: { servers: [${app.address}] }
    exact: { servers: [${exact.address}] }
`

const GET = (target: string, host = 'localhost') => `GET ${target} HTTP/1.1\nHost: ${host}\n\n`

/** A request, and where the answer redirects the client, or which upstream serves it. */
const cases: Record<string, [request: string, redirectedTo: string | undefined, servedBy?: string]> = {
  'the path without its slash, though a shorter prefix matches': [GET('/app'), '/app/'],
  'the longest prefix': [GET('/app/deep'), '/app/deep/'],
  'a query, kept as it is': [GET('/app?a=b&c=%0d%0aX:1&d=//e'), '/app/?a=b&c=%0d%0aX:1&d=//e'],
  'an empty query, left out': [GET('/app?'), '/app/'],
  'any method': ['DELETE /app HTTP/1.1\nHost: a\n\n', '/app/'],
  'a body, which is not read': ['POST /app HTTP/1.1\nHost: a\nContent-Length: 3\n\nabc', '/app/'],
  'another way to write the path': [GET('/x/..//%61pp?q'), '/app/?q'],
  'an absolute target': [GET('http://elsewhere.example/app?q'), '/app/?q'],
  'characters that may not stand in Location': [GET('/a%20b%25%22'), '/a%20b%25%22/'],
  'letters beyond ASCII': [GET('/caf%C3%A9'), '/caf%C3%A9/'],
  'what looks like a host, and stays a path': [GET('//evil.example'), '/evil.example/'],
  'a prefix with a condition on the method': [GET('/read'), '/read/'],
  '… and another method': ['PUT /read HTTP/1.1\nHost: a\n\n', undefined, 'root'],
  'an exact route whose conditions the request does not meet': [GET('/both'), '/both/'],
  '… and a request that meets them': ['GET /both HTTP/1.1\nHost: a\nX-Beta: 1\n\n', undefined, 'exact'],
  'an exact route of the same path': [GET('/exact'), undefined, 'exact'],
  'the path with its slash': [GET('/app/'), undefined, 'app'],
  'an encoded slash at its end': [GET('/app%2f'), undefined, 'app'],
  'another case': [GET('/APP'), undefined, 'root'],
  'a host with a prefix of its own that matches': [GET('/app', 'www.example.org'), undefined, 'app'],
  'a wildcard host with an exact route for the path': [GET('/app', 'b.example.org'), undefined, 'exact'],
  'a prefix of a wildcard host': [GET('/own', 'b.example.org'), '/own/'],
  'a prefix of other hosts only': [GET('/own', 'example.org'), undefined, 'root'],
  'a host that has routes, but none for this path': [GET('/app/deep', 'b.example.org'), '/app/deep/'],
}

test('a route of /app/* redirects /app to /app/', async (t) => {
  const server = (name: string) => httpOrigin(t, (_, response) => response.end(`served by ${name}`))
  const limpet = await sharedLimpet(manyRoutes(await server('root'), await server('app'), await server('exact')))
  for (const [name, [request, redirectedTo, servedBy]] of Object.entries(cases)) {
    await t.test(name, async (t) => {
      const client = await RawClient.connect(t, limpet.port)
      client.say(request.replaceAll('\n', '\r\n'))
      const answer = await client.take(servedBy === undefined ? /\r\n\r\n$/ : /served by \w+$/)
      const [, status] = answer.split(' ')
      const location = /^Location: (.*)\r$/m.exec(answer)?.[1]
      assert.deepEqual(
        { status, location, servedBy: /served by (\w+)$/.exec(answer)?.[1] },
        { status: servedBy === undefined ? '301' : '200', location: redirectedTo, servedBy },
      )
    })
  }
})

const onlyApp = (server: Origin) => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 1
  routes: [{ path: /app/*, upstream: app }]
  upstreams: { app: { servers: [${server.address}] } }
`

test('a redirect keeps the connection, reaches no server and is logged', async (t) => {
  const server = await httpOrigin(t, () => assert.fail('a request reached the server'))
  const limpet = await sharedLimpet(onlyApp(server))
  const client = await RawClient.connect(t, limpet.port)
  for (const method of ['GET', 'HEAD']) {
    client.say(`${method} /app?q=1 HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\n\r\n`)
    const answer = await client.take(/\r\n\r\n$/)
    assert.match(answer, /^HTTP\/1\.1 301 Moved Permanently\r\n/)
    assert.match(answer, /\r\nLocation: \/app\/\?q=1\r\n/)
    assert.match(answer, /\r\nContent-Length: 0\r\n/)
    assert.match(answer, /\r\nX-Request-Id: mine\r\n/)
    assert.doesNotMatch(answer, /\r\nConnection:/)
    await limpet.log.find(new RegExp(String.raw`"${method} /app\?q=1 HTTP/1\.1" 301 0 "-" "-" - - \d\.\d{3} -$`))
  }
})

test('a redirect closes the connection of a client whose body it does not read', async (t) => {
  const server = await httpOrigin(t, () => assert.fail('a request reached the server'))
  const limpet = await sharedLimpet(onlyApp(server))
  const client = await RawClient.connect(t, limpet.port)
  client.say('POST /app HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n')
  const answer = await client.goodbye()
  assert.match(answer, /^HTTP\/1\.1 301 /)
  assert.match(answer, /\r\nConnection: close\r\n/)
})

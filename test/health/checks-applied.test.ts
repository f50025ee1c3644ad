/** Checks of real servers, while other lists of upstreams are applied. */
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { HealthMonitor } from '../../src/health/health-monitor.ts'
import { HealthBit } from '../../src/runtime/health-bit.ts'
import type { HttpCheck, TcpCheck } from '../../src/runtime/health-settings.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import type { Upstream } from '../../src/runtime/snapshot.ts'
import { httpOrigin, rawOrigin } from '../support/origin.ts'
import { check, upstream } from './monitored.ts'

const http: HttpCheck = {
  ...check,
  type: 'http',
  interval: 20,
  timeout: 60_000,
  initial: 'unknown',
  method: 'GET',
  path: '/health',
  headers: {},
  status: [{ from: 200, to: 299 }],
}
const tcp: TcpCheck = { ...check, interval: 20, timeout: 60_000, initial: 'unknown' }

const at = (port: number) => ({ endpoint: { host: '127.0.0.1', port } })

/** A monitor at work, and the lines of its log. */
async function monitoring(t: TestContext, upstreams: readonly Upstream[]) {
  const lines: string[] = []
  const note = (line: string) => lines.push(line)
  const scoreboard = new Scoreboard()
  const monitor = new HealthMonitor(upstreams, scoreboard, {
    worse: note,
    better: note,
    shortage: note,
    takenOut: () => {},
  })
  t.after(() => monitor.stop())
  await monitor.start()
  return { monitor, scoreboard, lines }
}

test('a server is checked where it has moved to, and where it was no more', async (t) => {
  let old = 0
  const before = await httpOrigin(t, (_request, response) => {
    old++
    response.end()
  })
  const after = await httpOrigin(t, (_request, response) => void response.writeHead(503).end())
  const { monitor, scoreboard, lines } = await monitoring(t, [
    upstream([{ name: 'a', ...at(before.port) }], { check: http }),
  ])
  assert.equal(scoreboard.servers.health(0), 0)
  monitor.apply([upstream([{ name: 'a', ...at(after.port) }], { check: http })])
  assert.equal(scoreboard.servers.health(0), HealthBit.Unhealthy)
  const soFar = old
  for (let checks = 0; checks < 10; checks++) await once(after.server, 'request')
  // One may have been on its way.
  assert.ok(old <= soFar + 1, `${old - soFar} more`)
  assert.deepEqual(lines, [
    'upstream app: server a is up (GET /health answered 200)',
    'upstream app: server a is down (GET /health answered 503)',
  ])
})

test('the check of a removed server is aborted', async (t) => {
  const origin = await httpOrigin(t, () => {})
  const { monitor, lines } = await monitoring(t, [
    upstream([{ name: 'a', ...at(origin.port) }], { check: { ...http, initial: 'down' } }),
  ])
  const [request] = (await once(origin.server, 'request')) as [IncomingMessage, ServerResponse]
  monitor.apply([upstream([], { check: http })])
  await once(request.socket, 'close')
  assert.deepEqual(lines, [])
})

test('a check asks for what the settings say now', async (t) => {
  const origin = await httpOrigin(t, ({ url }, response) => void response.writeHead(url === '/ready' ? 204 : 500).end())
  const servers = [{ name: 'a', ...at(origin.port) }]
  const { monitor, scoreboard } = await monitoring(t, [upstream(servers, { check: http })])
  assert.equal(scoreboard.servers.health(0), HealthBit.Unhealthy)
  monitor.apply([upstream(servers, { check: { ...http, initial: 'up', path: '/ready' } })])
  assert.equal(scoreboard.servers.health(0), 0)
  for (;;) {
    const [{ url }] = (await once(origin.server, 'request')) as [IncomingMessage]
    if (url === '/ready') break
  }
})

test('a check begins with a PROXY header as soon as connections to the server do', async (t) => {
  const heard = new EventEmitter()
  const origin = await rawOrigin(t, (socket) => socket.once('data', (bytes) => heard.emit('data', bytes.toString())))
  const plain = upstream([{ name: 'a', ...at(origin.port) }], { check: tcp })
  const { monitor } = await monitoring(t, [plain])
  const first = once(heard, 'data')
  monitor.apply([{ ...plain, proxyProtocol: 'v1' }])
  assert.deepEqual(await first, ['PROXY UNKNOWN\r\n'])
})

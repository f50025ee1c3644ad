/** The filter log: which requests of a route are logged, and what of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LogForm } from '../../src/observability/log-form.ts'
import type { RouteLog } from '../../src/runtime/snapshot.ts'
import { recordOfGet } from '../support/exchange-record.ts'
import { startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'

const configOf = (address: string, routes: readonly object[], more: object) => ({
  listeners: [{ address: '127.0.0.1', port: 0 }],
  // So that lines come in order.
  workers: 1,
  routes: routes.map((route) => ({ upstream: 'app', ...route })),
  upstreams: { app: { servers: [address] } },
  ...more,
})

const NOTHING: RouteLog = { share: 1, add: [], remove: [], headers: [], redact: [], redactHeaders: [] }

test('off logs nothing of a route, and other routes as ever', async (t) => {
  const { address } = await httpOrigin(t, (_request, response) => response.end())
  const routes = [{ path: '/health', filters: [{ log: 'off' }] }, { path: '/*' }]
  const { url, log } = await startLimpet(t, configOf(address, routes, {}))
  for (const path of ['/health', '/a', '/health?b', '/b']) await fetch(url + path)
  await log.find(/GET \/b /)
  assert.deepEqual(
    log.all.map((line) => /"GET (\S+) HTTP/.exec(line)?.[1]),
    ['/a', '/b'],
  )
})

test('fields of JSON are added and left out, headers of the request and decisions of filters are logged', async (t) => {
  const { address } = await httpOrigin(t, (_request, response) => response.end())
  const accessLog = { format: 'json', fields: ['method', 'path', 'status', 'userAgent'] }
  const defaults = { filters: [{ log: { add: ['attempts'], remove: ['userAgent'] } }] }
  const routes = [
    {
      path: '/a',
      filters: [
        {
          log: {
            add: ['filters', 'failure'],
            headers: ['X-Tenant', 'Authorization', 'X-None'],
            redactHeaders: ['Authorization'],
          },
        },
        { rateLimit: { rate: '1/h' } },
      ],
    },
    { path: '/*' },
  ]
  const { url, log } = await startLimpet(t, configOf(address, routes, { accessLog, defaults }))
  const headers = { 'X-Tenant': 'acme "inc"\\', Authorization: 'Bearer secret' }
  await fetch(`${url}/a`, { headers })
  await fetch(`${url}/a`, { headers: { 'X-Tenant': 'other' } })
  await fetch(`${url}/b`, { headers })
  await log.find(/"\/b"/)
  assert.deepEqual(
    log.all.map((line) => JSON.parse(line)),
    [
      {
        method: 'GET',
        path: '/a',
        status: 200,
        attempts: 1,
        headers: { 'x-tenant': 'acme "inc"\\', authorization: '***' },
      },
      {
        method: 'GET',
        path: '/a',
        status: 429,
        attempts: 0,
        filters: ['rateLimit: refused: too fast, by 3600 s'],
        failure: 'rate-limited',
        headers: { 'x-tenant': 'other' },
      },
      { method: 'GET', path: '/b', status: 200, attempts: 1 },
    ],
  )
})

test('a dry run of a limit is noted in the log of a request that is served', async (t) => {
  const { address } = await httpOrigin(t, (_request, response) => response.end())
  const accessLog = { format: 'json', fields: ['status', 'filters'] }
  const routes = [{ path: '/*', filters: [{ rateLimit: { rate: '1/h', dryRun: true } }] }]
  const { url, log } = await startLimpet(t, configOf(address, routes, { accessLog }))
  await fetch(url)
  await fetch(url)
  await log.find(/would refuse/)
  assert.deepEqual(
    log.all.map((line) => JSON.parse(line)),
    [{ status: 200 }, { status: 200, filters: ['rateLimit: would refuse it: too fast, by 3600 s'] }],
  )
})

test('parameters and headers are redacted in text, too, beside those of all requests', async (t) => {
  const { address } = await httpOrigin(t, (_request, response) => response.end())
  const accessLog = { format: 'combined', redact: ['sid'] }
  const routes = [
    { path: '/a', filters: [{ log: { redact: ['token'], redactHeaders: ['User-Agent', 'Referer'] } }] },
    { path: '/*', filters: [{ log: { redact: ['token'] } }] },
  ]
  const { url, log } = await startLimpet(t, configOf(address, routes, { accessLog }))
  const headers = { 'User-Agent': 'secret agent', Referer: 'http://a/?token=s' }
  await fetch(`${url}/a?token=1&sid=2&c=3`, { headers })
  await fetch(`${url}/b?TOKEN=1&sid=2&c=3`, { headers })
  await log.find(/GET \/b/)
  const [first, second] = log.all
  assert.match(first!, /"GET \/a\?token=\*\*\*&sid=\*\*\*&c=3 HTTP\/1\.1" 200 0 "\*\*\*" "\*\*\*" /)
  assert.match(
    second!,
    /"GET \/b\?TOKEN=\*\*\*&sid=\*\*\*&c=3 HTTP\/1\.1" 200 0 "http:\/\/a\/\?token=\*\*\*" "secret agent" /,
  )
})

test('a sample has its share of the requests, always those of the same ids', () => {
  const ids = Array.from({ length: 20_000 }, (_, n) => (n * 0x9e3779b97f4a7).toString(16))
  const taken = (share: number) => {
    const form = new LogForm({ format: 'json', redact: [] }, { ...NOTHING, share })
    return ids.filter((id) => {
      const entry = recordOfGet('/')
      return form.takes({ ...entry, request: { ...entry.request, id } })
    })
  }
  const [none, some, more, all] = [taken(0), taken(0.1), taken(0.5), taken(1)]
  assert.equal(none.length, 0)
  assert.ok(Math.abs(some.length - 2000) < 200, String(some.length))
  assert.ok(Math.abs(more.length - 10_000) < 400, String(more.length))
  assert.equal(all.length, ids.length)
  // A larger share has all of a smaller one.
  assert.ok(some.every((id) => more.includes(id)))
})

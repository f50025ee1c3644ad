// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are those of a configuration file
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:http2'
import { test } from 'node:test'
import { parseConfig } from '../../src/config/file.ts'
import { printConfig } from '../../src/config/print.ts'
import { startDataPlane } from '../support/data-plane.ts'
import { mirrorOrigin, testBoth } from '../support/filtered.ts'

testBoth(
  'everybody but some gets 503 and a page',
  [
    {
      path: '/own',
      filters: [
        { errorPages: { pages: [{ status: '5xx', body: 'an error' }] } },
        {
          maintenancePage: {
            except: ['10.0.0.0/8'],
            bypass: ['cookie:preview=k3Yn9w-2', 'header:X-Preview=k3Yn9w-2'],
            retryAfter: '90s',
            body: '<h1>Back at noon',
          },
        },
      ],
    },
    { path: '/never', filters: [{ maintenancePage: { when: 'never' } }] },
    { path: '/elsewhere', filters: [{ maintenancePage: { when: { file: '/nowhere/down' } } }] },
    { path: '/*', filters: ['maintenancePage'] },
  ],
  async (client) => {
    const own = await client.ask('/own', { method: 'POST', body: 'x'.repeat(100_000) })
    assert.deepEqual([own.status, own.body, own.headers['retry-after']], [503, '<h1>Back at noon', '90'])
    assert.equal(own.headers['content-type'], 'text/html; charset=utf-8')
    assert.equal(own.headers['cache-control'], 'no-store')
    const statusWith = async (headers: Record<string, string>) => (await client.ask('/own', { headers })).status
    assert.equal(await statusWith({ 'X-Forwarded-For': '10.1.2.3' }), 200)
    assert.equal(await statusWith({ 'X-Forwarded-For': '11.1.2.3' }), 503)
    assert.equal(await statusWith({ Cookie: 'a=b; preview=k3Yn9w-2' }), 200)
    assert.equal(await statusWith({ Cookie: 'preview=k3Yn9w-3' }), 503)
    assert.equal(await statusWith({ Cookie: 'preview=' }), 503)
    assert.equal(await statusWith({ 'X-Preview': 'k3Yn9w-2' }), 200)
    assert.equal(await statusWith({ 'X-Preview': 'k3Yn9w-22' }), 503)
    assert.equal((await client.ask('/never')).status, 200)
    assert.equal((await client.ask('/elsewhere')).status, 200)
    const standard = await client.ask('/', { headers: { Accept: 'text/html' } })
    assert.deepEqual([standard.status, standard.headers['retry-after']], [503, '300'])
    assert.match(standard.body, /<p>The service is down for maintenance and will be back soon\.</)
    const json = await client.ask('/', { headers: { Accept: 'application/json' } })
    assert.equal(JSON.parse(json.body).error.code, 'maintenance')
    assert.equal((await client.ask('/', { method: 'HEAD' })).body, '')
  },
  {},
  { trustedProxies: ['127.0.0.1'] },
)

test('a gRPC call ends with UNAVAILABLE, whatever the page', async (t) => {
  const origin = await mirrorOrigin(t)
  const { port } = await startDataPlane(t, {
    listeners: [{ h2c: true }],
    routes: [{ path: '/*', upstream: 'app', filters: [{ maintenancePage: { body: '<h1>Back at noon' } }] }],
    upstreams: { app: { servers: [origin.address] } },
  })
  const session = connect(`http://127.0.0.1:${port}`)
  t.after(() => session.destroy())
  const call = session.request({
    ':method': 'POST',
    ':path': '/a.B/C',
    'content-type': 'application/grpc',
    te: 'trailers',
  })
  const [{ ':status': status, 'grpc-status': grpc }] = await once(call, 'response')
  assert.deepEqual([status, grpc], [200, '14'])
})

test('secrets that let requests pass are not printed', () => {
  const filters = [{ maintenancePage: { bypass: ['cookie:a=12345678', 'header:X-B=${SECRET}'] } }]
  const config = parseConfig(
    JSON.stringify({
      routes: [{ path: '/*', upstream: 'app', filters }],
      upstreams: { app: { servers: ['10.0.0.1'] } },
    }),
    'limpet.yaml',
    { SECRET: 'abcdefgh' },
  )
  const printed = printConfig(config, 'any', 'hidden')
  assert.doesNotMatch(printed, /12345678|abcdefgh/)
  const env = { MAINTENANCE_SECRET_1: '12345678', MAINTENANCE_SECRET_2: 'abcdefgh' }
  assert.deepEqual(parseConfig(printed, 'printed', env), config)
})

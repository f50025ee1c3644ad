import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startDataPlane } from '../support/data-plane.ts'
import { http1Client, testBoth } from '../support/filtered.ts'
import { httpOrigin, namedOrigin } from '../support/origin.ts'

testBoth(
  'errors of servers and of Limpet get pages of their own',
  [
    {
      path: '/*',
      filters: [
        { headers: { response: { set: { 'X-Also': 'here' } } } },
        {
          errorPages: {
            pages: [
              { status: '5xx', body: '<h1>Sorry' },
              { status: 404, body: 'lost', contentType: 'text/plain' },
            ],
          },
        },
      ],
    },
    { path: '/gone', upstream: 'gone', filters: [{ errorPages: { pages: [{ status: 502, body: 'down' }] } }] },
  ],
  async (client) => {
    const answer = (status: number) =>
      client.ask('/', { headers: { 'X-Answer': `{"status":${status},"Retry-After":"7","X-Inner":"1"}` } })
    const sorry = await answer(503)
    assert.deepEqual(
      [sorry.status, sorry.body, sorry.headers['content-type']],
      [503, '<h1>Sorry', 'text/html; charset=utf-8'],
    )
    assert.equal(sorry.headers['retry-after'], '7')
    assert.equal(sorry.headers['x-inner'], undefined)
    assert.equal(sorry.headers['x-also'], 'here')
    assert.equal((await answer(404)).body, 'lost')
    assert.notEqual((await answer(403)).body, 'lost')
    const down = await client.ask('/gone')
    assert.deepEqual([down.status, down.body], [502, 'down'])
  },
  { gone: { servers: ['127.0.0.1:9'] } },
)

test('another server is asked where one answers with a status, unless the request cannot be repeated', async (t) => {
  const busy = await httpOrigin(t, (_request, response) => response.writeHead(503, { 'X-Busy': '1' }).end('busy'))
  const free = await namedOrigin(t, 'free')
  const { port } = await startDataPlane(t, {
    routes: [
      { path: '/*', upstream: 'app', filters: ['tryNext'] },
      { path: '/busy', upstream: 'busy', filters: ['tryNext'] },
    ],
    upstreams: { app: { servers: [busy.address, free.address] }, busy: { servers: [busy.address] } },
  })
  const client = http1Client(t, port)
  for (let count = 0; count < 6; count++) assert.equal((await client.ask('/')).body, 'free -')
  const posts = new Set<string>()
  for (let count = 0; count < 6; count++) posts.add((await client.ask('/', { method: 'POST', body: 'x' })).body)
  assert.deepEqual(posts, new Set(['busy', 'free -']))
  const only = await client.ask('/busy')
  assert.deepEqual(
    [only.status, only.body, only.headers['x-busy']],
    [503, 'busy', '1'],
    "the last server's answer passes",
  )
})

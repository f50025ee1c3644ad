import assert from 'node:assert/strict'
import { testBoth } from '../support/filtered.ts'

testBoth(
  'pages of allowed origins may read answers, and preflights are answered here',
  [
    {
      path: '/*',
      filters: [
        {
          cors: {
            origins: ['https://a.example', 'https://*.b.example'],
            credentials: true,
            expose: ['X-Total'],
            maxAge: '1h',
          },
        },
      ],
    },
    { path: '/open', filters: [{ cors: { origins: 'any', headers: ['X-One'] } }] },
  ],
  async (client) => {
    const answer = JSON.stringify({ 'Access-Control-Allow-Origin': '*', Vary: 'Accept' })
    const allowed = await client.ask('/', { headers: { Origin: 'https://a.example', 'X-Answer': answer } })
    assert.equal(allowed.headers['access-control-allow-origin'], 'https://a.example')
    assert.equal(allowed.headers['access-control-allow-credentials'], 'true')
    assert.equal(allowed.headers['access-control-expose-headers'], 'X-Total')
    assert.equal(allowed.headers.vary, 'Accept, Origin')
    for (const origin of ['https://x.b.example', 'https://x.y.b.example'])
      assert.equal(
        (await client.ask('/', { headers: { Origin: origin } })).headers['access-control-allow-origin'],
        origin,
      )
    for (const origin of [
      'https://b.example',
      'https://evil-b.example',
      'http://a.example',
      'https://a.example.evil',
      'null',
    ]) {
      const { headers } = await client.ask('/', { headers: { Origin: origin, 'X-Answer': answer } })
      assert.equal(headers['access-control-allow-origin'], undefined, origin)
    }
    const preflight = await client.ask('/', {
      method: 'OPTIONS',
      headers: {
        Origin: 'https://a.example',
        'Access-Control-Request-Method': 'PUT',
        'Access-Control-Request-Headers': 'x-a',
      },
    })
    assert.equal(preflight.status, 204)
    assert.equal(preflight.headers['access-control-allow-headers'], 'x-a')
    assert.equal(preflight.headers['access-control-max-age'], '3600')
    assert.match(preflight.headers['access-control-allow-methods'] as string, /PUT/)
    assert.equal(
      (await client.got('/', { method: 'OPTIONS' })).method,
      'OPTIONS',
      'any other OPTIONS is for the server',
    )
    assert.equal(
      (await client.ask('/open', { headers: { Origin: 'https://c' } })).headers['access-control-allow-origin'],
      '*',
    )
  },
)

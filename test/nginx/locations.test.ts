/** Which route's filters hold for a request: the order of routes, and that of nginx's locations. */
import { type Answer, mirrorOrigin } from '../support/filtered.ts'
import { type Asked, expectOfBoth, startBoth } from './both.ts'
import { testWithNginx } from './nginx.ts'

/** A route that says its name, and refuses that client. */
const route = (name: string, path: string | string[], more: object = {}, ...filters: unknown[]) => ({
  path,
  upstream: 'app',
  filters: [{ headers: { response: { set: { 'X-Route': name } } } }, ...filters],
  ...more,
})

testWithNginx('each request has the filters of its route, and of no other', async (t) => {
  const { address } = await mirrorOrigin(t)
  const secured = [{ deny: ['10.0.0.1'] }, 'securityHeaders', { headers: { request: { set: { 'X-All': '1' } } } }]
  const limited = { bodyLimit: '10B', timeouts: { firstByte: '5s', idle: '5s' } }
  const both = await startBoth(t, {
    workers: 1,
    trustedProxies: ['127.0.0.1'],
    routes: [
      route('rest', '/*', limited, ...secured),
      route('shop', '/shop/*', {}, { deny: ['10.0.0.2'] }),
      route('deep', '/shop/deep/*'),
      route('exact', '/shop/exact', {}, { respond: { status: 404, body: 'no' } }),
      route('part', '/sho*', {}, { path: { add: '/x' } }),
      route('image', '~* \\.(png|jpg)$'),
      route('numbers', '~ ^/shop/\\d+$', {}, { deny: ['10.0.0.3'] }),
      route('named', ['~ ^/shop/deep/(?<name>[a-z]+)\\.html$'], {}, { path: { set: `/pages/\${route.name}` } }),
    ],
    upstreams: { app: { servers: [address] } },
  })
  const paths = ['/', '/a.png', '/shop', '/shop/', '/shop/7', '/shop/7x', '/shop/exact', '/shop/exact/', '/shops']
  const more = [
    '/shop/deep/x',
    '/shop/deep/x.JPG',
    '/shop/deep/x.html',
    '/shop/../a.jpg',
    '/%73hop/7',
    '/shop//deep/..%2f7',
  ]
  const see = ({ status, headers, body }: Answer) => {
    const sent = status === 200 ? JSON.parse(body) : undefined
    const seen = [headers['x-route'], headers['x-frame-options'], sent?.headers['x-all'], sent?.url, headers.location]
    return [status, ...seen.map((each) => each ?? '-')].join(' ')
  }

  await t.test('the longest path counts, and expressions before shorter prefixes', () =>
    expectOfBoth(both, [...paths, ...more], see, [
      '200 rest SAMEORIGIN 1 / -',
      '200 image - - /a.png -',
      '301 - - - - /shop/',
      '200 shop - - /shop/ -',
      '200 numbers - - /shop/7 -',
      '200 shop - - /shop/7x -',
      '404 exact - - - -',
      '200 shop - - /shop/exact/ -',
      '200 part - - /x/shops -',
      '200 deep - - /shop/deep/x -',
      // It covers more of the path than the expression begins with.
      '200 deep - - /shop/deep/x.JPG -',
      '200 named - - /pages/x -',
      '200 image - - /shop/../a.jpg -',
      '200 numbers - - /%73hop/7 -',
      '200 numbers - - /shop//deep/..%2f7 -',
    ]),
  )

  await t.test('a client is refused only where it is denied', () => {
    const asked = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].flatMap((client) =>
      ['/', '/a.png', '/shop/', '/shop/deep/', '/shop/7'].map(
        (path): Asked => ({ path, headers: { 'X-Forwarded-For': client } }),
      ),
    )
    return expectOfBoth(both, asked, ({ status }) => status, [
      ...[403, 200, 200, 200, 200],
      ...[200, 200, 403, 200, 200],
      ...[200, 200, 200, 200, 403],
    ])
  })

  await t.test('a body is limited only where the route says so', () => {
    const asked = ['/', '/a.png', '/shop/'].map((path): Asked => ({ path, method: 'POST', body: 'x'.repeat(11) }))
    return expectOfBoth(both, asked, ({ status }) => status, [413, 200, 200])
  })
})

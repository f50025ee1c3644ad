/** Filters that decide where a request goes and what of it: split, mirror, bufferRequest. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type Answer, mirrorOrigin } from '../support/filtered.ts'
import { httpOrigin, namedOrigin } from '../support/origin.ts'
import { until } from '../support/until.ts'
import { type Asked, answersOf, expectOfBoth, got, startBoth } from './both.ts'
import { testWithNginx } from './nginx.ts'

testWithNginx('where requests go', async (t) => {
  const { address } = await mirrorOrigin(t)
  const [blue, green] = [await namedOrigin(t, 'blue'), await namedOrigin(t, 'green')]
  const copies: string[] = []
  const shadow = await httpOrigin(t, async ({ method, url, headers }, response) => {
    const names = ['host', 'x-set', 'x-limpet-mirror', 'x-forwarded-for', 'content-length']
    copies.push([method, url, ...names.map((name) => headers[name] ?? '-')].join(' '))
    response.writeHead(500).end()
  })
  const set = { headers: { request: { set: { 'X-Set': 'v' } } } }
  const cohorts = { to: { green: '30%' }, override: ['header:X-Cohort', 'cookie:cohort'] }
  const both = await startBoth(t, {
    workers: 1,
    routes: [
      { path: '/key/*', upstream: 'blue', filters: [{ split: { ...cohorts, by: 'header:X-User' } }] },
      { path: '/address/*', upstream: 'blue', filters: [{ split: { to: { green: '100%' }, by: 'client.address' } }] },
      { path: '/request/*', upstream: 'blue', filters: [{ split: { to: { green: '50%' }, by: 'request' } }] },
      { path: '/mirror/*', filters: [{ mirror: { to: 'shadow' } }, set] },
      { path: '/some/*', filters: [{ mirror: { to: 'shadow', share: '20%' } }] },
      { path: '/whole/*', filters: [{ bufferRequest: { memory: '10kB', disk: '10kB' } }] },
    ].map((route) => ({ upstream: 'app', ...route })),
    upstreams: {
      app: { servers: [address] },
      blue: { servers: [blue.address] },
      green: { servers: [green.address] },
      shadow: { servers: [shadow.address] },
    },
  })
  const named = ({ body }: Answer) => body.split(' ')[0]!

  await t.test('a request may name its upstream; without a key it goes to that of the route', async () => {
    const asked: Asked[] = [
      { path: '/key/', headers: { 'X-Cohort': 'green' } },
      { path: '/key/', headers: { Cookie: 'a=b; cohort=green' } },
      { path: '/key/', headers: { 'X-Cohort': 'blue', Cookie: 'cohort=green' } },
      { path: '/key/', headers: { 'X-Cohort': 'GREEN' } },
      '/key/',
      '/address/',
    ]
    await expectOfBoth(both, asked, named, ['green', 'green', 'blue', 'blue', 'blue', 'green'])
  })

  await t.test('each key stays where it is, and the share of them is that of the split', async () => {
    const users = Array.from(
      { length: 300 },
      (_, user): Asked => ({ path: '/key/', headers: { 'X-User': `u${user}` } }),
    )
    for (const client of [both.limpet, both.nginx]) {
      const places = await answersOf(client, users, named)
      const share = places.filter((place) => place === 'green').length / users.length
      assert.ok(Math.abs(share - 0.3) < 0.08, `${share}`)
      assert.deepEqual(await answersOf(client, users.slice(0, 20), named), places.slice(0, 20))
    }
  })

  await t.test('each request by itself may go elsewhere', async () => {
    for (const client of [both.limpet, both.nginx]) {
      const places = await answersOf(client, Array<Asked>(60).fill('/request/'), named)
      assert.deepEqual(new Set(places), new Set(['blue', 'green']))
    }
  })

  await t.test('a copy is what the server gets, and what becomes of it is not the client’s', async () => {
    const asked: Asked[] = [
      { path: '/mirror/a%20b?q=%2F' },
      { path: '/mirror/', method: 'POST', body: 'hello', headers: { 'X-Set': 'forged' } },
    ]
    for (const client of [both.limpet, both.nginx]) {
      copies.length = 0
      const answers = await answersOf(client, asked, (answer) => `${answer.status} ${got(answer).method}`)
      assert.deepEqual(answers, ['200 GET', '200 POST'])
      await until(() => copies.length === 2)
      assert.deepEqual(copies.sort(), [
        'GET /mirror/a%20b?q=%2F www.test v 1 127.0.0.1 -',
        'POST /mirror/ www.test v 1 127.0.0.1 5',
      ])
    }
  })

  await t.test('a share of them is copied', async () => {
    for (const client of [both.limpet, both.nginx]) {
      copies.length = 0
      await answersOf(client, Array<Asked>(100).fill('/some/'), () => undefined)
      await until(() => copies.length > 3)
      assert.ok(copies.length < 50, `${copies.length}`)
    }
  })

  await t.test('a body is whole before a server gets it, with its length, and has a limit', async () => {
    for (const { port } of [both.programs.limpet, both.programs.nginx]) {
      const socket = connect(port, '127.0.0.1')
      socket.write(
        'POST /whole/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
      )
      socket.write('2\r\nde\r\n0\r\n\r\n')
      let heard = ''
      socket.setEncoding('latin1').on('data', (piece: string) => {
        heard += piece
      })
      await once(socket, 'close')
      assert.match(heard, /"content-length":"5"/)
      assert.match(heard, /"body":"abcde"/)
    }
    const body = 'x'.repeat(20_001)
    await expectOfBoth(
      both,
      [
        { path: '/whole/', method: 'POST', body: body.slice(1) },
        { path: '/whole/', method: 'POST', body },
      ],
      ({ status }) => status,
      [200, 413],
    )
  })
})

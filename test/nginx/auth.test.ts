/** basicAuth and forwardAuth, as auth_basic and auth_request. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Answer, mirrorOrigin } from '../support/filtered.ts'
import { temporaryFolder } from '../support/folder.ts'
import { httpOrigin } from '../support/origin.ts'
import { type Asked, answering, answersOf, expectOfBoth, got, startBoth } from './both.ts'
import { testWithNginx } from './nginx.ts'

/** The password of all of them is "open sesame". */
const users = `
alice:$apr1$Ab3kL9xQ$ZEI3tyOVCS0WKZmjAjPW4.
`

const basic = (text: string) => ({ Authorization: `Basic ${Buffer.from(text).toString('base64')}` })

testWithNginx('users, and services that decide', async (t) => {
  const file = join(await temporaryFolder(t), 'users')
  await writeFile(file, users)
  const { address } = await mirrorOrigin(t)
  // Answers as the client asks in X-Say, and says what it has been asked.
  const asked: string[] = []
  const service = await httpOrigin(t, ({ method, url, headers }, response) => {
    const { status = 200, ...fields } = JSON.parse(String(headers['x-say'] ?? '{}'))
    const known = [
      'host',
      'x-forwarded-method',
      'x-forwarded-uri',
      'x-original-url',
      'x-forwarded-for',
      'range',
      'x-forwarded-user',
    ]
    asked.push([method, url, ...known.map((name) => headers[name] ?? '-')].join(' '))
    response.writeHead(status, fields)
    response.end('from the service')
  })
  const auth = { url: `http://${service.address}/check?a=b`, copy: ['Remote-User', 'Remote-Groups'] }
  const both = await startBoth(t, {
    workers: 1,
    routes: [
      { path: '/basic/*', filters: [{ basicAuth: { file, userHeader: 'X-User' } }] },
      { path: '/passed/*', filters: [{ basicAuth: { file, forward: true, realm: 'Secret area' } }] },
      { path: '/moved', upstream: undefined, filters: [{ basicAuth: { file } }, { redirect: { to: '/basic/' } }] },
      { path: '/auth/*', filters: [{ forwardAuth: auth }] },
      { path: '/some/*', filters: [{ forwardAuth: { ...auth, headers: ['X-Say', 'Cookie'] } }] },
      { path: '/down/*', filters: [{ forwardAuth: { url: 'http://127.0.0.1:1/' } }] },
    ].map((route) => ({ upstream: 'app', ...route })),
    upstreams: { app: { servers: [address] } },
  })
  const say = (answer: object, more: object = {}): Asked => ({
    path: '/auth/x?q=1',
    headers: { 'X-Say': JSON.stringify(answer), ...more },
  })
  const reached = ({ status, headers, body }: Answer, ...names: string[]) => {
    if (status !== 200) return `${status} ${headers['www-authenticate'] ?? '-'} ${headers['set-cookie'] ?? '-'}`
    const sent = JSON.parse(body).headers
    return names.map((name) => sent[name] ?? '-').join(' ')
  }

  await t.test('a user with the right password passes, and the server learns the name only', async () => {
    const paths = [
      { path: '/basic/', headers: { ...basic('alice:open sesame'), 'X-User': 'root', X_User: 'root' } },
      { path: '/passed/', headers: basic('alice:open sesame') },
      { path: '/moved', headers: basic('alice:open sesame') },
    ]
    const see = (answer: Answer) =>
      answer.status === 308 ? `308 ${answer.headers.location}` : reached(answer, 'x-user', 'x_user', 'authorization')
    await expectOfBoth(both, paths, see, ['alice - -', '- - Basic YWxpY2U6b3BlbiBzZXNhbWU=', '308 /basic/'])
  })

  await t.test('all others are asked for a password', async () => {
    const headers = [{}, basic('alice:wrong'), basic('bob:open sesame'), basic('alice'), { Authorization: 'Bearer x' }]
    const paths = [...headers.map((each) => ({ path: '/basic/', headers: each })), '/passed/', '/moved']
    const see = ({ status, headers }: Answer) =>
      `${status} ${headers['www-authenticate']?.replace(', charset="UTF-8"', '')}`
    await expectOfBoth(both, paths, see, [
      ...headers.map(() => '401 Basic realm="Restricted"'),
      '401 Basic realm="Secret area"',
      '401 Basic realm="Restricted"',
    ])
  })

  await t.test('a request that the service allows gets its headers, and no others of these names', async () => {
    const forged = { 'Remote-User': 'root', Remote_User: 'root', 'Remote-Groups': 'admins' }
    const allowed = [say({ 'Remote-User': 'alice' }, forged), say({ status: 204, 'Remote-Groups': 'a, b' }, forged)]
    await expectOfBoth(both, allowed, (answer) => reached(answer, 'remote-user', 'remote_user', 'remote-groups'), [
      'alice - -',
      '- - a, b',
    ])
    const cookie = say({ 'Set-Cookie': 'seen=1' })
    await expectOfBoth(both, [cookie], ({ headers }) => String(headers['set-cookie']), ['seen=1'])
  })

  await t.test('what it refuses with 401 or 403 is refused', async () => {
    const refused = [
      say({ status: 401, 'WWW-Authenticate': 'Bearer' }),
      say({ status: 403 }),
      say({ status: 401, 'Set-Cookie': 'a=b' }),
    ]
    await expectOfBoth(both, refused, reached, ['401 Bearer -', '403 - -', '401 - a=b'])
  })

  await t.test('it is asked the same', async () => {
    const more = { Range: 'bytes=0-1', 'X-Forwarded-User': 'root', 'X-Forwarded-Method': 'DELETE' }
    const body = { method: 'POST', body: 'hello', host: 'www.test' }
    const expected = `GET /check?a=b ${service.address} POST /auth/a%20b?q=%2F http://www.test/auth/a%20b?q=%2F 127.0.0.1 - -`
    for (const client of [both.limpet, both.nginx]) {
      asked.length = 0
      const answer = await client.ask('/auth/a%20b?q=%2F', { ...body, headers: more })
      assert.equal(got(answer).body, 'hello')
      assert.deepEqual(asked, [expected])
    }
    await expectOfBoth(
      both,
      [{ path: '/some/', headers: { ...answering({}), 'X-Say': '{"status":403}' } }],
      ({ status }) => status,
      [403],
    )
  })

  await t.test('only the deliberate differences remain', async () => {
    const differing = [say({ status: 302, Location: '/sign-in' }), '/down/']
    const see = ({ status, headers }: Answer) => `${status} ${headers.location ?? '-'}`
    assert.deepEqual(await answersOf(both.limpet, differing, see), ['302 /sign-in', '503 -'])
    assert.deepEqual(await answersOf(both.nginx, differing, see), ['500 -', '500 -'])
  })
})

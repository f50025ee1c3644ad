// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are those of a configuration file
import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type JWTPayload, SignJWT } from 'jose'
import { loadConfig } from '../../src/config/load.ts'
import { startDataPlane } from '../support/data-plane.ts'
import { type FilterClient, http1Client, mirrorOrigin, testBoth } from '../support/filtered.ts'
import { folderOfTests } from '../support/folder.ts'
import { configFile, startLimpet } from '../support/limpet.ts'
import { until } from '../support/until.ts'

const folder = folderOfTests()
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const rsaPem = rsa.publicKey.export({ type: 'spki', format: 'pem' }) as string
const SECRET = 'a secret of thirty-two characters'

function fileOf(name: string, content: string): string {
  const file = join(folder, name)
  writeFileSync(file, content)
  return file
}

function setOf(...keys: readonly (readonly [kid: string, key: KeyObject])[]): string {
  return JSON.stringify({ keys: keys.map(([kid, key]) => ({ ...key.export({ format: 'jwk' }), kid, use: 'sig' })) })
}

const keys = fileOf('keys.json', setOf(['rsa', rsa.publicKey], ['ec', ec.publicKey]))
const pem = fileOf('keys.pem', rsaPem)
const secretFile = fileOf('secret', `${SECRET}\n`)

const seconds = () => Math.floor(Date.now() / 1000)

/** A token of Alice's for the application, valid for five minutes, except for what is given. */
function token(claims: JWTPayload = {}, header: { alg?: string; kid?: string } = {}, key: KeyObject = ec.privateKey) {
  const payload = { sub: 'alice', iss: 'https://id.example', aud: 'app', exp: seconds() + 300, ...claims }
  return new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: 'ec', ...header }).sign(key)
}

function bearer(text: string) {
  return { headers: { authorization: `Bearer ${text}` } }
}

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

testBoth(
  'a valid token lets its request through; the server learns what it says, and not the token',
  [
    {
      path: '/*',
      filters: [
        {
          jwt: {
            keys,
            issuer: 'https://id.example',
            audience: ['app', 'api'],
            headers: { 'X-User': 'sub', 'X-Roles': 'realm_access.roles', 'X-Name': 'name', 'X-Level': 'level' },
          },
        },
      ],
    },
    { path: '/forwarded', filters: [{ jwt: { keys, forward: true } }] },
  ],
  async (client) => {
    for (const valid of [
      await token(),
      await token({ aud: ['other', 'api'] }),
      await token({}, { alg: 'RS256', kid: 'rsa' }, rsa.privateKey),
      await token({ exp: seconds() - 10 }),
    ]) {
      for (const _ of ['verified', 'remembered']) {
        const { headers } = await client.got('/', {
          headers: { ...bearer(valid).headers, 'x-user': 'root', x_roles: 'admin' },
        })
        assert.equal(headers['x-user'], 'alice')
        assert.equal(headers['x-roles'] ?? headers.x_roles, undefined)
        assert.equal(headers.authorization, undefined)
      }
    }
    const rich = await token({ realm_access: { roles: ['a', 'ü'] }, name: 'Zoë 🦀', level: 3 })
    const { headers } = await client.got('/', bearer(rich))
    // The mirror's answer is UTF-8 of one character a byte.
    const utf8 = (text: string) => Buffer.from(text).toString('latin1')
    assert.equal(headers['x-roles'], utf8('["a","ü"]'))
    assert.equal(headers['x-name'], utf8('Zoë 🦀'))
    assert.equal(headers['x-level'], '3')
    const valid = await token()
    assert.equal((await client.got('/forwarded', bearer(valid))).headers.authorization, `Bearer ${valid}`)
    const posted = await client.got('/', { ...bearer(valid), method: 'POST', body: 'x'.repeat(200_000) })
    assert.equal(posted.body.length, 200_000)
  },
)

testBoth(
  'any other token is refused, with the reason',
  [
    { path: '/*', filters: [{ jwt: { keys, realm: 'the "app"', issuer: 'https://id.example', audience: 'app' } }] },
    { path: '/pem', filters: [{ jwt: { keys: pem, algorithms: ['RS256'] } }] },
    { path: '/secret', filters: [{ jwt: { secretFile } }] },
  ],
  async (client) => {
    const none = await client.ask('/')
    assert.deepEqual(
      [none.status, none.headers['www-authenticate']],
      [401, 'Bearer realm="the "app""'.replaceAll('"app"', '\\"app\\"')],
    )
    const valid = await token()
    const [head, payload, signature] = valid.split('.') as [string, string, string]
    const claims = { sub: 'root', iss: 'https://id.example', aud: 'app', exp: seconds() + 300 }
    /** Signed with the public key, as if that were a secret. */
    const confused = (text: string) => `${text}.${createHmac('sha256', rsaPem).update(text).digest('base64url')}`
    const refused: readonly (readonly [text: string, reason: RegExp])[] = [
      [`${part({ alg: 'none' })}.${part(claims)}.`, /algorithm that is not accepted|malformed/],
      [`${part({ alg: 'None', typ: 'JWT' })}.${part(claims)}.`, /algorithm that is not accepted|malformed/],
      [`${part({ alg: 'none' })}.${part(claims)}.${signature}`, /algorithm that is not accepted/],
      [confused(`${part({ alg: 'HS256', kid: 'rsa' })}.${part(claims)}`), /algorithm that is not accepted/],
      [await token({}, { alg: 'PS256', kid: 'rsa' }, rsa.privateKey), /algorithm that is not accepted/],
      [`${head}.${part(claims)}.${signature}`, /its signature is wrong/],
      [`${head}.${payload}.${signature.slice(0, -4)}AAAA`, /its signature is wrong/],
      [await token({}, {}, other.privateKey), /its signature is wrong/],
      [await token({}, { kid: 'unknown' }), /a key that is not known/],
      [await token({}, { kid: '../../etc/passwd\0' }), /a key that is not known/],
      [await token({ exp: seconds() - 31 }), /it has expired/],
      [await token({ exp: undefined as unknown as number }), /it has no valid end/],
      [await token({ nbf: seconds() + 90 }), /it is not valid yet/],
      [await token({ iss: 'https://id.example.evil' }), /its issuer is not accepted/],
      [await token({ aud: 'other' }), /it is for another audience/],
      ['abc', /it is malformed/],
      ['a.b.c', /it is malformed/],
      ['.'.repeat(4000), /it is malformed/],
      [`${part({ alg: 'ES256', crit: ['b64'], b64: false })}.${payload}.${signature}`, /its signature is wrong/],
    ]
    for (const [text, reason] of refused) {
      const { status, headers } = await client.ask('/', bearer(text))
      assert.equal(status, 401, text)
      assert.match(
        String(headers['www-authenticate']),
        /^Bearer realm="the \\"app\\"", error="invalid_token", error_description="/,
      )
      assert.match(String(headers['www-authenticate']), reason)
      assert.equal(String(headers['www-authenticate']).includes('passwd'), false)
    }
    assert.equal((await client.ask('/pem', bearer(confused(`${part({ alg: 'HS256' })}.${part(claims)}`)))).status, 401)
    assert.equal((await client.ask('/pem', bearer(await token({}, { alg: 'RS256' }, rsa.privateKey)))).status, 200)
    const signed = (secret: string) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(secret))
    assert.equal((await client.ask('/secret', bearer(await signed(SECRET)))).status, 200)
    assert.equal((await client.ask('/secret', bearer(await signed(`${SECRET}.`)))).status, 401)
    assert.equal((await client.ask('/secret', bearer(`${part({ alg: 'none' })}.${part(claims)}.`))).status, 401)
    assert.equal((await client.ask('/secret', bearer(valid))).status, 401)
  },
)

testBoth(
  'a claim cannot smuggle a line end, and one that is too large for a header is refused',
  [{ path: '/*', filters: [{ jwt: { keys, headers: { 'X-Name': 'name', 'X-More': 'more' } } }] }],
  async (client) => {
    const name = 'alice\r\nX-Admin: yes\n\0\r\n\r\nGET / HTTP/1.1'
    const { headers } = await client.got('/', bearer(await token({ name, more: { name } })))
    assert.equal(headers['x-admin'], undefined)
    assert.equal(headers['x-name'], 'alice  X-Admin: yes      GET / HTTP/1.1')
    assert.deepEqual(JSON.parse(headers['x-more'] as string), { name })
    assert.equal((await client.ask('/', bearer(await token({ name: 'x'.repeat(4097) })))).status, 403)
  },
)

testBoth(
  'a token may have to make claims of some values; without them, the request is forbidden',
  [
    {
      path: '/*',
      filters: [{ jwt: { keys, require: { role: ['admin', 'owner'], scope: 'write', email: '*', verified: true } } }],
    },
  ],
  async (client) => {
    const right = {
      role: 'owner',
      scope: 'read write',
      email: 'a@example.org',
      verified: true,
      refused: 'no',
      claims: 'yes',
    }
    const statusOf = async (claims: JWTPayload) => (await client.ask('/', bearer(await token(claims)))).status
    assert.equal(await statusOf(right), 200)
    assert.equal(await statusOf({ ...right, role: ['user', 'admin'] }), 200)
    for (const wrong of [
      { role: 'user' },
      { role: [] },
      { role: null },
      { scope: 'rewrite' },
      // Users choose the words of many claims.
      { role: 'user admin' },
      { email: undefined },
      { verified: 'true' },
    ])
      assert.equal(await statusOf({ ...right, ...wrong } as JWTPayload), 403, JSON.stringify(wrong))
    const { headers } = await client.ask('/', bearer(await token()))
    assert.match(String(headers['www-authenticate']), /error="insufficient_scope"/)
  },
)

testBoth(
  'tokens may be in cookies and parameters, which servers do not get',
  [{ path: '/*', filters: [{ jwt: { keys, from: ['bearer', 'cookie:session', 'query:access_token'] } }] }],
  async (client) => {
    const valid = await token()
    const byCookie = await client.got('/', { headers: { cookie: `a=1; session=${valid}; b=2` } })
    assert.equal(byCookie.headers.cookie, 'a=1; b=2')
    assert.equal((await client.got('/', { headers: { cookie: `session=${valid}` } })).headers.cookie, undefined)
    assert.equal((await client.got(`/x?a=1&access_token=${valid}&b=%20`)).url, '/x?a=1&b=%20')
    assert.equal((await client.got(`/x?%61ccess_token=${valid}`)).url, '/x')
    assert.equal((await client.ask('/x?token=abc', { headers: { cookie: 'session=abc' } })).status, 401)
    // The first place that has one counts.
    assert.equal((await client.ask(`/?access_token=${valid}`, bearer('abc'))).status, 401)
  },
)

testBoth(
  'no token goes on but the one that was verified, and only if it is forwarded',
  [
    { path: '/kept', filters: [{ jwt: { keys, from: ['bearer', 'cookie:session', 'query:t'], forward: true } }] },
    { path: '/*', filters: [{ jwt: { keys, from: ['bearer', 'cookie:session', 'query:t'] } }] },
  ],
  async (client) => {
    const valid = await token()
    const authorization = [`Bearer ${valid}`, 'Bearer forged']
    const cookie = `session=forged; a=1; session=${valid}`
    for (const [path, passed] of [
      ['/kept', `Bearer ${valid}`],
      ['/x', undefined],
    ] as const) {
      const { url, headers } = await client.got(`${path}?t=forged&b=2&t`, { headers: { authorization, cookie } })
      assert.deepEqual([url, headers.authorization, headers.cookie], [`${path}?b=2`, passed, 'a=1'])
    }
    const basic = { authorization: 'Basic YTpi', cookie: `session=${valid}; session=forged; a=1` }
    const byCookie = await client.got('/kept?t=forged', { headers: basic })
    const { headers } = byCookie
    assert.deepEqual(
      [byCookie.url, headers.authorization, headers.cookie],
      ['/kept', 'Basic YTpi', `session=${valid}; a=1`],
    )
    const byQuery = await client.got(`/kept?t&t=${valid}&t=forged&b`)
    assert.equal(byQuery.url, `/kept?t=${valid}&b`)
  },
)

testBoth(
  'filters after it see the other cookies, and no cookie of Limpet itself goes on',
  [
    {
      path: '/*',
      filters: [
        { jwt: { keys, from: 'cookie:session' } },
        { headers: { request: { set: { 'X-A': '${request.cookie.a}', 'X-Cookies': '${request.header.cookie}' } } } },
      ],
      upstream: 'sticky',
    },
  ],
  async (client) => {
    const valid = await token()
    const first = await client.ask('/', { headers: { cookie: `session=${valid}` } })
    const [own] = String(first.headers['set-cookie']).split(';')
    const { headers } = await client.got('/', { headers: { cookie: `a=1; ${own}; session=${valid}; b=2` } })
    assert.deepEqual([headers.cookie, headers['x-a'], headers['x-cookies']], ['a=1; b=2', '1', 'a=1; b=2'])
  },
  async (t) => ({ sticky: { affinity: 'cookie', servers: [(await mirrorOrigin(t)).address] } }),
)

test('requests of a user go to the same server, whatever the token', async (t) => {
  const origins = await Promise.all(Array.from({ length: 4 }, () => mirrorOrigin(t)))
  const servers = origins.map(({ address }, index) => ({ name: `server-${index}`, address }))
  const { port } = await startDataPlane(t, {
    routes: [
      {
        path: '/*',
        upstream: 'app',
        filters: [
          { jwt: { keys } },
          { headers: { response: { set: { 'X-Served': '${server.name} ${auth.user} ${claim.realm_access.roles}' } } } },
        ],
      },
    ],
    upstreams: { app: { affinity: { type: 'consistent-hash', key: 'claim:sub' }, servers } },
  })
  const client = http1Client(t, port)
  const used = new Set<unknown>()
  for (const user of ['alice', 'bob', 'zoë', 'dave', 'erin', 'frank', 'grace', 'heidi']) {
    const served = new Set<unknown>()
    for (let login = 0; login < 3; login++) {
      const text = await token({ sub: user, jti: `${login}`, realm_access: { roles: ['a'] } })
      served.add((await client.ask('/', bearer(text))).headers['x-served'])
    }
    assert.equal(served.size, 1, user)
    const [one] = served as Set<string>
    assert.equal(Buffer.from(one!, 'latin1').toString().slice('server-0 '.length), `${user} ["a"]`)
    used.add(one!.split(' ')[0])
  }
  assert.ok(used.size > 1)
})

test('a token in the query is in no log', async (t) => {
  const origin = await mirrorOrigin(t)
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    routes: [{ path: '/*', upstream: 'app', filters: [{ jwt: { keys, from: ['query:access_token'] } }] }],
    upstreams: { app: { servers: [origin.address] } },
  })
  const valid = await token()
  const { url } = await http1Client(t, limpet.port).got(`/x?a=1&access_token=${valid}&b=2`)
  assert.equal(url, '/x?a=1&b=2')
  const [line] = await limpet.log.matching(/GET \/x/, 1)
  assert.match(line!, /GET \/x\?a=1&access_token=\*+&b=2 /)
})

/** A provider whose keys may be others later; it counts how often it is asked. */
async function provider(t: TestContext, kid: string, key: KeyObject) {
  const state = { body: setOf([kid, key]), status: 200, asked: 0, hold: Promise.resolve() }
  const server = createServer(async (_request, response) => {
    state.asked++
    await state.hold
    response.writeHead(state.status).end(state.body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return Object.assign(state, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys` })
}

async function limpetWith(t: TestContext, url: string) {
  const origin = await mirrorOrigin(t)
  const limpet = await startLimpet(t, {
    workers: 2,
    listeners: [{ address: '127.0.0.1', port: 0 }],
    routes: [{ path: '/*', upstream: 'app', filters: [{ jwt: { keys: url } }] }],
    upstreams: { app: { servers: [origin.address] } },
  })
  return { limpet, client: http1Client(t, limpet.port) }
}

async function statusOf(client: FilterClient, text: string): Promise<number> {
  return (await client.ask('/', bearer(text))).status
}

test('the first requests wait until the keys were fetched', async (t) => {
  const id = await provider(t, 'ec', ec.publicKey)
  const { promise, resolve } = Promise.withResolvers<void>()
  id.hold = promise
  const { client } = await limpetWith(t, id.url)
  const valid = await token()
  const waiting = [statusOf(client, valid), statusOf(client, valid), statusOf(client, valid)]
  await until(() => id.asked > 0)
  resolve()
  assert.deepEqual(await Promise.all(waiting), [200, 200, 200])
  assert.equal(id.asked, 1)
})

test('a key that is not known has the keys fetched once, by whichever worker, and tokens of any more do not', async (t) => {
  const id = await provider(t, 'ec', ec.publicKey)
  const { limpet, client } = await limpetWith(t, id.url)
  await limpet.errors.find(/1 key\(s\) of tokens fetched/)
  assert.equal(await statusOf(client, await token()), 200)
  id.body = setOf(['next', other.publicKey])
  const next = await token({}, { kid: 'next' }, other.privateKey)
  // Within ten seconds of the first time, it is not fetched again.
  const statuses = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      token({}, { kid: `made up ${index}` }).then((each) => statusOf(client, each)),
    ),
  )
  assert.deepEqual([...new Set(statuses)], [401])
  assert.equal(id.asked, 1)
  await until(async () => (await statusOf(client, next)) === 200, 500)
  assert.equal(id.asked, 2)
  await limpet.errors.find(/generation \d+ \(keys of tokens\): http:.*\/keys changed/)
  // The key that is gone verifies nothing any more, remembered or not.
  assert.equal(await statusOf(client, await token()), 401)
})

test('while the keys cannot be fetched, those that were fetched last stay in effect', async (t) => {
  const id = await provider(t, 'ec', ec.publicKey)
  id.status = 503
  const { limpet, client } = await limpetWith(t, id.url)
  const valid = await token()
  const none = await client.ask('/', bearer(valid))
  assert.deepEqual([none.status, none.headers['www-authenticate']], [503, undefined])
  await limpet.errors.find(
    /the keys at http:.* cannot be fetched: .* answered \/keys with 503.*no token is accepted until then/,
  )
  id.status = 200
  await limpet.errors.find(/1 key\(s\) of tokens fetched/)
  await until(async () => (await statusOf(client, valid)) === 200)
  id.status = 500
  assert.equal(await statusOf(client, await token({ sub: 'bob' })), 200)
})

test('says what is wrong with the settings', async (t) => {
  const problem = async (jwt: object) => {
    const file = await configFile(t, {
      routes: [{ path: '/*', upstream: 'app', filters: [{ jwt }] }],
      upstreams: { app: { servers: ['127.0.0.1:1'] } },
    })
    try {
      loadConfig({ file, env: {}, cwd: folder, areFilesRead: true })
      return ''
    } catch (error) {
      return (error as Error).message
    }
  }
  assert.match(await problem({}), /jwt\.keys: expected the URL or the file of public keys/)
  assert.match(await problem({ keys, secretFile }), /jwt\.secretFile: expected either keys or secretFile/)
  assert.match(await problem({ keys, algorithms: ['RS256', 'HS256'] }), /without HS256.*HS256 needs secretFile/)
  assert.match(await problem({ secretFile, algorithms: ['RS256'] }), /without RS256.*RS256 needs keys/)
  assert.match(await problem({ keys, algorithms: ['none'] }), /jwt\.algorithms\[0\]: expected RS256, .*found "none"/)
  assert.match(await problem({ keys: 'https://user:secret@id.example/' }), /a URL without a user or a password/)
  assert.match(await problem({ keys: join(folder, 'missing') }), /missing: cannot be read/)
  assert.match(await problem({ secretFile: pem }), /expected a secret, found PEM/)
})

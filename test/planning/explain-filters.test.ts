// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are those of a configuration file
/** `explain` says what each filter of a route would do, and does none of it. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { SignJWT } from 'jose'
import { filterNames } from '../../src/config/filter.ts'
import type { ExplainedFilter, Query } from '../../src/planning/answers.ts'
import { explain } from '../../src/planning/explain.ts'
import { KeyedLimits } from '../../src/runtime/keyed-limits.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import { folderOfTests } from '../support/folder.ts'
import { snapshotOf } from '../support/snapshot.ts'

const folder = folderOfTests()

function fileOf(name: string, content: string): string {
  const file = join(folder, name)
  writeFileSync(file, content)
  return file
}

const SECRET = 'a secret of thirty-two characters'
const secretFile = fileOf('secret', SECRET)
const users = fileOf('users', 'alice:$apr1$Z4/0FhB8$g.iurwy285MG7Yr16Ua9R.\n')
const PASSWORD = 'open sesame'
const basic = `Basic ${Buffer.from(`alice:${PASSWORD}`).toString('base64')}`

function token(claims: object, secret = SECRET): Promise<string> {
  return new SignJWT({ sub: 'alice', exp: 4_000_000_000, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(Buffer.from(secret))
}

/** One route with these filters; its upstream has one server, and `canary` another. */
async function routeWith(t: TestContext, filters: readonly unknown[], more: object = {}) {
  const snapshot = await snapshotOf(t, {
    routes: [{ path: '/*', upstream: 'app', filters }],
    upstreams: {
      app: { affinity: 'cookie', servers: [{ name: 'app-1', address: '10.0.0.1:80' }] },
      canary: { servers: [{ name: 'canary-1', address: '10.0.0.2:80' }] },
    },
    ...more,
  })
  const scene = { snapshot, scoreboard: new Scoreboard(), sessions: new SessionTable(), limits: new KeyedLimits() }
  return { scene, ask: (query: Partial<Query> = {}) => explain(scene, { path: '/', ...query }) }
}

function inWords({ decision, request, response }: ExplainedFilter): string {
  return `${decision}: ${request.join('; ')} | ${response.join('; ')}`
}

type Case = readonly [filter: unknown, query: Partial<Query>, expected: string]

const goesOn = (request: string, response = '') => `goes-on: ${request} | ${response}`
const onResponse = (response: string) => goesOn('', response)
const answers = (request: string) => `answers: ${request} | `
const open = (request: string) => `open: ${request} | `

/** Of each filter: its settings, a request, and what is said of it. */
const cases: Readonly<Record<string, readonly Case[]>> = {
  allow: [
    [['203.0.113.0/24'], { ip: '203.0.113.9' }, goesOn('')],
    [['203.0.113.0/24'], { ip: '10.0.0.1' }, answers('refused: 10.0.0.1')],
  ],
  answers: [
    [
      {
        location: { 'http://app.internal/': '/shop/' },
        cookiePath: { '/': '/shop' },
        cookieDomain: { 'app.internal': '' },
      },
      {},
      onResponse(
        'Location http://app.internal/ → /shop/, paths of cookies / → /shop, domains of cookies app.internal → none',
      ),
    ],
  ],
  basicAuth: [
    [{ file: users }, {}, answers('there is no password')],
    [{ file: users }, { headers: { authorization: 'Basic ?' } }, answers('Authorization has no user and password')],
    [
      { file: users, userHeader: 'X-User' },
      { headers: { authorization: basic } },
      open('the password decides, and is not verified now; removes authorization; sets X-User: ***'),
    ],
  ],
  bufferRequest: [
    [{}, {}, goesOn('')],
    [
      {},
      { method: 'POST', headers: { 'content-length': '10' } },
      goesOn('reads the whole body before a server gets it'),
    ],
    [{ memory: '1kB', disk: '1kB' }, { method: 'POST', headers: { 'content-length': '2001' } }, answers('')],
  ],
  bufferResponse: [[{}, {}, onResponse('is taken as fast as the server sends it')]],
  compress: [
    [
      {},
      { headers: { 'accept-encoding': 'gzip, br' } },
      onResponse('is compressed by br if it is text/*, application/json or one of 12 more types, from 1000 bytes on'),
    ],
    [
      { codings: ['zstd'], types: ['text/*'] },
      { headers: { 'accept-encoding': 'gzip' } },
      onResponse('is not compressed: the client accepts none of zstd'),
    ],
  ],
  concurrencyLimit: [
    [{ limit: 20 }, {}, goesOn('0 of 20 in flight')],
    [
      { limit: 20, by: 'header:X-Key', missing: 'pass' },
      {},
      goesOn('does not count it: it has not what is counted by'),
    ],
  ],
  cors: [
    [
      { origins: ['https://a.example'] },
      { headers: { origin: 'https://a.example' } },
      onResponse('sets Vary: Origin; sets Access-Control-Allow-Origin: https://a.example'),
    ],
    [{ origins: ['https://a.example'] }, { headers: { origin: 'https://b.example' } }, onResponse('sets Vary: Origin')],
    [
      { origins: ['https://a.example'] },
      { method: 'OPTIONS', headers: { origin: 'https://b.example', 'access-control-request-method': 'PUT' } },
      'answers: preflight of an origin that is not allowed | sets Vary: Origin',
    ],
  ],
  deny: [
    [['203.0.113.0/24'], { ip: '203.0.113.9' }, answers('refused: 203.0.113.9')],
    [['203.0.113.0/24'], { ip: '10.0.0.1' }, goesOn('')],
  ],
  errorPages: [
    [
      {
        pages: [
          { status: 404, body: 'none' },
          { status: '500-599', body: 'sorry' },
        ],
      },
      {},
      onResponse('has a page of its own if its status is 404, 500 to 599'),
    ],
  ],
  forwardAuth: [
    [
      { url: 'http://auth.internal:9091/verify?key=hidden', copy: ['X-User'] },
      { headers: { 'x-user': 'mallory' } },
      open('auth.internal:9091 decides, and is not asked now; removes x-user'),
    ],
  ],
  headers: [
    [
      {
        request: {
          set: { 'X-Client': '${client.address}', 'X-None': '${auth.user}' },
          add: { Accept: 'text/html', 'X-Street': 'Fünf' },
          remove: ['DNT'],
        },
        response: {
          set: { 'X-Served-By': '${server.name}' },
          remove: ['Server'],
          default: { 'Cache-Control': 'no-store' },
        },
      },
      { ip: '203.0.113.9', headers: { accept: '*/*', dnt: '1' } },
      goesOn(
        'removes dnt; adds accept: text/html; sets X-Client: 203.0.113.9; sets an empty X-None; sets X-Street: Fünf',
        "sets X-Served-By: app-1; sets Cache-Control: no-store; removes Server; keeps the server's own Cache-Control",
      ),
    ],
  ],
  host: [
    ['app.internal', { host: 'example.org' }, goesOn('sends the Host app.internal')],
    ['server', { host: 'example.org' }, goesOn("sends the Host of the server's own address")],
    ['example.org', { host: 'example.org' }, goesOn('')],
  ],
  jwt: [
    [{ secretFile }, {}, answers('there is no token')],
    [{ secretFile }, { headers: { authorization: 'Bearer a.b.c' } }, answers('the token is refused: it is malformed')],
    [
      { secretFile, headers: { 'X-Sub': 'sub' } },
      { headers: { authorization: `Bearer ${await token({})}` } },
      goesOn('the token is valid; removes authorization; sets X-Sub: ***'),
    ],
    [
      { secretFile },
      { headers: { authorization: `Bearer ${await token({ exp: 1 })}` } },
      answers('the token is refused: it has expired'),
    ],
    [
      { secretFile, require: { scope: ['admin'] } },
      { headers: { authorization: `Bearer ${await token({})}` } },
      answers('the token has not what is required of its claim scope'),
    ],
    [
      { keys: 'https://id.example/keys' },
      { headers: { authorization: `Bearer ${await token({})}` } },
      open('the token decides, and https://id.example/keys has given no keys to verify it with'),
    ],
  ],
  log: [
    ['off', {}, goesOn('is not logged')],
    [
      { sample: '10%', redact: ['card'], redactHeaders: ['User-Agent'] },
      {},
      goesOn('is logged with a chance of 10%, with *** for card, user-agent'),
    ],
  ],
  mirror: [
    [{ to: 'canary', share: '5%' }, {}, goesOn('5% of such requests are copied to upstream canary')],
    [
      { to: 'canary', body: '1kB' },
      { method: 'POST', headers: { 'content-length': '2000' } },
      goesOn('not copied: its body is too long'),
    ],
  ],
  maintenancePage: [
    [{}, {}, answers('closed')],
    [{ except: ['203.0.113.0/24'] }, { ip: '203.0.113.9' }, goesOn('lets it pass: 203.0.113.9')],
    [{ bypass: 'cookie:pass=12345678' }, { headers: { cookie: 'pass=12345678' } }, goesOn('lets it pass: cookie pass')],
  ],
  path: [
    [{ strip: '/shop' }, { path: '/shop/cart?a=b' }, goesOn('/shop/cart → /cart; sets X-Forwarded-Prefix: /shop')],
    [{ strip: '/shop' }, { path: '/cart' }, goesOn('')],
    [{ strip: '/café' }, { path: '/caf%C3%A9/a' }, goesOn('/caf%C3%A9/a → /a; sets X-Forwarded-Prefix: /caf%C3%A9')],
  ],
  rateLimit: [
    [{ rate: '10/s', burst: 19 }, {}, goesOn('20 of 20 left')],
    [
      { rate: '10/s', by: 'header:X-Key', missing: 'pass' },
      {},
      goesOn('does not count it: it has not what is counted by'),
    ],
  ],
  redirect: [
    [
      { to: 'https://www.example.org${request.target}', status: 301 },
      { path: '/a?b=c' },
      answers('to https://www.example.org/a?…'),
    ],
  ],
  respond: [[{ status: 503, body: 'closed' }, {}, answers('6 bytes of its own')]],
  securityHeaders: [
    [
      {},
      {},
      onResponse(
        'sets X-Content-Type-Options: nosniff; sets X-Frame-Options: SAMEORIGIN; ' +
          "sets Referrer-Policy: strict-origin-when-cross-origin; keeps the server's own X-Content-Type-Options, " +
          'X-Frame-Options, Referrer-Policy',
      ),
    ],
  ],
  split: [
    [
      { to: { canary: '25%' }, override: ['header:X-Cohort'] },
      { headers: { 'x-cohort': 'canary' } },
      goesOn('upstream canary: named by header x-cohort'),
    ],
    [{ to: { canary: '25%' } }, {}, open('a new user, at random: 75% to upstream app, 25% to upstream canary')],
    [{ to: { canary: '75%' }, by: 'request' }, {}, open('at random: 25% to upstream app, 75% to upstream canary')],
    [{ to: { canary: '25%' }, by: 'header:X-Key' }, {}, goesOn('upstream app: it has no such key')],
    [
      { to: { canary: '100%' }, by: 'client.address' },
      { ip: '203.0.113.9' },
      goesOn('upstream canary: at 75.94%, by client.address'),
    ],
  ],
  tryNext: [
    [{ statuses: [502, 503] }, {}, onResponse('is asked of another server if it is 502, 503')],
    [{ statuses: [502] }, { method: 'POST' }, onResponse("is the first server's: POST is not repeated")],
  ],
}

describe('of each filter, an explanation says what it would do', () => {
  for (const name of filterNames) {
    test(name, async (t) => {
      assert.ok(cases[name] !== undefined && cases[name].length > 0)
      for (const [settings, query, expected] of cases[name]) {
        const { ask } = await routeWith(t, [{ [name]: settings }])
        const { filters, server, upstream, summary } = await ask(query)
        assert.deepEqual(
          filters.map((each) => [each.name, inWords(each)]),
          [[name, expected]],
        )
        if (!expected.startsWith('answers')) assert.notEqual(server, null, summary)
        else assert.deepEqual([server, upstream], [null, null])
      }
    })
  }
})

describe('of a route with several filters', () => {
  test('those after one that answers are not reached, and all of them see the answer', async (t) => {
    const { ask } = await routeWith(t, [
      { headers: { response: { set: { 'X-Frame': '${request.path}' } } } },
      { path: { strip: '/shop' } },
      { errorPages: { pages: [{ status: 403, body: 'members only' }] } },
      { deny: ['203.0.113.0/24'] },
      { rateLimit: { rate: '1/s' } },
      'compress',
    ])
    const { summary, status, server, filters } = await ask({ path: '/shop/cart', ip: '203.0.113.9' })
    assert.equal(summary, 'filter deny answers 403 (refused: 203.0.113.9)')
    assert.deepEqual([status, server], [403, null])
    assert.deepEqual(
      filters.map((each) => `${each.name} ${inWords(each)}`),
      [
        'headers goes-on:  | sets X-Frame: /cart',
        'path goes-on: /shop/cart → /cart; sets X-Forwarded-Prefix: /shop | ',
        'errorPages goes-on:  | a page of its own for 403',
        'deny answers: refused: 203.0.113.9 | ',
        'rateLimit not-reached:  | ',
        'compress not-reached:  | ',
      ],
    )
  })

  test('one sees what those before it have made of the request', async (t) => {
    const { ask } = await routeWith(t, [
      { jwt: { secretFile } },
      { headers: { request: { set: { 'X-Path': '${request.path} of ${request.host}', 'X-User': '${auth.user}' } } } },
      { path: { strip: '/shop' } },
      { host: 'app.internal' },
      { redirect: { to: 'http://${request.host}${request.target}' } },
    ])
    const headers = { authorization: `Bearer ${await token({})}` }
    const { summary, filters } = await ask({ path: '/shop/cart?a=b', host: 'example.org', headers })
    assert.equal(summary, 'filter redirect answers 308 (to http://app.internal/cart?…)')
    assert.deepEqual(filters[1]!.request, ['sets X-Path: /shop/cart of example.org', 'sets X-User: ***'])
  })

  test('the summary says which ones may decide otherwise', async (t) => {
    const { ask } = await routeWith(t, [
      { basicAuth: { file: users } },
      { split: { to: { canary: '60%' } } },
      { headers: { response: { set: { 'X-Served-By': '${upstream.name}' } } } },
    ])
    const headers = { authorization: basic }
    const { summary, filters } = await ask({ headers })
    assert.equal(
      summary,
      'goes to server canary-1 of upstream canary, chosen by round-robin: new, unless basicAuth or split decides otherwise',
    )
    assert.deepEqual(filters[2]!.response, ['sets X-Served-By: canary'])
  })

  test('what is logged comes last, and nothing of the rest is lost', async (t) => {
    const { ask } = await routeWith(t, [{ log: 'off' }, { path: { add: '/app' } }])
    const { filters } = await ask()
    assert.deepEqual(
      filters.map(({ name }) => name),
      ['path', 'log'],
    )
  })
})

test('the user of a cohort is explained by their own upstream, and those with a session by `only: new`', async (t) => {
  const { ask, scene } = await routeWith(t, [{ split: { to: { canary: '25%' } } }])
  const [{ filters = [] } = {}] = scene.snapshot.routes
  const [split] = filters
  assert.ok(split?.type === 'split')
  const upstreamAt = async (point: string) => {
    const { upstream, filters } = await ask({ cookies: { [split.cookie]: point } })
    return [upstream?.name, filters[0]!.request[0]]
  }
  assert.deepEqual(await upstreamAt('0000'), ['canary', 'upstream canary: at 0%, by its cookie'])
  assert.deepEqual(await upstreamAt('2499'), ['canary', 'upstream canary: at 24.99%, by its cookie'])
  assert.deepEqual(await upstreamAt('2500'), ['app', 'upstream app: at 25%, by its cookie'])
})

test('no secret is shown: cookies, credentials, tokens, keys of limits and sessions, and what is redacted', async (t) => {
  const secrets = ['s3cret-cookie', 's3cret-key', 's3cret%20token', 's3cret-card', 's3cret-room', 's3cret-agent']
  const { ask } = await routeWith(
    t,
    [
      { log: { redact: ['card'], redactHeaders: ['X-Agent'], headers: ['X-Agent'] } },
      { basicAuth: { file: users, forward: true } },
      { rateLimit: { rate: '1/s', by: 'header:X-Api' } },
      {
        headers: {
          request: {
            set: {
              'X-A': 'a ${request.cookie.id} b',
              'X-B': '${request.header.x-api}',
              'X-C': '${request.query.token} and ${request.query.card}',
              'X-D': '${auth.user}',
              'X-E': '${request.header.authorization}',
              'X-F': '${request.header.x-agent}',
              Authorization: 'Bearer static',
              'X-Plain': '${client.address}',
            },
          },
          response: { set: { 'Set-Cookie': 'mine=static; Path=/' } },
        },
      },
      { path: { set: '/rooms${request.path}?t=${request.query.token}' } },
    ],
    {
      accessLog: { redact: ['token'] },
      upstreams: {
        app: {
          affinity: { type: 'path', pattern: '/rooms/:room' },
          servers: [{ name: 'app-1', address: '10.0.0.1:80' }],
        },
        canary: { servers: ['10.0.0.2:80'] },
      },
    },
  )
  const explanation = await ask({
    path: '/rooms/s3cret-room?token=s3cret%20token&card=s3cret-card',
    headers: { authorization: basic, 'x-api': 's3cret-key', 'x-agent': 's3cret-agent' },
    cookies: { id: 's3cret-cookie' },
  })
  const { filters } = explanation
  const text = JSON.stringify(filters)
  for (const secret of [...secrets, 's3cret token', 'static', PASSWORD, basic.slice(6), 'alice'])
    assert.ok(!text.includes(secret), `${secret} in ${text}`)
  const headers = filters.find(({ name }) => name === 'headers')!
  assert.ok(headers.request.includes('sets X-A: a *** b'), text)
  assert.ok(headers.request.includes('sets X-C: *** and ***'), text)
  assert.ok(headers.request.includes('sets X-Plain: 127.0.0.1'), text)
  assert.deepEqual(headers.response, ['sets Set-Cookie: mine=***'])
})

test('to explain changes and counts nothing', async (t) => {
  const { ask, scene } = await routeWith(t, [
    { rateLimit: { rate: '1/h', burst: 1 } },
    { rateLimit: { rate: '1/h', dryRun: true } },
    { concurrencyLimit: { limit: 1 } },
    { split: { to: { canary: '50%' } } },
    { mirror: { to: 'canary' } },
    { forwardAuth: { url: 'http://127.0.0.1:1/' } },
  ])
  const memories = [scene.limits.memory, scene.scoreboard.memory, scene.sessions.memory]
  const before = memories.map((memory) => Buffer.from(Buffer.from(memory)))
  const first = await ask()
  for (let count = 0; count < 3; count++) assert.deepEqual(await ask(), first)
  for (const [index, memory] of memories.entries()) assert.ok(before[index]!.equals(Buffer.from(memory)))
  assert.equal(scene.limits.dryRuns, 0)
})

test('a request whose body nobody can find the end of is refused, as Limpet refuses it', async (t) => {
  const { ask } = await routeWith(t, ['compress'])
  const { status, summary } = await ask({ headers: { 'content-length': 'many' } })
  assert.deepEqual(
    [status, summary],
    [400, 'answers 400: The request is malformed: Content-Length is not a number of bytes'],
  )
})

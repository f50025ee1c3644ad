/** What a running Limpet says its filters would do is what they then do. One Limpet serves all tests here. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { request, type ServerResponse } from 'node:http'
import { after, before, describe, type TestContext, test } from 'node:test'
import { Explanation } from '../../src/admin/planning.ts'
import { AdminStream } from '../support/admin-stream.ts'
import { adminUrlOf, configFile, type Limpet, runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { User } from '../support/user.ts'

const ends: (() => unknown)[] = []
const suite = { after: (end: () => unknown) => void ends.push(end) } as Pick<TestContext, 'after'> as TestContext
const held: ServerResponse[] = []
let limpet: Limpet
let api: string
let config: object

before(async () => {
  const app = await httpOrigin(suite, ({ url }, response) => {
    if (url === '/held') held.push(response)
    else response.end('app')
  })
  const canary = await httpOrigin(suite, (_, response) => response.end('canary'))
  const auth = await httpOrigin(suite, ({ headers }, response) => {
    response.statusCode = headers.authorization === undefined ? 401 : 200
    response.end()
  })
  config = {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers: 1,
    admin: { port: 0 },
    trustedProxies: ['127.0.0.1'],
    routes: [
      { path: '/rate', upstream: 'app', filters: [{ rateLimit: { rate: '1/h', burst: 4 } }] },
      { path: '/held', upstream: 'app', filters: [{ concurrencyLimit: { limit: 2 } }] },
      { path: '/split', upstream: 'app', filters: [{ split: { to: { canary: '50%' } } }] },
      { path: '/keyed', upstream: 'app', filters: [{ split: { to: { canary: '50%' }, by: 'client.address' } }] },
      { path: '/auth', upstream: 'app', filters: [{ forwardAuth: { url: `http://${auth.address}/` } }] },
      { path: '/inside', upstream: 'app', filters: [{ allow: ['10.1.0.0/16'] }] },
      { path: '/old/*', filters: [{ redirect: { to: '/new', status: 301 } }] },
      { path: '/shop/*', upstream: 'app', filters: [{ path: { strip: '/shop' } }, { log: { redact: ['key'] } }] },
    ],
    upstreams: {
      app: { servers: [{ name: 'app', address: app.address }] },
      canary: { servers: [{ name: 'canary', address: canary.address }] },
    },
  }
  limpet = await startLimpet(suite, config)
  api = await adminUrlOf(limpet)
})

after(async () => {
  for (const end of ends.toReversed()) await end()
})

async function explained(query: object): Promise<Explanation> {
  const body = JSON.stringify(query)
  const answer = await fetch(`${api}/v1/explain`, {
    method: 'POST',
    body,
    headers: { 'Content-Type': 'application/json' },
  })
  assert.equal(answer.status, 200)
  return Explanation.parse(await answer.json())
}

async function get(path: string, headers: Record<string, string> = {}) {
  const sent = request({ host: '127.0.0.1', port: limpet.port, path, headers, agent: false }).end()
  const [response] = await once(sent, 'response')
  let body = ''
  for await (const piece of response.setEncoding('utf8')) body += piece
  return { status: response.statusCode as number, headers: response.headers, body }
}

const said = ({ filters }: Explanation) => filters.map(({ request }) => request.join('; '))

test('how much of a rate limit is left; asking takes none of it', async () => {
  for (let left = 5; left > 0; left--) {
    for (let count = 0; count < 2; count++)
      assert.deepEqual(said(await explained({ path: '/rate', ip: '10.0.0.1' })), [`${left} of 5 left`])
    assert.equal((await get('/rate', { 'X-Forwarded-For': '10.0.0.1' })).status, 200)
  }
  const refused = await explained({ path: '/rate', ip: '10.0.0.1' })
  assert.match(refused.summary, /^filter rateLimit answers 429 \(refused: too fast, by \d+ s\)$/)
  assert.equal((await get('/rate', { 'X-Forwarded-For': '10.0.0.1' })).status, 429)
  assert.deepEqual(said(await explained({ path: '/rate', ip: '10.0.0.2' })), ['5 of 5 left'])
})

test('how many requests are in flight; asking is none of them', async () => {
  const explain = async () => (await explained({ path: '/held' })).filters[0]!
  for (const expected of ['0 of 2 in flight', '1 of 2 in flight']) {
    assert.deepEqual((await explain()).request, [expected])
    assert.deepEqual((await explain()).request, [expected])
    const before = held.length
    void get('/held')
    while (held.length === before) await new Promise(setImmediate)
  }
  assert.deepEqual(await explain(), {
    name: 'concurrencyLimit',
    decision: 'answers',
    request: ['refused: 2 are in flight'],
    response: [],
  })
  for (const response of held) response.end()
})

test('users of a split route are explained by the upstream that they are on', async () => {
  const split = await explained({ path: '/split' })
  assert.equal(split.filters[0]!.decision, 'open')
  const upstreams = new Set<string>()
  for (let count = 0; count < 20; count++) {
    const user = new User()
    const { body } = await user.get(limpet.port, '/split')
    const [[name, value] = []] = user.cookies
    const { upstream, server, summary } = await explained({ path: '/split', cookies: { [name!]: value } })
    assert.deepEqual([upstream?.name, server], [body, body], summary)
    upstreams.add(body)
    const { body: keyed } = await get('/keyed', { 'X-Forwarded-For': `10.0.0.${count}` })
    assert.equal((await explained({ path: '/keyed', ip: `10.0.0.${count}` })).upstream?.name, keyed)
  }
  assert.equal(upstreams.size, 2)
})

test('what is answered, and what only a service decides, which is not asked', async () => {
  for (const [path, ip] of [
    ['/inside', '10.1.2.3'],
    ['/inside', '10.2.2.3'],
    ['/old/page', '10.1.2.3'],
  ]) {
    const { status } = await get(path!, { 'X-Forwarded-For': ip! })
    assert.equal((await explained({ path, ip })).status ?? 200, status)
  }
  const { filters, server, summary } = await explained({ path: '/auth' })
  assert.equal(filters[0]!.decision, 'open')
  assert.equal(server, 'app')
  assert.match(summary, /, unless forwardAuth decides otherwise$/)
})

describe('a request that a client has sent', () => {
  test('is explained with what its filters do, and what is redacted stays so', async (t) => {
    const tail = await AdminStream.open(t, `${api}/v1/requests/stream?path=/shop`)
    await get('/shop/cart?key=hidden', { Authorization: `Bearer ${createHmac('sha1', 'a').digest('hex')}` })
    await tail.until((all) => all.length === 1)
    const answer = await fetch(`${api}/v1/requests/${encodeURIComponent(tail.all[0].id)}/explain`, { method: 'POST' })
    const explanation = Explanation.parse(await answer.json())
    assert.deepEqual(said(explanation)[0], '/shop/cart → /cart; sets X-Forwarded-Prefix: /shop')
    assert.doesNotMatch(JSON.stringify(explanation), /hidden/)
  })
})

test('limpet explain shows them as a table', async () => {
  const flags = ['explain', '--url', api, '--path', '/shop/cart?key=hidden']
  const { code, stdout, stderr } = await runLimpet(flags, { STATE_DIRECTORY: limpet.stateDirectory })
  assert.equal(code, 0, stderr)
  assert.equal(
    stdout.split('\n').slice(0, 7).join('\n'),
    `goes to server app of upstream app, chosen by round-robin: new
  route: /shop/* (it is for any host; the path /shop/cart is below /shop/)
  FILTER
  path    /shop/cart → /cart
          sets X-Forwarded-Prefix: /shop
  log     is logged, with *** for key
  upstream app: round-robin`,
  )
})

test('limpet plan says which users another split sends elsewhere', async (t) => {
  const next = await configFile(t, JSON.stringify(config).replaceAll('50%', '75%'))
  const { code, stdout, stderr } = await runLimpet(['plan', next, '--url', api], {
    STATE_DIRECTORY: limpet.stateDirectory,
  })
  assert.equal(code, 0, stderr)
  const moves = (route: string) => `route ${route}: 50% of the users of upstream app move to upstream canary, none back`
  assert.equal(
    stdout,
    [
      'route /split: filters[0].split.to.canary 50% → 75%',
      'route /keyed: filters[0].split.to.canary 50% → 75%',
      '',
      moves('/split'),
      moves('/keyed'),
    ].join('\n'),
  )
})

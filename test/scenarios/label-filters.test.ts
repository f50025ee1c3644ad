// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables are those of labels
/** What labels of containers do to requests: it begins and ends with the containers. */
import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { type TestContext, test } from 'node:test'
import { http1Client, mirrorOrigin } from '../support/filtered.ts'
import { runLimpet, startLimpet } from '../support/limpet.ts'
import { StandInEngine } from '../support/stand-in-engine.ts'
import { until } from '../support/until.ts'

const HASH = '$apr1$Z4/0FhB8$g.iurwy285MG7Yr16Ua9R.'
const authorization = `Basic ${Buffer.from('alice:open sésame').toString('base64')}`

async function started(t: TestContext) {
  const engine = await StandInEngine.start(t)
  const { port } = await mirrorOrigin(t)
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers: 2,
    discovery: { docker: { host: engine.host, compatibility: ['traefik', 'nginx-proxy'], returnWithin: '0s' } },
  })
  /** Runs a container whose server is the mirror. */
  const run = (name: string, labels: Record<string, string>, service = name) =>
    engine.run({
      name,
      address: '127.0.0.1',
      ports: [port],
      labels: { 'com.docker.compose.project': 'shop', 'com.docker.compose.service': service, ...labels },
    })
  const client = http1Client(t, limpet.port)
  const status = async (path: string, host: string, headers: Record<string, string> = {}) =>
    (await client.ask(path, { host, headers })).status
  return { engine, limpet, run, client, status }
}

const host = 'shop.example.org'
const traefik = {
  'traefik.http.routers.shop.rule': `Host(\`${host}\`) && PathPrefix(\`/shop\`)`,
  'traefik.http.routers.shop.middlewares': 'guarded@docker,strip',
  'traefik.http.middlewares.guarded.chain.middlewares': 'limit,users,stamp',
  'traefik.http.middlewares.limit.ratelimit.average': '2',
  'traefik.http.middlewares.limit.ratelimit.period': '1h',
  'traefik.http.middlewares.limit.ratelimit.burst': '2',
  'traefik.http.middlewares.limit.ratelimit.sourcecriterion.requestheadername': 'X-Key',
  'traefik.http.middlewares.users.basicauth.users': `alice:${HASH}`,
  'traefik.http.middlewares.users.basicauth.removeheader': 'true',
  'traefik.http.middlewares.users.basicauth.headerfield': 'X-User',
  'traefik.http.middlewares.stamp.headers.customrequestheaders.X-Stamp': 'by labels',
  'traefik.http.middlewares.stamp.headers.customresponseheaders.X-Answer': '',
  'traefik.http.middlewares.stamp.headers.framedeny': 'true',
  'traefik.http.middlewares.strip.stripprefix.prefixes': '/shop',
}

test('middlewares of Traefik take effect with their container, change with its labels, and go away with it', async (t) => {
  const { engine, run, client, status } = await started(t)
  const first = run('shop-1', traefik, 'shop')
  await until(async () => (await status('/shop/cart', host)) === 401)

  const headers = { authorization, 'x-key': 'a', 'x-user': 'root', 'x-stamp': 'mine' }
  const answer = await client.ask('/shop/cart?id=1', { host, headers })
  assert.deepEqual([answer.status, answer.headers['x-frame-options']], [200, 'DENY'])
  const got = JSON.parse(answer.body)
  assert.equal(got.url, '/cart?id=1')
  assert.deepEqual(
    ['x-forwarded-prefix', 'x-stamp', 'x-user', 'authorization'].map((name) => got.headers[name]),
    ['/shop', 'by labels', 'alice', undefined],
  )
  // Two at once, whoever asks; then the limit, which comes before the password.
  assert.equal(await status('/shop/', host, { authorization, 'x-key': 'a' }), 200)
  assert.equal(await status('/shop/', host, { authorization, 'x-key': 'a' }), 429)
  assert.equal(await status('/shop/', host, { 'x-key': 'a' }), 429)
  assert.equal(await status('/shop/', host, { authorization, 'x-key': 'b' }), 200)

  // The next one has other labels, and counts, since it is newer.
  const open = { 'traefik.http.routers.shop.rule': traefik['traefik.http.routers.shop.rule'] }
  const second = run('shop-2', open, 'shop')
  await until(async () => (await status('/shop/cart', host)) === 200)
  assert.equal((await client.got('/shop/cart', { host })).url, '/shop/cart')
  for (const id of [first, second]) {
    engine.die(id)
    engine.remove(id)
  }
  await until(async () => (await status('/shop/cart', host)) === 404)
})

test('what cannot be protected is not served by a broader route of the same host either', async (t) => {
  const { run, status, client } = await started(t)
  const service = { 'traefik.http.routers.site.rule': 'Host(`blog.example.org`)' }
  run('blog', {
    ...service,
    'traefik.http.routers.admin.rule': 'Host(`blog.example.org`) && PathPrefix(`/admin`)',
    'traefik.http.routers.admin.middlewares': 'nobody@file',
    'traefik.http.routers.tls.rule': 'Host(`secure.example.org`)',
    'traefik.http.routers.tls.tls': 'true',
    'traefik.http.routers.plain.rule': 'Host(`secure.example.org`)',
    'traefik.http.routers.plain.middlewares': 'to-https',
    'traefik.http.middlewares.to-https.redirectscheme.scheme': 'https',
    'traefik.http.middlewares.to-https.redirectscheme.permanent': 'true',
  })
  await until(async () => (await status('/', 'blog.example.org')) === 200)
  assert.deepEqual(
    [await status('/admin', 'blog.example.org'), await status('/x/../admin/users', 'blog.example.org')],
    [403, 403],
  )
  const moved = await client.ask('/a?b', { host: 'secure.example.org:8080' })
  assert.deepEqual([moved.status, moved.headers.location], [308, 'https://secure.example.org/a?b'])
})

test("filters of Limpet's own labels take effect; what is wrong concerns one container, and discover shows both", async (t) => {
  const { engine, run, client, status, limpet } = await started(t)
  run('app', {
    'limpet.enable': 'true',
    'limpet.host': 'app.example.org',
    'limpet.path': '/v1/*',
    'limpet.filters[0].basicAuth.users': `alice:${HASH}`,
    'limpet.filters[1].path.strip': '/v1',
    'limpet.filters[2].headers.request.set.X-Of': '${request.host} ${auth.user}',
    'limpet.filters[3].split.to.nowhere': '50%',
  })
  run('wrong', {
    'limpet.enable': 'true',
    'limpet.host': 'wrong.example.org',
    'limpet.filters': '[{ basicAuth: { file: /etc/shadow } }]',
  })
  await until(async () => (await status('/v1/', 'app.example.org')) === 401)
  for (let asked = 0; asked < 8; asked++) {
    const got = await client.got('/v1/a', { host: 'app.example.org', headers: { authorization } })
    assert.deepEqual([got.url, got.headers['x-of']], ['/a', 'app.example.org alice'])
  }
  assert.equal(await status('/', 'wrong.example.org'), 404)

  const folder = dirname(limpet.stateDirectory)
  const { stdout } = await runLimpet(['discover', '--docker', engine.host], {}, folder)
  assert.match(stdout, /"host":"app\.example\.org"\} +app +basicAuth, path, headers, split +container app\n/)
  assert.match(
    stdout,
    /! container wrong: label limpet.filters: expected no file of Limpet's own in a label, found "\/etc\/shadow" \(/,
  )
  assert.doesNotMatch(stdout, /apr1/)
  const json = await runLimpet(['discover', '--docker', engine.host, '--json'], {}, folder)
  assert.match(json.stdout, /"alice:…"/)
  assert.doesNotMatch(json.stdout, /apr1/)
})

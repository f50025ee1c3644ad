/** Every label and variable that Traefik and nginx-proxy know is used, or what becomes of it is said, as their pages in docs/ have it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import type { Container, Dialect } from '../../src/discovery/docker/container.ts'
import { keys as nginxProxyKeys } from '../../src/discovery/docker/nginx-proxy/keys.ts'
import { nginxProxy } from '../../src/discovery/docker/nginx-proxy/nginx-proxy.ts'
import { keys as traefikKeys } from '../../src/discovery/docker/traefik/keys.ts'
import { middlewareKinds } from '../../src/discovery/docker/traefik/middleware-kinds.ts'
import { traefik } from '../../src/discovery/docker/traefik/traefik.ts'

/** Values that make a difference, and what else has to be there for it. */
const differences: Readonly<Record<string, readonly [value: string, more?: Readonly<Record<string, string>>]>> = {
  'traefik.enable': ['false'],
  'traefik.docker.network': ['front'],
  'traefik.swarm.network': ['front'],
  'traefik.http.routers.NAME.rule': ['Host(`b.example`)'],
  'traefik.http.routers.NAME.service': ['other'],
  'traefik.http.routers.NAME.middlewares': ['auth@file'],
  'traefik.http.routers.NAME.priority': ['high'],
  'traefik.http.routers.NAME.entrypoints': ['internal'],
  'traefik.http.routers.NAME.tls.options': ['mutual@file'],
  'traefik.http.services.NAME.loadbalancer.server.port': ['81'],
  'traefik.http.services.NAME.loadbalancer.server.scheme': ['h2c'],
  'traefik.http.services.NAME.loadbalancer.server.weight': ['7'],
  'traefik.http.services.NAME.loadbalancer.server.url': ['http://10.0.0.1:81'],
  'traefik.http.services.NAME.loadbalancer.strategy': ['p2c'],
  'traefik.http.services.NAME.loadbalancer.sticky': ['true'],
  'traefik.http.services.NAME.loadbalancer.sticky.cookie': ['true'],
  'traefik.http.services.NAME.loadbalancer.sticky.cookie.name': ['session'],
  'traefik.http.services.NAME.loadbalancer.sticky.cookie.secure': ['true'],
  'traefik.http.services.NAME.loadbalancer.sticky.cookie.httponly': ['false'],
  'traefik.http.services.NAME.loadbalancer.sticky.cookie.samesite': ['strict'],
  'traefik.http.services.NAME.loadbalancer.sticky.cookie.maxage': ['60'],
  'traefik.http.services.NAME.loadbalancer.sticky.cookie.path': ['/app'],
  'traefik.http.services.NAME.loadbalancer.sticky.cookie.domain': ['example.org'],
  'traefik.http.services.NAME.loadbalancer.healthcheck.path': ['/health'],
  'traefik.http.services.NAME.loadbalancer.healthcheck.mode': ['grpc'],
  'traefik.http.services.NAME.loadbalancer.healthcheck.interval': ['7s', { path: '/' }],
  'traefik.http.services.NAME.loadbalancer.healthcheck.timeout': ['7s', { path: '/' }],
  'traefik.http.services.NAME.loadbalancer.healthcheck.port': ['81', { path: '/' }],
  'traefik.http.services.NAME.loadbalancer.healthcheck.scheme': ['https', { path: '/' }],
  'traefik.http.services.NAME.loadbalancer.healthcheck.hostname': ['a.example', { path: '/' }],
  'traefik.http.services.NAME.loadbalancer.healthcheck.headers.*': ['1', { path: '/' }],
  'traefik.http.services.NAME.loadbalancer.healthcheck.unhealthyinterval': ['1s', { path: '/' }],
  'traefik.http.services.NAME.loadbalancer.healthcheck.followredirects': ['true', { path: '/' }],
  'traefik.http.services.NAME.loadbalancer.healthcheck.method': ['HEAD', { path: '/' }],
  'traefik.http.services.NAME.loadbalancer.healthcheck.status': ['204', { path: '/' }],
  'traefik.http.services.NAME.loadbalancer.passivehealthcheck.failurewindow': ['20s'],
  'traefik.http.services.NAME.loadbalancer.passivehealthcheck.maxfailedattempts': ['5'],
  'traefik.http.services.NAME.loadbalancer.passhostheader': ['false'],
  VIRTUAL_HOST: ['b.example'],
  VIRTUAL_HOST_MULTIPORTS: ['{ b.example: { /: { port: 81 } } }'],
  VIRTUAL_PATH: ['/app'],
  VIRTUAL_PORT: ['81'],
  VIRTUAL_DEST: ['/'],
  VIRTUAL_PROTO: ['https'],
  NETWORK_ACCESS: ['internal'],
  'com.github.nginx-proxy.nginx-proxy.loadbalance': ['ip_hash;'],
  'com.github.nginx-proxy.nginx-proxy.keepalive': ['8'],
  'com.github.nginx-proxy.nginx-proxy.ssl_verify_client': ['on'],
}

describe('every label of Traefik has the effect of its row', () => {
  const base = {
    'traefik.http.routers.app.rule': 'Host(`a.example`)',
    'traefik.http.services.app.loadbalancer.server.port': '80',
  }
  for (const { key, meaning } of traefikKeys) {
    test(`${key}: ${meaning}`, () => {
      const label = key.replace('NAME', 'app').replace('[n]', '[0]').replace(/\*$/, 'some.part')
      const [value = 'default', more = {}] = differences[key] ?? []
      const others = Object.fromEntries(
        Object.entries(more).map(([name, value]) => [label.replace(/healthcheck\..*/, `healthcheck.${name}`), value]),
      )
      const without = container({ ...base, ...others })
      check(traefik, meaning, label, without, { ...without, labels: { ...without.labels, [label]: value } })
    })
  }
})

describe('every variable and label of nginx-proxy has the effect of its row', () => {
  for (const { key, meaning } of nginxProxyKeys) {
    test(`${key}: ${meaning}`, () => {
      const [value = 'anything'] = differences[key] ?? []
      const name = key.replace('*', 'HOST')
      const without = container(
        {},
        { VIRTUAL_HOST: 'a.example', ...(key === 'VIRTUAL_DEST' && { VIRTUAL_PATH: '/x' }) },
      )
      const place = key.startsWith('com.') ? 'labels' : 'environment'
      check(nginxProxy, meaning, name, without, { ...without, [place]: { ...without[place], [name]: value } })
    })
  }
})

describe('a route is not served without a middleware that protects it', () => {
  for (const [kind, { route }] of middlewareKinds) {
    test(`${kind}: ${route}`, () => {
      const { routes, mistakes } = traefik.read([
        container({
          'traefik.http.routers.app.rule': 'Host(`a.example`)',
          'traefik.http.routers.app.middlewares': 'first',
          'traefik.http.middlewares.first.chain.middlewares': 'second@docker',
          [`traefik.http.middlewares.second.${kind}.scheme`]: 'https',
        }),
      ])
      assert.equal(routes.length, route === 'served' ? 1 : 0)
      assert.equal(mistakes.length, 1)
      assert.match(`${mistakes[0]!.where} ${mistakes[0]!.message}`, new RegExp(`${kind}.* not supported yet`))
      assert.ok(mistakes[0]!.hint)
    })
  }

  const open = {
    'a middleware that no container defines': { middlewares: 'nowhere' },
    'a chain that names itself, and a password': {
      middlewares: 'a',
      'a.chain.middlewares': 'a,b',
      'b.basicauth.users': 'x:y',
    },
    'a middleware of two kinds': { middlewares: 'a', 'a.compress': 'true', 'a.basicauth.users': 'x:y' },
    'a chain by index, which Traefik has not': {
      middlewares: 'a',
      'a.chain.middlewares[0]': 'b',
      'b.basicauth.users': 'x:y',
    },
    'a kind that is not known': { middlewares: 'a', 'a.compress': 'true', 'a.waf.rules': 'all' },
    'a chain without an end': {
      middlewares: 'm0',
      ...Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`m${n}.chain.middlewares`, `m${n + 1}`])),
      'm200.compress': 'true',
    },
    'a header that a client could send': { middlewares: 'a', 'a.headers.customrequestheaders.X-Remote-User': 'guest' },
  }
  for (const [what, { middlewares, ...defined }] of Object.entries<Record<string, string>>(open)) {
    test(what, () => {
      const labels = Object.entries(defined).map(([key, value]) => [`traefik.http.middlewares.${key}`, value])
      const router = {
        'traefik.http.routers.app.rule': 'Host(`a.example`)',
        'traefik.http.routers.app.middlewares': middlewares!,
      }
      assert.deepEqual(traefik.read([container({ ...router, ...Object.fromEntries(labels) })]).routes, [])
    })
  }
})

describe('a router with a label that Traefik does not know is not served, as in Traefik', () => {
  for (const label of ['middleware', 'middlewares[0]', 'middelwares', 'tls.option']) {
    test(label, () => {
      const labels = {
        'traefik.http.routers.app.rule': 'Host(`a.example`)',
        [`traefik.http.routers.app.${label}`]: 'auth',
      }
      const { routes, mistakes } = traefik.read([container(labels)])
      assert.deepEqual(routes, [])
      assert.match(mistakes[0]!.message, /no label of Traefik: the router is not served/)
    })
  }
})

test('passwords of middlewares are in no message', () => {
  const labels = {
    'traefik.http.routers.app.middlewares': 'a',
    'traefik.http.middlewares.a.basicauth.users': 'x:$apr1$secret',
  }
  const other = {
    ...container({ ...labels, 'traefik.http.middlewares.a.basicauth.users': 'x:$apr1$older' }),
    id: 'b',
    created: 0,
  }
  assert.doesNotMatch(JSON.stringify(traefik.read([container(labels), other]).mistakes), /apr1/)
})

describe('the pages have a row for each', () => {
  const rows = (page: string) =>
    readFileSync(new URL(`../../docs/discovery/${page}.md`, import.meta.url), 'utf8').split('\n')
  test('traefik.md', () => {
    const expected = [
      ...traefikKeys.map(({ key, meaning, why }) => `| \`${key}\` | ${meaning} | ${why} |`),
      ...[...middlewareKinds].map(([kind, { route, hint }]) => `| ${kind} | ${route} | ${hint} |`),
    ]
    assert.deepEqual(
      expected.filter((row) => !rows('traefik').includes(row)),
      [],
    )
  })
  test('nginx-proxy.md', () => {
    const expected = nginxProxyKeys.map(({ key, meaning, why }) => `| \`${key}\` | ${meaning} | ${why} |`)
    assert.deepEqual(
      expected.filter((row) => !rows('nginx-proxy').includes(row)),
      [],
    )
  })
})

function container(labels: Record<string, string>, environment: Record<string, string> = {}): Container {
  return { id: 'a', name: 'app-1', project: 'demo', service: 'app', created: 1, labels, environment, ports: [80] }
}

/** What the dialect makes of the container with the label is what the meaning says, compared to the container without it. */
function check(dialect: Dialect, meaning: string, label: string, without: Container, withLabel: Container): void {
  const before = dialect.read([without])
  const after = dialect.read([withLabel])
  const described = ({ routes, upstreams }: typeof before) =>
    JSON.stringify({
      routes,
      upstreams: upstreams.map(({ servers, ...rest }) => [rest, servers.map(({ container: _, ...server }) => server)]),
    })
  const said = after.mistakes.length - before.mistakes.length
  if (meaning === 'read') {
    assert.ok(described(after) !== described(before) || said > 0, `${label} has no effect`)
    return
  }
  assert.equal(described(after), described(before))
  assert.equal(said, meaning === 'ignored' ? 0 : 1)
  if (meaning !== 'ignored') assert.ok(after.mistakes.at(-1)!.hint)
}

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables are those of a configuration
/** What labels in `limpet.` describe. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Route } from '../../src/config/route.ts'
import { Upstreams } from '../../src/config/upstream.ts'
import { validate } from '../../src/config/validate.ts'
import type { Container } from '../../src/discovery/docker/container.ts'
import { readLabels } from '../../src/discovery/docker/limpet/labels.ts'
import { limpetDialect } from '../../src/discovery/docker/limpet/limpet.ts'
import fc from '../support/property.ts'

let count = 0

function container(labels: Record<string, string>, more: Partial<Container> = {}): Container {
  const id = String(++count).padStart(64, '0')
  return { id, name: 'web-1', service: 'web', created: count, labels, environment: {}, ports: [80], ...more }
}

const read = (labels: Record<string, string>) => {
  const { upstreams, routes, settings, mistakes } = readLabels(container(labels))
  return {
    upstreams: Object.fromEntries(upstreams),
    routes: routes.map(({ where: _, ...route }) => route),
    settings,
    mistakes,
  }
}

/** What all containers with these labels describe; all are enabled. */
const describe = (...containers: readonly Container[]) =>
  limpetDialect(false).read(
    containers.map((each) => ({ ...each, labels: { 'limpet.enable': 'true', ...each.labels } })),
  )

const goldens: readonly [what: string, labels: Record<string, string>, found: Partial<ReturnType<typeof read>>][] = [
  [
    'a host: all paths',
    { 'limpet.host': 'a.example' },
    { routes: [{ upstream: 'web', settings: { host: 'a.example', path: '/*' } }] },
  ],
  ['a path: any host', { 'limpet.path': '/api/*' }, { routes: [{ upstream: 'web', settings: { path: '/api/*' } }] }],
  [
    'lists by commas or spaces',
    { 'limpet.host': 'a.example,b.example', 'limpet.path': '/a /b/*' },
    { routes: [{ upstream: 'web', settings: { host: ['a.example', 'b.example'], path: ['/a', '/b/*'] } }] },
  ],
  ['neither: no route', { 'limpet.weight': '3' }, { settings: { weight: 3 }, routes: [] }],
  [
    'settings of the server',
    { 'limpet.backup': 'true', 'limpet.maxConnections': '20', 'limpet.slowStart': '10s', 'limpet.maxFails': '0' },
    { settings: { backup: true, maxConnections: 20, slowStart: '10s', maxFails: 0 } },
  ],
  ['affinity', { 'limpet.affinity': 'cookie' }, { upstreams: { web: { affinity: 'cookie' } } }],
  [
    'affinity in detail',
    { 'limpet.affinity.type': 'cookie', 'limpet.affinity.name': 'SRV' },
    { upstreams: { web: { affinity: { type: 'cookie', name: 'SRV' } } } },
  ],
  [
    'a key by dots, without the kind that it implies',
    { 'limpet.upstreams.web.health.check.path': '/healthz' },
    { upstreams: { web: { health: { check: { path: '/healthz', type: 'http' } } } } },
  ],
  [
    'entries of a list by their numbers',
    { 'limpet.upstreams.web.health.check.status[0]': '200', 'limpet.upstreams.web.health.check.status[1]': '204' },
    { upstreams: { web: { health: { check: { status: [200, 204], type: 'http' } } } } },
  ],
  [
    'a number where the schema wants one, text where it wants text',
    {
      'limpet.upstreams.web.retries.tries': '3',
      'limpet.routes.beta.path': '/*',
      'limpet.routes.beta.headers.X-Beta': '1',
    },
    {
      upstreams: { web: { retries: { tries: 3 } } },
      routes: [{ upstream: 'web', settings: { path: '/*', headers: { 'X-Beta': '1' } } }],
    },
  ],
  [
    'a list where the schema wants one',
    { 'limpet.routes.api.path': '/api/*', 'limpet.routes.api.methods': 'GET' },
    { routes: [{ upstream: 'web', settings: { path: '/api/*', methods: ['GET'] } }] },
  ],
  [
    'a list in YAML',
    { 'limpet.routes.api.path': '/api/*', 'limpet.routes.api.methods': '[GET, HEAD]' },
    { routes: [{ upstream: 'web', settings: { path: '/api/*', methods: ['GET', 'HEAD'] } }] },
  ],
  [
    'conditions and settings of a route',
    {
      'limpet.routes.users.path': '~ ^/users/(\\d{1,3})$',
      'limpet.routes.users.host': '.a.example, www.b.*',
      'limpet.routes.users.query.version': '2',
      'limpet.routes.users.cookies.beta': '1',
      'limpet.routes.users.listener': '8443',
      'limpet.routes.users.clientCertificate.subject': 'CN=alice,O=Example',
      'limpet.routes.users.priority': '5',
      'limpet.routes.users.bodyLimit': '1MB',
      'limpet.routes.users.timeouts.firstByte': '5s',
      'limpet.routes.users.retries.tries': '2',
    },
    {
      routes: [
        {
          upstream: 'web',
          settings: {
            path: '~ ^/users/(\\d{1,3})$',
            host: ['.a.example', 'www.b.*'],
            query: { version: '2' },
            cookies: { beta: '1' },
            listener: 8443,
            clientCertificate: { subject: 'CN=alice,O=Example' },
            priority: 5,
            bodyLimit: '1MB',
            timeouts: { firstByte: '5s' },
            retries: { tries: 2 },
          },
        },
      ],
    },
  ],
  [
    'parameters of a path',
    { 'limpet.path': '/rooms/:room, /rooms/:room/*' },
    { routes: [{ upstream: 'web', settings: { path: ['/rooms/:room', '/rooms/:room/*'] } }] },
  ],
  [
    'filters of the route, as YAML',
    { 'limpet.path': '/app/*', 'limpet.filters': '[{ path: { strip: /app } }, compress]' },
    { routes: [{ upstream: 'web', settings: { path: '/app/*', filters: [{ path: { strip: '/app' } }, 'compress'] } }] },
  ],
  [
    'filters key by key, with variables of requests',
    {
      'limpet.host': 'a.example',
      'limpet.priority': '7',
      'limpet.filters[0].headers.response.set.X-A': '1',
      'limpet.filters[0].headers.request.set.X-Client': '${client.address}',
      'limpet.filters.1.allow': '10.0.0.0/8, 192.168.0.1',
      'limpet.filters[2].rateLimit.rate': '10/s',
      'limpet.filters[2].rateLimit.burst': '20',
      'limpet.filters.3': 'compress',
    },
    {
      routes: [
        {
          upstream: 'web',
          settings: {
            host: 'a.example',
            path: '/*',
            priority: 7,
            filters: [
              { headers: { response: { set: { 'X-A': '1' } }, request: { set: { 'X-Client': '${client.address}' } } } },
              { allow: ['10.0.0.0/8', '192.168.0.1'] },
              { rateLimit: { rate: '10/s', burst: 20 } },
              'compress',
            ],
          },
        },
      ],
    },
  ],
  [
    'filters of a named route, with users and another upstream',
    {
      'limpet.routes.admin.path': '/admin/*',
      'limpet.routes.admin.filters[0].basicAuth.users': 'alice:$apr1$Z4/0FhB8$g.iurwy285MG7Yr16Ua9R.',
      'limpet.routes.admin.filters[1].mirror.to': 'shadow',
      'limpet.routes.admin.filters[2].jwt.keys': 'https://id.example/keys',
    },
    {
      routes: [
        {
          upstream: 'web',
          settings: {
            path: '/admin/*',
            filters: [
              { basicAuth: { users: 'alice:$apr1$Z4/0FhB8$g.iurwy285MG7Yr16Ua9R.' } },
              { mirror: { to: 'shadow' } },
              { jwt: { keys: 'https://id.example/keys' } },
            ],
          },
        },
      ],
    },
  ],
  [
    'a regular expression as the path',
    { 'limpet.path': '~ ^/v[0-9]{1,2}/' },
    { routes: [{ upstream: 'web', settings: { path: '~ ^/v[0-9]{1,2}/' } }] },
  ],
  ['the mark of what setup.sh makes says nothing', { 'limpet.lab': 'setup.sh' }, { upstreams: {}, routes: [] }],
]

for (const [what, labels, found] of goldens)
  test(`labels: ${what}`, () => {
    const { mistakes, ...all } = read(labels)
    assert.deepEqual(mistakes, [])
    assert.deepEqual(Object.fromEntries(Object.keys(found).map((key) => [key, all[key as 'routes']])), found)
  })

const wrong: readonly [labels: Record<string, string>, label: string, message: RegExp, hint?: string][] = [
  [
    { 'limpet.wieght': '3' },
    'limpet.wieght',
    /^unknown label, expected limpet.enable, /,
    'did you mean limpet.weight?',
  ],
  [{ 'limpet.weight': 'abc' }, 'limpet.weight', /^expected a whole number from 1 to 65535, found "abc"$/],
  [{ 'limpet.weight': '0' }, 'limpet.weight', /^expected a whole number from 1 to 65535, found 0$/],
  [{ 'limpet.port': 'http' }, 'limpet.port', /^expected a port from 1 to 65535, found "http"$/],
  [{ 'limpet.enable': 'yes' }, 'limpet.enable', /^expected true or false, found "yes"$/],
  [{ 'limpet.affinity': 'cokie' }, 'limpet.affinity', /found "cokie"$/, 'did you mean cookie?'],
  [{ 'limpet.host': 'a.example:80' }, 'limpet.host', /a host without a port/, 'write a.example'],
  [{ 'limpet.upstream': 'a b' }, 'limpet.upstream', /^expected a name of letters, digits/],
  [{ 'limpet.upstreams.web.balanse': 'x' }, 'limpet.upstreams.web.balanse', /^unknown key/, 'did you mean balance?'],
  [
    { 'limpet.upstreams.web.servers[0]': 'x:80' },
    'limpet.upstreams.web.servers[0]',
    /no servers/,
    'the containers are the servers',
  ],
  [
    { 'limpet.listeners[0].port': '1' },
    'limpet.listeners[0].port',
    /cannot be set by a label/,
    'set it in the configuration file',
  ],
  [{ 'limpet.upstreams.web.__proto__.x': '1' }, 'limpet.upstreams.web.__proto__.x', /keys with dots/],
  [
    { 'limpet.filters[0].path.strip': '/app' },
    'limpet.filters[0].path.strip',
    /^expected limpet.host or limpet.path beside it$/,
    'or write limpet.routes.NAME.filters',
  ],
  [
    { 'limpet.host': 'a.example', 'limpet.filters[0].pat.strip': '/app' },
    'limpet.filters[0].pat.strip',
    /^unknown key, expected /,
    'did you mean path?',
  ],
  [
    { 'limpet.host': 'a.example', 'limpet.filters[0].basicAuth.users': 'alice:secret' },
    'limpet.filters[0].basicAuth.users',
    /^expected a hash by bcrypt, [^"]*, not a plain password, found text of 12 characters$/,
  ],
  ...(
    [
      ['basicAuth.file', '/etc/shadow', 'filters[0].basicAuth.file'],
      ['jwt.keys', '/etc/limpet/keys.json', 'filters[0].jwt.keys'],
      ['jwt.secretFile', 'secret', 'filters[0].jwt.secretFile'],
      ['respond.file', '/etc/shadow', 'filters[0].respond.file'],
      ['maintenancePage.file', '/etc/shadow', 'filters[0].maintenancePage.file'],
      ['maintenancePage.when.file', '/etc/shadow', 'filters[0].maintenancePage.when.file'],
    ] as const
  ).map(([key, file, label]): (typeof wrong)[number] => [
    { 'limpet.host': 'a.example', [`limpet.filters[0].${key}`]: file },
    `limpet.${label}`,
    /^expected no file of Limpet's own in a label, found "/,
    'write the filter into the configuration file, or its users or its body here',
  ]),
  [
    {
      'limpet.host': 'a.example',
      'limpet.filters': '[{ errorPages: { pages: [{ status: 404, file: /etc/shadow }] } }]',
    },
    'limpet.filters',
    /^expected no file of Limpet's own in a label, found "/,
    'write the filter into the configuration file, or its users or its body here',
  ],
  [
    { 'limpet.upstreams.web.tls.ca': '/etc/limpet/ca.pem' },
    'limpet.upstreams.web.tls.ca',
    /^expected no file of Limpet's own in a label/,
    'write the upstream into the configuration file',
  ],
  [
    { 'limpet.upstreams.web.tls.cert': '/etc/limpet/own.pem', 'limpet.upstreams.web.tls.key': '/etc/limpet/own.pem' },
    'limpet.upstreams.web.tls.cert',
    /^expected no file of Limpet's own in a label/,
    'write the upstream into the configuration file',
  ],
  [
    { 'limpet.host': 'a.example', 'limpet.filters': '[{ split: { to: { web: 5% } } }]' },
    'limpet.filters',
    /^expected another upstream than the route's own/,
    'leave it out: everybody else goes there anyway',
  ],
  [{ 'limpet.id': 'x' }, 'limpet.id', /cannot be set by a label/, 'it is found: see docs/discovery/docker.md'],
]

for (const [labels, label, message, hint] of wrong)
  test(`a mistake: ${Object.entries(labels).join(' ').replace(',', '=')}`, () => {
    const [mistake, ...others] = read(labels).mistakes
    assert.deepEqual(others, [])
    assert.equal(mistake?.where, `container web-1: label ${label}`)
    assert.match(mistake.message, message)
    assert.equal(mistake.hint, hint)
  })

test('a mistake leaves out its container, and no other', () => {
  const one = container({ 'limpet.wieght': '3' })
  const two = container({}, { name: 'web-2' })
  const { upstreams, mistakes } = describe(one, two)
  assert.deepEqual(
    upstreams[0]?.servers.map(({ container }) => container.name),
    ['web-2'],
  )
  assert.equal(mistakes.length, 1)
})

test('the port: the only one that is exposed; several or none are a mistake that says which', () => {
  const { upstreams, mistakes } = describe(
    container({}, { name: 'one', service: 'one', ports: [8080] }),
    container({}, { name: 'two', service: 'two', ports: [80, 443] }),
    container({}, { name: 'none', service: 'none', ports: [] }),
    container({ 'limpet.port': '443' }, { name: 'said', service: 'said', ports: [80, 443] }),
  )
  assert.deepEqual(
    upstreams.map(({ name, servers }) => [name, servers[0]?.port]),
    [
      ['one', 8080],
      ['said', 443],
    ],
  )
  assert.deepEqual(mistakes, [
    {
      where: 'container two: label limpet.port',
      message: 'expected one of the ports that the container exposes: 80, 443',
      hint: 'add the label limpet.port=80',
    },
    {
      where: 'container none: label limpet.port',
      message: 'expected a port, since the container exposes none',
      hint: 'add the label limpet.port=8080, or such',
    },
  ])
})

test('a container may be a server of a second upstream at another port', () => {
  const { upstreams, routes } = describe(
    container({
      'limpet.host': 'a.example',
      'limpet.upstreams.admin.port': '9000',
      'limpet.routes.admin.host': 'admin.example',
      'limpet.routes.admin.upstream': 'admin',
    }),
  )
  assert.deepEqual(
    upstreams.map(({ name, servers }) => [name, servers[0]?.port]),
    [
      ['admin', 9000],
      ['web', 80],
    ],
  )
  assert.deepEqual(
    routes.map(({ upstream, settings }) => [upstream, settings.host]),
    [
      ['web', 'a.example'],
      ['admin', 'admin.example'],
    ],
  )
})

test('two containers of one service whose labels differ: the newest counts, and that is said', () => {
  const old = container({ 'limpet.host': 'old.example', 'limpet.affinity': 'cookie' }, { project: 'p', name: 'web-1' })
  const young = container({ 'limpet.host': 'new.example' }, { project: 'p', name: 'web-2' })
  for (const order of [
    [old, young],
    [young, old],
  ]) {
    const { upstreams, routes, mistakes } = describe(...order)
    assert.deepEqual(
      routes.map(({ settings }) => settings.host),
      ['new.example'],
    )
    assert.deepEqual([upstreams[0]?.settings, upstreams[0]?.servers.length], [{}, 2])
    assert.deepEqual(mistakes, [
      {
        where: 'container web-1',
        message: 'its labels differ from those of container web-2, which is newer: those count',
        hint: 'recreate the older one',
      },
    ])
  }
})

test('services of the same name in two projects do not mix, unless a label says so', () => {
  const one = container({}, { project: 'one', name: 'one-web-1' })
  const two = container({}, { project: 'two', name: 'two-web-1' })
  const { upstreams, mistakes } = describe(two, one)
  assert.deepEqual(
    upstreams.map(({ servers }) => servers.map(({ container }) => container.name)),
    [['one-web-1']],
  )
  assert.equal(mistakes[0]?.hint, 'name an upstream for it: limpet.upstream=two-web')
  const named = { ...two, labels: { 'limpet.upstream': 'web' } }
  assert.equal(describe(one, named).upstreams[0]?.servers.length, 2)
})

test('any labels give a valid description, or a mistake', () => {
  const step = fc.constantFrom(
    ...[
      'upstreams',
      'routes',
      'web',
      'health',
      'check',
      'path',
      'host',
      'headers',
      'affinity',
      'type',
      'timeouts',
      'idle',
    ],
    ...['weight', 'port', 'x[0]', 'status[1]', '__proto__', 'constructor', '', 'retries', 'tries', 'methods'],
  )
  const label = fc.array(step, { minLength: 1, maxLength: 6 }).map((steps) => `limpet.${steps.join('.')}`)
  const value = fc.oneof(
    fc.constantFrom('1', '/x', 'a, b', 'true', '10s', 'cookie', '[GET, HEAD]', '"1"', '{', "'", '200', 'http'),
    fc.string(),
  )
  fc.assert(
    fc.property(fc.dictionary(label, value, { maxKeys: 6 }), (labels) => {
      const { upstreams, routes, mistakes } = readLabels(container(labels))
      if (mistakes.length > 0) return mistakes.every(({ where }) => where.startsWith('container web-1'))
      for (const [name, settings] of upstreams)
        assert.ok('value' in validate(Upstreams, { [name]: { ...settings, servers: { from: 'docker' } } }))
      for (const { upstream, settings } of routes) assert.ok('value' in validate(Route, { ...settings, upstream }))
      return true
    }),
  )
})

test('a container has at most 1,000 labels, and one that has more is a mistake', () => {
  const routes = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`limpet.routes.r${index}.path`, `/${index}`]))
  const most = describe(container(routes(999)))
  assert.deepEqual(most.mistakes, [])
  assert.equal(most.routes.length, 999)
  const { mistakes, upstreams, routes: none } = describe(container(routes(1000)))
  assert.deepEqual(
    mistakes.map(({ where, message }) => `${where}: ${message}`),
    ['container web-1: expected at most 1000 labels in limpet., found 1001'],
  )
  assert.deepEqual([upstreams, none], [[], []])
})

test('of a label with a long name, its beginning is shown', () => {
  const [mistake] = read({ [`limpet.${'x.'.repeat(100_000)}x`]: '1' }).mistakes
  assert.ok(mistake!.where.length < 300)
})

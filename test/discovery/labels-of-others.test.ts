// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables are those of a configuration file
/** Every label and variable that Traefik and nginx-proxy know is used, or what becomes of it is said, as their pages in docs/ have it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import type { Container, Dialect } from '../../src/discovery/docker/container.ts'
import { keys as nginxProxyKeys } from '../../src/discovery/docker/nginx-proxy/keys.ts'
import { nginxProxy } from '../../src/discovery/docker/nginx-proxy/nginx-proxy.ts'
import { keys as traefikKeys } from '../../src/discovery/docker/traefik/keys.ts'
import { middlewareKeys } from '../../src/discovery/docker/traefik/middlewares/keys.ts'
import { middlewareKinds } from '../../src/discovery/docker/traefik/middlewares/kinds.ts'
import { traefik } from '../../src/discovery/docker/traefik/traefik.ts'

/** By htpasswd; the password is of no importance. */
const HASH = '$apr1$Z4/0FhB8$g.iurwy285MG7Yr16Ua9R.'

const sourceValues = {
  'sourcecriterion.requestheadername': 'X-A',
  'sourcecriterion.ipstrategy.depth': '1',
  'sourcecriterion.ipstrategy.excludedips': '10.0.0.1',
  'sourcecriterion.ipstrategy.ipv6subnet': '56',
}
const byAddress = { 'sourcecriterion.ipstrategy': 'true' }
const sourceNeeds = {
  'sourcecriterion.ipstrategy.depth': byAddress,
  'sourcecriterion.ipstrategy.excludedips': byAddress,
}
const rangeValues = {
  sourcerange: '10.1.0.0/16',
  rejectstatuscode: '404',
  'ipstrategy.depth': '1',
  'ipstrategy.excludedips': '10.0.0.1',
  'ipstrategy.ipv6subnet': '64',
}

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

/** Options that a middleware of each kind works with, and values of others that make a difference. `true` is the value of the rest. */
const middlewares: Readonly<
  Record<
    string,
    { needs: Record<string, string>; values?: Record<string, string>; with?: Record<string, Record<string, string>> }
  >
> = {
  addprefix: { needs: { prefix: '/a' }, values: { prefix: '/b' } },
  basicauth: {
    needs: { users: `x:${HASH}` },
    values: { users: `y:${HASH}`, realm: 'b', headerfield: 'X-User', usersfile: '/users' },
  },
  buffering: {
    needs: { maxrequestbodybytes: '9000' },
    values: {
      maxrequestbodybytes: '8000',
      memrequestbodybytes: '100',
      maxresponsebodybytes: '100',
      memresponsebodybytes: '100',
      retryexpression: 'Attempts() < 2',
    },
  },
  compress: {
    needs: { minresponsebodybytes: '10' },
    values: {
      '': 'false',
      encodings: 'gzip',
      includedcontenttypes: 'text/html',
      excludedcontenttypes: 'text/html; charset=utf-8',
      minresponsebodybytes: '20',
      defaultencoding: 'gzip',
    },
  },
  forwardauth: {
    needs: { address: 'http://auth/' },
    values: {
      address: 'http://auth/other',
      authresponseheaders: 'X-User',
      authresponseheadersregex: '^X-',
      authrequestheaders: 'Cookie',
      addauthcookiestoresponse: 'a',
      headerfield: 'X-User',
      maxbodysize: '100',
      maxresponsebodysize: '100',
      'tls.*': '/ca.pem',
    },
  },
  headers: {
    needs: { framedeny: 'true' },
    values: {
      framedeny: 'false',
      accesscontrolalloworiginlist: '*',
      accesscontrolalloworiginlistregex: 'https://.*',
      accesscontrolallowmethods: 'PUT',
      accesscontrolallowheaders: 'X-A',
      accesscontrolexposeheaders: 'X-A',
      accesscontrolmaxage: '60',
      stsseconds: '60',
      customframeoptionsvalue: 'SAMEORIGIN',
      sslhost: 'b.example',
    },
    with: {
      accesscontrolallowmethods: { accesscontrolalloworiginlist: 'https://b.example' },
      accesscontrolallowheaders: { accesscontrolalloworiginlist: 'https://b.example' },
      accesscontrolallowcredentials: { accesscontrolalloworiginlist: 'https://b.example' },
      accesscontrolexposeheaders: { accesscontrolalloworiginlist: 'https://b.example' },
      accesscontrolmaxage: { accesscontrolalloworiginlist: 'https://b.example' },
      stsincludesubdomains: { stsseconds: '60' },
      stspreload: { stsseconds: '60' },
      ssltemporaryredirect: { sslredirect: 'true' },
      sslhost: { sslredirect: 'true' },
      isdevelopment: { stsseconds: '60' },
    },
  },
  inflightreq: { needs: { amount: '3' }, values: { amount: '4', ...sourceValues }, with: sourceNeeds },
  ipallowlist: { needs: { sourcerange: '10.0.0.0/8' }, values: { ...rangeValues } },
  ipwhitelist: { needs: { sourcerange: '10.0.0.0/8' }, values: { ...rangeValues } },
  ratelimit: {
    needs: { average: '100' },
    values: { average: '50', period: '1m', burst: '20', ...sourceValues },
    with: sourceNeeds,
  },
  redirectregex: {
    needs: { regex: '^http://(.*)$', replacement: 'https://$1' },
    values: { regex: '^http://www.(.*)$', replacement: 'https://b.example/${1}' },
  },
  redirectscheme: { needs: { scheme: 'https' }, values: { scheme: 'http', port: '8443' } },
  replacepath: { needs: { path: '/a' }, values: { path: '/b' } },
  replacepathregex: {
    needs: { regex: '^/a/(.*)', replacement: '/b/$1' },
    values: { regex: '^/b/(.*)', replacement: '/c/$1' },
  },
  retry: { needs: { attempts: '3' }, values: { attempts: '4', timeout: '7s', status: '500' } },
  stripprefix: { needs: { prefixes: '/a' }, values: { prefixes: '/a,/b' } },
  stripprefixregex: { needs: { regex: '/a[0-9]' }, values: { regex: '/b[0-9]' } },
}

/** A container of one router that needs a chain with a middleware of these options. */
function needing(kind: string, options: Readonly<Record<string, string>>): Container {
  const written = Object.entries(options).map(([option, value]) => {
    return [`traefik.http.middlewares.second.${kind}${option === '' ? '' : `.${option}`}`, value]
  })
  return container({
    'traefik.http.routers.app.rule': 'Host(`a.example`)',
    'traefik.http.routers.app.tls': 'true',
    'traefik.http.routers.app.middlewares': 'first',
    'traefik.http.middlewares.first.chain.middlewares': 'second@docker',
    ...Object.fromEntries(written),
  })
}

describe('every option of a middleware has the effect of its row', () => {
  for (const { key, meaning } of middlewareKeys) {
    const [, kind = '', option = ''] = /^traefik\.http\.middlewares\.NAME\.(\w+)\.?(.*)$/.exec(key)!
    const working = middlewares[kind]
    if (working === undefined) continue
    test(`${kind} ${option}: ${meaning}`, () => {
      const options = { ...working.needs, ...working.with?.[option] }
      const value = working.values?.[option] ?? 'true'
      const changed = { ...options, [option.replace('*', 'X-A')]: value }
      check(traefik, meaning, key, needing(kind, options), needing(kind, changed))
    })
  }

  test('each kind is there', () => {
    const kinds = [...middlewareKinds].filter(([, { route }]) => route === 'filters').map(([kind]) => kind)
    assert.deepEqual(Object.keys(middlewares), kinds)
  })
})

describe('a route has what its middlewares do as filters, in their order', () => {
  for (const [kind, { needs }] of Object.entries(middlewares)) {
    test(kind, () => {
      const { routes } = traefik.read([needing(kind, needs)])
      assert.equal(routes.length, 1)
      const { filters, retries } = routes[0]!.settings as { filters?: object[]; retries?: object }
      assert.ok(kind === 'retry' ? retries !== undefined : filters!.length > 0)
    })
  }

  test('those of chains in the place of the chain, once for each time that they are named', () => {
    const { routes } = traefik.read([
      container({
        'traefik.http.routers.app.rule': 'Host(`a.example`)',
        'traefik.http.routers.app.middlewares': 'a, both@docker ,a',
        'traefik.http.middlewares.both.chain.middlewares': 'b,c',
        'traefik.http.middlewares.a.addprefix.prefix': '/a',
        'traefik.http.middlewares.b.addprefix.prefix': '/b/',
        'traefik.http.middlewares.c.addprefix.prefix': 'c',
      }),
    ])
    assert.deepEqual(
      routes[0]!.settings.filters,
      ['/a', '/b', '/c', '/a'].map((add) => ({ path: { add } })),
    )
  })

  const exact: Readonly<Record<string, readonly [kind: string, options: Record<string, string>, filters: object[]]>> = {
    'an average of 100 in a minute': [
      'ratelimit',
      { average: '100', period: '60' },
      [{ rateLimit: { rate: '100/m' } }],
    ],
    'a rate that no unit has exactly': [
      'ratelimit',
      { average: '1', period: '7s', burst: '10' },
      [{ rateLimit: { rate: '12342/d', burst: 9 } }],
    ],
    'no limit': ['ratelimit', { average: '0', burst: '5' }, []],
    'a limit by a header': [
      'inflightreq',
      { amount: '5', 'sourcecriterion.requestheadername': 'X-Tenant' },
      [{ concurrencyLimit: { limit: 5, by: 'header:x-tenant' } }],
    ],
    'ranges with bits beyond their prefix': [
      'ipallowlist',
      { sourcerange: '10.1.2.3/8, 192.168.1.7,2001:db8::1/32,::ffff:10.0.0.1/104', rejectstatuscode: '404' },
      [{ allow: { from: ['10.0.0.0/8', '192.168.1.7', '2001:db8::/32', '10.0.0.0/8'], status: 404 } }],
    ],
    'a replacement of Go': [
      'replacepathregex',
      { regex: '^/(?P<user>[a-z]+)/(x)(y)?', replacement: '/$${user}0/$$$2${9}$4x' },
      [
        { headers: { request: { set: { 'X-Replaced-Path': '${request.path}' } } } },
        { path: { pattern: '^/(?<user>[a-z]+)/(x)(y)?', to: '/${user}0/$$2' } },
      ],
    ],
    'several prefixes': ['stripprefix', { prefixes: '/a/,b , /' }, [{ path: { strip: ['/a', '/b'] } }]],
    'several expressions': [
      'stripprefixregex',
      { regex: '^/a[0-9]+,/b' },
      [{ path: { pattern: '^(?:(?:/a[0-9]+)|(?:/b))', to: '' } }],
    ],
    'a password, which servers get, too': [
      'basicauth',
      { users: `x:${HASH},y:${HASH}` },
      [{ basicAuth: { users: [`x:${HASH}`, `y:${HASH}`], realm: 'traefik', forward: true } }],
    ],
    'headers that a client could send to be taken for somebody else': [
      'headers',
      {
        'customrequestheaders.X-Remote-User': 'guest ${client.address}',
        'customrequestheaders.X-Debug': '',
        'customrequestheaders.Host': 'inner.example',
        'customresponseheaders.X-Frame-Options': '',
        'customresponseheaders.Server': '',
        framedeny: 'true',
        contenttypenosniff: 'true',
      },
      [
        { host: 'inner.example' },
        {
          headers: {
            request: { remove: ['X-Debug'], set: { 'X-Remote-User': 'guest $${client.address}' } },
            response: { remove: ['X-Frame-Options', 'Server'], set: { 'X-Content-Type-Options': 'nosniff' } },
          },
        },
      ],
    ],
    'every origin, for which browsers accept no credentials': [
      'headers',
      { accesscontrolalloworiginlist: '*', accesscontrolallowcredentials: 'true', accesscontrolallowheaders: '*' },
      [{ cors: { origins: 'any', methods: ['GET', 'HEAD', 'POST'], headers: 'any', maxAge: '0s' } }],
    ],
    'a large body': [
      'buffering',
      { maxrequestbodybytes: '3000000', memrequestbodybytes: '1000000' },
      [{ bufferRequest: { memory: '1MB', disk: '2MB' } }, { bufferResponse: { memory: '1MiB' } }],
    ],
  }
  for (const [what, [kind, options, filters]] of Object.entries(exact)) {
    test(what, () => {
      const { routes, mistakes } = traefik.read([needing(kind, options)])
      assert.deepEqual(routes[0]?.settings.filters ?? [], filters, JSON.stringify(mistakes))
    })
  }
})

describe('a route is not served without a middleware that protects it', () => {
  for (const [kind, { route }] of middlewareKinds) {
    if (route === 'filters') continue
    test(`${kind}: ${route}`, () => {
      const { routes, mistakes } = traefik.read([needing(kind, { scheme: 'https' })])
      assert.equal(routes.length, route === 'served' ? 1 : 0)
      const [mistake, ...others] = mistakes.filter(({ where }) => !where.includes('routers.app.tls'))
      assert.deepEqual(others, [])
      assert.match(`${mistake!.where} ${mistake!.message}`, new RegExp(`${kind}.* not supported`))
      assert.ok(mistake!.hint)
    })
  }

  const invalid: Readonly<Record<string, readonly [kind: string, options: Record<string, string>]>> = {
    'an option that Traefik does not know': ['basicauth', { users: `x:${HASH}`, user: `y:${HASH}` }],
    'a plain password': ['basicauth', { users: 'x:secret' }],
    'a hash by SHA-1': ['basicauth', { users: 'x:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=' }],
    'no user': ['basicauth', { realm: 'a' }],
    'no range': ['ipallowlist', { sourcerange: '' }],
    'a range that is none': ['ipallowlist', { sourcerange: '10.0.0.0/33' }],
    'an expression that is none': ['redirectregex', { regex: '(', replacement: '/' }],
    'an expression that may match twice': ['replacepathregex', { regex: 'a|^/b', replacement: '/' }],
    'a query in a path': ['replacepath', { path: '/a?b' }],
    'two criteria': [
      'ratelimit',
      { average: '1', 'sourcecriterion.requesthost': 'true', 'sourcecriterion.requestheadername': 'X-A' },
    ],
    'a rate below one a day': ['ratelimit', { average: '1', period: '100h' }],
    'a service that is no URL': ['forwardauth', { address: 'auth:9091' }],
    'an origin that is none': ['headers', { accesscontrolalloworiginlist: 'a.example' }],
    'no request at a time': ['inflightreq', { amount: '0' }],
    'an address of a proxy before': ['ipallowlist', { sourcerange: '10.0.0.0/8', 'ipstrategy.depth': '1' }],
  }
  for (const [what, [kind, options]] of Object.entries(invalid)) {
    test(what, () => {
      const { routes, mistakes } = traefik.read([needing(kind, options)])
      assert.deepEqual(routes, [])
      assert.match(JSON.stringify(mistakes), new RegExp(`middlewares\\.second\\.${kind}|second@docker \\(${kind}`))
      assert.match(JSON.stringify(mistakes), /the route is not served/)
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
    'chains whose number grows without end': {
      middlewares: 'm0',
      ...Object.fromEntries(Array.from({ length: 99 }, (_, n) => [`m${n}.chain.middlewares`, `m${n + 1},m${n + 1}`])),
      'm99.chain.middlewares': '',
    },
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

describe('of two routers with the same rule, one counts', () => {
  const rule = 'Host(`a.example`)'
  const middlewares = {
    'traefik.http.middlewares.users.basicauth.users': `x:${HASH}`,
    'traefik.http.middlewares.https.redirectscheme.scheme': 'https',
    'traefik.http.middlewares.zip.compress': 'true',
  }
  const cases: Readonly<
    Record<
      string,
      readonly [
        one: Record<string, string>,
        other: Record<string, string>,
        filters: string[] | undefined,
        said?: RegExp,
      ]
    >
  > = {
    'the one with tls, whatever it is called': [
      {},
      { tls: 'true', middlewares: 'users' },
      ['basicAuth'],
      /one.rule: requires the same as the router other, which counts, because it has tls/,
    ],
    'the one of the higher priority': [
      { priority: '50', middlewares: 'zip' },
      { tls: 'true', middlewares: 'users' },
      ['compress'],
      /other.rule: requires the same as the router one, which counts, because Traefik would ask it first/,
    ],
    'none, if the one that counts cannot be served': [
      {},
      { tls: 'true', middlewares: 'users@file' },
      undefined,
      /one.rule: requires the same/,
    ],
    'the one with tls, with the redirect of the other': [
      { middlewares: 'https,zip' },
      { tls: 'true', middlewares: 'users' },
      ['redirect', 'basicAuth'],
    ],
    'nothing beside a redirect that goes nowhere': [
      { middlewares: 'https' },
      { middlewares: 'zip' },
      ['compress'],
      /one.rule: is of a router that sends every request to https/,
    ],
    'both, if they do the same': [{ middlewares: 'zip' }, { middlewares: 'zip' }, ['compress']],
  }
  for (const [what, [one, other, filters, said]] of Object.entries(cases)) {
    test(what, () => {
      const labels = Object.entries({ one: { rule, ...one }, other: { rule, ...other } }).flatMap(([name, fields]) =>
        Object.entries(fields).map(([key, value]) => [`traefik.http.routers.${name}.${key}`, value]),
      )
      const { routes, mistakes } = traefik.read([container({ ...middlewares, ...Object.fromEntries(labels) })])
      const [route, ...others] = routes
      assert.deepEqual(others, [])
      const found = route?.settings.filters as Record<string, unknown>[] | undefined
      assert.deepEqual(
        found?.map((filter) => Object.keys(filter)[0]),
        filters,
      )
      const words = mistakes
        .filter(({ where }) => where.includes('.rule'))
        .map(({ where, message }) => `${where}: ${message}`)
      assert.equal(words.length, said === undefined ? 0 : 1)
      if (said !== undefined) assert.match(words[0]!, said)
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
  const { routes, mistakes } = traefik.read([container(labels), other])
  assert.deepEqual(routes, [])
  assert.doesNotMatch(JSON.stringify(mistakes), /secret|older|\$apr1/)
})

describe('the pages have a row for each', () => {
  const rows = (page: string) =>
    readFileSync(new URL(`../../docs/discovery/${page}.md`, import.meta.url), 'utf8').split('\n')
  test('traefik.md', () => {
    const expected = [
      ...traefikKeys.map(({ key, meaning, why }) => `| \`${key}\` | ${meaning} | ${why} |`),
      ...[...middlewareKinds].map(([kind, { route, hint }]) => `| ${kind} | ${route} | ${hint} |`),
      ...middlewareKeys.map(
        ({ key, meaning, why }) => `| \`${key.replace('traefik.http.middlewares.NAME.', '')}\` | ${meaning} | ${why} |`,
      ),
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
  if (meaning === 'left-out') {
    assert.ok(before.routes.length > 0)
    assert.deepEqual([after.routes, said], [[], 1])
    return
  }
  if (meaning === 'read') {
    assert.ok(described(after) !== described(before) || said > 0, `${label} has no effect`)
    return
  }
  assert.equal(described(after), described(before))
  assert.equal(said, meaning === 'ignored' ? 0 : 1)
  if (meaning !== 'ignored') assert.ok(after.mistakes.at(-1)!.hint)
}

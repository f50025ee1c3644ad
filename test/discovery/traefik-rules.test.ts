/** Rules of Traefik's routers as routes: test/fixtures/compose has whole files. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { InvalidValue } from '../../src/config/error.ts'
import type { Container } from '../../src/discovery/docker/container.ts'
import { alternativesOf } from '../../src/discovery/docker/traefik/alternatives.ts'
import { matchers } from '../../src/discovery/docker/traefik/matchers.ts'
import { parseRule, type Rule } from '../../src/discovery/docker/traefik/rule.ts'
import { traefik } from '../../src/discovery/docker/traefik/traefik.ts'
import type { FoundRoute } from '../../src/discovery/provider.ts'
import { Router } from '../../src/routing/router.ts'
import type { Route } from '../../src/runtime/snapshot.ts'
import fc from '../support/property.ts'
import { requestConditions } from '../support/request-conditions.ts'

describe('a rule is read in either syntax', () => {
  const host = { hosts: ['a.example'], paths: [], methods: [], headers: {} }
  const cases: [rule: string, ...routes: object[]][] = [
    ['Host(`a.example`)', host],
    ['Host("a.example")', host],
    ['  host( `A.Example` )  ', host],
    ['(((Host(`a.example`))))', host],
    ['!!Host(`a.example`)', host],
    ['HostHeader(`a.example`)', host],
    ['Host(`a.example`) || Host(`b.example`)', { ...host, hosts: ['a.example', 'b.example'] }],
    ['Host(`a.example`, `b.example`)', { ...host, hosts: ['a.example', 'b.example'] }],
    ['Host(`**.example`)', { ...host, hosts: ['*.example'] }],
    ['Host(`*.example`) && Host(`a.example`)', host],
    ['HostRegexp(`{any:.*}`)', { ...host, hosts: [] }],
    ['HostRegexp(`^.+$`) && Path(`/x`)', { ...host, hosts: [], paths: ['/x'] }],
    ['HostRegexp(`^[a-z]+\\.example$`)', { ...host, hosts: ['~ ^[a-z]+\\.example$'] }],
    ['HostRegexp(`{sub:[a-z]{1,3}}.a.example`)', { ...host, hosts: ['~ ^(?:[a-z]{1,3})\\.a\\.example$'] }],
    ['HostRegexp(`^a`) && Host(`a.example`)', host],
    ['PathRegexp(`^/v(\\d+)/`)', { ...host, hosts: [], paths: ['~ ^/v(\\d+)/'] }],
    ['PathPrefix(`/v`) && PathRegexp(`^/v/(\\d+)/`)', { ...host, hosts: [], paths: ['~ ^/v/(\\d+)/'] }],
    ['Path(`/users/{id:[0-9]+}`)', { ...host, hosts: [], paths: ['~ ^/users/(?:[0-9]+)$'] }],
    ['PathPrefix(`/users/{id:[0-9]+}`)', { ...host, hosts: [], paths: ['~ ^/users/(?:[0-9]+)(?:/|$)'] }],
    ['Query(`v`, `2`)', { ...host, hosts: [], query: { v: '2' } }],
    ['Query(`v`)', { ...host, hosts: [], query: { v: true } }],
    ['Query(`v=2`, `debug=`)', { ...host, hosts: [], query: { v: '2', debug: true } }],
    ['Query(`v`) && Query(`v`, `2`) && Query(`w`, `1`)', { ...host, hosts: [], query: { v: '2', w: '1' } }],
    ['PathPrefix(`/`)', { ...host, hosts: [], paths: ['/*'] }],
    ['PathPrefix(`/api`)', { ...host, hosts: [], paths: ['/api', '/api/*'] }],
    ['PathPrefix(`/api/`)', { ...host, hosts: [], paths: ['/api/*'] }],
    ['PathPrefix(`/api`) && PathPrefix(`/api/v1`)', { ...host, hosts: [], paths: ['/api/v1', '/api/v1/*'] }],
    ['Method(`get`,`POST`)', { ...host, hosts: [], methods: ['GET', 'POST'] }],
    ['Headers(`X-Beta`, `1`)', { ...host, hosts: [], headers: { 'x-beta': '1' } }],
    ['Header(`X-Name`, `a "b"`)', { ...host, hosts: [], headers: { 'x-name': 'a "b"' } }],
    ['Host(`a.example`) && (Path(`/x`) || Method(`PUT`))', { ...host, paths: ['/x'] }, { ...host, methods: ['PUT'] }],
  ]
  for (const [rule, ...routes] of cases) {
    test(rule, () => assert.deepEqual(alternativesOf(parseRule(rule)), { alternatives: routes, refused: [] }))
  }
})

describe('what no route can say is refused, and the rest of the rule holds', () => {
  const refused = ['headerregexp', 'headersregexp', 'queryregexp', 'clientip', 'hostsni']
  for (const name of refused) {
    test(name, () => {
      const { alternatives, refused } = alternativesOf(parseRule(`Host(\`a.example\`) || ${name}(\`^x[0-9]$\`)`))
      assert.deepEqual(alternatives[0]?.hosts, ['a.example'])
      assert.match(refused[0]!.message, new RegExp(`${name}`, 'i'))
      assert.ok(refused[0]!.hint)
      assert.deepEqual(alternativesOf(parseRule(`Host(\`a.example\`) && ${name}(\`^x[0-9]$\`)`)).alternatives, [])
    })
  }
  test('a regular expression that takes more than linear time', () => {
    const { alternatives, refused } = alternativesOf(parseRule('Host(`a.example`) || PathRegexp(`^/(?!x)`)'))
    assert.deepEqual(alternatives[0]?.hosts, ['a.example'])
    assert.match(refused[0]!.message, /no pattern in PathRegexp/)
  })
  test('!', () => assert.equal(alternativesOf(parseRule('Host(`a`) && !Path(`/x`)')).refused.length, 1))
})

describe('a rule that cannot be read says why', () => {
  const cases: [rule: string, message: RegExp][] = [
    ['', /at the end of the rule/],
    ['Host(`a`', /expected , or \) at the end/],
    ['Host(`a', /expected a ` that ends the value/],
    ["Host('a')", /backticks/],
    ['Host(`a`) Host(`b`)', /&&, \|\| or the end of the rule at character 11/],
    ['Host(`a`) &&', /at the end of the rule/],
    ['Host()', /a value in Host/],
    ['Hst(`a`)', /not Hst/],
    ['constructor(`a`)', /not constructor/],
    ['Host(`a b`)', /a host name or an IP address in Host/],
    ['Path(`x`)', /a path that starts with \//],
    ['Header(`x`)', /a name and a value/],
    ['Path(`/a`) && Path(`/b`)', /some request matches/],
    ['Header(`x`, `1`) && Header(`x`, `2`)', /one value of the header x/],
    ['Query(`x`, `1`) && Query(`x`, `2`)', /one value of the parameter x/],
    ['PathRegexp(`^/a`) && PathRegexp(`b$`)', /no && between ~ b\$ and a regular expression/],
    ['PathRegexp(`^/a`) && Path(`/b`)', /some request matches/],
    [`${'('.repeat(60)}Host(\`a\`)${')'.repeat(60)}`, /at most 50 deep/],
    [`Host(\`${'a'.repeat(9000)}\`)`, /at most 8192 characters/],
  ]
  for (const [rule, message] of cases) {
    test(rule.slice(0, 60), () =>
      assert.throws(
        () => alternativesOf(parseRule(rule)),
        (error) => error instanceof InvalidValue && message.test(error.message),
      ),
    )
  }
})

test('a rule of too many alternatives is refused before it takes long', () => {
  const rule = Array.from({ length: 30 }, (_, n) => `(Header(\`a${n}\`, \`1\`) || Header(\`b${n}\`, \`1\`))`).join(
    ' && ',
  )
  assert.throws(() => alternativesOf(parseRule(rule)), /at most 64 alternatives/)
})

test('every matcher that Traefik documents is known', () => {
  const documented =
    'Header HeaderRegexp Headers HeadersRegexp Host HostHeader HostRegexp Method Path PathPrefix PathRegexp'
  const names = `${documented} Query QueryRegexp ClientIP HostSNI HostSNIRegexp ALPN`.toLowerCase().split(' ')
  assert.deepEqual([...matchers.keys()].sort(), names.sort())
})

test('the routes match exactly the requests that the rule matches', () => {
  const leaf = fc.constantFrom(
    'Host(`a.example`)',
    'Host(`b.example`, `c.example`)',
    'Host(`*.example`)',
    'Path(`/x`)',
    'Path(`/x/y`)',
    'PathPrefix(`/x`)',
    'PathPrefix(`/x/y/`)',
    'PathPrefix(`/`)',
    'PathRegexp(`^/x(/|$)`)',
    'PathRegexp(`y$`)',
    'HostRegexp(`^[ab]\\.`)',
    'Query(`q`, `1`)',
    'Query(`q`)',
    'Method(`GET`)',
    'Method(`POST`, `PUT`)',
    'Header(`X-A`, `1`)',
    'Header(`X-B`, `1`)',
  )
  const { rule: rules } = fc.letrec<{ rule: string }>((tie) => ({
    rule: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc
        .tuple(tie('rule'), fc.constantFrom('&&', '||'), tie('rule'))
        .map(([a, operator, b]) => `(${a} ${operator} ${b})`),
    ),
  }))
  const requests = fc.record({
    host: fc.constantFrom('a.example', 'b.example', 'd.e.example', 'example', 'other'),
    path: fc.constantFrom('/', '/x', '/x/', '/xy', '/x/y', '/x/y/z', '/z'),
    method: fc.constantFrom('GET', 'POST', 'DELETE'),
    headers: fc.record({ 'x-a': fc.constantFrom('1', '2'), 'x-b': fc.constantFrom('1', '2') }),
    query: fc.constantFrom(undefined, '1', '2'),
  })
  fc.assert(
    fc.property(rules, fc.array(requests, { minLength: 20, maxLength: 20 }), (text, requests) => {
      const rule = parseRule(text)
      const routes = routesOf(rule)
      if (routes === undefined) return
      const router = new Router(routes)
      for (const { host, path, method, headers, query } of requests) {
        const conditions = conditionsOf({ host, path, method, headers, query })
        const isServed = router.find(host, path, conditions) !== undefined
        assert.equal(
          isServed,
          matches(rule, { host, path, method, headers, query }),
          `${text}: ${method} ${host}${path}`,
        )
      }
    }),
    { numRuns: 500 },
  )
})

test('of several routers, each request goes to the one that Traefik would ask first', () => {
  const hosts = ['Host(`a.example`)', 'Host(`a.example`, `b.example`)', 'Host(`*.example`)', 'PathPrefix(`/`)']
  const paths = ['Path(`/x`)', 'PathPrefix(`/x`)', 'PathPrefix(`/x/y/`)', 'PathPrefix(`/`)']
  const conditions = ['Method(`GET`)', 'Header(`X-A`, `1`)', 'Header(`X-B`, `1`)', 'Query(`q`)']
  const expressions = ['PathRegexp(`^/x(/|$)`)', 'HostRegexp(`^[ab]\\.`)']
  const ruleOf = (...parts: readonly string[]) => parts.join(' && ')
  const rules = fc.oneof(
    fc.tuple(fc.constantFrom(...hosts), fc.constantFrom(...paths)).map((parts) => ruleOf(...parts)),
    fc
      .tuple(fc.constantFrom(...hosts), fc.constantFrom(...paths), fc.constantFrom(...conditions))
      .map((parts) => ruleOf(...parts)),
  )
  const routers = fc.oneof(
    fc.array(fc.tuple(rules, fc.option(fc.integer({ min: 1, max: 200 }), { nil: undefined })), {
      minLength: 2,
      maxLength: 6,
    }),
    // Regular expressions are compared where priorities are written.
    fc.array(fc.tuple(fc.oneof(rules, fc.constantFrom(...expressions)), fc.integer({ min: 1, max: 200 })), {
      minLength: 2,
      maxLength: 6,
    }),
  )
  const every = ['a.example', 'b.example', 'c.example', 'other'].flatMap((host) =>
    ['/', '/x', '/x/y', '/x/y/z'].flatMap((path) =>
      ['1', '2'].flatMap((value) =>
        ['GET', 'POST'].map((method) => {
          const headers = { 'x-a': value, 'x-b': method === 'GET' ? value : '1' }
          return { host, path, method, headers, query: value === '1' ? value : undefined }
        }),
      ),
    ),
  )
  fc.assert(
    fc.property(routers, (written) => {
      const { routes } = traefik.read(written.map(([rule, priority], index) => containerOf(index, rule, priority)))
      const router = new Router(routes.flatMap(asRoutes))
      for (const asked of every) {
        const matching = written
          .map(([rule, priority], index) => ({ index, priority: priority ?? rule.length, rule }))
          .filter(({ rule }) => matches(parseRule(rule), asked))
          .toSorted((one, other) => other.priority - one.priority)
        // Traefik does not say which of two comes first that have the same priority.
        if (matching[0]?.priority === matching[1]?.priority && matching.length > 0) continue
        assert.equal(
          router.find(asked.host, asked.path, conditionsOf(asked))?.upstream,
          matching[0]?.index,
          JSON.stringify({ asked, written, routes }),
        )
      }
    }),
    { numRuns: 500 },
  )
})

function containerOf(index: number, rule: string, priority: number | undefined): Container {
  const labels = {
    [`traefik.http.routers.r${index}.rule`]: rule,
    ...(priority !== undefined && { [`traefik.http.routers.r${index}.priority`]: String(priority) }),
  }
  const service = `r${index}`
  return { id: service, name: service, service, created: index, labels, environment: {}, ports: [80] }
}

/** As control/compile-route.ts makes them, with the number of the router as the upstream. */
function asRoutes({ upstream, settings }: FoundRoute): Route[] {
  const { host = [undefined], path, ...more } = settings as { host?: string[]; path: string[] }
  return host.flatMap((host: string | undefined) =>
    path.map((path) => ({ ...(host !== undefined && { host }), path, ...more, upstream: Number(upstream.slice(1)) })),
  )
}

function conditionsOf({ method, headers, query }: Asked) {
  return requestConditions({
    method,
    hasHeader: (name, value) => headers[name as 'x-a'] === value,
    hasParameter: (_, value) => (value === true ? query !== undefined : query === value),
  })
}

interface Asked {
  readonly host: string
  readonly path: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly query: string | undefined
}

/** Undefined where no request matches, or there are too many alternatives. */
function routesOf(rule: Rule): Route[] | undefined {
  try {
    return alternativesOf(rule).alternatives.flatMap(({ hosts, paths, methods, headers, query }) =>
      (hosts.length === 0 ? [undefined] : hosts).flatMap((host) =>
        (paths.length === 0 ? ['/*'] : paths).map((path) => ({
          ...(host !== undefined && { host }),
          path,
          ...(methods.length > 0 && { methods }),
          headers,
          ...(query !== undefined && { query }),
          upstream: 0,
        })),
      ),
    )
  } catch (error) {
    if (error instanceof InvalidValue) return undefined
    throw error
  }
}

/** What the rule says, matcher by matcher. Prefixes are of whole segments. */
function matches(rule: Rule, asked: Asked): boolean {
  if (rule.kind === 'not') return !matches(rule.part, asked)
  if (rule.kind !== 'matcher') return rule.parts[rule.kind === 'any' ? 'some' : 'every']((part) => matches(part, asked))
  const [first = '', second = ''] = rule.values
  if (rule.name === 'Header') return asked.headers[first.toLowerCase()] === second
  if (rule.name === 'Query') return rule.values.length === 1 ? asked.query !== undefined : asked.query === second
  return rule.values.some((value) => {
    if (rule.name === 'PathRegexp') return new RegExp(value).test(asked.path)
    if (rule.name === 'HostRegexp') return new RegExp(value).test(asked.host)
    if (rule.name === 'Host') return value.startsWith('*') ? asked.host.endsWith(value.slice(1)) : asked.host === value
    if (rule.name === 'Path') return asked.path === value
    if (rule.name === 'Method') return asked.method === value
    return asked.path === value || asked.path.startsWith(value.endsWith('/') ? value : `${value}/`)
  })
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Router } from '../../src/routing/router.ts'
import type { Route } from '../../src/runtime/snapshot.ts'
import fc from '../support/property.ts'
import { requestConditions } from '../support/request-conditions.ts'

interface Asked {
  readonly host: string
  readonly path: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
}

/** A simple reference implementation: the most specific of all routes that match. */
function plainly(routes: readonly Route[], asked: Asked): Route | undefined {
  const matching = routes.filter((route) => matches(route, asked))
  return matching.toSorted((a, b) => compare(rank(b), rank(a)))[0]
}

function matches({ host, path, methods, headers }: Route, asked: Asked): boolean {
  const isHost =
    host === undefined ||
    (host.startsWith('*')
      ? asked.host.endsWith(host.slice(1)) && asked.host.length >= host.length - 1
      : host === asked.host)
  const isPath = path.endsWith('/*') ? asked.path.startsWith(path.slice(0, -1)) : path === asked.path
  const isMethod = methods === undefined || methods.includes(asked.method)
  return (
    isHost &&
    isPath &&
    isMethod &&
    Object.entries(headers ?? {}).every(([name, value]) => asked.headers[name] === value)
  )
}

/** The specificity of a host or path: exact is the highest; of wildcards and prefixes, the longer is higher. */
function rank({ host, path, methods, headers }: Route): number[] {
  const ofHost = host === undefined ? -1 : host.startsWith('*') ? host.length : Infinity
  const ofPath = path.endsWith('/*') ? path.length : Infinity
  return [ofHost, ofPath, Object.keys(headers ?? {}).length, Number(methods !== undefined)]
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index])
  return at < 0 ? 0 : a[at]! - b[at]!
}

const path = fc
  .array(fc.constantFrom('a', 'b', '', 'app', '*'), { minLength: 1, maxLength: 4 })
  .map((s) => `/${s.join('/')}`)
const host = fc
  .array(fc.constantFrom('a', 'b', 'org', 'x'), { minLength: 1, maxLength: 4 })
  .map((labels) => labels.join('.'))
const values = fc.constantFrom('1', '2')
const headers = fc.record({ x: values, y: values }, { requiredKeys: [] })
const routes = fc.array(
  fc.record(
    {
      path: fc.oneof(
        path,
        path.map((prefix) => `${prefix.replace(/\/$/, '')}/*`),
      ),
      host: fc.oneof(
        host,
        host.map((name) => `*.${name}`),
      ),
      methods: fc.constantFrom(['GET'], ['GET', 'PUT']),
      headers,
      upstream: fc.nat(),
    },
    { requiredKeys: ['path', 'upstream'] },
  ),
  { maxLength: 12 },
)

test('a request takes the most specific route, in any order of routes', () => {
  const asked = fc.record({ host, path, method: fc.constantFrom('GET', 'POST'), headers })
  fc.assert(
    fc.property(routes, fc.array(asked, { maxLength: 8 }), (routes, requests) => {
      const router = new Router(routes as Route[])
      for (const request of requests) {
        const { host, path, method, headers } = request
        const found = router.find(
          host,
          path,
          requestConditions({ method, hasHeader: (name, value) => headers[name as 'x'] === value }),
        )
        assert.equal(found, plainly(routes as Route[], request), JSON.stringify(request))
      }
    }),
    { seed: 15, numRuns: 5000 },
  )
})

test('many routes are taken in slice by slice, and found as if they had come at once', () => {
  const routes = Array.from({ length: 1000 }, (_, index) => ({
    path: index % 2 === 0 ? `/app-${index}` : `/app-${index}/*`,
    ...(index % 3 === 0 && { host: `h${index % 7}.example.org` }),
    upstream: index,
  }))
  const building = Router.build(routes)
  let slices = 1
  let step = building.next()
  for (; step.done !== true; step = building.next()) slices++
  assert.ok(slices > 2)
  const [inSlices, atOnce] = [step.value, new Router(routes)]
  assert.equal(inSlices.usesHost, atOnce.usesHost)
  const request = requestConditions()
  for (const { path } of routes) {
    for (const host of ['', 'h0.example.org', 'h3.example.org']) {
      const asked = path.replace('*', 'x')
      assert.equal(inSlices.find(host, asked, request), atOnce.find(host, asked, request))
    }
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RequestConditions } from '../../src/routing/conditions.ts'
import { Router } from '../../src/routing/router.ts'
import type { Route } from '../../src/runtime/snapshot.ts'
import fc from '../support/property.ts'
import { requestConditions } from '../support/request-conditions.ts'

interface Asked {
  readonly host: string
  readonly path: string
  readonly method: string
  readonly listener: string
  readonly certificate: string
  readonly query: Readonly<Record<string, string>>
  readonly cookies: Readonly<Record<string, string>>
}

// ── a simple reference: every route is tried, and the best of those that match is taken ──────────────────────────

function plainly(routes: readonly Route[], asked: Asked): Route | undefined {
  const matching = routes.filter((route) => matches(route, asked))
  return matching.toSorted((one, other) => compare(rank(other, asked), rank(one, asked)))[0]
}

function matches(route: Route, { host, path, method, listener, certificate, query, cookies }: Asked): boolean {
  const has = (required: Route['query'], found: Readonly<Record<string, string>>) =>
    Object.entries(required ?? {}).every(([name, value]) => (value === true ? name in found : found[name] === value))
  const { clientCertificate } = route
  return (
    (route.host === undefined || asRegExp(route.host, hostRegExp).test(host)) &&
    asRegExp(route.path, pathRegExp).test(path) &&
    route.methods?.includes(method) !== false &&
    route.listeners?.includes(listener) !== false &&
    has(route.query, query) &&
    has(route.cookies, cookies) &&
    (clientCertificate === undefined || typeof clientCertificate === 'boolean'
      ? clientCertificate === undefined || clientCertificate === (certificate !== '')
      : clientCertificate.subject === certificate)
  )
}

function asRegExp(text: string, plain: (text: string) => string): RegExp {
  return new RegExp(text.startsWith('~ ') ? text.slice(2) : `^${plain(text)}$`, 's')
}

function hostRegExp(host: string): string {
  return host
    .replaceAll('.', '\\.')
    .replace('*', '.+')
    .replace(/^\.\+(?=\\\.)/, '.*')
}

function pathRegExp(path: string): string {
  return path.replaceAll(/:\w+/g, '[^/]+').replace(/\*$/, '.*')
}

/** How much of the path a route covers with what it says, and the rest of docs/routing.md. */
function rank(route: Route, { path }: Asked): (number | string)[] {
  return [
    route.priority ?? 0,
    ...rankOfHost(route.host),
    ...rankOfPath(route.path, path),
    conditionsIn(route),
    Number(route.methods !== undefined),
  ]
}

function rankOfHost(host: string | undefined): (number | string)[] {
  if (host === undefined) return [0, 0, '']
  if (host.startsWith('~ ')) return [1, host.length, opposite(host)]
  if (host.endsWith('.*')) return [2, host.length, '']
  return host.startsWith('*.') ? [3, host.length, ''] : [4, 0, '']
}

function rankOfPath(written: string, path: string): (number | string)[] {
  if (written.startsWith('~ ')) {
    const source = written.slice(2)
    const [, beginning = ''] = /^\^((?:[\w/]|\\.)*)(?![*+?{])/.exec(source) ?? []
    // An expression without a beginning begins like all paths, with a slash.
    return [
      0,
      Math.max(1, beginning.length),
      fixedSegments(path.slice(0, beginning.length)),
      source.length,
      opposite(source),
    ]
  }
  const isExact = !written.endsWith('*')
  const segments = written.split('/').slice(1, isExact ? undefined : -1)
  const covered =
    path
      .split('/')
      .slice(0, segments.length + 1)
      .join('/').length + 1
  const opening = isExact ? 0 : written.split('/').at(-1)!.length - 1
  return [Number(isExact), isExact ? 0 : covered + opening, fixed(segments), 0, '']
}

/** `1` for each fixed segment, `0` for each parameter: the earlier difference counts. */
function fixed(segments: readonly string[]): string {
  return segments.map((segment) => (segment.startsWith(':') ? '0' : '1')).join('')
}

function fixedSegments(beginning: string): string {
  return beginning.replaceAll(/[^/]/g, '').replaceAll('/', '1').slice(1)
}

/** A text that is smaller for one that comes later in the alphabet. */
function opposite(text: string): string {
  return [...text].map((character) => String.fromCharCode(255 - character.charCodeAt(0))).join('')
}

function conditionsIn({ query = {}, cookies = {}, listeners, clientCertificate }: Route): number {
  const named = Object.keys(query).length + Object.keys(cookies).length
  return named + Number(listeners !== undefined) + Number(clientCertificate !== undefined)
}

function compare(one: readonly (number | string)[], other: readonly (number | string)[]): number {
  const at = one.findIndex((value, index) => value !== other[index])
  return at < 0 ? 0 : one[at]! > other[at]! ? 1 : -1
}

// ── routes and requests ──────────────────────────────────────────────────────────────────────────────────────────

const segment = fc.constantFrom('a', 'b', 'ab', 'abc', '')
const writtenSegment = fc.oneof({ weight: 3, arbitrary: segment }, { weight: 1, arbitrary: fc.constantFrom(':x') })

function joined(segments: readonly string[]): string {
  return `/${segments.map((each, index) => (each === ':x' ? `:x${index}` : each)).join('/')}`
}

const writtenPath = fc.oneof(
  fc.array(writtenSegment, { minLength: 1, maxLength: 4 }).map(joined),
  fc
    .array(writtenSegment, { maxLength: 3 })
    .map((segments) => `${joined([...segments, ''])}*`.replace(/^\/\/\*/, '/*')),
  fc
    .tuple(fc.array(writtenSegment, { maxLength: 3 }), fc.constantFrom('a', 'ab', 'b'))
    .map(([segments, opening]) => `${joined([...segments, opening])}*`),
  fc.constantFrom(
    '~ ^/a',
    '~ ^/a(b|c)',
    '~ ^/ab/',
    '~ b$',
    '~ /b$',
    '~ ^/a/b?',
    '~ ^/(a|b)/[^/]+$',
    '~ ^/abc?/',
    '~ .',
  ),
)
const writtenHost = fc.constantFrom(
  ...['a.org', 'b.a.org', '*.a.org', '*.org', 'a.*', 'b.a.*', '~ ^[ab]\\.', '~ ^(a|b)\\.', '~ org$', '~ o.g$', '~ ^c'],
)
const values = fc.constantFrom<string | true>('1', '2', true)
const required = fc.record({ x: values, y: values }, { requiredKeys: [] })
const routes = fc.array(
  fc.record(
    {
      path: writtenPath,
      host: writtenHost,
      methods: fc.constantFrom(['GET'], ['GET', 'PUT']),
      query: required,
      cookies: required,
      listeners: fc.constantFrom(['in'], ['out'], ['in', 'out']),
      clientCertificate: fc.constantFrom<NonNullable<Route['clientCertificate']>>(true, false, { subject: 'alice' }),
      priority: fc.constantFrom(-1, 1, 2),
      upstream: fc.nat(),
    },
    { requiredKeys: ['path', 'upstream'] },
  ),
  { maxLength: 12 },
)
const found = fc.record({ x: fc.constantFrom('1', '2'), y: fc.constantFrom('1', '2') }, { requiredKeys: [] })
const requests = fc.array(
  fc.record({
    host: fc.constantFrom('a.org', 'b.a.org', 'c.b.a.org', 'a.com', 'b.a.com', 'c.org', 'org', 'a.', ''),
    path: fc.array(segment, { minLength: 1, maxLength: 5 }).map((segments) => `/${segments.join('/')}`),
    method: fc.constantFrom('GET', 'POST'),
    listener: fc.constantFrom('', 'in', 'out'),
    certificate: fc.constantFrom('', 'alice', 'bob'),
    query: found,
    cookies: found,
  }),
  { minLength: 4, maxLength: 8 },
)

function conditionsMetBy({ method, listener, certificate, query, cookies }: Asked): RequestConditions {
  const has = (values: Readonly<Record<string, string>>, name: string, value: string | true) =>
    value === true ? name in values : values[name] === value
  return requestConditions({
    method,
    listener,
    hasCertificate: certificate !== '',
    certifies: (_, value) => value === certificate,
    hasParameter: (name, value) => has(query, name, value),
    hasCookie: (name, value) => has(cookies, name, value),
  })
}

const pathsAlone = fc.array(fc.record({ path: writtenPath, upstream: fc.nat() }), { maxLength: 12 })

test('a request takes the most specific route by all the rules, in any order of routes', () => {
  assertMostSpecific(routes, 1500)
})

test('the most specific path is taken, where more than one way leads down the tree', () => {
  assertMostSpecific(pathsAlone, 1500)
})

function assertMostSpecific(routes: fc.Arbitrary<readonly Route[]>, numRuns: number): void {
  fc.assert(
    fc.property(routes, requests, (all, requests) => {
      const router = new Router(all)
      const reversed = new Router(all.toReversed())
      for (const asked of requests) {
        const expected = plainly(all, asked)
        const found = router.find(asked.host, asked.path, conditionsMetBy(asked))
        const words = JSON.stringify({ asked, found, expected })
        assert.deepEqual(found && rank(found, asked), expected && rank(expected, asked), words)
        const backwards = reversed.find(asked.host, asked.path, conditionsMetBy(asked))
        assert.deepEqual(backwards && rank(backwards, asked), expected && rank(expected, asked), words)
      }
    }),
    { seed: 16, numRuns },
  )
}

test('of many regular expressions and parameters, only those are tried that the path begins like', () => {
  const headers = { 'x-any': '1' }
  const many = Array.from({ length: 5000 }, (_, index) => [
    { path: `~ ^/app-${index}/(?<page>.*)$`, headers, upstream: index },
    { path: `/rooms-${index}/:room/*`, headers, upstream: index },
    { path: `/open-${index}*`, headers, upstream: index },
  ]).flat()
  const router = new Router(many)
  for (const path of ['/app-4711/x', '/rooms-4711/blue/x', '/open-4711/x']) {
    let tried = 0
    const hasHeader = () => {
      tried++
      return false
    }
    assert.equal(router.find('', path, requestConditions({ hasHeader })), undefined)
    // Those that begin like it: /open-4711*, /open-471*, /open-47* and /open-4*.
    assert.ok(tried >= 1 && tried <= 4, `${path}: ${tried}`)
  }
})

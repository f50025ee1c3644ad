/** Servers that go and are expected back, by a clock of the test. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Absences, LandscapeAbsences } from '../../../src/control/discovery/absences.ts'
import type { FoundServer, Landscape } from '../../../src/discovery/provider.ts'
import { MAX_SERVERS, MAX_UPSTREAMS } from '../../../src/runtime/bounds.ts'

const server = (id: string): FoundServer => ({ id, name: id, address: `${id}:80` })
const servers = (ids: string) => [...ids].map(server)

/** `aB`: a is there, and b is away. */
function written(list: readonly FoundServer[]): string {
  return list.map(({ id, state }) => (state === 'away' ? id.toUpperCase() : id)).join('')
}

function absences(patience: number) {
  const clock = { now: 0 }
  const all = new Absences(patience, () => clock.now)
  return { clock, all, fill: (ids: string) => written(all.fill(servers(ids))) }
}

test('a server that goes keeps its place until its time is over, whatever else comes and goes', () => {
  const { clock, all, fill } = absences(100)
  assert.equal(fill('abcd'), 'abcd')
  assert.equal(all.nextEnd, undefined)
  assert.equal(fill('acd'), 'aBcd')
  clock.now = 50
  assert.equal(fill('ad'), 'aBCd')
  assert.equal(all.nextEnd, 100)
  assert.equal(fill('dea'), 'deaBC')
  clock.now = 100
  assert.equal(fill('dea'), 'deaC')
  assert.equal(all.nextEnd, 150)
  assert.equal(fill('dceab'), 'dceab')
  assert.equal(all.nextEnd, undefined)
})

test('one that is given up takes no place of those behind it', () => {
  const { clock, fill } = absences(100)
  fill('abcd')
  fill('acd')
  clock.now = 60
  assert.equal(fill('ad'), 'aBCd')
  clock.now = 120
  assert.equal(fill('ad'), 'aCd')
  clock.now = 130
  assert.equal(fill(''), 'ACD')
})

test('one that comes back and goes again has its whole time again', () => {
  const { clock, all, fill } = absences(100)
  fill('ab')
  fill('a')
  clock.now = 90
  fill('ab')
  assert.equal(fill('a'), 'aB')
  assert.equal(all.nextEnd, 190)
})

test('an empty list leaves all of them away, then none', () => {
  const { clock, fill } = absences(100)
  fill('abc')
  assert.equal(fill(''), 'ABC')
  clock.now = 100
  assert.equal(fill(''), '')
})

test('where none is expected back, a list is what it is', () => {
  const { all } = absences(0)
  all.fill(servers('ab'))
  const list = servers('b')
  assert.equal(all.fill(list), list)
})

test('thousands that go at once are away in their order', () => {
  const { all } = absences(100)
  const many = Array.from({ length: MAX_SERVERS }, (_, index) => server(`s${index}`))
  all.fill(many)
  const away = all.fill([])
  assert.deepEqual(
    away.map(({ id }) => id),
    many.map(({ id }) => id),
  )
  assert.ok(away.every(({ state }) => state === 'away'))
  assert.equal(all.nextEnd, 100)
})

test('an upstream that labels no longer describe stays with its routes while a server of it is expected back', () => {
  const clock = { now: 0 }
  const all = new LandscapeAbsences(100, () => clock.now)
  const said = (...upstreams: string[]): Landscape => ({
    upstreams: upstreams.map((name) => ({ name, settings: {}, servers: servers(name), where: name })),
    routes: upstreams.map((upstream) => ({ upstream, settings: { path: `/${upstream}` }, where: upstream })),
    mistakes: [],
  })
  const seen = (landscape: Landscape) => [
    landscape.upstreams.map(({ name, servers }) => `${name}:${written(servers)}`).join(' '),
    landscape.routes.map(({ upstream }) => upstream).join(' '),
  ]
  assert.deepEqual(seen(all.fill(said('ab', 'c'))), ['ab:ab c:c', 'ab c'])
  assert.deepEqual(seen(all.fill(said('c'))), ['c:c ab:AB', 'c ab'])
  clock.now = 99
  assert.deepEqual(seen(all.fill(said())), ['c:C ab:AB', 'c ab'])
  assert.equal(all.nextEnd, 100)
  clock.now = 100
  assert.deepEqual(seen(all.fill(said())), ['c:C', 'c'])
  assert.deepEqual(seen(all.fill(said('c', 'ab'))), ['c:c ab:ab', 'c ab'])
  assert.equal(all.nextEnd, undefined)
})

/** Upstreams of labels, each with so many servers. */
function described(sizes: Readonly<Record<string, number>>): Landscape {
  const upstreams = Object.entries(sizes).map(([name, size]) => ({
    name,
    settings: {},
    servers: Array.from({ length: size }, (_, index) => server(`${name}-${index}`)),
    where: name,
  }))
  const routes = Object.keys(sizes).map((upstream) => ({ upstream, settings: {}, where: upstream }))
  return { upstreams, routes, mistakes: [] }
}

const sizes = ({ upstreams }: Landscape) =>
  Object.fromEntries(upstreams.map(({ name, servers }) => [name, servers.length]))

test('upstreams have one bound together: what is there comes first, and what is given up is said', () => {
  const all = new LandscapeAbsences(100, () => 0)
  const half = MAX_SERVERS / 2
  all.fill(described({ a: half, b: half }))
  assert.deepEqual(sizes(all.fill(described({ c: half - 10 }))), { c: half - 10, a: half, b: 10 })
  assert.deepEqual(
    all.mistakes.map(({ where, message }) => `${where}: ${message}`),
    [
      `servers that have gone: expected at most ${MAX_SERVERS} servers with those that are expected back; given up: ${half - 10} servers`,
    ],
  )
  assert.deepEqual(sizes(all.fill(described({ b: half, c: half }))), { b: half, c: half })
  assert.deepEqual(all.fill(described({ b: half, c: half })).routes.length, 2)
  assert.equal(all.mistakes.length, 0)
})

test('upstreams that come and go are no more than there may be', () => {
  const all = new LandscapeAbsences(100, () => 0)
  const some = (first: number) =>
    described(Object.fromEntries(Array.from({ length: MAX_UPSTREAMS / 2 }, (_, index) => [`u${first + index}`, 1])))
  all.fill(some(0))
  assert.equal(all.fill(some(10_000)).upstreams.length, MAX_UPSTREAMS)
  assert.equal(all.mistakes.length, 0)
  const { upstreams, routes } = all.fill(some(20_000))
  assert.equal(upstreams.length, MAX_UPSTREAMS)
  assert.equal(routes.length, MAX_UPSTREAMS)
  assert.match(all.mistakes[0]!.message, /at most 4096 upstreams .*; given up: 2048 upstreams/)
})

test('a list that has no room for all that have gone says how many are given up', () => {
  const all = new Absences(100, () => 0)
  const named = (prefix: string) => Array.from({ length: MAX_SERVERS - 1 }, (_, index) => server(`${prefix}${index}`))
  all.fill(named('a'))
  assert.equal(all.fill(named('b')).length, MAX_SERVERS)
  assert.match(all.mistakes[0]!.message, new RegExp(`given up: ${MAX_SERVERS - 2} servers`))
})

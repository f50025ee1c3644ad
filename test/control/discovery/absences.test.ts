/** Servers that go and are expected back, by a clock of the test. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Absences, LandscapeAbsences } from '../../../src/control/discovery/absences.ts'
import type { FoundServer, Landscape } from '../../../src/discovery/provider.ts'
import { MAX_SERVERS } from '../../../src/runtime/bounds.ts'

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

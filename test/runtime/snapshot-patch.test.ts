/** What travels to workers when a configuration changes: the difference, and nothing else. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { serialize } from 'node:v8'
import type { Server, Snapshot } from '../../src/runtime/snapshot.ts'
import { difference, patched } from '../../src/runtime/snapshot-patch.ts'
import { serversWith } from '../balancing/group.ts'
import fc from '../support/property.ts'

const UPSTREAM = {
  balance: { type: 'round-robin' },
  timeouts: { connect: 5000, firstByte: 60_000, idle: 60_000, tunnel: 3_600_000 },
  retries: { tries: 10, within: 10_000 },
  keepAlive: { connections: 64, idle: 60_000, requestsPerConnection: 0, maxAge: 3_600_000 },
  queue: { size: 1000, timeout: 5000 },
} as const

function snapshotOf(generation: number, servers: readonly Server[], routes: Snapshot['routes'] = []): Snapshot {
  return {
    generation,
    listeners: [{ address: '::', port: 80, proxyProtocol: false }],
    routes,
    upstreams: [
      { name: 'app', slot: 0, servers, ...UPSTREAM },
      { name: 'api', slot: 1, servers: [], ...UPSTREAM },
    ],
    accessLog: { format: 'combined', redact: [] },
    timeouts: { head: 1, body: 2, idle: 3, send: 4, halfClosed: 5, stop: 6, upgrade: 7 },
    limits: {
      headSize: 1,
      headers: 2,
      bodySize: 3,
      connections: 4,
      connectionsPerAddress: 5,
      requestsPerConnection: 6,
    },
    trustedProxies: ['unix:', { octets: Uint8Array.of(10, 0, 0, 0), prefix: 8 }],
    clientAddressFrom: 'forwarded',
  }
}

/** How it arrives at a worker, and what comes of it there. */
function travelled(before: Snapshot, next: Snapshot): { size: number; arrived: Snapshot } {
  const patch = difference(before, next)
  return { size: serialize(patch).length, arrived: patched(structuredClone(before), structuredClone(patch)) }
}

describe('one of 10,000 servers', () => {
  const servers = serversWith(Array.from({ length: 10_000 }, () => ({})))
  const routes = Array.from({ length: 10_000 }, (_, index) => ({ path: `/${index}/*`, upstream: index % 2 }))
  const before = snapshotOf(1, servers, routes)
  const cases: Readonly<Record<string, readonly Server[]>> = {
    'that has another weight': servers.with(5000, { ...servers[5000]!, weight: 7 }),
    'that is gone': servers.toSpliced(5000, 1),
    'that has come': servers.toSpliced(5000, 0, { ...servers[0]!, name: 'new', slot: 10_000 }),
    'that has moved to the end': [...servers.toSpliced(5000, 1), servers[5000]!],
  }
  for (const [what, changed] of Object.entries(cases)) {
    test(`${what} is a message of less than 1 kB, and all others are the same objects`, () => {
      // As it is compiled: nothing in it is the same object.
      const next = structuredClone(snapshotOf(2, changed, routes))
      const { size, arrived } = travelled(before, next)
      assert.ok(size < 1000, `${size} bytes`)
      assert.deepEqual(arrived, next)
      const here = patched(before, difference(before, next))
      const known = new Set(servers)
      assert.ok(here.upstreams[0]!.servers.filter((server) => !known.has(server)).length <= 1)
      assert.equal(here.upstreams[1], before.upstreams[1])
      assert.equal(here.routes, before.routes)
      assert.equal(here.limits, before.limits)
      assert.equal(here.trustedProxies, before.trustedProxies)
    })
  }

  test('that is as it was is nothing but another generation', () => {
    const next = patched(before, difference(before, structuredClone(snapshotOf(2, servers, routes))))
    assert.equal(next.generation, 2)
    for (const key of Object.keys(before).filter((key) => key !== 'generation') as (keyof Snapshot)[])
      assert.equal(next[key], before[key], key)
  })
})

test('a route before all others leaves them the same objects', () => {
  const routes = Array.from({ length: 1000 }, (_, index) => ({ path: `/${index}/*`, upstream: 0 }))
  const before = snapshotOf(1, [], routes)
  const next = structuredClone(snapshotOf(2, [], [{ path: '/new', upstream: 0 }, ...routes]))
  const { size, arrived } = travelled(before, next)
  assert.ok(size < 1000, `${size} bytes`)
  assert.deepEqual(arrived, next)
  patched(before, difference(before, next))
    .routes.slice(1)
    .forEach((route, index) => {
      assert.equal(route, before.routes[index])
    })
})

test('a change of another generation is refused', () => {
  const [first, second, third] = [1, 2, 3].map((generation) => snapshotOf(generation, []))
  assert.throws(
    () => patched(first!, difference(second!, third!)),
    /a change of generation 2 cannot be applied to generation 1/,
  )
})

/** Plain data of the kinds that there are in a Snapshot. */
const names = fc.constantFrom('a', 'b', 'c', '1', '__proto__', 'name')
const { value: values } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<unknown>(0, 1, 'x', 'y', true, undefined, null, Number.NaN),
    fc.uint8Array({ maxLength: 2, max: 1 }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .uniqueArray(fc.tuple(names, tie('value')), { maxLength: 4, selector: ([key]) => key })
      .map((entries) => Object.fromEntries(entries)),
    fc
      .uniqueArray(fc.tuple(names, tie('value')), { maxLength: 4, selector: ([name]) => name })
      .map((items) => items.map(([name, setting]) => ({ name, setting }))),
  ),
}))

/** Some other value that has much in common with it. */
function nearby(value: unknown): fc.Arbitrary<unknown> {
  if (Array.isArray(value))
    return fc.tuple(fc.shuffledSubarray(value), fc.array(values, { maxLength: 1 })).chain(([kept, added]) => {
      const [first, ...rest] = kept
      const changed = first === undefined ? fc.constant([]) : nearby(first).map((one) => [one])
      return fc.oneof(
        fc.constant([...added, ...kept]),
        fc.constant(kept),
        changed.map((one) => [...one, ...rest]),
      )
    })
  if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    const entries = Object.entries(value)
    if (entries.length === 0) return values
    return fc.nat(entries.length - 1).chain((at) =>
      fc.oneof(
        nearby(entries[at]![1]).map((one) => Object.fromEntries(entries.with(at, [entries[at]![0], one]))),
        fc.constant(Object.fromEntries(entries.toSpliced(at, 1))),
        fc.constant(Object.fromEntries(entries.toReversed())),
      ),
    )
  }
  return fc.oneof(values, fc.constant(value))
}

const pairs = values.chain((before) =>
  fc.tuple(fc.constant(before), fc.oneof(nearby(before), nearby(before).chain(nearby), values)),
)

/** Asserts that what `next` has in common with `before` is in `result` as the same object. */
function assertShared(before: unknown, next: unknown, result: unknown, path = '$'): void {
  if (typeof before !== 'object' || before === null || typeof next !== 'object' || next === null) return
  if (isDeepStrictEqual(before, next) && isDeepStrictEqual(keysOf(before), keysOf(next))) {
    assert.equal(result, before, path)
  } else if (Array.isArray(before) && Array.isArray(next)) {
    for (const [index, item] of next.entries()) {
      const { name } = (item ?? {}) as { name?: unknown }
      if (typeof name !== 'string') continue
      const counterparts = before.filter((each) => (each as { name?: unknown } | null)?.name === name)
      if (counterparts.length === 1)
        assertShared(counterparts[0], item, (result as readonly unknown[])[index], `${path}[${index}]`)
    }
  } else if (!Array.isArray(before) && !Array.isArray(next)) {
    for (const key of Object.keys(next)) {
      if (!Object.hasOwn(before, key)) continue
      const of = (parent: unknown) => (parent as Readonly<Record<string, unknown>>)[key]
      assertShared(of(before), of(next), of(result), `${path}.${key}`)
    }
  }
}

/** The order of keys, however deep. */
function keysOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return undefined
  if (Array.isArray(value)) return value.map(keysOf)
  return Object.entries(value).map(([key, each]) => [key, keysOf(each)])
}

test('whatever changes into whatever: the next comes of the one before, to the order of keys, and shares what did not change', () => {
  fc.assert(
    fc.property(pairs, ([before, next]) => {
      const [first, second] = [before, next].map(
        (limits, index) => ({ generation: index, limits }) as unknown as Snapshot,
      )
      const patch = difference(first!, second!)
      const result = patched(first!, patch)
      assert.deepStrictEqual(result, second)
      assert.deepStrictEqual(keysOf(result), keysOf(second))
      assertShared(before, next, result.limits)
      assert.deepStrictEqual(patched(structuredClone(first!), structuredClone(patch)), second)
    }),
    { numRuns: 3000 },
  )
})

/** What limits know of their keys: exact over all threads, and bounded. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { CONCURRENCY_BUCKETS, KEYS_IN_BUCKET, RATE_BUCKETS } from '../../src/runtime/bounds.ts'
import { LimitKey } from '../../src/runtime/keyed-limits/limit-key.ts'
import { paceOf } from '../../src/runtime/keyed-limits/rate-table.ts'
import { KeyedLimits } from '../../src/runtime/keyed-limits.ts'
import fc from '../support/property.ts'
import type { Hammered, Hammering } from './keyed-limits-hammer.ts'

const SECOND = 1000

/** The algorithm as the standard has it, for one key: a theoretical arrival time in ms. */
class Reference {
  #arrival = 0
  readonly #interval: number
  readonly #burst: number

  constructor(requests: number, period: number, burst: number) {
    this.#interval = period / requests
    this.#burst = burst
  }

  take(now: number): boolean {
    const arrival = Math.max(now, this.#arrival)
    if (arrival - now > this.#interval * this.#burst) return false
    this.#arrival = arrival + this.#interval
    return true
  }
}

test('lets through exactly what the generic cell rate algorithm does', () => {
  const { rates } = new KeyedLimits()
  let key = 0
  const limit = fc.record({
    // Intervals of whole ns, so that the reference, in ms, never differs by a rounding.
    interval: fc.constantFrom(1, 8, 64, 500, 4096, 60_000),
    burst: fc.integer({ min: 0, max: 30 }),
    steps: fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 200 }),
  })
  fc.assert(
    fc.property(limit, ({ interval, burst, steps }) => {
      key++
      const pace = paceOf(1, interval, burst)
      const reference = new Reference(1, interval, burst)
      let now = 1_000_000
      for (const step of steps) {
        now += (step * interval) / 64
        const isTaken = rates.take(key, 1, pace, now)
        assert.equal(isTaken, reference.take(now))
        assert.equal(rates.wait === 0, isTaken)
      }
    }),
  )
})

test('says how many more may follow, and in what time the next one may', () => {
  const { rates } = new KeyedLimits()
  const pace = paceOf(10, SECOND, 4)
  const remaining = Array.from({ length: 6 }, () => (rates.take(1, 1, pace, 5000) ? rates.remaining : -rates.wait))
  assert.deepEqual(remaining, [4, 3, 2, 1, 0, -100])
  assert.equal(rates.take(1, 1, pace, 5099.9), false)
  assert.ok(rates.take(1, 1, pace, 5100))
})

test('within any time, a key gets at most its burst and what its rate allows', () => {
  const { rates } = new KeyedLimits()
  let key = 0
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5000 }),
      fc.integer({ min: 0, max: 100 }),
      fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 400 }),
      (requests, burst, steps) => {
        key++
        const pace = paceOf(requests, SECOND, burst)
        const times: number[] = []
        let now = 1
        for (const step of steps) {
          now += step / 8
          if (rates.take(key, 2, pace, now)) times.push(now)
        }
        for (let first = 0; first < times.length; first++) {
          const last = times.length - 1
          const allowed = burst + 1 + ((times[last]! - times[first]!) * requests) / SECOND
          assert.ok(last - first + 1 <= allowed + 1e-3)
        }
      },
    ),
  )
})

test('a key that always wants more than it may gets all of it, unless it pauses for longer than its burst makes up for', () => {
  const { rates } = new KeyedLimits()
  let key = 0
  const demand = fc.record({
    // In ms, so that eighths of them are whole ns.
    interval: fc.constantFrom(1, 5, 8, 64, 500),
    burst: fc.integer({ min: 0, max: 64 }),
    gaps: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 50 }),
    pause: fc.integer({ min: 1, max: 100 }),
  })
  fc.assert(
    fc.property(demand, ({ interval, burst, gaps, pause }) => {
      key++
      const pace = paceOf(1, interval, burst)
      const start = 1_000_000
      /** In eighths of the interval. */
      let elapsed = 0
      let admitted = 0
      const askAll = () => {
        const now = start + (elapsed * interval) / 8
        for (let request = 0; request <= burst; request++) if (rates.take(key, 3, pace, now)) admitted++
        assert.equal(rates.take(key, 3, pace, now), false, 'it wants more than it may')
      }
      askAll()
      for (const gap of gaps) {
        elapsed += Math.floor(gap * burst * 8)
        askAll()
        assert.equal(admitted, 1 + burst + Math.floor(elapsed / 8))
      }
      const before = admitted
      elapsed += 8 * (burst + 1 + pause)
      askAll()
      assert.equal(admitted - before, burst + 1, 'what came in the pause beyond the burst is lost')
    }),
  )
})

test('two threads that hammer a few keys get together exactly what one would, and never too many in flight', async () => {
  const { memory } = new KeyedLimits()
  // Two of them share both buckets.
  const keys = [
    [7, 1],
    [7, 2],
    [8, 1],
  ] as const
  const burst = 5000
  const start = { memory, rounds: 60_000, keys, pace: paceOf(1, 1, burst), most: 1 }
  const hammered = await Promise.all(
    [0, 1].map(async (worker) => {
      const workerData: Hammering = { ...start, worker }
      const thread = new Worker(new URL('./keyed-limits-hammer.ts', import.meta.url), { workerData })
      const [result] = (await once(thread, 'message')) as [Hammered]
      return result
    }),
  )
  const admitted = keys.map((_, key) => hammered.reduce((sum, each) => sum + each.admitted[key]!, 0))
  assert.deepEqual(admitted, [burst + 1, burst + 1, burst + 1])
  assert.deepEqual(
    hammered.map(({ mostInFlight }) => mostInFlight),
    [1, 1],
  )
  const { concurrency } = new KeyedLimits(memory)
  for (const [high, low] of keys) assert.notEqual(concurrency.enter(high, low, 1), 'full')
})

test('an entry is free again once it says nothing, and a full bucket gives up the key that loses least', () => {
  const { rates } = new KeyedLimits()
  const pace = paceOf(1, SECOND, 100)
  const inBucket = (n: number) => [RATE_BUCKETS * n, 1] as const
  const now = 1000
  // The n-th key sends n requests, so its time is n s ahead.
  for (let n = 1; n <= KEYS_IN_BUCKET; n++) {
    for (let sent = 0; sent < n; sent++) assert.ok(rates.take(...inBucket(n), pace, now))
  }
  assert.equal(rates.overflows, 0)
  rates.take(...inBucket(99), pace, now)
  assert.equal(rates.overflows, 1)
  // The first one was given up; all others are as they were.
  for (let n = 2; n <= KEYS_IN_BUCKET; n++) {
    assert.ok(rates.take(...inBucket(n), pace, now))
    assert.equal(rates.remaining, 100 - n)
  }
  // After 3 s, three entries say nothing any more: those of the second, the third and the last key.
  const later = now + 4 * SECOND
  for (const n of [101, 102, 103]) rates.take(...inBucket(n), pace, later)
  assert.equal(rates.overflows, 1)
  rates.take(...inBucket(104), pace, later)
  assert.equal(rates.overflows, 2)
})

test('a million keys at once fit in 34 MB, and hardly any loses its place', () => {
  const { rates, key, memory } = new KeyedLimits()
  assert.ok(memory.byteLength < 53e6)
  const pace = paceOf(1, 3_600_000, 0)
  const keys = 1_000_000
  const number = new Int32Array(1)
  const octets = new Uint8Array(number.buffer)
  const takeAll = () => {
    let taken = 0
    for (let n = 0; n < keys; n++) {
      number[0] = n
      key.begin(0, 0)
      key.add(octets)
      if (rates.take(key.high, key.low, pace, 1000)) taken++
    }
    return taken
  }
  assert.equal(takeAll(), keys)
  const lost = rates.overflows
  assert.ok(lost < keys / 500, `${lost} of ${keys}`)
  // What lost its place begins again, and takes that of others.
  assert.ok(takeAll() < keys / 100)
})

test('a key has as many requests in flight as it may, over all workers, and places are given back', () => {
  const one = new KeyedLimits()
  const other = new KeyedLimits(one.memory, 1)
  const entry = one.concurrency.enter(5, 6, 2) as number
  assert.equal(other.concurrency.enter(5, 6, 2), entry)
  assert.equal(one.concurrency.enter(5, 6, 2), 'full')
  assert.notEqual(one.concurrency.enter(5, 7, 2), 'full')
  other.concurrency.leave(entry)
  assert.equal(one.concurrency.inFlight(entry), 1)
  assert.equal(other.concurrency.enter(5, 6, 2), entry)
})

test('what a dead worker held is given back, and nothing else', () => {
  const limits = new KeyedLimits()
  const { concurrency } = limits
  const other = new KeyedLimits(limits.memory, 1).concurrency
  const entry = concurrency.enter(5, 6, 9) as number
  other.enter(5, 6, 9)
  other.enter(5, 6, 9)
  limits.forget(1)
  assert.equal(concurrency.inFlight(entry), 1)
  limits.forget(0)
  assert.equal(concurrency.inFlight(entry), 0)
})

test('a bucket whose keys all have requests in flight lets others through uncounted', () => {
  const { concurrency } = new KeyedLimits()
  const inBucket = (n: number) => [CONCURRENCY_BUCKETS * n, 1] as const
  const entries = Array.from({ length: KEYS_IN_BUCKET }, (_, n) => concurrency.enter(...inBucket(n + 1), 1))
  assert.equal(new Set(entries).size, KEYS_IN_BUCKET)
  assert.equal(concurrency.enter(...inBucket(99), 1), 'uncounted')
  assert.equal(concurrency.overflows, 1)
  assert.equal(concurrency.enter(...inBucket(1), 1), 'full')
  concurrency.leave(entries[3] as number)
  assert.equal(concurrency.enter(...inBucket(99), 1), entries[3])
})

test('keys that differ in any part, or in which part they lack, have different ids', () => {
  const key = new LimitKey(new Uint8Array(16).fill(3))
  const part = fc.option(fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.constant('é'.repeat(20_000))))
  const parts = fc.array(part, { maxLength: 4 })
  const idOf = (all: readonly (string | null)[]) => {
    key.begin(0, 0)
    for (const each of all) each === null ? key.addNothing() : key.addText(each)
    return `${key.high} ${key.low}`
  }
  fc.assert(
    fc.property(parts, parts, (one, other) => {
      assert.equal(idOf(one) === idOf(other), fc.stringify(one) === fc.stringify(other))
    }),
  )
  assert.notEqual(idOf(['ab', 'c']), idOf(['a', 'bc']))
  assert.notEqual(idOf([null]), idOf(['']))
})

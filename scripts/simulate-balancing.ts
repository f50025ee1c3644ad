/**
 * Prints the figures of docs/balancing-figures.md: how the policies spread load, what they make of traffic, and what a pick
 * costs. `node --random-seed=1 scripts/simulate-balancing.ts [spread | traffic | slow | cost]`; without an argument, all.
 */
import type { Balance } from '../src/runtime/snapshot.ts'
import { groupOf, groupsOf, keyOf, serversWith } from '../test/balancing/group.ts'
import { alike, gapOf, outcomeOf, REQUESTS, randomSpread, spreadOf, theory } from '../test/balancing/simulation.ts'

const key = { from: 'address' } as const
const policies: Record<string, Balance> = {
  'round-robin': { type: 'round-robin' },
  'least-connections': { type: 'least-connections' },
  'random-two': { type: 'random-two' },
  'least-time': { type: 'least-time', decay: 10_000 },
  hash: { type: 'hash', key },
  'consistent-hash': { type: 'consistent-hash', key },
  'consistent-hash, boundedLoad 1.25': { type: 'consistent-hash', key, boundedLoad: 1.25 },
}
const keyless = Object.entries(policies).filter(([, balance]) => !('key' in balance))

function spread(): void {
  console.log(`\n${REQUESTS} requests that nobody finishes: how far the fullest server is above the mean`)
  const row = (held: readonly number[]) => `+${gapOf(held).toFixed(1)}`
  const expected = (size: number) => `+${Math.sqrt((2 * REQUESTS * Math.log(size)) / size).toFixed(0)}`
  const twoChoices = (size: number) => `+${(Math.log(Math.log(size)) / Math.log(2)).toFixed(1)} + O(1)`
  console.table({
    'theory: one choice, √(2 m/n ln n)': { 10: expected(10), 1000: expected(1000) },
    'at random': { 10: row(randomSpread(10)), 1000: row(randomSpread(1000)) },
    'theory: two choices, ln ln n / ln 2': { 10: twoChoices(10), 1000: twoChoices(1000) },
    ...Object.fromEntries(
      Object.entries(policies).map(([name, balance]) => [
        name,
        { 10: row(spreadOf(balance, 10)), 1000: row(spreadOf(balance, 1000)) },
      ]),
    ),
  })
}

function traffic(): void {
  for (const utilisation of [0.5, 0.9]) {
    console.log(
      `\nalike servers, ${utilisation * 100} % busy: mean time in service times (most in flight at any server)`,
    )
    console.table({
      'theory: one choice (M/M/1)': { 1000: theory.random(utilisation).toFixed(2) },
      'theory: round robin (D/M/1)': { 1000: theory.roundRobin(utilisation).toFixed(2) },
      'theory: two choices': { 1000: theory.twoChoices(utilisation).toFixed(2) },
      ...Object.fromEntries(
        keyless.map(([name, balance]) => [
          name,
          Object.fromEntries(
            [10, 1000].map((size) => {
              const { mean, fullest } = outcomeOf(balance, {
                ...alike(size, utilisation),
                requests: 10 * REQUESTS,
              })
              return [size, `${mean.toFixed(2)} (${fullest})`]
            }),
          ),
        ]),
      ),
    })
  }
}

function slow(): void {
  console.log('\n10 servers at 1,000 requests/s: nine answer in 10 ms on average, one in 2 s, however many they have')
  const serviceTimes = [2000, ...new Array<number>(9).fill(10)]
  table(keyless, (balance) => outcomeOf(balance, { serviceTimes, rate: 1, queueing: false }))
  console.log('\n10 servers, one at a time each, 40 % busy in all: five take 1 ms on average, five 3 ms')
  const mixed = [1, 1, 1, 1, 1, 3, 3, 3, 3, 3]
  table(keyless, (balance) => outcomeOf(balance, { serviceTimes: mixed, rate: 0.4 * (5 + 5 / 3), queueing: true }))
}

function table(rows: [string, Balance][], outcome: (balance: Balance) => ReturnType<typeof outcomeOf>): void {
  const figures = rows.map(([name, balance]) => {
    const { mean, p99, late, shares } = outcome(balance)
    return [
      name,
      {
        mean: `${mean.toFixed(1)} ms`,
        p99: `${p99.toFixed(1)} ms`,
        'over 1 s': `${(100 * late).toFixed(2)} %`,
        'share of the first': `${(100 * shares[0]!).toFixed(1)} %`,
        'of the last': `${(100 * shares.at(-1)!).toFixed(1)} %`,
      },
    ]
  })
  console.table(Object.fromEntries(figures))
}

/** Nanoseconds for a pick and its release, with so many requests in flight before; the least of many short rounds. */
function costOf(balance: Balance, size: number, inFlight: number, weights: (index: number) => number): number {
  const servers = serversWith(Array.from({ length: size }, (_, index) => ({ weight: weights(index) })))
  const [group] = groupsOf(balance, servers)
  const { policy } = group!
  const someKeys = Array.from({ length: 256 }, (_, index) => keyOf(`10.1.2.${index}`))
  for (let i = 0; i < inFlight; i++) policy.pick(someKeys[i & 255]!, [], 0)
  const picks = 200
  let least = Infinity
  for (let round = 0; round < 500; round++) {
    const from = performance.now()
    for (let i = 0; i < picks; i++) policy.pick(someKeys[i & 255]!, [], round + i / 200)!.release()
    least = Math.min(least, ((performance.now() - from) * 1e6) / picks)
  }
  return least
}

function cost(): void {
  console.log('\nns for a pick and its release, the least of 500 rounds; "busy": as many requests in flight as servers')
  groupOf({ type: 'round-robin' }, serversWith([{}, {}]))
  const sizes = [2, 10, 100, 1000]
  const rows = Object.entries({ 'ip-hash': { type: 'ip-hash' } as Balance, ...policies }).flatMap(([name, balance]) =>
    (['idle', 'busy'] as const).map((state) => [
      `${name}, ${state}`,
      {
        ...Object.fromEntries(
          sizes.map((size) => [size, Math.round(costOf(balance, size, state === 'idle' ? 0 : size, () => 1))]),
        ),
        '1000, unequal weights': Math.round(costOf(balance, 1000, state === 'idle' ? 0 : 1000, (i) => 1 + (i % 3))),
      },
    ]),
  )
  console.table(Object.fromEntries(rows))
}

const parts = { spread, traffic, slow, cost }
const asked = process.argv.slice(2) as (keyof typeof parts)[]
for (const part of asked.length > 0 ? asked : Object.keys(parts)) parts[part as keyof typeof parts]()

/** The configurations that have come into effect, and the bounds of what is kept of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../src/config/file.ts'
import { ApplyHistory } from '../../src/control/apply-history.ts'

const configOf = (servers: number, weight: number) =>
  parseConfig(
    JSON.stringify({
      listeners: [{ port: 8080 }],
      routes: [{ path: '/*', upstream: 'app' }],
      upstreams: {
        app: {
          servers: Array.from({ length: servers }, (_, nth) => ({
            address: `10.0.0.${nth % 250}:${8000 + nth}`,
            weight,
          })),
        },
      },
    }),
    'limpet.yaml',
    {},
  )

const apply = (generation: number, changes: readonly string[] = []) => ({
  generation,
  revision: `r-${generation}`,
  by: undefined,
  changes,
})

test('the last 50 are kept, newest first', async () => {
  const history = new ApplyHistory()
  const configs = [configOf(1, 1), configOf(1, 2)]
  for (let generation = 2; generation < 72; generation++) {
    history.add(apply(generation), configs[generation % 2]!, configs[(generation + 1) % 2]!)
  }
  const all = await history.all()
  assert.deepEqual(
    all.map(({ generation }) => generation),
    Array.from({ length: 50 }, (_, nth) => 71 - nth),
  )
  assert.ok(all.every(({ diff }) => diff?.includes('weight: ')))
  assert.deepEqual(await history.all(), all)
})

test('what is too large is not compared: one configuration, many together, or what differs', async () => {
  const history = new ApplyHistory()
  const [small, other] = [configOf(2, 1), configOf(2, 2)]
  history.add(apply(2), small, other)
  for (let generation = 3; generation < 9; generation++)
    history.add(apply(generation), configOf(900, 1), configOf(900, 1))
  history.add(apply(9), configOf(2100, 1), small)
  history.add(apply(10), configOf(900, 1), configOf(900, 2))
  history.add(apply(11), small, other)
  const diffs = new Map((await history.all()).map(({ generation, diff }) => [generation, diff]))
  assert.match(diffs.get(11)!, /^--- generation 10\n/)
  assert.equal(diffs.get(10), undefined, 'hundreds of lines differ')
  assert.equal(diffs.get(9), undefined, 'more than 1,000 servers')
  assert.equal(diffs.get(8), '', 'the same text')
  assert.equal(diffs.get(2), undefined, 'too many since')
})

test('of tens of thousands of changes, 100 are kept', async () => {
  const history = new ApplyHistory()
  const config = configOf(1, 1)
  history.add(
    apply(
      2,
      Array.from({ length: 30_000 }, (_, nth) => `change ${nth}`),
    ),
    config,
    config,
  )
  const [{ changes }] = (await history.all()) as unknown as [{ changes: readonly string[] }]
  assert.deepEqual([changes.length, changes.at(-1)], [101, 'and 29900 more'])
})

test('a small difference is shown however busy the machine is', async (t) => {
  const history = new ApplyHistory()
  history.add(apply(2), configOf(2, 1), configOf(2, 2))
  // Another program has the processor for a second, again and again.
  let time = Date.now()
  t.mock.method(Date, 'now', () => (time += 1000))
  const [{ diff } = {}] = await history.all()
  assert.match(diff!, /\n- +weight: 1\n\+ +weight: 2\n/)
})

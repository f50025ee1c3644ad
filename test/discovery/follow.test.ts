/** How a source that fails is tried again, by a clock of the test. */
import assert from 'node:assert/strict'
import { mock, type TestContext, test } from 'node:test'
import { follow } from '../../src/discovery/follow.ts'
import type { Provider } from '../../src/discovery/provider.ts'

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Follows a source; each of its watches does what the list says, and the last of them what the last one says. */
async function followed(
  t: TestContext,
  random: number,
  watches: readonly ('fails' | 'finds, then fails' | 'finds, then ends')[],
) {
  mock.timers.enable({ apis: ['setTimeout'] })
  mock.method(Math, 'random', () => random)
  const end = new AbortController()
  let now = 0
  let news = Promise.withResolvers<void>()
  const log: string[] = []
  const provider: Provider<string> = {
    name: 'test',
    async *watch() {
      const watch = watches[Math.min(log.filter((line) => line.startsWith('watch')).length, watches.length - 1)]!
      log.push(`watch at ${now}`)
      if (watch !== 'fails') yield 'list'
      if (watch !== 'finds, then ends') throw new Error('refused')
    },
    changed: () => news.promise,
  }
  const done = follow(provider, { found: () => log.push('found'), failed: (reason) => log.push(reason) }, end.signal)
  t.after(async () => {
    end.abort()
    news.resolve()
    await done
    mock.timers.reset()
    mock.restoreAll()
  })
  await settled()
  return {
    log,
    starts: () => log.filter((line) => line.startsWith('watch at')).map((line) => Number(line.slice(9))),
    async pass(ms: number, step = 100) {
      for (let passed = 0; passed < ms; passed += step) {
        now += step
        mock.timers.tick(step)
        await settled()
      }
    },
    async change() {
      const { resolve } = news
      news = Promise.withResolvers()
      resolve()
      await settled()
    },
  }
}

const between = (times: readonly number[]) => times.slice(1).map((time, index) => time - times[index]!)

for (const [random, waits] of [
  [0.5, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]],
  [0, [800, 1600, 3200, 6400, 12_800, 24_000, 24_000]],
  [0.99999, [1200, 2400, 4800, 9600, 19_200, 36_000, 36_000]],
] as const)
  test(`waits twice as long each time, up to 30 s, ${Math.round((random - 0.5) * 40)} % off`, async (t) => {
    const { starts, pass } = await followed(t, random, ['fails'])
    await pass(140_000)
    assert.deepEqual(between(starts()).slice(0, waits.length), waits)
  })

test('begins with the shortest wait again once the source has answered', async (t) => {
  const { starts, pass, log } = await followed(t, 0.5, ['fails', 'fails', 'fails', 'finds, then fails', 'fails'])
  await pass(11_000)
  assert.deepEqual(between(starts()), [1000, 2000, 4000, 1000, 2000])
  assert.deepEqual(log.slice(6, 9), ['watch at 7000', 'found', 'refused'])
})

test('a watch that ends by itself is a failure', async (t) => {
  const { log, pass } = await followed(t, 0.5, ['finds, then ends', 'fails'])
  await pass(1000)
  assert.deepEqual(log, ['watch at 0', 'found', 'it has ended', 'watch at 1000', 'refused'])
})

test('a source that knows of a change is tried again at once', async (t) => {
  const { starts, pass, change } = await followed(t, 0.5, ['fails'])
  await pass(500)
  await change()
  assert.deepEqual(starts(), [0, 500])
})

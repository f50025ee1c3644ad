/** One source that is followed, by a clock of the test. */
import assert from 'node:assert/strict'
import { mock, type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { SourceReports } from '../../../src/control/discovery/source-reports.ts'
import { WatchedSource } from '../../../src/control/discovery/watched-source.ts'
import { EventRing } from '../../../src/control/event-ring.ts'
import type { Provider } from '../../../src/discovery/provider.ts'

interface List {
  readonly isUrgent?: boolean
  readonly servers: readonly string[]
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A source that answers when the test says so. */
function source(t: TestContext, before?: List) {
  mock.timers.enable({ apis: ['setTimeout'] })
  const log: string[] = []
  const reports = new SourceReports(
    pino({ base: null }, { write: (line: string) => log.push(JSON.parse(line).msg) }),
    new EventRing(),
  )
  const report = reports.add({ upstream: 'app', source: 'http', name: 'http test' })
  let answer = Promise.withResolvers<List>()
  const provider: Provider<List> = {
    name: 'http test',
    async *watch(signal) {
      while (!signal.aborted) {
        const list = await answer.promise
        answer = Promise.withResolvers()
        yield list
      }
    },
  }
  const reader = {
    fill: (list: List) => list,
    nextEnd: undefined,
    read: (list: List) => ({ result: list.servers, servers: list.servers.length, mistakes: [] }),
  }
  const watched = new WatchedSource(
    async () => provider,
    reader,
    before,
    report,
    () => {},
    () => 0,
  )
  t.after(() => {
    watched.close()
    answer.reject(new Error('the end'))
    mock.timers.reset()
  })
  return {
    watched,
    log,
    summary: () => report.summary,
    answer: async (...servers: string[]) => {
      answer.resolve({ servers })
      await settled()
    },
  }
}

test('a source that says nothing for 10 s is not waited for any longer, which is said, and it is there once it answers', async (t) => {
  const { watched, log, summary, answer } = source(t)
  let isSettled = false
  void watched.settled.then(() => {
    isSettled = true
  })
  mock.timers.tick(9_999)
  await settled()
  assert.equal(isSettled, false)
  assert.equal(summary().state, 'waiting')
  mock.timers.tick(1)
  await settled()
  assert.equal(isSettled, true)
  assert.equal(watched.hasAnswered, false)
  assert.deepEqual(log, ['http test fails: it has not answered within 10 s'])
  await answer('a')
  assert.deepEqual(watched.result, ['a'])
  assert.deepEqual(log.slice(1), ['http test answers again'])
  assert.equal(summary().state, 'ok')
})

test('a source that has answered in time is not said to be late', async (t) => {
  const { log, answer, summary } = source(t)
  await answer('a')
  mock.timers.tick(60_000)
  assert.deepEqual(log, [])
  assert.equal(summary().state, 'ok')
})

test('what another process had found holds at once, and that the source does not answer is said nevertheless', async (t) => {
  const { watched, log } = source(t, { servers: ['a'] })
  await watched.settled
  assert.deepEqual(watched.result, ['a'])
  mock.timers.tick(10_000)
  assert.deepEqual(log, ['http test fails: it has not answered within 10 s'])
})

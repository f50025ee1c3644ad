import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ExchangeRecord } from '../../src/observability/exchange-record.ts'
import { LONGEST_TEXT, SPANS_AT_ONCE, type SpanRecord } from '../../src/observability/span-record.ts'
import { SpanRecorder } from '../../src/worker/span-recorder.ts'
import { recordOfGet } from '../support/exchange-record.ts'
import { snapshotOf } from '../support/snapshot.ts'

const CONFIG = {
  tracing: { endpoint: 'http://localhost:4318' },
  routes: [{ path: '/*', upstream: 'app' }],
  upstreams: { app: { servers: ['127.0.0.1:1'] } },
}

const exchange: ExchangeRecord = {
  ...recordOfGet(`/${'a'.repeat(30_000)}?${'b'.repeat(30_000)}`),
  trace: {
    traceId: 'a'.repeat(32),
    spanId: 'b'.repeat(16),
    parentId: undefined,
    flags: 3,
    state: `a=${'b'.repeat(250)},c=${'d'.repeat(256)},e=f`,
    isSampled: true,
  },
}

test('spans that are not taken use bounded memory; those beyond it are counted, and reported with the next ones', async (t) => {
  const handed: { readonly spans: readonly SpanRecord[]; readonly dropped: number }[] = []
  const recorder = new SpanRecorder(await snapshotOf(t, CONFIG), {
    take: (spans, dropped) => handed.push({ spans, dropped }),
  })
  const ENDED = 20 * SPANS_AT_ONCE
  for (let n = 0; n < ENDED; n++) recorder.ended(exchange)
  const kept = handed.length * SPANS_AT_ONCE
  assert.ok(kept < ENDED / 2)
  assert.ok(handed.every(({ spans, dropped }) => spans.length === SPANS_AT_ONCE && dropped === 0))
  recorder.taken()
  // One batch had waited here.
  assert.deepEqual([handed.at(-1)!.spans.length, handed.at(-1)!.dropped], [SPANS_AT_ONCE, ENDED - kept - SPANS_AT_ONCE])
  recorder.ended(exchange)
  recorder.stop()
  assert.deepEqual([handed.at(-1)!.spans.length, handed.at(-1)!.dropped], [1, 0])
})

test('what a client makes long is cut; a tracestate that would be cut is left out', async (t) => {
  const handed: SpanRecord[] = []
  const recorder = new SpanRecorder(await snapshotOf(t, CONFIG), { take: (spans) => handed.push(...spans) })
  recorder.ended(exchange)
  recorder.stop()
  const [{ path, query, state }] = handed as [SpanRecord]
  assert.deepEqual([path.length, query.length, state], [LONGEST_TEXT, LONGEST_TEXT - 1, ''])
})

test('nothing is recorded where tracing is off, or the trace is not sampled', async (t) => {
  const handed: SpanRecord[] = []
  const sink = { take: (spans: readonly SpanRecord[]) => void handed.push(...spans) }
  const { tracing: _, ...off } = CONFIG
  const snapshots = [await snapshotOf(t, off), await snapshotOf(t, CONFIG)] as const
  const recorder = new SpanRecorder(snapshots[0], sink)
  recorder.ended(exchange)
  recorder.apply(snapshots[1])
  recorder.ended({ ...exchange, trace: { ...exchange.trace!, isSampled: false } })
  recorder.ended({ ...exchange, trace: undefined })
  recorder.stop()
  assert.deepEqual(handed, [])
})

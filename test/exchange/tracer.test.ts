import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { ROOT_CONTEXT } from '@opentelemetry/api'
import { TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace'
import { Tracer } from '../../src/exchange/tracer.ts'
import { RequestHead } from '../../src/http1/request-head.ts'

/** The same ids in every run, as evenly distributed as random ones. */
const ids = Array.from({ length: 10_000 }, (_, n) => createHash('md5').update(String(n)).digest('hex'))

function headOf(...lines: string[]): RequestHead {
  const head = new RequestHead()
  const text = ['GET / HTTP/1.1', 'Host: a', ...lines, '', ''].join('\r\n')
  assert.ok(head.parse(Buffer.from(text), 0, { headSize: 10_000, headers: 0 }))
  return head
}

test('a share of the traces is sampled by their ids: the same ones as by the sampler of OpenTelemetry', () => {
  const SAMPLED = 2
  const shares = [0, 0.01, 0.1, 0.25, 0.5, 0.99, 1]
  const sampled = shares.map((sample) => {
    const tracer = new Tracer({ sample, trust: true })
    const theirs = new TraceIdRatioBasedSampler(sample)
    return ids.filter((id) => {
      assert.equal(tracer.samples(id), Number(theirs.shouldSample(ROOT_CONTEXT, id).decision) === SAMPLED, id)
      return tracer.samples(id)
    })
  })
  assert.deepEqual(
    sampled.map(({ length }) => length),
    [0, 100, 937, 2415, 4969, 9913, 10_000],
  )
  for (const [index, few] of sampled.slice(0, -1).entries()) {
    assert.ok(
      few.every((id) => sampled[index + 1]!.includes(id)),
      'a larger share has those of a smaller one',
    )
  }
})

test('a trace that begins here has a random id, and says whether it is sampled', () => {
  for (const [sample, flags] of [[1, 3] as const, [0, 2] as const]) {
    const tracer = new Tracer({ sample, trust: true })
    const traces = Array.from({ length: 1000 }, () => tracer.begin(headOf()))
    for (const { traceId, spanId, parentId, flags: given, isSampled } of traces) {
      assert.match(`${traceId} ${spanId}`, /^[0-9a-f]{32} [0-9a-f]{16}$/)
      assert.deepEqual([parentId, given, isSampled], [undefined, flags, sample === 1])
    }
    assert.equal(new Set(traces.map(({ traceId }) => traceId)).size, 1000)
  }
})

test('a trace that a client has begun goes on as the client says, whatever the share', () => {
  const parent = (flags: string) =>
    headOf(`traceparent: 00-${'a'.repeat(32)}-${'b'.repeat(16)}-${flags}`, 'tracestate: c=d')
  for (const sample of [0, 1]) {
    const tracer = new Tracer({ sample, trust: true })
    for (const [flags, isSampled] of [['00', false] as const, ['01', true] as const, ['03', true] as const]) {
      const { traceId, parentId, state, ...trace } = tracer.begin(parent(flags))
      assert.deepEqual([traceId, parentId, state], ['a'.repeat(32), 'b'.repeat(16), 'c=d'])
      assert.deepEqual([trace.flags, tracer.begin(parent(flags)).isSampled], [Number(flags), isSampled])
    }
  }
})

test('a client that is not trusted begins no trace', () => {
  const tracer = new Tracer({ sample: 0, trust: false })
  const trace = tracer.begin(headOf(`traceparent: 00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, 'tracestate: c=d'))
  assert.notEqual(trace.traceId, 'a'.repeat(32))
  assert.deepEqual([trace.parentId, trace.state, trace.isSampled], [undefined, '', false])
})

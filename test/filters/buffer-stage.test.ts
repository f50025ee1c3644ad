import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ResponseSink } from '../../src/exchange/response-sink.ts'
import { BufferStage } from '../../src/filters/buffer/buffer-stage.ts'
import { Notices } from '../../src/observability/notices.ts'
import { MemoryBudget } from '../../src/transport/memory-budget.ts'
import fc from '../support/property.ts'

const source = Buffer.from(Array.from({ length: 2_000_000 }, (_, at) => (at * 7 + (at >> 8)) & 0xff))

/** A client that takes as much at a time as it says; then it is full until it is drained. */
class FitfulClient implements ResponseSink {
  readonly room = Infinity
  readonly got: Buffer[] = []
  hasEnded = false
  #taken = 0
  readonly #appetites: readonly number[]
  #turns = 0
  drained = () => {}

  constructor(appetites: readonly number[]) {
    this.#appetites = appetites
  }

  respond(): 'data' {
    return 'data'
  }

  data(bytes: Buffer, from: number, to: number): void {
    this.got.push(Buffer.from(bytes.subarray(from, to)))
    this.#taken += to - from
  }

  flush(): boolean {
    if (this.#taken < this.#appetites[this.#turns % this.#appetites.length]!) return true
    this.#taken = 0
    this.#turns++
    setImmediate(() => this.drained())
    return false
  }

  end(): void {
    this.hasEnded = true
  }
}

const notices = new Notices(({ type }) => assert.fail(type))
const size = fc.oneof(fc.constant(0), fc.integer({ min: 5000, max: 200_000 }))

test('what comes out of the stage is what went in, all memory is given back, and the server waits for what is too much', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({ type: fc.constant('bufferResponse' as const), memory: size, disk: size }),
      fc.constantFrom(1, 50_000, Infinity),
      fc.array(fc.integer({ min: 1, max: 60_000 }), { maxLength: 30 }),
      fc.array(fc.integer({ min: 2000, max: 150_000 }), { minLength: 1, maxLength: 6 }),
      async (settings, budget, pieces, appetites) => {
        const bufferMemory = new MemoryBudget(budget)
        const client = new FitfulClient(appetites)
        const stage = new BufferStage(client, settings, { bufferMemory, notices })
        client.drained = () => stage.drained()
        const over = Promise.withResolvers<void>()
        let goOn = () => {}
        stage.user = { drained: () => goOn(), ended: over.resolve, failed: over.reject }
        let at = 0
        for (const piece of pieces) {
          stage.data(source, at, at + piece)
          at += piece
          const kept = at - client.got.reduce((sum, { length }) => sum + length, 0)
          const most = settings.memory + settings.disk
          // Also the piece that was on its way.
          assert.ok(kept <= most + 60_000, `${kept} bytes are kept`)
          if (!stage.flush()) await new Promise<void>((resolve) => (goOn = resolve))
        }
        stage.end()
        stage.flush()
        await over.promise
        assert.ok(client.hasEnded)
        assert.ok(Buffer.concat(client.got).equals(source.subarray(0, at)))
        assert.equal(bufferMemory.isUsedUp, false)
      },
    ),
    { numRuns: 150 },
  )
})

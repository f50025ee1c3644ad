import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RequestBodyUser } from '../../src/exchange/request-body.ts'
import { StoredBody } from '../../src/exchange/stored-body.ts'
import { MemoryBudget } from '../../src/transport/memory-budget.ts'
import fc from '../support/property.ts'

const source = Buffer.from(Array.from({ length: 1_000_000 }, (_, at) => (at * 7 + (at >> 8)) & 0xff))

/** Stores what comes in these pieces, as far as there is room, and resolves once it is whole. */
async function stored(body: StoredBody, pieces: readonly number[], more: () => Promise<void>): Promise<number> {
  let at = 0
  for (const piece of pieces) {
    body.gather(source, at, at + piece)
    at += piece
    assert.equal(body.flush(), undefined)
    while (body.isFull) await more()
  }
  body.end()
  assert.equal(body.flush(), undefined)
  while (!body.isGathered) await more()
  return at
}

/** Reads all of it again, and holds it after so many hand-overs. */
function replayed(body: StoredBody, holds: readonly number[]): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>()
  const got: Buffer[] = []
  let left = holds[0]!
  let turn = 0
  let hasEnded = false
  const user: RequestBodyUser = {
    requestBytes: (bytes, from, to) => {
      assert.equal(hasEnded, false)
      got.push(Buffer.from(bytes.subarray(from, to)))
    },
    requestEnded: () => {
      hasEnded = true
    },
    flushRequest: () => {
      if (hasEnded) return resolve(Buffer.concat(got))
      if (left-- > 0) return
      replay.holdBody()
      left = holds[++turn % holds.length]!
      setImmediate(() => replay.wantBody('data', true))
    },
  }
  const replay = body.replay(user)
  replay.wantBody('data', true)
  return promise
}

/** A body whose user can be waited for. */
function storedBody(storage: { memory: number; disk: number }, budget: MemoryBudget) {
  let moved = Promise.withResolvers<void>()
  const user = {
    bodyStored: () => {
      moved.resolve()
      moved = Promise.withResolvers()
    },
    storageFailed: (error: Error) => moved.reject(error),
  }
  return { body: new StoredBody(user, storage, budget), more: () => moved.promise }
}

describe('a stored body', () => {
  test('is handed over to each attempt as it came, and gives its memory back', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 300_000 }),
        fc.constantFrom(1, 40_000, Infinity),
        fc.array(fc.integer({ min: 1, max: 60_000 }), { minLength: 1, maxLength: 15 }),
        fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 }),
        async (memory, size, pieces, holds) => {
          const budget = new MemoryBudget(size)
          const { body, more } = storedBody({ memory, disk: 1_000_000 }, budget)
          const length = await stored(body, pieces, more)
          assert.equal(body.framing, length)
          if (body.goesWithHead) assert.ok(body.bytes?.equals(source.subarray(0, length)))
          const [first, second] = await Promise.all([replayed(body, holds), replayed(body, [1])])
          assert.ok(first.equals(source.subarray(0, length)))
          assert.ok(second.equals(first))
          body.close()
          assert.equal(budget.isUsedUp, false)
        },
      ),
      { numRuns: 80 },
    )
  })

  test('goes to the disk where other bodies have used up the memory, or is refused', async () => {
    const budget = new MemoryBudget(10)
    budget.take(10)
    const { body, more } = storedBody({ memory: 1000, disk: 1000 }, budget)
    await stored(body, [2000], more)
    assert.equal(body.file?.length, 2000)
    body.close()
    const { body: other } = storedBody({ memory: 1000, disk: 0 }, budget)
    other.gather(source, 0, 1)
    assert.equal(other.flush()?.status, 507)
    other.close()
  })
})

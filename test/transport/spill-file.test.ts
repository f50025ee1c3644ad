import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Pages } from '../../src/transport/pages.ts'
import { SpillFile } from '../../src/transport/spill-file.ts'
import fc from '../support/property.ts'
import { useTemporaryFolder } from '../support/temporary-files.ts'

/** Bytes that show where they belong. */
const source = Buffer.from(Array.from({ length: 40_000 }, (_, at) => (at * 7 + (at >> 8)) & 0xff))

describe('pages', () => {
  test('give back what was added, whatever the pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -3, max: 9000 }), { maxLength: 20 }), (steps) => {
        const pages = new Pages()
        const taken: Buffer[] = []
        let added = 0
        for (const step of steps) {
          const page = step <= 0 ? pages.shift() : undefined
          if (page !== undefined) taken.push(page)
          const to = Math.min(source.length, added + Math.max(0, step))
          pages.add(source, added, to)
          added = to
          assert.equal(pages.length, added - taken.reduce((sum, { length }) => sum + length, 0))
        }
        for (let page = pages.shift(); page !== undefined; page = pages.shift()) taken.push(page)
        assert.deepEqual(Buffer.concat(taken), source.subarray(0, added))
      }),
    )
  })

  test('take little more memory than many small pieces are long', () => {
    const pages = new Pages()
    for (let at = 0; at < source.length; at++) pages.add(source, at, at + 1)
    let count = 0
    while (pages.at(count) !== undefined) count++
    assert.ok(count < 10, `${count} pages`)
  })
})

describe('a file of what does not fit in memory', () => {
  test('gives back what was appended, and never holds more than its capacity', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5000 }),
        fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 4000 }), { minLength: 1, maxLength: 12 }),
        async (capacity, pieces, reads) => {
          let moved = Promise.withResolvers<void>()
          const file = new SpillFile(capacity, {
            spilled: () => {
              moved.resolve()
              moved = Promise.withResolvers()
            },
            spillFailed: (error) => moved.reject(error),
          })
          let added = 0
          const got: Buffer[] = []
          let offset = 0
          for (const piece of pieces) {
            file.append(source, added, added + piece)
            added += piece
            file.flush()
          }
          for (let turn = 0; offset < added; turn++) {
            while (file.written === offset) await moved.promise
            assert.ok(file.written - offset <= capacity)
            const bytes = await file.read(offset, reads[turn % reads.length]!)
            got.push(bytes)
            offset += bytes.length
            file.release(offset)
            assert.equal(file.length, added - offset)
          }
          file.close()
          assert.deepEqual(Buffer.concat(got), source.subarray(0, added))
        },
      ),
      { numRuns: 60 },
    )
  })

  test('keeps what the disk does not take', async (t) => {
    useTemporaryFolder(t, '/nowhere/at/all')
    const failed = Promise.withResolvers<NodeJS.ErrnoException>()
    const file = new SpillFile(1000, { spilled: assert.fail, spillFailed: failed.resolve })
    file.append(source, 0, 500)
    file.flush()
    assert.equal((await failed.promise).code, 'ENOENT')
    file.append(source, 500, 600)
    file.flush()
    assert.equal(file.length, 600)
    const kept: Buffer[] = []
    for (let page = file.shift(); page !== undefined; page = file.shift()) kept.push(page)
    assert.deepEqual(Buffer.concat(kept), source.subarray(0, 600))
    file.close()
  })
})

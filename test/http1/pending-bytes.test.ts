/** Heads that arrive in pieces: what it costs to find out whether they are complete. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PendingBytes } from '../../src/http1/pending-bytes.ts'

/** Adds a head in pieces of that size; returns the sizes at which it was to be read again. */
function drip(head: string, size: number): number[] {
  const bytes = Buffer.from(head)
  const pending = new PendingBytes(bytes.subarray(0, size))
  const readings: number[] = []
  for (let at = size; at < bytes.length; at += size) {
    if (pending.add(bytes.subarray(at, at + size), 64 * 1024)) readings.push(pending.length)
  }
  assert.equal(pending.bytes.toString(), head)
  return readings
}

for (const [name, head] of Object.entries({
  'one long field': `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(60_000)}\r\n\r\n`,
  'many short fields': `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(10_000)}\r\n`,
  'many line feeds': `HTTP/1.1 200 OK\r\n${'X: \n'.repeat(15_000)}\r\n\r\n`,
})) {
  for (const size of [1, 7, 1000]) {
    test(`${name}, ${size} bytes at a time, is read again for twice its size in all, and at its end`, () => {
      const readings = drip(head, size)
      let cost = 0
      for (const reading of readings) cost += reading
      // Up to 4 kB, each line may have it read again.
      assert.ok(cost <= 3 * head.length + 4096 ** 2 / 4, `${cost}`)
      assert.equal(readings.at(-1), head.length)
    })
  }
}

test('a short head is read again at the end of each of its lines, so that a fault shows at once', () => {
  assert.deepEqual(drip('GET / HTTP/1.1\r\nHost: a\r\n\r\n', 1), [16, 25, 27])
})

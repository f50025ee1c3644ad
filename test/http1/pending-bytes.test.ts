/** Heads that arrive in pieces: the cost of checking whether they are complete. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PendingBytes } from '../../src/http1/pending-bytes.ts'

/** Adds a head in pieces of the given size. Returns the sizes at which it had to be parsed. */
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
    test(`${name}, ${size} bytes at a time, is parsed for twice its size in total, and at its end`, () => {
      const readings = drip(head, size)
      let cost = 0
      for (const reading of readings) cost += reading
      // Up to 4 kB, each line may cause a parse.
      assert.ok(cost <= 3 * head.length + 4096 ** 2 / 4, `${cost}`)
      assert.equal(readings.at(-1), head.length)
    })
  }
}

test('a short head is parsed at the end of each line, so that an error is found at once', () => {
  assert.deepEqual(drip('GET / HTTP/1.1\r\nHost: a\r\n\r\n', 1), [16, 25, 27])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AccessLog } from '../../src/observability/access-log.ts'
import type { Batch } from '../../src/observability/line-buffer.ts'
import { recordOfGet } from '../support/exchange-record.ts'

const entry = recordOfGet(`/${'a'.repeat(1000)}`)

test('lines that are not taken use bounded memory; lines beyond it are counted, and all others are complete', () => {
  const batches: Batch[] = []
  let dropped = 0
  const log = new AccessLog(
    { format: 'combined', redact: [] },
    {
      take: (batch) => batches.push(batch),
      dropped(lines) {
        dropped += lines
      },
    },
  )
  const written = 20_000
  for (let i = 0; i < written; i++) log.ended(entry)
  const memories = new Map<number, Buffer>()
  const linesIn = ({ memory, shared, length }: Batch) => {
    if (shared !== undefined) memories.set(memory, Buffer.from(shared))
    return memories.get(memory)!.toString('latin1', 0, length).match(/.+\n/g)!
  }
  const first = batches.flatMap(linesIn)

  // Two memories are returned: one for the waiting lines, and one for the next line.
  for (const batch of batches.splice(0)) if (batch.memory < 2) log.written(batch.memory)
  log.ended(entry)
  log.stop()
  const all = [...first, ...batches.flatMap(linesIn)]
  assert.ok(dropped > 0)
  assert.ok([...memories.values()].reduce((sum, memory) => sum + memory.length, 0) <= 32 * 320 * 1024)
  assert.equal(all.length + dropped, written + 1)
  assert.equal(new Set(all.map((line) => line.replace(/ \[.*?\]| \d+\.\d{3} /g, ''))).size, 1)
})

test('lines by other settings are handed over before new settings are in effect', () => {
  const batches: Batch[] = []
  const log = new AccessLog(
    { format: 'combined', redact: [] },
    { take: (batch) => batches.push(batch), dropped: () => assert.fail('none is dropped') },
  )
  log.ended(entry)
  assert.equal(batches.length, 0)
  log.apply({ format: 'off', redact: [] })
  assert.equal(batches.length, 1)
  log.ended(entry)
  log.stop()
  assert.equal(batches.length, 1)
})

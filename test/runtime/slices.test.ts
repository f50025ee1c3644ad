import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Background, type Slices } from '../../src/runtime/slices.ts'

/** So many slices of work, noted as they are done. */
function* work(slices: number, log: string[]): Slices<string> {
  for (let slice = 1; slice < slices; slice++) {
    log.push(`slice ${slice}`)
    yield
  }
  log.push(`slice ${slices}`)
  return 'result'
}

describe('work in the background', () => {
  test('does its first slice at once, and each of the others in a turn of its own', async () => {
    const log: string[] = []
    const background = new Background(work(3, log), (result) => log.push(result))
    for (let turn = 1; turn <= 3; turn++) {
      log.push(`turn ${turn}`)
      await setImmediate()
    }
    assert.deepEqual(log, ['slice 1', 'turn 1', 'slice 2', 'turn 2', 'slice 3', 'result', 'turn 3'])
    assert.ok(background.isOver)
  })

  test('of one slice is done at once', () => {
    const log: string[] = []
    assert.ok(new Background(work(1, log), (result) => log.push(result)).isOver)
    assert.deepEqual(log, ['slice 1', 'result'])
  })

  test('is done once where the rest of it is wanted at once', async () => {
    const log: string[] = []
    new Background(work(3, log), (result) => log.push(result)).finish()
    await setImmediate()
    assert.deepEqual(log, ['slice 1', 'slice 2', 'slice 3', 'result'])
  })

  test('ends without a result when it is cancelled', async () => {
    const log: string[] = []
    const background = new Background(work(3, log), (result) => log.push(result))
    background.cancel()
    background.finish()
    await setImmediate()
    await setImmediate()
    assert.deepEqual(log, ['slice 1'])
  })
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { overlap } from '../../src/config/place.ts'

test('two places overlap if both could receive a connection to one address and port', () => {
  const at = (address: string, port = 80) => ({ address, port })
  for (const [one, other, expected] of [
    [at('127.0.0.1'), at('127.0.0.1'), true],
    [at('0.0.0.0'), at('127.0.0.1'), true],
    [at('::'), at('127.0.0.1'), true],
    [at('::'), at('::1'), true],
    [at('::'), at('0.0.0.0'), true],
    [at('0.0.0.0'), at('localhost'), true],
    [at('::1'), at('localhost'), true],
    [at('0.0.0.0'), at('::1'), false],
    [at('10.0.0.1'), at('127.0.0.1'), false],
    [at('127.0.0.1', 80), at('127.0.0.1', 81), false],
    [at('0.0.0.0', 0), at('127.0.0.1', 0), false],
  ] as const) {
    assert.equal(overlap(one, other), expected, JSON.stringify([one, other]))
    assert.equal(overlap(other, one), expected, JSON.stringify([other, one]))
  }
})

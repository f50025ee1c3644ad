import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatProfile, selfTimes } from '../../bench/profile.ts'

function node(id: number, functionName: string, url = '', lineNumber = -1) {
  return { id, callFrame: { functionName, url, lineNumber } }
}

const profile = {
  startTime: 1000,
  nodes: [
    node(1, '(root)'),
    node(2, '(idle)'),
    node(3, 'parse', 'file:///somewhere/limpet/src/http1/head.ts', 41),
    node(4, 'writeBuffer'),
    node(5, 'parse', 'file:///somewhere/limpet/src/http1/head.ts', 41),
  ],
  samples: [3, 3, 2, 4, 5, 4],
  timeDeltas: [0, 500, 100, 900, 300, 200],
}
/** From the second sample on. */
const window = { from: 1400, to: 9000, requests: 100 }

test('adds up the time of a function over all its callers, and leaves out idle time', () => {
  assert.deepEqual(selfTimes(profile, window), [
    { name: 'parse', place: 'src/http1/head.ts:42', time: 300 },
    { name: 'writeBuffer', place: '', time: 300 },
  ])
})

test('reports the CPU time that the system counted and V8 did not see', () => {
  const text = formatProfile(selfTimes(profile, window), window.requests, 10)
  assert.match(text, /3\.00 µs {3}50\.0 % {2}src\/http1\n/)
  assert.match(text, /4\.00 µs .*unseen by V8/)
})

test('reports if V8 counted more than the used CPU time', () => {
  assert.match(formatProfile(selfTimes(profile, window), window.requests, 5), /Trust the shares/)
})

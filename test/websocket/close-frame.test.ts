import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closeFrameToClient, closeFrameToServer } from '../../src/websocket/close-frame.ts'
import { FrameTracker } from '../../src/websocket/frame-tracker.ts'
import { closeFrame, masked } from '../support/websocket-frames.ts'

test('a client gets a Close frame with 1012 and a reason, unmasked', () => {
  assert.deepEqual(closeFrameToClient, closeFrame(1012, 'service restart'))
})

test('a server gets the same, masked with another key each time', () => {
  const keys = new Set<string>()
  for (let times = 0; times < 20; times++) {
    const frame = closeFrameToServer()
    const key = [...frame.subarray(2, 6)]
    assert.deepEqual(frame, closeFrame(1012, 'service restart', key))
    assert.equal(masked(frame.subarray(8), [key[2]!, key[3]!, key[0]!, key[1]!]).toString(), 'service restart')
    keys.add(key.join())
    const tracker = new FrameTracker('client')
    tracker.read(frame, 0, frame.length)
    assert.ok(tracker.hasClosed)
  }
  assert.ok(keys.size > 15)
})

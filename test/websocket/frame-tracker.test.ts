/** Where the frames of a WebSocket begin and end, however they are cut. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type FrameSender, FrameTracker } from '../../src/websocket/frame-tracker.ts'
import fc from '../support/property.ts'
import { CLOSE, closeFrame, frame, KEY, PING, TEXT } from '../support/websocket-frames.ts'

const senders = ['client', 'server'] as const
const keyOf = (sender: FrameSender) => (sender === 'client' ? KEY : undefined)

const sizes = fc.oneof(fc.nat(200), fc.constantFrom(0, 1, 125, 126, 127, 65_535, 65_536, 70_000))
const dataFrame = fc.record({ size: sizes, opcode: fc.constantFrom(0, 1, 2), final: fc.boolean() })
const controlFrame = fc.record({ size: fc.nat(125), opcode: fc.constantFrom(9, 10), final: fc.constant(true) })
const frames = fc.array(fc.oneof(dataFrame, controlFrame), { maxLength: 12 })
const cuts = fc.array(fc.nat(), { maxLength: 40 })

/** Frames in a row, with the offsets at which one ends. */
function stream(sender: FrameSender, all: readonly { size: number; opcode: number; final: boolean }[]) {
  const pieces = all.map(({ size, ...of }) => frame(Buffer.alloc(size, 0x88), { ...of, key: keyOf(sender) }))
  const ends = new Set([0])
  let end = 0
  for (const piece of pieces) {
    end += piece.length
    ends.add(end)
  }
  return { bytes: Buffer.concat(pieces), ends }
}

/** Calls with each part of the stream, in memory of which it is only a part. */
function inParts(
  bytes: Buffer,
  at: readonly number[],
  see: (part: Buffer, from: number, to: number, end: number) => void,
) {
  const ends = [...at.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b)
  let start = 0
  for (const end of ends) {
    const part = Buffer.concat([Buffer.from([0xff, 0xff]), bytes.subarray(start, end), Buffer.from([0xff])])
    see(part, 2, part.length - 1, end)
    start = end
  }
}

for (const sender of senders) {
  describe(`frames of a ${sender}`, () => {
    test('are told apart wherever they are cut', () => {
      fc.assert(
        fc.property(frames, cuts, (all, at) => {
          const { bytes, ends } = stream(sender, all)
          const tracker = new FrameTracker(sender)
          inParts(bytes, at, (part, from, to, end) => {
            tracker.read(part, from, to)
            assert.equal(tracker.isBetweenFrames, ends.has(end))
          })
          assert.ok(tracker.isValid)
          assert.equal(tracker.hasClosed, false)
        }),
      )
    })

    test('are told apart when each byte comes alone', () => {
      const { bytes, ends } = stream(sender, [
        { size: 3, opcode: 1, final: false },
        { size: 0, opcode: 9, final: true },
        { size: 126, opcode: 0, final: false },
        { size: 65_536, opcode: 0, final: true },
      ])
      const tracker = new FrameTracker(sender)
      for (let at = 0; at < bytes.length; at++) {
        tracker.read(bytes, at, at + 1)
        assert.equal(tracker.isBetweenFrames, ends.has(at + 1), `after ${at + 1} bytes`)
      }
    })

    test('are finished, and the next one is not begun', () => {
      fc.assert(
        fc.property(frames, cuts, fc.nat(), (all, at, stop) => {
          const { bytes, ends } = stream(sender, all)
          const seen = stop % (bytes.length + 1)
          const end = Math.min(...[...ends].filter((end) => end >= seen))
          const tracker = new FrameTracker(sender)
          tracker.read(bytes, 0, seen)
          let finished = seen
          inParts(bytes.subarray(seen), at, (part, from, to) => {
            finished += tracker.finishFrame(part, from, to) - from
          })
          assert.equal(finished, end)
          assert.ok(tracker.isBetweenFrames)
        }),
      )
    })

    test('end with a Close frame, once all of it has passed', () => {
      const bytes = Buffer.concat([frame('x', { key: keyOf(sender) }), closeFrame(1000, 'bye', keyOf(sender))])
      const tracker = new FrameTracker(sender)
      tracker.read(bytes, 0, bytes.length - 1)
      assert.equal(tracker.hasClosed, false)
      tracker.read(bytes, bytes.length - 1, bytes.length)
      assert.deepEqual([tracker.hasClosed, tracker.isBetweenFrames, tracker.isValid], [true, false, true])
    })

    const key = keyOf(sender)
    const broken: Record<string, Buffer> = {
      'the masking of the other side': frame('x', { key: sender === 'client' ? undefined : KEY }),
      'a control frame that is fragmented': frame('x', { opcode: PING, final: false, key }),
      'a control frame that is too long': frame(Buffer.alloc(126), { opcode: CLOSE, key }),
      'a short length in 2 bytes': frame(Buffer.alloc(125), { lengthSize: 2, key }),
      'a short length in 8 bytes': frame(Buffer.alloc(65_535), { lengthSize: 8, key }),
      'a length beyond all numbers': Buffer.from([0x82, key ? 0xff : 0x7f, ...Buffer.alloc(8, 0xff), ...(key ?? [])]),
      'a request of HTTP': Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'),
    }
    for (const [what, bytes] of Object.entries(broken)) {
      // Unmasked, the text would be a frame of 69 bytes.
      if (what === 'a request of HTTP' && sender === 'server') continue
      test(`are lost with ${what}, for good`, () => {
        const tracker = new FrameTracker(sender)
        const good = frame('hello', { opcode: TEXT, key })
        tracker.read(good, 0, good.length)
        assert.ok(tracker.isBetweenFrames)
        tracker.read(bytes, 0, bytes.length)
        for (let times = 0; times < 3; times++) {
          assert.deepEqual([tracker.isValid, tracker.isBetweenFrames, tracker.hasClosed], [false, false, false])
          assert.equal(tracker.finishFrame(good, 0, good.length), good.length)
          tracker.read(good, 0, good.length)
        }
      })
    }
  })
}

test('the longest frame that can be followed is that of the largest exact number', () => {
  const tracker = new FrameTracker('server')
  const header = Buffer.from([0x82, 127, ...Buffer.alloc(8)])
  header.writeBigUInt64BE(BigInt(Number.MAX_SAFE_INTEGER), 2)
  tracker.read(header, 0, header.length)
  assert.deepEqual([tracker.isValid, tracker.isBetweenFrames], [true, false])
})

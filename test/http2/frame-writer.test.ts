import { deepEqual, equal } from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as write from '../../src/http2/frames/frame-writer.ts'
import { Scratch } from '../../src/transport/scratch.ts'
import fc from '../support/property.ts'
import { EMPTY_SETTINGS, readFrames } from './frames.ts'

/** What a peer reads of what `frames` has written. */
function read(frames: (out: Scratch) => void): string[] {
  const out = new Scratch()
  frames(out)
  return readFrames(Buffer.concat([EMPTY_SETTINGS, out.bytes.subarray(0, out.length)]), { role: 'client' }).slice(1)
}

describe('a frame that is written', () => {
  const OPAQUE = Buffer.from('0102030405060708', 'hex')
  const cases: [what: string, frames: (out: Scratch) => void, calls: string[]][] = [
    [
      'SETTINGS',
      (out) => {
        write.writeSettings(out, [
          [1, 0],
          [3, 2 ** 32 - 1],
        ])
        write.writeSettingsAck(out)
      },
      ['setting 1 0', 'setting 3 4294967295', 'settings end', 'settings ack'],
    ],
    [
      'DATA',
      (out) => {
        write.writeDataHeader(out, 2 ** 31 - 1, 3, true)
        out.write(Buffer.from('abc'))
      },
      ['data 2147483647 begins, 3 bytes, last', '616263', 'data 2147483647 ends, last'],
    ],
    ['RST_STREAM', (out) => write.writeRstStream(out, 3, 8), ['rst 3 8']],
    [
      'PING',
      (out) => {
        write.writePing(out, false, OPAQUE, 0)
        write.writePing(out, true, OPAQUE, 0)
      },
      ['ping 0102030405060708', 'ping 0102030405060708, ack'],
    ],
    [
      'GOAWAY',
      (out) => {
        write.writeGoAway(out, 2 ** 31 - 1, 0xb, 'calm')
        write.writeGoAway(out, 0, 0)
      },
      ['goaway 2147483647 11', 'goaway 0 0'],
    ],
    ['WINDOW_UPDATE', (out) => write.writeWindowUpdate(out, 0, 2 ** 31 - 1), ['window 0 2147483647']],
  ]
  for (const [what, frames, calls] of cases) test(`is read again: ${what}`, () => deepEqual(read(frames), calls))

  test('has its field block, in as many frames as the peer needs', () => {
    const block = fc.uint8Array({ maxLength: 100 })
    fc.assert(
      fc.property(block, fc.integer({ min: 1, max: 40 }), fc.boolean(), fc.nat(20), (block, most, isLast, before) => {
        const calls = read((out) => {
          for (let i = 0; i < before; i++) write.writeSettingsAck(out)
          const frame = write.beginHeaders(out)
          out.write(Buffer.from(block))
          write.endHeaders(out, frame, 5, isLast, most)
          write.writeSettingsAck(out)
        })
        equal(calls[before], `headers 5 ${Buffer.from(block).toString('hex')}${isLast ? ', last' : ''}`)
        equal(calls.at(-1), 'settings ack')
        equal(calls.length, before + 2)
      }),
      { numRuns: 500 },
    )
  })

  test('has no payload that is larger than allowed', () => {
    const out = new Scratch()
    const frame = write.beginHeaders(out)
    out.write(Buffer.alloc(200_000))
    write.endHeaders(out, frame, 1, false, 16_384)
    const sizes: number[] = []
    for (let at = 0; at < out.length; at += 9 + sizes.at(-1)!) sizes.push(out.bytes.readUIntBE(at, 3))
    deepEqual(sizes, [...Array.from({ length: 12 }, () => 16_384), 200_000 - 12 * 16_384])
  })
})

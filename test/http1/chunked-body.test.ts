import { deepEqual, ok } from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ChunkedBody, type Sender } from '../../src/http1/chunked-body.ts'
import { MessageError } from '../../src/http1/message-error.ts'
import fc from '../support/property.ts'
import { chunked, chunkedByServer, cuts, damaged } from './arbitraries.ts'
import { guarded } from './guarded.ts'
import { type Decoded, decodeChunks } from './reference.ts'

const LIMITS = { headSize: 32_000, headers: 100 }
const bodies = { client: chunked, server: chunkedByServer }
const senders: readonly Sender[] = ['client', 'server']
const wires = fc.oneof(chunked, chunkedByServer).map(({ wire }) => wire)
const anyWire = fc.oneof(
  { arbitrary: wires, weight: 1 },
  { arbitrary: damaged(wires), weight: 8 },
  { arbitrary: fc.string({ unit: fc.constantFrom(...'01;="\\\r\nax: \t'), maxLength: 12 }), weight: 4 },
)

/** Reads with ChunkedBody, in segments. `data` is the forwarded data. */
function decode(text: string, sender: Sender, keepFraming: boolean, cuts: readonly number[] = []): Decoded {
  const body = new ChunkedBody(keepFraming, LIMITS, sender)
  let data = ''
  let from = 0
  try {
    for (const cut of [...cuts, text.length]) {
      if (body.done || cut <= from) continue
      const bytes = Buffer.from(text.slice(from, cut), 'latin1')
      const end = body.read(bytes, 0, {
        bodyBytes(bytes, from, to) {
          ok(from < to && to <= bytes.length)
          data += bytes.toString('latin1', from, to)
        },
      })
      // Other connections may read into the same memory next.
      bytes.fill('?')
      from += end
    }
  } catch (error) {
    ok(error instanceof MessageError, String(error))
    return 'refused'
  }
  // Whoever sends chunks on writes a trailer section after them.
  return body.done ? { data: keepFraming ? `${data}\r\n` : data, end: from } : 'unfinished'
}

/** The data of a complete body without extensions and trailers; undefined if the body has any. */
function decodeBareChunks(text: string): string | undefined {
  const line = /^([0-9A-Fa-f]+)\r\n/.exec(text)
  if (line === null) return undefined
  const size = Number.parseInt(line[1]!, 16)
  const rest = text.slice(line[0].length)
  if (size === 0) return rest === '\r\n' ? '' : undefined
  const more = rest.startsWith('\r\n', size) ? decodeBareChunks(rest.slice(size + 2)) : undefined
  return more === undefined ? undefined : rest.slice(0, size) + more
}

for (const sender of senders) {
  describe(`a chunked body of a ${sender}`, () => {
    test('is read correctly', () => {
      fc.assert(
        fc.property(bodies[sender], fc.string(), ({ wire, data }, more) => {
          deepEqual(decode(wire + more, sender, false), { data, end: wire.length })
        }),
        { numRuns: 1000 },
      )
    })

    test('is what the reference reader finds, with and without its framing, with any split', () => {
      const cutWire = anyWire.chain((wire) => fc.tuple(fc.constant(wire), cuts(wire.length)))
      fc.assert(
        fc.property(cutWire, ([wire, cuts]) => {
          const expected = decodeChunks(wire, sender)
          deepEqual(decode(wire, sender, false), expected)
          deepEqual(decode(wire, sender, false, cuts), expected)
          const framed = decode(wire, sender, true, cuts)
          deepEqual(framed, decode(wire, sender, true))
          if (typeof expected === 'string' || typeof framed === 'string') return deepEqual(framed, expected)
          // Only sizes and data are left.
          deepEqual(decodeBareChunks(framed.data), expected.data)
        }),
        { numRuns: 5000 },
      )
    })

    test('is read only from its own bytes', () => {
      fc.assert(
        fc.property(anyWire, fc.boolean(), (wire, keepFraming) => {
          const body = new ChunkedBody(keepFraming, LIMITS, sender)
          try {
            body.read(guarded(Buffer.from(wire, 'latin1')), 0, { bodyBytes() {} })
          } catch (error) {
            ok(error instanceof MessageError, String(error))
          }
        }),
        { numRuns: 1500 },
      )
    })
  })
}

import { deepEqual, ok } from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ChunkedBody } from '../../src/http1/chunked-body.ts'
import { MessageError } from '../../src/http1/message-error.ts'
import { chunked, cuts, damaged } from './arbitraries.ts'
import { guarded } from './guarded.ts'
import { type Decoded, decodeChunks } from './reference.ts'

const LIMITS = { headSize: 32_000, headers: 100 }
const wires = chunked.map(({ wire }) => wire)
const anyWire = fc.oneof(
  { arbitrary: wires, weight: 1 },
  { arbitrary: damaged(wires), weight: 8 },
  { arbitrary: fc.string({ unit: fc.constantFrom(...'01;\r\nax: '), maxLength: 12 }), weight: 4 },
)

/** Reads with ChunkedBody, in segments; `data` is what was sent on. */
function decode(text: string, keepFraming: boolean, cuts: readonly number[] = []): Decoded {
  const body = new ChunkedBody(keepFraming, LIMITS)
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
      // Others may read into the same memory next.
      bytes.fill('?')
      from += end
    }
  } catch (error) {
    ok(error instanceof MessageError, String(error))
    return 'refused'
  }
  return body.done ? { data, end: from } : 'unfinished'
}

describe('a chunked body', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(chunked, fc.string(), ({ wire, data }, more) => {
        deepEqual(decode(wire + more, false), { data, end: wire.length })
      }),
      { numRuns: 1000 },
    )
  })

  test('is what the slow reader says, with and without its framing, however it is cut', () => {
    const cutWire = anyWire.chain((wire) => fc.tuple(fc.constant(wire), cuts(wire.length)))
    fc.assert(
      fc.property(cutWire, ([wire, cuts]) => {
        const expected = decodeChunks(wire)
        deepEqual(decode(wire, false), expected)
        deepEqual(decode(wire, false, cuts), expected)
        const framed = decode(wire, true, cuts)
        deepEqual(framed, decode(wire, true))
        if (typeof expected === 'string' || typeof framed === 'string') return deepEqual(framed, expected)
        deepEqual(decodeChunks(framed.data), { data: expected.data, end: framed.data.length })
      }),
      { numRuns: 5000 },
    )
  })

  test('is read from its own bytes only', () => {
    fc.assert(
      fc.property(anyWire, fc.boolean(), (wire, keepFraming) => {
        const body = new ChunkedBody(keepFraming, LIMITS)
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

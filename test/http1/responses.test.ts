import { deepEqual, ok } from 'node:assert/strict'
import { describe, test } from 'node:test'
import { framingOfResponse } from '../../src/http1/framing.ts'
import { MessageError } from '../../src/http1/message-error.ts'
import { ResponseHead } from '../../src/http1/response-head.ts'
import fc from '../support/property.ts'
import { cuts, damaged, response } from './arbitraries.ts'
import { guarded } from './guarded.ts'

const LIMITS = { headSize: 300, headers: 8 }
const anyWire = fc.oneof({ arbitrary: response, weight: 1 }, { arbitrary: damaged(response), weight: 4 })

/** The result of reading a head that arrives in segments. */
function read(wire: string, cuts: readonly number[] = []) {
  const head = new ResponseHead()
  const bytes = Buffer.from(wire, 'latin1')
  try {
    for (const arrived of [...cuts, bytes.length]) {
      if (arrived === 0 || !head.parse(Buffer.from(bytes.subarray(0, arrived)), 0, LIMITS)) continue
      const { status, minorVersion, end, count } = head
      const fields = Array.from({ length: count }, (_, field) => head.value(field))
      return { status, minorVersion, end, fields, framing: framingOfResponse(head, false) }
    }
  } catch (error) {
    ok(error instanceof MessageError, String(error))
    return error.message
  }
  return 'unfinished'
}

describe("a response's head", () => {
  test('gives the same result with any split into segments', () => {
    const cutWire = anyWire.chain((wire) => fc.tuple(fc.constant(wire), cuts(wire.length)))
    fc.assert(
      fc.property(cutWire, ([wire, cuts]) => deepEqual(read(wire, cuts), read(wire))),
      { numRuns: 3000 },
    )
  })

  test('is refused as soon as it ends, if it is invalid', () => {
    fc.assert(
      fc.property(anyWire, (wire) => {
        // Four line ends in a row end any head.
        ok(read(`${wire}\r\n\r\n\r\n\r\n`) !== 'unfinished')
      }),
      { numRuns: 2000 },
    )
  })

  test('is read only from its own bytes', () => {
    const head = new ResponseHead()
    fc.assert(
      fc.property(anyWire, (wire) => {
        try {
          if (wire !== '') head.parse(guarded(Buffer.from(wire, 'latin1')), 0, LIMITS)
        } catch (error) {
          ok(error instanceof MessageError, String(error))
        }
      }),
      { numRuns: 1500 },
    )
  })
})

import { deepEqual, ok } from 'node:assert/strict'
import { describe, test } from 'node:test'
import { framingOfRequest } from '../../src/http1/framing.ts'
import { MessageError } from '../../src/http1/message-error.ts'
import { RequestHead } from '../../src/http1/request-head.ts'
import fc from '../support/property.ts'
import { cuts, damaged, request } from './arbitraries.ts'
import { guarded } from './guarded.ts'
import { parseHead, parseRequests } from './reference.ts'
import { readRequests } from './request-stream.ts'

/** Small limits, so that requests exceed them. */
const LIMITS = { headSize: 300, headers: 8 }
const AMPLE = { headSize: 32_000, headers: 100 }

const bytesOf = (text: string) => Buffer.from(text, 'latin1')
const conversation = fc.array(request, { minLength: 1, maxLength: 4 })
const wireOf = conversation.map((requests) => requests.map(({ wire }) => wire).join(''))
const anything = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1'))
const anyWire = fc.oneof(
  { arbitrary: wireOf, weight: 1 },
  { arbitrary: damaged(wireOf), weight: 6 },
  { arbitrary: anything, weight: 1 },
)

describe('requests', () => {
  test('are read correctly', () => {
    fc.assert(
      fc.property(conversation, (requests) => {
        const reading = readRequests(bytesOf(requests.map(({ wire }) => wire).join('')), AMPLE)
        deepEqual(
          reading.requests.map(({ method, target, authority, fields, body }) => ({
            method,
            target,
            authority,
            fields: fields.filter(([name]) => name.startsWith('!')),
            body,
          })),
          requests.map(({ method, target, host, fields, data }) => ({
            method,
            target,
            authority: host,
            fields: fields.map(({ name, value }) => [name, value]),
            body: data,
          })),
        )
        deepEqual([reading.fault, reading.unfinished], [undefined, false])
      }),
      { numRuns: 500 },
    )
  })

  test('give the same result with any split into segments', () => {
    const cutWire = anyWire.chain((wire) => fc.tuple(fc.constant(wire), cuts(wire.length)))
    fc.assert(
      fc.property(cutWire, fc.constantFrom(LIMITS, AMPLE), ([wire, cuts], limits) => {
        deepEqual(readRequests(bytesOf(wire), limits, cuts), readRequests(bytesOf(wire), limits))
      }),
      { numRuns: 3000 },
    )
  })

  test('have heads that follow the grammar if they are accepted', () => {
    fc.assert(
      fc.property(anyWire, (wire) => {
        const reading = readRequests(bytesOf(wire), AMPLE)
        const [first] = reading.requests
        if (first === undefined) return
        const reference = parseHead(wire)
        ok(reference !== undefined)
        const { end: _, ...expected } = reference
        const { method, target, minorVersion, fields } = first
        deepEqual({ method, target, minorVersion, fields }, expected)
      }),
      { numRuns: 2000 },
    )
  })

  test('have the bodies that the reference reader finds', () => {
    fc.assert(
      fc.property(anyWire, (wire) => {
        const { requests, unfinished, fault } = readRequests(bytesOf(wire), AMPLE)
        const whole = unfinished || fault !== undefined ? requests.slice(0, -1) : requests
        deepEqual(
          whole.map(({ method, target, body }) => ({ method, target, body })),
          parseRequests(wire).slice(0, whole.length),
        )
      }),
      { numRuns: 2000 },
    )
  })

  test('throw only MessageError, and no byte beyond them is read', () => {
    const head = new RequestHead()
    fc.assert(
      fc.property(anyWire, fc.constantFrom(LIMITS, AMPLE), (wire, limits) => {
        const bytes = guarded(bytesOf(wire))
        try {
          if (wire === '' || !head.parse(bytes, 0, limits)) return
          framingOfRequest(head)
          ok(head.end <= bytes.length)
        } catch (error) {
          ok(error instanceof MessageError, String(error))
        }
      }),
      { numRuns: 1500 },
    )
  })

  test('do not depend on the bytes that follow', () => {
    fc.assert(
      fc.property(request, anything, ({ wire }, more) => {
        const alone = readRequests(bytesOf(wire), AMPLE).requests[0]
        deepEqual(readRequests(bytesOf(wire + more), AMPLE).requests[0], alone)
      }),
      { numRuns: 500 },
    )
  })
})

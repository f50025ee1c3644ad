import { equal, match } from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { FieldLines } from '../../src/http2/heads/field-lines.ts'
import { ResponseLines } from '../../src/http2/heads/response-lines.ts'
import { TrailerLines } from '../../src/http2/heads/trailer-lines.ts'
import { HpackDecoder } from '../../src/http2/hpack/decoder.ts'
import { HpackEncoder } from '../../src/http2/hpack/encoder.ts'
import { Scratch } from '../../src/transport/scratch.ts'
import fc from '../support/property.ts'
import { type FieldText, literalBlock } from './field-blocks.ts'

const LIMITS = { headSize: 200, headers: 100 }

function read(lines: FieldLines, fields: readonly FieldText[]): string {
  const block = literalBlock(fields)
  lines.begin(LIMITS.headSize)
  new HpackDecoder().decode(block, 0, block.length, lines)
  lines.finish()
  if (lines.fault !== '') return `malformed: ${lines.fault}`
  return lines.isTooLarge ? 'too large' : lines.bytes.toString('latin1', 0, lines.length)
}

describe('a response', () => {
  const head = (fields: FieldText[]) => read(new ResponseLines(), fields)

  test('becomes its line and its fields', () => {
    equal(head([[':status', '200']]), 'HTTP/1.1 200 \r\n\r\n')
    equal(head([[':status', '599']]), 'HTTP/1.1 599 \r\n\r\n')
    equal(
      head([
        [':status', '103'],
        ['link', '</a>'],
        ['set-cookie', 'a'],
        ['set-cookie', 'b'],
      ]),
      'HTTP/1.1 103 \r\nlink: </a>\r\nset-cookie: a\r\nset-cookie: b\r\n\r\n',
    )
  })

  test('is too large where its head would be', () => {
    equal(
      head([
        [':status', '200'],
        ['x', 'a'.repeat(200)],
      ]),
      'too large',
    )
  })

  const malformed: [what: string, fields: FieldText[]][] = [
    ['without fields', []],
    ['without :status', [['x', 'y']]],
    [
      'with :status twice',
      [
        [':status', '200'],
        [':status', '200'],
      ],
    ],
    [
      'with :status after a field',
      [
        ['x', 'y'],
        [':status', '200'],
      ],
    ],
    ['with a :status of two digits', [[':status', '20']]],
    ['with a :status that is no number', [[':status', '2x0']]],
    ['with a :status below 100', [[':status', '099']]],
    ['with 101, which HTTP/2 does not have (§8.6)', [[':status', '101']]],
    [
      'with a pseudo-field of requests',
      [
        [':status', '200'],
        [':path', '/'],
      ],
    ],
    [
      'with Connection',
      [
        [':status', '200'],
        ['connection', 'close'],
      ],
    ],
    [
      'with Transfer-Encoding',
      [
        [':status', '200'],
        ['transfer-encoding', 'chunked'],
      ],
    ],
    [
      'with capital letters in a name',
      [
        [':status', '200'],
        ['Server', 'x'],
      ],
    ],
    [
      'with a line end in a value',
      [
        [':status', '200'],
        ['server', 'a\r\nb: c'],
      ],
    ],
  ]
  for (const [what, fields] of malformed) test(`is malformed ${what}`, () => match(head(fields), /^malformed: ./))
})

describe('trailers', () => {
  const section = (fields: FieldText[]) => read(new TrailerLines(), fields)

  test('become lines', () => {
    equal(
      section([
        ['grpc-status', '0'],
        ['grpc-message', ''],
      ]),
      'grpc-status: 0\r\ngrpc-message: \r\n\r\n',
    )
    equal(section([]), '\r\n')
  })

  test('are too large where their lines would be', () => equal(section([['x', 'a'.repeat(200)]]), 'too large'))

  test('are the fields that were sent, whatever a small table keeps of them', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd', 'long-name'.repeat(5))
    const value = fc.nat(3).map((digit) => `${digit}`.repeat(40))
    const someFields = fc.array(fc.tuple(name, value), { maxLength: 12 })
    fc.assert(
      fc.property(
        fc.array(someFields, { minLength: 5, maxLength: 30 }),
        fc.constantFrom(200, 400, 4096),
        (sections, size) => {
          const encoder = new HpackEncoder('all')
          const decoder = new HpackDecoder()
          const lines = new TrailerLines()
          encoder.setMaxSize(size)
          for (const fields of sections) {
            const out = new Scratch()
            encoder.begin(out)
            for (const [name, value] of fields) {
              const bytes = Buffer.from(name + value)
              encoder.field(out, undefined, bytes, 0, name.length, name.length, bytes.length)
            }
            lines.begin(10_000)
            decoder.decode(out.bytes, 0, out.length, lines)
            lines.finish()
            const sent = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
            equal(lines.bytes.toString('latin1', 0, lines.length), `${sent}\r\n`)
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  const malformed: [what: string, fields: FieldText[]][] = [
    [
      'with a pseudo-field (§8.1)',
      [
        ['x', 'y'],
        [':method', 'GET'],
      ],
    ],
    ['with :status', [[':status', '200']]],
    ['with an unknown pseudo-field', [[':x', 'y']]],
    ['with capital letters in a name', [['X', 'y']]],
    ['with Connection', [['connection', 'close']]],
  ]
  for (const [what, fields] of malformed) test(`are malformed ${what}`, () => match(section(fields), /^malformed: ./))
})

import { equal, match } from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { FieldLines } from '../../src/http2/field-lines.ts'
import { HpackDecoder } from '../../src/http2/hpack/decoder.ts'
import { ResponseLines } from '../../src/http2/response-lines.ts'
import { TrailerLines } from '../../src/http2/trailer-lines.ts'
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

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectionOptions } from '../../src/http1/connection-options.ts'
import { RequestHead } from '../../src/http1/request-head.ts'
import fc from '../support/property.ts'

const limits = { headSize: 100_000, headers: 5000 }

function headWith(lines: readonly string[]): RequestHead {
  const head = new RequestHead()
  head.parse(Buffer.from(['GET / HTTP/1.1', 'Host: a', ...lines, '', ''].join('\r\n'), 'latin1'), 0, limits)
  return head
}

/** The indexes of the fields that Connection names. */
function namedIn(head: RequestHead): number[] {
  return [...connectionOptions(head).named.entries()].filter(([, flag]) => flag === 1).map(([field]) => field)
}

/** A simple reference implementation: splits the list, and looks each field up in it. */
function plainly(lines: readonly string[]) {
  const fields = ['Host: a', ...lines].map((line) => line.split(':', 2) as [string, string])
  const options = fields
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(',').map((option) => option.trim().toLowerCase()))
  const words = ['close', 'keep-alive', 'upgrade']
  return {
    said: words.map((word) => options.includes(word)),
    named: fields.flatMap(([name], field) => {
      const lower = name.toLowerCase()
      return lower !== 'host' && !words.includes(lower) && options.includes(lower) ? [field] : []
    }),
  }
}

test('the options of Connection, and the fields that it names', () => {
  const option = fc.constantFrom(
    'close',
    'Keep-Alive',
    'upgrade',
    'x-a',
    'X-B',
    'x-c',
    'host',
    'connection',
    '',
    ' ',
    'x-a x-b',
    'x-a;x',
    '"x-a"',
    '\t',
  )
  const blank = fc.constantFrom('', '', ' ', '\t ')
  const member = fc.tuple(blank, option, blank).map((parts) => parts.join(''))
  const list = fc.array(member, { maxLength: 6 }).map((members) => `Connection:${members.join(',')}`)
  const other = fc.constantFrom('x-a:1', 'X-A:2', 'x-b:1', 'X-C:1', 'close:1', 'x-d:1')
  fc.assert(
    fc.property(fc.array(fc.oneof(list, other), { maxLength: 8 }), (lines) => {
      const head = headWith(lines)
      const { close, keepAlive, upgrade } = connectionOptions(head)
      assert.deepEqual({ said: [close, keepAlive, upgrade], named: namedIn(head) }, plainly(lines))
    }),
    { seed: 15, numRuns: 5000 },
  )
})

test('each of a thousand fields is found by its name', () => {
  const names = Array.from({ length: 1000 }, (_, index) => `x-${index}`)
  const even = names.filter((_, index) => index % 2 === 0)
  const head = headWith([`Connection: ${even.join(', ')}`, ...names.map((name) => `${name}: 1`)])
  assert.deepEqual(
    namedIn(head),
    even.map((name) => names.indexOf(name) + 2),
  )
})

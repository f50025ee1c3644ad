/** Lines of access logs, in the formats that are read. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { linesOf } from '../../src/planning/simulation/log-lines.ts'
import { parseLine } from '../../src/planning/simulation/logged-request.ts'

const TIME = Date.parse('2026-11-22T20:44:00Z')
const COMBINED = '127.0.0.1 - - [22/Nov/2026:20:44:00 +0000] "GET /a?b=c HTTP/1.1" 200 2751 "-" "curl/8"'
const LIMPET = `${COMBINED} 10.0.0.1:3000 200 0.005 stuck`
const VHOST = `example.org ${COMBINED} shop shop-1 10.0.0.1:3000, 10.0.0.2:3000 502, 200 0.005 retry`
const usual = {
  time: TIME,
  resolution: 1000,
  client: '127.0.0.1',
  host: '',
  method: 'GET',
  target: '/a?b=c',
  userAgent: 'curl/8',
  duration: undefined,
}

describe('a line of an access log', () => {
  const lines: readonly [format: string, line: string, expected: object][] = [
    ['combined of nginx', COMBINED, usual],
    ['combined of Limpet', LIMPET, { ...usual, duration: 5 }],
    ['vhost', VHOST, { ...usual, host: 'example.org', duration: 5 }],
    ['vhost of Apache, with a port', `example.org:443 ${COMBINED}`, { ...usual, host: 'example.org:443' }],
    ['common', COMBINED.replace(/ "-" "curl.*/, ''), { ...usual, userAgent: '' }],
    ['of a user', COMBINED.replace('- - [', '- ann [').replace('curl/8', '-'), { ...usual, userAgent: '' }],
    ['of a user with spaces', COMBINED.replace('- - [', '- ann of the hills ['), usual],
    ['of another time zone', COMBINED.replace('20:44:00 +0000', '15:14:00 -0530'), usual],
    ['of an IPv6 address', COMBINED.replace('127.0.0.1', '2001:db8::1'), { ...usual, client: '2001:db8::1' }],
    ['with escapes of nginx', COMBINED.replace('curl/8', 'a\\x22b\\x5C'), { ...usual, userAgent: 'a"b\\' }],
    ['with escapes of Apache', COMBINED.replace('curl/8', 'a\\"b\\\\'), { ...usual, userAgent: 'a"b\\' }],
    [
      'JSON',
      '{"time":"2026-11-22T20:44:00.250Z","client":"127.0.0.1","host":"example.org","request":"GET /a?b=c HTTP/1.1","method":"GET","path":"/a","query":"b=c","protocol":"HTTP/1.1","status":200,"bytes":1,"userAgent":"curl/8","seconds":0.005}',
      { ...usual, time: TIME + 250, resolution: 1, host: 'example.org', duration: 5 },
    ],
  ]
  for (const [format, line, expected] of lines) {
    test(format, () => assert.deepEqual(parseLine(line), expected))
  }

  test('may be about something that was no request', () => {
    assert.equal(parseLine(COMBINED.replace('GET /a?b=c HTTP/1.1', '-')), 'no-request')
    assert.equal(parseLine(COMBINED.replace('GET /a?b=c HTTP/1.1', '\\x16\\x03\\x01')), 'no-request')
    assert.equal(
      parseLine('{"time":"2026-11-22T20:44:00Z","client":"127.0.0.1","request":"","status":400}'),
      'no-request',
    )
  })

  test('is not anything else', () => {
    const others = ['', 'a', COMBINED.slice(0, 60), COMBINED.replace('Nov', 'Nox'), COMBINED.replace(' 200 ', ' ok ')]
    for (const other of [...others, '{}', '{"time":1}', '{', '{"time":"2026-11-22","client":"a","method":"GET"}'])
      assert.equal(parseLine(other), undefined, other)
  })
})

test('a file without line feeds is one long line, of which a part is kept', async () => {
  async function* chunks() {
    for (let chunk = 0; chunk < 100; chunk++) yield Buffer.alloc(65_536, 'a')
    yield Buffer.from('\nlast')
  }
  const lengths: number[] = []
  for await (const lines of linesOf(chunks())) for (const line of lines) lengths.push(line.length)
  assert.equal(lengths.length, 2)
  assert.ok(lengths[0]! <= 131_072)
  assert.equal(lengths[1], 4)
})

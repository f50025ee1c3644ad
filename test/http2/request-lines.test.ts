import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RequestHead } from '../../src/http1/request-head.ts'
import { RequestLines } from '../../src/http2/heads/request-lines.ts'
import { HpackDecoder } from '../../src/http2/hpack/decoder.ts'
import { fieldValue, token } from '../http1/arbitraries.ts'
import fc from '../support/property.ts'
import { type FieldText, literalBlock } from './field-blocks.ts'

const LIMITS = { headSize: 2000, headers: 100 }
const GET: FieldText[] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'www.example.org'],
  [':path', '/a?b'],
]

/** The head that a request becomes; what is wrong with it if it is malformed; 'too large' if it is. */
function headOf(fields: readonly FieldText[], limits = LIMITS): string {
  const lines = new RequestLines()
  const block = literalBlock(fields)
  lines.begin(limits.headSize)
  new HpackDecoder().decode(block, 0, block.length, lines)
  lines.finish()
  if (lines.fault !== '') return `malformed: ${lines.fault}`
  return lines.isTooLarge ? 'too large' : lines.bytes.toString('latin1', 0, lines.length)
}

/** `GET` with another value for a pseudo-field, or without it. */
function withPseudo(name: string, value?: string): FieldText[] {
  return GET.flatMap(([own, was]): FieldText[] => {
    if (own !== name) return [[own, was]]
    return value === undefined ? [] : [[own, value]]
  })
}

describe('a request becomes', () => {
  const cases: [what: string, fields: FieldText[], head: string][] = [
    ['its line and its host', GET, 'GET /a?b HTTP/1.1\r\nhost: www.example.org\r\n\r\n'],
    [
      'the same in any order of its pseudo-fields',
      GET.toReversed(),
      'GET /a?b HTTP/1.1\r\nhost: www.example.org\r\n\r\n',
    ],
    [
      'its fields, in their order',
      [...GET, ['accept', '*/*'], ['x-a', '\x80b'], ['accept', ''], ['priority', 'u=1, i']],
      'GET /a?b HTTP/1.1\r\nhost: www.example.org\r\naccept: */*\r\nx-a: \x80b\r\naccept: \r\npriority: u=1, i\r\n\r\n',
    ],
    [
      'one Cookie, of all its crumbs (§8.2.3)',
      [...GET, ['cookie', 'a=b'], ['x', 'y'], ['cookie', 'c=d; e=f'], ['cookie', 'g=h']],
      'GET /a?b HTTP/1.1\r\nhost: www.example.org\r\nx: y\r\ncookie: a=b; c=d; e=f; g=h\r\n\r\n',
    ],
    [
      'a request with Host, where that is all it has (§8.3.1)',
      [...withPseudo(':authority'), ['host', 'a.example']],
      'GET /a?b HTTP/1.1\r\nhost: a.example\r\n\r\n',
    ],
    [
      'a request with one Host, where both say the same',
      [...GET, ['host', 'WWW.example.org']],
      'GET /a?b HTTP/1.1\r\nhost: www.example.org\r\n\r\n',
    ],
    [
      'one that asks for trailers',
      [...GET, ['te', 'trailers']],
      'GET /a?b HTTP/1.1\r\nhost: www.example.org\r\nte: trailers\r\n\r\n',
    ],
    [
      'OPTIONS for the whole server',
      [
        [':method', 'OPTIONS'],
        [':scheme', 'https'],
        [':authority', 'a'],
        [':path', '*'],
      ],
      'OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n',
    ],
    [
      'CONNECT, which RequestHead refuses',
      [
        [':method', 'CONNECT'],
        [':authority', 'a:443'],
      ],
      'CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n',
    ],
    [
      'an Upgrade, if it is an extended CONNECT (RFC 8441 §4)',
      [
        [':method', 'CONNECT'],
        [':protocol', 'connect-udp'],
        [':scheme', 'https'],
        [':authority', 'a:443'],
        [':path', '/'],
      ],
      'GET / HTTP/1.1\r\nhost: a:443\r\nconnection: upgrade\r\nupgrade: connect-udp\r\n\r\n',
    ],
  ]
  for (const [what, fields, head] of cases) test(what, () => equal(headOf(fields), head))

  test('an Upgrade with a key, if that is for a WebSocket (RFC 8441 §5)', () => {
    const head = headOf([
      [':method', 'CONNECT'],
      [':protocol', 'websocket'],
      [':scheme', 'https'],
      [':path', '/chat'],
      [':authority', 'a'],
      ['sec-websocket-version', '13'],
    ])
    match(
      head,
      /^GET \/chat HTTP\/1\.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: [A-Za-z0-9+/]{22}==\r\nsec-websocket-version: 13\r\n\r\n$/,
    )
  })

  test("an Upgrade with no other key than Limpet's, and without what a WebSocket over HTTP/2 does not use", () => {
    const connect = (protocol: string): FieldText[] => [
      [':method', 'CONNECT'],
      [':protocol', protocol],
      [':scheme', 'https'],
      [':path', '/chat'],
      [':authority', 'a'],
      ['sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ=='],
      ['sec-websocket-accept', 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='],
      ['sec-websocket-protocol', 'chat'],
    ]
    const head = headOf(connect('websocket'))
    equal(head.match(/sec-websocket-key: /g)!.length, 1)
    ok(!head.includes('dGhlIHNhbXBsZSBub25jZQ=='), head)
    ok(!head.includes('sec-websocket-accept'), head)
    match(head, /\r\nsec-websocket-protocol: chat\r\n\r\n$/)
    // Of any other request and protocol they are fields like others.
    const proof =
      'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n'
    ok(headOf(connect('other')).includes(proof))
    ok(headOf([...GET, ...connect('').slice(5)]).includes(proof))
  })

  test('one whose pseudo-fields still come first, where the first other field is left out', () => {
    const early = headOf([
      [':method', 'CONNECT'],
      [':protocol', 'websocket'],
      [':scheme', 'https'],
      [':authority', 'a'],
      ['sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ=='],
      [':path', '/chat'],
    ])
    match(early, /^malformed: /)
  })
})

describe('a request is malformed', () => {
  const cases: [what: string, fields: FieldText[]][] = [
    ['without fields', []],
    ['without :method', withPseudo(':method')],
    ['without :scheme', withPseudo(':scheme')],
    ['without :path', withPseudo(':path')],
    ['with an empty :path', withPseudo(':path', '')],
    ['with an empty :method', withPseudo(':method', '')],
    ['with a :method that is no token', withPseudo(':method', 'GET /x')],
    ['with a :path that is a URL', withPseudo(':path', 'http://b/')],
    ['with a :path without a slash', withPseudo(':path', 'a')],
    ['with a :path with a space', withPseudo(':path', '/ HTTP/1.1')],
    ['with a :path with a fragment', withPseudo(':path', '/#a')],
    ['with an asterisk for GET', withPseudo(':path', '*')],
    ['with :method twice', [...GET, [':method', 'GET']]],
    ['with :scheme twice', [...GET, [':scheme', 'https']]],
    ['with :path twice', [...GET, [':path', '/a?b']]],
    ['with :authority twice', [...GET, [':authority', 'www.example.org']]],
    ['with an unknown pseudo-field', [...GET, [':test', 'ok']]],
    ['with a pseudo-field of responses', [...GET, [':status', '200']]],
    ['with a pseudo-field after a field', [...withPseudo(':path'), ['x', 'y'], [':path', '/']]],
    ['with a pseudo-field after a cookie', [...withPseudo(':path'), ['cookie', 'a'], [':path', '/']]],
    ['with a pseudo-field after Host', [...withPseudo(':path'), ['host', 'www.example.org'], [':path', '/']]],
    ['with capital letters in a name', [...GET, ['X-Test', 'ok']]],
    ['with capital letters in a pseudo-field', [...GET, [':Path', '/']]],
    ['with a space in a name', [...GET, ['x test', 'ok']]],
    ['with a colon in a name', [...GET, ['x:test', 'ok']]],
    ['with an empty name', [...GET, ['', 'ok']]],
    ['with a name that is a colon', [...GET, [':', 'ok']]],
    ['with a line end in a name', [...GET, ['x\r\ny', 'ok']]],
    ['with a line feed in a value', [...GET, ['x', 'a\nb: c']]],
    ['with a carriage return in a value', [...GET, ['x', 'a\rb']]],
    ['with a NUL in a value', [...GET, ['x', 'a\0b']]],
    ['with a line end in :path', withPseudo(':path', '/\r\nx: y')],
    ['with a line end in :authority', withPseudo(':authority', 'a\r\nx: y')],
    ['with a value that begins with a space', [...GET, ['x', ' a']]],
    ['with a value that ends with a tab', [...GET, ['x', 'a\t']]],
    ['with a value that is a space', [...GET, ['x', ' ']]],
    ['with Connection', [...GET, ['connection', 'keep-alive']]],
    ['with Keep-Alive', [...GET, ['keep-alive', 'timeout=5']]],
    ['with Proxy-Connection', [...GET, ['proxy-connection', 'keep-alive']]],
    ['with Transfer-Encoding', [...GET, ['transfer-encoding', 'chunked']]],
    ['with Upgrade', [...GET, ['upgrade', 'h2c']]],
    ['with TE for anything but trailers', [...GET, ['te', 'trailers, deflate;q=0.5']]],
    ['with another Host than :authority', [...GET, ['host', 'other.example']]],
    ['with two Hosts', [...GET, ['host', 'www.example.org'], ['host', 'www.example.org']]],
    [
      'with CONNECT and a :path',
      [
        [':method', 'CONNECT'],
        [':authority', 'a:1'],
        [':path', '/'],
      ],
    ],
    [
      'with CONNECT and a :scheme',
      [
        [':method', 'CONNECT'],
        [':authority', 'a:1'],
        [':scheme', 'https'],
      ],
    ],
    ['with CONNECT and no :authority', [[':method', 'CONNECT']]],
    ['with :protocol and another method', [...GET, [':protocol', 'websocket']]],
    [
      'with an extended CONNECT and no :path',
      [
        [':method', 'CONNECT'],
        [':protocol', 'websocket'],
        [':scheme', 'https'],
        [':authority', 'a'],
      ],
    ],
  ]
  for (const [what, fields] of cases) test(what, () => match(headOf(fields), /^malformed: ./))
})

describe('a request', () => {
  test('is too large where its head would be, and nothing is kept of what is beyond that', () => {
    const size = headOf(GET).length
    const filled = (length: number) => headOf([...GET, ['x', 'a'.repeat(length)]], { headSize: 500, headers: 100 })
    ok(filled(500 - size - 'x: \r\n'.length - 200).startsWith('GET '))
    equal(filled(500), 'too large')
    equal(headOf(withPseudo(':path', `/${'a'.repeat(500)}`), { headSize: 500, headers: 100 }), 'too large')
  })

  test('costs no more memory than its head may, however much its block stands for (an HPACK bomb)', () => {
    const decoder = new HpackDecoder()
    const lines = new RequestLines()
    const big = literalBlock([...GET, ['x', 'a'.repeat(4000)]], { isIndexed: true })
    // Index 62 is the field of 4 kB: 16,000 of these bytes stand for 64 MB.
    const bomb = Buffer.concat([Buffer.from([0x82, 0x87, 0x84]), Buffer.alloc(16_000, 0xbe)])
    for (const block of [big, bomb]) {
      lines.begin(LIMITS.headSize)
      decoder.decode(block, 0, block.length, lines)
      lines.finish()
    }
    equal(lines.isTooLarge, true)
    ok(lines.bytes.length <= 16_384, `${lines.bytes.length}`)
  })

  test('is too large with very many crumbs of a cookie, however small each is (CVE-2026-49975)', () => {
    const crumbs = (count: number) =>
      headOf([...GET, ...Array.from({ length: count }, (): FieldText => ['cookie', 'a'])])
    ok(crumbs(30).includes('cookie: a; a; a;'))
    equal(crumbs(60), 'too large')
  })

  test('leaves the table right, malformed or too large as it is', () => {
    const decoder = new HpackDecoder()
    const lines = new RequestLines()
    const blocks = [
      literalBlock([['X', 'y'], ...GET, ['a', 'b']], { isIndexed: true }),
      Buffer.from([0x82, 0x87, 0x84, 0xbe]),
    ]
    for (const block of blocks) {
      lines.begin(LIMITS.headSize)
      decoder.decode(block, 0, block.length, lines)
      lines.finish()
    }
    equal(lines.bytes.toString('latin1', 0, lines.length), 'GET / HTTP/1.1\r\na: b\r\n\r\n')
  })

  test('has the fields of the table as they were, even if the crumbs of its cookie have replaced them there', () => {
    const decoder = new HpackDecoder()
    const lines = new RequestLines()
    const headOfBlock = (...parts: readonly Buffer[]) => {
      const block = Buffer.concat(parts)
      lines.begin(20_000)
      decoder.decode(block, 0, block.length, lines)
      lines.finish()
      return lines.bytes.toString('latin1', 0, lines.length)
    }
    const crumbs = Array.from({ length: 30 }, (_, i): FieldText => ['cookie', `${i}${'c'.repeat(300)}`])
    for (let i = 0; i < 50; i++) {
      const field: FieldText = ['x-a', 'v'.repeat(i)]
      headOfBlock(literalBlock(GET), literalBlock([field], { isIndexed: true }))
      const head = headOfBlock(literalBlock(GET), Buffer.of(0xbe), literalBlock(crumbs, { isIndexed: true }))
      equal(head.slice(0, head.indexOf('cookie')), `${headOf(GET).slice(0, -2)}x-a: ${field[1]}\r\n`)
    }
  })

  test('that has become a head is read by RequestHead as what it was', () => {
    const name = token.map((name) => `x${name.toLowerCase()}`)
    const host = fc.constantFrom('a', 'www.example.org:8080', '[::1]')
    const path = fc.constantFrom('/', '/a/b?c=d', '/%41;x', '//', '/.')
    const method = fc.constantFrom('GET', 'POST', 'DELETE', 'PATCH', 'x-y')
    const fields = fc.array(fc.tuple(name, fieldValue), { maxLength: 10 })
    const cookies = fc.array(fc.constantFrom('a=b', 'c=', 'd=e; f=g', 'h'), { maxLength: 4 })
    const head = new RequestHead()
    fc.assert(
      fc.property(method, path, host, fields, cookies, (method, path, host, fields, cookies) => {
        const text = headOf([
          [':method', method],
          [':scheme', 'http'],
          [':authority', host],
          [':path', path],
          ...cookies.map((crumb): FieldText => ['cookie', crumb]),
          ...fields,
        ])
        const bytes = Buffer.from(text, 'latin1')
        ok(head.parse(bytes, 0, LIMITS))
        equal(head.end, bytes.length)
        equal(head.method, method)
        equal(head.bytes.toString('latin1', head.targetStart, head.targetEnd), path)
        equal(head.bytes.toString('latin1', head.authorityStart, head.authorityEnd), host)
        const found = Array.from({ length: head.count }, (_, field) => [
          head.bytes.toString('latin1', head.nameStart(field), head.nameEnd(field)),
          head.value(field),
        ])
        const cookie = cookies.length > 0 ? [['cookie', cookies.join('; ')]] : []
        deepEqual(found, [['host', host], ...fields, ...cookie])
      }),
      { numRuns: 500 },
    )
  })

  test('of any bytes becomes one head, or none', () => {
    const name = fc.oneof(
      fc.constantFrom(':method', ':path', ':scheme', ':authority', ':protocol', 'host', 'cookie', 'te', 'x'),
      fc.string({ unit: fc.constantFrom('a', 'A', ':', '\r', '\n', ' ', '-', '\0'), maxLength: 4 }),
    )
    const value = fc.oneof(
      fc.constantFrom('GET', 'CONNECT', '/', '*', 'http', 'a', 'a:80', 'trailers', 'websocket'),
      fc.string({ unit: fc.constantFrom('a', '/', ':', '\r', '\n', ' ', '\t', '\0', '\x80', '#'), maxLength: 6 }),
    )
    const some = fc.array(fc.tuple(name, value), { maxLength: 7 })
    const head = new RequestHead()
    fc.assert(
      fc.property(some, fc.boolean(), (fields, isBegun) => {
        const text = headOf(isBegun ? [...GET, ...fields] : fields)
        if (text.startsWith('malformed') || text === 'too large') return
        const bytes = Buffer.from(text, 'latin1')
        // RequestHead may refuse it, but must not find that there is more than a head, or less.
        try {
          ok(head.parse(bytes, 0, LIMITS))
          equal(head.end, bytes.length)
        } catch (error) {
          equal((error as Error).name, 'MessageError', String(error))
        }
      }),
      { numRuns: 3000 },
    )
  })
})

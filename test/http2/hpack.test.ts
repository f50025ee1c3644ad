import { deepEqual, equal, ok } from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ErrorCode } from '../../src/http2/error-code.ts'
import { HpackDecoder } from '../../src/http2/hpack/decoder.ts'
import { HpackEncoder } from '../../src/http2/hpack/encoder.ts'
import { decodedRoom, decodeHuffman, encodeHuffman, huffmanLength } from '../../src/http2/hpack/huffman.ts'
import { knownName } from '../../src/http2/hpack/known-name.ts'
import { staticEntries } from '../../src/http2/hpack/static-table.ts'
import { Scratch } from '../../src/transport/scratch.ts'
import fc from '../support/property.ts'
import { decodeBlock, tableOf } from './field-blocks.ts'

const ERROR = `error ${ErrorCode.CompressionError}`

describe("RFC 7541's examples are decoded", () => {
  test('fields one by one (C.2)', () => {
    const decoder = new HpackDecoder()
    deepEqual(decodeBlock(decoder, '400a637573746f6d2d6b65790d637573746f6d2d686561646572'), [
      'custom-key: custom-header',
    ])
    deepEqual(tableOf(decoder), ['custom-key: custom-header'])
    deepEqual(decodeBlock(new HpackDecoder(), '040c2f73616d706c652f70617468'), [':path: /sample/path'])
    const never = new HpackDecoder()
    deepEqual(decodeBlock(never, '100870617373776f726406736563726574'), ['password: secret'])
    deepEqual(tableOf(never), [])
    deepEqual(decodeBlock(new HpackDecoder(), '82'), [':method: GET'])
  })

  const requests: [string[], string[]][] = [
    [[':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'], [':authority: www.example.com']],
    [
      [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com', 'cache-control: no-cache'],
      ['cache-control: no-cache', ':authority: www.example.com'],
    ],
    [
      [
        ':method: GET',
        ':scheme: https',
        ':path: /index.html',
        ':authority: www.example.com',
        'custom-key: custom-value',
      ],
      ['custom-key: custom-value', 'cache-control: no-cache', ':authority: www.example.com'],
    ],
  ]
  const date = (second: number) => `date: Mon, 21 Oct 2013 20:13:2${second} GMT`
  const location = 'location: https://www.example.com'
  const cookie = 'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'
  const responses: [string[], string[]][] = [
    [
      [':status: 302', 'cache-control: private', date(1), location],
      [location, date(1), 'cache-control: private', ':status: 302'],
    ],
    [
      [':status: 307', 'cache-control: private', date(1), location],
      [':status: 307', location, date(1), 'cache-control: private'],
    ],
    [
      [':status: 200', 'cache-control: private', date(2), location, 'content-encoding: gzip', cookie],
      [cookie, 'content-encoding: gzip', date(2)],
    ],
  ]
  const sections: [what: string, size: number, expected: [string[], string[]][], blocks: string[]][] = [
    [
      'requests (C.3)',
      4096,
      requests,
      [
        '828684410f7777772e6578616d706c652e636f6d',
        '828684be58086e6f2d6361636865',
        '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
      ],
    ],
    [
      "requests in Huffman's code (C.4)",
      4096,
      requests,
      [
        '828684418cf1e3c2e5f23a6ba0ab90f4ff',
        '828684be5886a8eb10649cbf',
        '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
      ],
    ],
    [
      'responses (C.5)',
      256,
      responses,
      [
        '4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d',
        '4803333037c1c0bf',
        '88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31',
      ],
    ],
    [
      "responses in Huffman's code (C.6)",
      256,
      responses,
      [
        '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3',
        '4883640effc1c0bf',
        '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
      ],
    ],
  ]
  for (const [what, size, expected, blocks] of sections) {
    test(what, () => {
      const decoder = new HpackDecoder(size)
      blocks.forEach((block, index) => {
        const [fields, table] = expected[index]!
        deepEqual(decodeBlock(decoder, block), fields)
        deepEqual(tableOf(decoder), table)
      })
    })
  }

  test("numbers (C.1): 10 and 1337 as the lengths of strings, 42 as a table's size", () => {
    const long = 'a'.repeat(1337)
    deepEqual(
      decodeBlock(
        new HpackDecoder(),
        Buffer.concat([Buffer.from('04 7f ba 09'.replaceAll(' ', ''), 'hex'), Buffer.from(long)]),
      ),
      [`:path: ${long}`],
    )
    deepEqual(decodeBlock(new HpackDecoder(), '040a61616161616161616161'), [':path: aaaaaaaaaa'])
    const decoder = new HpackDecoder()
    // 5 bits: 42 is 31 + 11.
    deepEqual(decodeBlock(decoder, '3f0b 4003616161 0761616161616161'), ['aaa: aaaaaaa'])
    deepEqual(tableOf(decoder), ['aaa: aaaaaaa'])
    deepEqual(decodeBlock(decoder, '4003616161 0861616161616161 61'), ['aaa: aaaaaaaa'])
    deepEqual(tableOf(decoder), [])
  })
})

describe('the static table', () => {
  test('has the 61 entries of the appendix, and each index finds its own', () => {
    equal(staticEntries.length, 61)
    staticEntries.forEach(([name, value], position) => {
      deepEqual(decodeBlock(new HpackDecoder(), Uint8Array.of(0x80 | (position + 1))), [`${name}: ${value}`])
    })
  })

  test('is searched by names in any letters', () => {
    for (const [name] of staticEntries) {
      const bytes = Buffer.from(`x${name.toUpperCase()}x`)
      const first = staticEntries.findIndex(([other]) => other === name) + 1
      equal(knownName(bytes, 1, bytes.length - 1)?.staticIndex, first, name)
      equal(knownName(bytes, 0, bytes.length), undefined)
    }
  })
})

describe('a block is refused', () => {
  const cases: [what: string, block: string][] = [
    ['for index 0 (§6.1)', '80'],
    ['for an index beyond both tables (§2.3.3)', 'be'],
    ['for index 70 when the table is empty (§2.3.3)', 'c6'],
    ['for a name with an index beyond both tables', '7f 00 01 61'],
    ['for a number that is cut off', 'ff'],
    ['for a number that goes on for ever', 'ff 80 80 80 80 80 80 80 80 80 80 00'],
    ['for a number with more bytes than one can need', 'ff 80 80 80 80 00'],
    ['for a number of 2^32 (§5.1)', 'ff 81 ff ff ff 0f'],
    ['for a literal without a name', '40'],
    ['for a literal without a value', '40 01 61'],
    ['for a name that is cut off', '40 03 61 61'],
    ['for a value that is cut off', '40 01 61 05 61'],
    ['for a value whose length is cut off', '40 01 61 7f'],
    ['for a string longer than any block', '00 7f ff ff ff 7f'],
    ["for a table's size within it (§4.2)", '82 20'],
    ["for a table's size at its end (§4.2)", '82 86 84 3f 01'],
    ["for a table's size above the setting (§6.3)", '3f e2 1f'],
    ['for a Huffman code that is padded with more than 7 bits (§5.2)', '00 01 61 82 1f ff'],
    ['for a Huffman code that is padded with zeros (§5.2)', '00 01 61 81 18'],
    ['for a Huffman code with EOS in it (§5.2)', '00 01 61 84 ff ff ff ff'],
    ['for a Huffman code that is all padding', '00 01 61 81 ff'],
    ['for a Huffman code that is cut off', '00 01 61 82 ff c0'],
  ]
  for (const [what, block] of cases) {
    test(what, () => equal(decodeBlock(new HpackDecoder(), block).at(-1), ERROR))
  }

  test("that does not begin with a smaller table's size, once the setting has been reduced (§4.2)", () => {
    const begun = () => {
      const decoder = new HpackDecoder()
      decodeBlock(decoder, '400161 0162')
      decoder.limitTable(100)
      return decoder
    }
    deepEqual(decodeBlock(begun(), '82'), [ERROR])
    deepEqual(decodeBlock(begun(), '3f 46 82'), [ERROR], '101 bytes')
    const decoder = begun()
    deepEqual(decodeBlock(decoder, '3f 45 be'), ['a: b'])
    deepEqual(decodeBlock(decoder, '82'), [':method: GET'], 'once is enough')
    const raised = begun()
    deepEqual(decodeBlock(raised, '20 3f 45'), [], 'several sizes at its beginning')
    deepEqual(decodeBlock(raised, 'be'), [ERROR], 'the smallest one counted')
  })

  test('but not a setting that is not smaller than the table', () => {
    const decoder = new HpackDecoder()
    decoder.limitTable(8192)
    deepEqual(decodeBlock(decoder, '82'), [':method: GET'])
    deepEqual(decodeBlock(decoder, '3f e1 3f 82'), [':method: GET'])
  })
})

describe('the dynamic table', () => {
  test('drops the oldest entries, and all for one that is too large (§4.4)', () => {
    const decoder = new HpackDecoder(80)
    decodeBlock(decoder, '400161 0131 400162 0132')
    deepEqual(tableOf(decoder), ['b: 2', 'a: 1'])
    decodeBlock(decoder, '400163 0133')
    deepEqual(tableOf(decoder), ['c: 3', 'b: 2'])
    deepEqual(decodeBlock(decoder, `400164 31${'61'.repeat(0x31)}`), [`d: ${'a'.repeat(0x31)}`])
    deepEqual(tableOf(decoder), [])
  })

  test('keeps the name of an entry that its own use drops (§4.4)', () => {
    const decoder = new HpackDecoder(40)
    decodeBlock(decoder, '4004 61626364 0131')
    deepEqual(decodeBlock(decoder, '7e 0132'), ['abcd: 2'])
    deepEqual(tableOf(decoder), ['abcd: 2'])
  })

  test('is what a simple list is, whatever is done to it', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 30 })
    const operation = fc.oneof(
      {
        arbitrary: fc.record({ name, value: fc.string({ unit: fc.constantFrom('x', 'y'), maxLength: 60 }) }),
        weight: 9,
      },
      { arbitrary: fc.record({ size: fc.nat(300) }), weight: 1 },
    )
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const decoder = new HpackDecoder(300)
        const model: [name: string, value: string][] = []
        let most = 300
        const used = () => model.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0)
        const evict = () => {
          while (used() > most) model.pop()
        }
        for (const step of operations) {
          if ('size' in step) {
            most = step.size
            const number =
              most < 31
                ? [0x20 | most]
                : most - 31 < 128
                  ? [0x3f, most - 31]
                  : [0x3f, ((most - 31) & 0x7f) | 0x80, (most - 31) >> 7]
            deepEqual(decodeBlock(decoder, Uint8Array.from(number)), [])
          } else {
            model.unshift([step.name, step.value])
            const string = (text: string) => [text.length, ...Buffer.from(text)]
            decodeBlock(decoder, Uint8Array.from([0x40, ...string(step.name), ...string(step.value)]))
          }
          evict()
        }
        deepEqual(
          tableOf(decoder),
          model.map(([name, value]) => `${name}: ${value}`),
        )
      }),
      { numRuns: 500 },
    )
  })
})

describe("Huffman's code", () => {
  const anyBytes = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.string({ maxLength: 60 }).map((text) => Buffer.from(text)),
  )

  test('is read back as what was written', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const encoded = Buffer.alloc(huffmanLength(bytes, 0, bytes.length))
        equal(encodeHuffman(bytes, 0, bytes.length, encoded, 0), encoded.length)
        const room = decodedRoom(encoded.length)
        const decoded = Buffer.alloc(room + 1, 0xee)
        const end = decodeHuffman(encoded, 0, encoded.length, decoded, 0)
        deepEqual(decoded.subarray(0, end), Buffer.from(bytes))
        ok(end <= room)
        equal(decoded[room], 0xee)
      }),
      { numRuns: 1000 },
    )
  })

  test('has one code for each text: what is accepted is what would have been written', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 12 }), (encoded) => {
        const decoded = Buffer.alloc(decodedRoom(encoded.length))
        let end: number
        try {
          end = decodeHuffman(encoded, 0, encoded.length, decoded, 0)
        } catch {
          return
        }
        const again = Buffer.alloc(huffmanLength(decoded, 0, end))
        encodeHuffman(decoded, 0, end, again, 0)
        deepEqual(again, Buffer.from(encoded))
      }),
      { numRuns: 3000 },
    )
  })
})

describe('an encoder', () => {
  const NAMES = ['Content-Type', 'x-a', 'X-B', 'date', 'etag', 'set-cookie', 'Cache-Control', 'x-long'.repeat(9)]
  const VALUES = ['', 'a', 'text/html; charset=utf-8', '12345', '\x80\xff', 'x'.repeat(300), '"66d4-1000"']
  const field = fc.tuple(
    fc.constantFrom(...NAMES),
    fc.oneof(fc.constantFrom(...VALUES), fc.string({ unit: 'grapheme-ascii', maxLength: 12 })),
  )
  const step = fc.oneof(
    { arbitrary: fc.array(field, { maxLength: 12 }), weight: 6 },
    { arbitrary: fc.constantFrom(0, 31, 100, 500, 4096, 65_536), weight: 1 },
  )

  /** Encodes fields as a head would, with the expected one tried first. */
  function encode(encoder: HpackEncoder, fields: readonly (readonly [string, string])[]): Buffer {
    const out = new Scratch()
    encoder.begin(out)
    for (const [name, value] of fields) {
      const line = Buffer.from(`${name}: ${value}\r\n`, 'latin1')
      if (encoder.repeat(out, line, 0, line.length) === line.length) continue
      const known = knownName(line, 0, name.length)
      encoder.field(out, known, line, 0, name.length, name.length + 2, line.length - 2)
    }
    return Buffer.from(out.bytes.subarray(0, out.length))
  }

  test('writes what a decoder reads, whatever the sizes of the table', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.constantFrom('all', 'well-known'), (steps, remembered) => {
        const encoder = new HpackEncoder(remembered)
        const decoder = new HpackDecoder()
        for (const step of steps) {
          if (typeof step === 'number') {
            encoder.setMaxSize(step)
            decoder.limitTable(step)
          } else {
            const block = encode(encoder, step)
            const isEmpty = step.length === 0
            deepEqual(
              decodeBlock(decoder, block),
              isEmpty ? [] : step.map(([name, value]) => `${name.toLowerCase()}: ${value}`),
            )
          }
        }
      }),
      { numRuns: 1000 },
    )
  })

  test('keeps a field that is sent twice, and then needs a byte for it', () => {
    const encoder = new HpackEncoder('all')
    const fields = [
      ['server', 'nginx'],
      ['x-app', 'shop'],
      ['content-type', 'text/html'],
      ['vary', 'accept'],
    ] as const
    const lengths = [1, 2, 3, 4].map(() => encode(encoder, fields).length)
    ok(lengths[1]! > 20)
    deepEqual(lengths.slice(2), [4, 4])
  })

  test('keeps no secrets, and tells others to keep none (§7.1.3)', () => {
    const secrets = ['authorization', 'cookie', 'proxy-authorization', 'set-cookie']
    for (const remembered of ['all', 'well-known'] as const) {
      const encoder = new HpackEncoder(remembered)
      const decoder = new HpackDecoder()
      for (let times = 0; times < 4; times++) {
        for (const name of secrets) {
          const block = encode(encoder, [[name, 'secret']])
          equal(block[0]! & 0xf0, 0x10)
          decodeBlock(decoder, block)
        }
      }
      deepEqual(tableOf(decoder), [])
    }
  })

  test('on a connection for many clients, keeps only fields with well-known names', () => {
    const encoder = new HpackEncoder('well-known')
    const decoder = new HpackDecoder()
    for (let times = 0; times < 4; times++) {
      decodeBlock(
        decoder,
        encode(encoder, [
          ['x-api-key', 'secret'],
          ['user-agent', 'curl'],
        ]),
      )
    }
    deepEqual(tableOf(decoder), ['user-agent: curl'])
  })

  test('says the smallest size of the table and the last one, where it changed twice (§4.2)', () => {
    const encoder = new HpackEncoder('all')
    const block = () => encode(encoder, []).toString('hex')
    equal(block(), '')
    encoder.setMaxSize(10)
    encoder.setMaxSize(100)
    equal(block(), '2a3f45')
    equal(block(), '')
    encoder.setMaxSize(4096)
    equal(block(), '3fe11f')
    encoder.setMaxSize(1_000_000)
    equal(block(), '', 'it never uses more than 4096 bytes')
  })
})

describe('random bytes', () => {
  test('end in nothing but a COMPRESSION_ERROR', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 4 }), (blocks) => {
        const decoder = new HpackDecoder()
        for (const block of blocks) {
          const last = decodeBlock(decoder, block).at(-1)
          if (last?.startsWith('error')) return equal(last, ERROR)
        }
      }),
      { numRuns: 3000 },
    )
  })
})

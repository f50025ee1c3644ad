/** The id in the answer to an Engine.IO handshake, in every form and packing that the protocol and its servers have. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { HandshakeReader } from '../../src/affinity/handshake.ts'
import { BodyTap } from '../../src/exchange/body-tap.ts'
import { CHUNKED } from '../../src/http1/framing.ts'
import fc from '../support/property.ts'

const SID = 'lv_VI97HAXpY6yYWAAAC'
const OPEN = `0{"sid":"${SID}","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
const DIGITS = [...String(OPEN.length)].map(Number)

const LIMITS = { headSize: 64_000, headers: 100 }

/** What a reader finds in a body that comes in these pieces, and how many of them it wanted. */
function reading(pieces: Iterable<Buffer>, encoding = '') {
  const found: string[] = []
  const reader = new HandshakeReader(encoding, (sid) => found.push(sid))
  let wanted = 0
  for (const piece of pieces) {
    wanted++
    if (!reader.read(piece)) break
  }
  return { found, wanted }
}

const forms: Readonly<Record<string, string | Buffer>> = {
  'version 4': OPEN,
  'version 4, with a message behind it': `${OPEN}\x1e40`,
  'version 4, the id not first': '0{ "upgrades" : [ "websocket" ] , "sid" : "lv_VI97HAXpY6yYWAAAC" }',
  'version 3': `${OPEN.length}:${OPEN}2:40`,
  'version 3 for binary data': Buffer.concat([Buffer.from([0, ...DIGITS, 255]), Buffer.from(OPEN)]),
  'JSONP of version 4': `___eio[12](${JSON.stringify(OPEN)});`,
  'JSONP of version 3': `___eio[0](${JSON.stringify(`${OPEN.length}:${OPEN}`)});`,
}

const packings: Readonly<Record<string, (body: Buffer) => Buffer>> = {
  '': (body) => body,
  identity: (body) => body,
  gzip: (body) => gzipSync(body),
  GZIP: (body) => gzipSync(body),
  deflate: (body) => deflateSync(body),
  br: (body) => brotliCompressSync(body),
}

describe('the id is found', () => {
  for (const [form, text] of Object.entries(forms)) {
    for (const [encoding, pack] of Object.entries(packings)) {
      test(`in ${form}, ${encoding || 'plain'}, however the network cuts it`, () => {
        const bytes = pack(Buffer.from(text as string))
        assert.deepEqual(reading([bytes], encoding).found, [SID])
        const single = Array.from(bytes, (byte) => Buffer.from([byte]))
        assert.deepEqual(reading(single, encoding).found, [SID])
        fc.assert(
          fc.property(fc.nat({ max: bytes.length }), (cut) => {
            assert.deepEqual(reading([bytes.subarray(0, cut), bytes.subarray(cut)], encoding).found, [SID])
          }),
          { numRuns: 20 },
        )
      })
    }
  }

  test('no later than with its last byte, so that no client knows it sooner', () => {
    const known = `0{"sid":"${SID}"`.length
    assert.deepEqual(reading(Array.from(OPEN, (byte) => Buffer.from(byte))), { found: [SID], wanted: known })
  })
})

describe('of a body that comes in more pieces than anybody looks at one by one', () => {
  const padding = Array.from({ length: 3000 }, (_, index) => String.fromCharCode(97 + ((index * index) % 26))).join('')
  const body = gzipSync(`0{"a":"${padding}","sid":"${SID}"}`, { level: 0 })

  test('the id is found at its end', () => {
    const found: string[] = []
    const reader = new HandshakeReader('gzip', (sid) => found.push(sid))
    for (const byte of body) if (!reader.read(Buffer.from([byte]))) break
    reader.end()
    assert.deepEqual(found, [SID])
  })

  test('it is found with its last chunk, before the client has that', () => {
    const chunks = Array.from(body, (byte) => Buffer.from([0x31, 13, 10, byte, 13, 10]))
    const pieces = [...chunks, Buffer.from('0\r\n\r\n')]
    for (const reads of [pieces, [Buffer.concat(pieces)]]) {
      const found: string[] = []
      const tap = new BodyTap(new HandshakeReader('gzip', (sid) => found.push(sid)), CHUNKED, LIMITS)
      for (const read of reads) if (!tap.see(read)) break
      assert.deepEqual(found, [SID])
    }
  })
})

describe('nothing is found', () => {
  const others: Readonly<Record<string, string>> = {
    'an empty body': '',
    'a message': `4{"sid":"${SID}"}`,
    'a connection of Socket.IO, whose id is another': `40{"sid":"${SID}"}`,
    'an error': '{"code":0,"message":"Transport unknown"}',
    'a page': `<html>0{"sid":"${SID}"}</html>`,
    'another object': `0{"a":{"sid":"${SID}"}}`,
    'an empty id': '0{"sid":""}',
  }
  for (const [what, body] of Object.entries(others)) {
    test(`in ${what}`, () => assert.deepEqual(reading([Buffer.from(body)]).found, []))
  }

  test('in what is packed in an unknown way, or not packed as it says', () => {
    assert.deepEqual(reading([Buffer.from(OPEN), Buffer.from(OPEN)], 'zstd'), { found: [], wanted: 1 })
    for (const encoding of ['gzip', 'deflate', 'br']) {
      assert.deepEqual(reading([Buffer.from(OPEN), Buffer.from(OPEN)], encoding).found, [])
    }
  })

  test('beyond the first bytes, however many there are', () => {
    const piece = Buffer.alloc(1000, ' ')
    const endless = Array.from({ length: 100 }, () => piece)
    assert.deepEqual(reading([...endless, Buffer.from(OPEN)]), { found: [], wanted: 5 })
    assert.deepEqual(reading([Buffer.from(`0{"a":"${'x'.repeat(5000)}","sid":"${SID}"}`)]).found, [])
  })

  test('in a body that would unpack to more than is looked at', () => {
    const bomb = gzipSync(Buffer.alloc(1_000_000))
    assert.ok(bomb.length < 4096)
    assert.deepEqual(reading([bomb], 'gzip').found, [])
  })
})

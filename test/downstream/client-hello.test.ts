/** Reading what a client's handshake begins with. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClientHelloError, LARGEST_START, readClientHello } from '../../src/downstream/tls/client-hello.ts'
import { helloOf } from '../support/client-hello.ts'
import fc from '../support/property.ts'

/** The same ClientHello in records of those sizes; the last size repeats. */
function inRecords(hello: Buffer, sizes: readonly number[]): Buffer {
  const message = hello.subarray(5)
  const records: Buffer[] = []
  for (let at = 0, index = 0; at < message.length; index++) {
    const part = message.subarray(at, at + (sizes[index] ?? 16_000))
    records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part)
    at += part.length
  }
  return Buffer.concat(records)
}

test('the host, in lower case and without a final dot, and the protocols are read, in all versions', async (t) => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const named = await helloOf(t, { maxVersion, servername: 'WWW.Example.org.', ALPNProtocols: ['h2', 'http/1.1'] })
    assert.deepEqual(readClientHello(named), { serverName: 'www.example.org', protocols: ['h2', 'http/1.1'] })
    assert.deepEqual(readClientHello(await helloOf(t, { maxVersion, servername: '' })), {
      serverName: '',
      protocols: [],
    })
  }
})

test('a ClientHello is read once it is whole, however it is cut into records; what follows it does not matter', async (t) => {
  const hello = await helloOf(t, { servername: 'example.org', ALPNProtocols: ['h2'] })
  const expected = { serverName: 'example.org', protocols: ['h2'] }
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 15 }), fc.uint8Array(), (sizes, rest) => {
      const bytes = inRecords(hello, sizes)
      for (let to = 0; to < bytes.length; to++) assert.equal(readClientHello(bytes.subarray(0, to)), undefined)
      assert.deepEqual(readClientHello(Buffer.concat([bytes, rest])), expected)
    }),
    { numRuns: 20 },
  )
})

test('whatever is sent, it is read, refused, or found incomplete before it is too large', async (t) => {
  const hello = await helloOf(t, { servername: 'example.org', ALPNProtocols: ['h2'] })
  const broken = fc
    .array(fc.tuple(fc.nat(hello.length - 1), fc.nat(255)), { maxLength: 5 })
    .map((changes) => changes.reduce((bytes, [at, byte]) => bytes.fill(byte, at, at + 1), Buffer.from(hello)))
  fc.assert(
    fc.property(fc.oneof(broken, fc.uint8Array().map(Buffer.from)), fc.nat(255), (start, filler) => {
      const bytes = Buffer.alloc(LARGEST_START, filler)
      start.copy(bytes)
      try {
        assert.notEqual(readClientHello(bytes), undefined)
      } catch (error) {
        assert.ok(error instanceof ClientHelloError, String(error))
      }
    }),
  )
})

test('too many records, too large a message and other messages are refused', () => {
  const refused: [string, Buffer][] = [
    [
      'it does not begin with a ClientHello',
      Buffer.concat(Array.from({ length: 17 }, () => Buffer.from([22, 3, 1, 0, 0]))),
    ],
    ['it does not begin with a ClientHello', Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 40])],
    ['it does not begin with a ClientHello', Buffer.from([23, 3, 1, 0, 4, 1, 0, 0, 40])],
    ['it does not begin with a ClientHello', Buffer.from([22, 3, 1, 0x50, 0])],
    ['its ClientHello is too large', Buffer.from([22, 3, 1, 0, 200, 1, 1, 0, 0])],
  ]
  for (const [message, bytes] of refused) assert.throws(() => readClientHello(bytes), new ClientHelloError(message))
})

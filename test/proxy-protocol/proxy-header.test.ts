import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { crc32c } from '../../src/proxy-protocol/crc32c.ts'
import {
  decodeProxyHeader,
  encodeProxyHeader,
  localHeader,
  ProxyHeaderError,
} from '../../src/proxy-protocol/proxy-header.ts'
import { ipAddressOf, parseIpAddress } from '../../src/runtime/ip-address.ts'
import type { ProxyProtocolVersion } from '../../src/runtime/snapshot.ts'
import type { End } from '../../src/transport/ends.ts'
import fc from '../support/property.ts'

const versions = ['v1', 'v2'] as const satisfies ProxyProtocolVersion[]

const address = fc
  .oneof(...[4, 16].map((length) => fc.uint8Array({ minLength: length, maxLength: length })))
  .map((octets) => ipAddressOf(octets))
  .filter((address) => address !== undefined)
const end = fc.record({ address, port: fc.nat(65_535) }, { noNullPrototype: true })

const SIGNATURE = '0d0a0d0a000d0a515549540a'
/** A header of version 2: command, family, and the rest with its length. */
function version2(command: string, family: string, rest = '', length = rest.length / 2): Buffer {
  return Buffer.from(`${SIGNATURE}${command}${family}${length.toString(16).padStart(4, '0')}${rest}`, 'hex')
}
const IPV4 = 'c0000201cb007109d2040050'
const vector = (type: string, value: string) => `${type}${(value.length / 2).toString(16).padStart(4, '0')}${value}`

const text = ({ address, port }: End) => `${address.text} ${port}`

function outcome(bytes: Buffer): string {
  const header = decodeProxyHeader(bytes)
  if (header === undefined) return 'more'
  const { ends, isSecure, length } = header
  const who = ends === undefined ? 'itself' : `${text(ends.source)} to ${text(ends.destination)}`
  return `${who}${isSecure ? ' by TLS' : ''}, ${length} bytes`
}

describe('a valid header', () => {
  const cases: [string, Buffer, string][] = [
    [
      'TCP4',
      Buffer.from('PROXY TCP4 192.0.2.1 203.0.113.9 53764 80\r\n'),
      '192.0.2.1 53764 to 203.0.113.9 80, 43 bytes',
    ],
    ['TCP6', Buffer.from('PROXY TCP6 2001:DB8::1 ::1 0 65535\r\n'), '2001:db8::1 0 to ::1 65535, 36 bytes'],
    ['TCP6, mapped', Buffer.from('PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n'), '192.0.2.1 1 to ::1 2, 37 bytes'],
    ['UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n'), 'itself, 15 bytes'],
    ['UNKNOWN, and more', Buffer.from('PROXY UNKNOWN ffff::1 what ever\r\n'), 'itself, 33 bytes'],
    ['IPv4', version2('21', '11', IPV4), '192.0.2.1 53764 to 203.0.113.9 80, 28 bytes'],
    [
      'IPv6',
      version2('21', '21', `20010db8${'0'.repeat(22)}01${'0'.repeat(31)}100010002`),
      '2001:db8::1 1 to ::1 2, 52 bytes',
    ],
    ['LOCAL', version2('20', '00'), 'itself, 16 bytes'],
    ['LOCAL, with addresses', version2('20', '11', IPV4), 'itself, 28 bytes'],
    ['LOCAL, whatever its family', version2('20', 'ff', 'abcdef'), 'itself, 19 bytes'],
    ['no known protocol', version2('21', '00', 'abcdef'), 'itself, 19 bytes'],
    ['UDP', version2('21', '12', IPV4), 'itself, 28 bytes'],
    ['UNIX sockets', version2('21', '31', '00'.repeat(216)), 'itself, 232 bytes'],
    [
      'vectors',
      version2('21', '11', IPV4 + vector('04', '0000') + vector('ea', '')),
      '192.0.2.1 53764 to 203.0.113.9 80, 36 bytes',
    ],
    [
      'TLS',
      version2('21', '11', IPV4 + vector('20', '0100000000')),
      '192.0.2.1 53764 to 203.0.113.9 80 by TLS, 36 bytes',
    ],
    ['no TLS', version2('21', '11', IPV4 + vector('20', '0600000000')), '192.0.2.1 53764 to 203.0.113.9 80, 36 bytes'],
  ]
  for (const [name, bytes, expected] of cases) {
    test(`${name} is read, with any bytes after it`, () => {
      assert.equal(outcome(bytes), expected)
      assert.equal(outcome(Buffer.concat([bytes, Buffer.from('GET / HTTP/1.1\r\n')])), expected)
    })

    test(`${name} is incomplete until its last byte`, () => {
      for (let length = 0; length < bytes.length; length++) assert.equal(outcome(bytes.subarray(0, length)), 'more')
    })
  }
})

describe('an invalid header', () => {
  const cases: [string, Buffer, RegExp][] = [
    ['a request', Buffer.from('GET / HTTP/1.1\r\n\r\n'), /does not begin with a PROXY header/],
    ['one wrong byte', Buffer.from('PROXX'), /does not begin with a PROXY header/],
    ['small letters', Buffer.from('proxy TCP4'), /does not begin with a PROXY header/],
    ['TLS', Buffer.from('16030100', 'hex'), /does not begin with a PROXY header/],
    ['another family', Buffer.from('PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n'), /malformed/],
    ['no family', Buffer.from('PROXY \r\n'), /malformed/],
    ['two spaces', Buffer.from('PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n'), /malformed/],
    ['a port too few', Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n'), /malformed/],
    ['IPv6 in TCP4', Buffer.from('PROXY TCP4 ::1 ::1 1 2\r\n'), /an address that is none/],
    ['IPv4 in TCP6', Buffer.from('PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n'), /an address that is none/],
    ['half an address', Buffer.from('PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n'), /an address that is none/],
    ["nobody's address", Buffer.from('PROXY TCP4 255.255.255.255 192.0.2.2 1 2\r\n'), /an address that is none/],
    ['a large port', Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n'), /a port that is none/],
    ['a zero before a port', Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 1 02\r\n'), /a port that is none/],
    ['a sign', Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n'), /a port that is none/],
    ['a line feed alone', Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n'), /CR LF/],
    ['a long line', Buffer.from(`PROXY UNKNOWN ${'x'.repeat(100)}`), /too long/],
    ['version 1 in binary', version2('11', '11', IPV4), /version or a command/],
    ['version 3', version2('31', '11', IPV4), /version or a command/],
    ['another command', version2('22', '11', IPV4), /version or a command/],
    ['another family', version2('21', '41', IPV4), /family or a protocol/],
    ['another protocol', version2('21', '13', IPV4), /family or a protocol/],
    ['too short for its addresses', version2('21', '21', IPV4), /too short/],
    ['a vector without its length', version2('21', '11', `${IPV4}0400`), /middle of a value/],
    ['a vector beyond the end', version2('21', '11', `${IPV4}04000300`), /middle of a value/],
    ['longer than the limit', version2('21', '11', '', 4081), /longer than 4096/],
    ['another checksum', version2('21', '11', IPV4 + vector('03', '00000000')), /checksum/],
    ['half a checksum', version2('21', '11', IPV4 + vector('03', '0000')), /checksum/],
  ]
  for (const [name, bytes, expected] of cases) {
    test(`${name} is refused`, () => assert.throws(() => decodeProxyHeader(bytes), expected))
  }
})

test('the checksum is that of RFC 4960', () => {
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283)
  // RFC 3720, B.4: 32 bytes of zeros.
  assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa)
})

test('a header with a checksum is accepted, and refused if one bit is changed', () => {
  const header = version2('21', '11', IPV4 + vector('03', '00000000') + vector('04', 'ff'))
  header.writeUInt32BE(crc32c(header), 16 + 12 + 3)
  assert.equal(outcome(header), '192.0.2.1 53764 to 203.0.113.9 80, 39 bytes')
  header[16]! ^= 1
  assert.throws(() => decodeProxyHeader(header), /checksum/)
})

test('a header with a second checksum is refused, with any value', () => {
  const header = version2('21', '11', IPV4 + vector('03', '00000000') + vector('03', '00000000'))
  header.writeUInt32BE(crc32c(header), 16 + 12 + 3)
  assert.throws(() => decodeProxyHeader(header), /two checksums/)
})

for (const version of versions) {
  test(`a header written in ${version} is read correctly`, () => {
    fc.assert(
      fc.property(end, end, (source, destination) => {
        const header = encodeProxyHeader(version, source, destination)
        assert.ok(version === 'v2' || header.length <= 107)
        const { ends, length } = decodeProxyHeader(header)!
        assert.deepEqual(ends, { source, destination })
        assert.equal(length, header.length)
      }),
    )
  })

  test(`${version} has a form for an unknown client`, () => {
    assert.equal(decodeProxyHeader(localHeader(version))!.ends, undefined)
  })
}

test('is written as in the examples of proxy-protocol.txt', () => {
  const four = (text: string, port: number) => ({ address: parseIpAddress(text)!, port })
  const client = four('192.168.0.1', 56324)
  const server = four('192.168.0.11', 443)
  assert.equal(encodeProxyHeader('v1', client, server).toString(), 'PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n')
  assert.equal(encodeProxyHeader('v2', client, server).toString('hex'), `${SIGNATURE}2111000cc0a80001c0a8000bdc0401bb`)
  assert.equal(
    encodeProxyHeader('v1', four('2001:db8::1', 1), server).toString(),
    'PROXY TCP6 2001:db8::1 ::ffff:192.168.0.11 1 443\r\n',
  )
  assert.equal(localHeader('v1').toString(), 'PROXY UNKNOWN\r\n')
  assert.equal(localHeader('v2').toString('hex'), `${SIGNATURE}20000000`)
})

test('for any bytes, the outcome is a header, an incomplete one, or the specific error', () => {
  const garbage = fc.uint8Array({ maxLength: 300 })
  const begun = fc.constantFrom(
    Buffer.alloc(0),
    Buffer.from('PROXY '),
    Buffer.from('PROXY TCP4 '),
    version2('21', '11').subarray(0, 13),
  )
  const changed = fc
    .tuple(end, end, fc.constantFrom(...versions), fc.nat(), fc.nat(255))
    .map(([a, b, version, at, byte]) => {
      const header = encodeProxyHeader(version, a, b)
      header[at % header.length] = byte
      return header
    })
  const bytes = fc.oneof(
    fc.tuple(begun, garbage).map((parts) => Buffer.concat(parts)),
    changed,
  )
  fc.assert(
    fc.property(bytes, (bytes) => {
      try {
        const header = decodeProxyHeader(bytes)
        assert.ok(header === undefined || header.length <= bytes.length)
        if (header === undefined) assert.ok(bytes.length < 4096)
      } catch (error) {
        assert.ok(error instanceof ProxyHeaderError, String(error))
      }
    }),
    { numRuns: 5000 },
  )
})

test('the outcome does not depend on the bytes that follow', () => {
  fc.assert(
    fc.property(end, end, fc.constantFrom(...versions), fc.nat(), (source, destination, version, cut) => {
      const header = encodeProxyHeader(version, source, destination)
      assert.equal(decodeProxyHeader(header.subarray(0, cut % header.length)), undefined)
    }),
  )
})

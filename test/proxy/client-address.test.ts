import assert from 'node:assert/strict'
import { isIPv4 } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseClientAddress } from '../../src/proxy/client-address.ts'

const octetsOf = (text: string) => parseClientAddress(text) && [...parseClientAddress(text)!.octets]

test('an IPv4 address has four octets, mapped into IPv6 or not', () => {
  fc.assert(
    fc.property(fc.ipV4(), (text) => {
      const octets = text === '255.255.255.255' ? undefined : text.split('.').map(Number)
      assert.deepEqual(octetsOf(text), octets)
      assert.deepEqual(octetsOf(`::ffff:${text}`), octets)
    }),
  )
})

test('an IPv6 address has sixteen octets', () => {
  assert.deepEqual(octetsOf('2001:db8::1'), [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
  assert.deepEqual(octetsOf('::'), new Array(16).fill(0))
  assert.deepEqual(octetsOf('fe80::1%eth0'), [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
  fc.assert(fc.property(fc.ipV6(), (text) => assert.ok([4, 16].includes(octetsOf(text)?.length ?? 0))))
})

test('nothing else is an address', () => {
  const almost = fc.stringMatching(/^[0-9.]{0,16}$/)
  fc.assert(
    fc.property(almost, (text) =>
      assert.equal(octetsOf(text) !== undefined, isIPv4(text) && text !== '255.255.255.255'),
    ),
  )
  for (const text of ['', 'localhost', '1.2.3', '1.2.3.4.5', '01.2.3.4', '1.2.3.256', ' 1.2.3.4']) {
    assert.equal(octetsOf(text), undefined, text)
  }
})

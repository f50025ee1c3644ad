import assert from 'node:assert/strict'
import { isIPv4, isIPv6 } from 'node:net'
import { test } from 'node:test'
import { ipAddressOf, octetsAsIPv6, parseIpAddress } from '../../src/runtime/ip-address.ts'
import fc from '../support/property.ts'

/** Not a client's address, also in its IPv6-mapped form. */
const BROADCAST = '255.255.255.255'

/** Whether the text is a client's address, according to Node. */
function isClientAddress(text: string): boolean {
  if (isIPv4(text)) return text !== BROADCAST
  return isIPv6(text) && !text.includes('%') && new URL(`http://[${text}]`).hostname !== '[::ffff:ffff:ffff]'
}

const octetsOf = (text: string) => parseIpAddress(text) && [...parseIpAddress(text)!.octets]

test('an IPv4 address has four octets, mapped into IPv6 or not', () => {
  fc.assert(
    fc.property(fc.ipV4(), (text) => {
      const octets = text === BROADCAST ? undefined : text.split('.').map(Number)
      assert.deepEqual(octetsOf(text), octets)
      assert.deepEqual(octetsOf(`::ffff:${text}`), octets)
    }),
  )
})

test('an IPv6 address has sixteen octets', () => {
  assert.deepEqual(octetsOf('2001:db8::1'), [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
  assert.deepEqual(octetsOf('::'), new Array(16).fill(0))
  assert.deepEqual(octetsOf('::1.2.3.4'), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4])
  const address = fc.ipV6().filter(isClientAddress)
  fc.assert(fc.property(address, (text) => assert.ok([4, 16].includes(octetsOf(text)?.length ?? 0), text)))
})

test('the broadcast address is refused in any notation', () => {
  for (const text of [BROADCAST, `::ffff:${BROADCAST}`, '0::FFFF:FFFF:FFFF', '0:0:0:0:0:ffff:ffff:ffff']) {
    assert.equal(octetsOf(text), undefined, text)
  }
})

test('an IPv6 address in any notation has one canonical form: that of WHATWG URLs', () => {
  // Many zeros, because the canonical form differs in how it shortens them.
  const group = fc.oneof(fc.constant(0), fc.nat(0xffff))
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
      const written = groups.map((each) => each.toString(16).padStart(4, '0').toUpperCase()).join(':')
      const address = parseIpAddress(written)
      if (address === undefined) return assert.ok(!isClientAddress(written), written)
      if (address.octets.length === 4) return
      assert.equal(address.text, new URL(`http://[${written}]`).hostname.slice(1, -1))
      assert.deepEqual(parseIpAddress(address.text), address)
      assert.deepEqual(ipAddressOf(address.octets), address)
    }),
    { numRuns: 1000 },
  )
})

test('nothing else is an address', () => {
  const almost4 = fc.stringMatching(/^[0-9.]{0,16}$/)
  fc.assert(fc.property(almost4, (text) => assert.equal(octetsOf(text) !== undefined, isClientAddress(text))))
  const pieces = fc.constantFrom(':', '::', '0', '1', 'ab', 'FFFF', '12345', '.', '1.2.3.4', '255', 'g', '%1', ' ', '-')
  const almost6 = fc.array(pieces, { maxLength: 17 }).map((parts) => parts.join(''))
  const groups = fc.array(fc.constantFrom('0', 'ab', 'FFFF', '', '1.2.3.4'), { maxLength: 9 })
  fc.assert(
    fc.property(
      fc.oneof(
        almost6,
        groups.map((parts) => parts.join(':')),
      ),
      (text) => assert.equal(octetsOf(text) !== undefined, isClientAddress(text), text),
    ),
    { numRuns: 5000 },
  )
  for (const text of ['', 'localhost', '1.2.3', '1.2.3.4.5', '01.2.3.4', '1.2.3.256', ' 1.2.3.4', 'fe80::1%eth0']) {
    assert.equal(octetsOf(text), undefined, text)
  }
})

test('an address of either family can be converted to sixteen octets, and stays the same', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      const address = parseIpAddress(text)
      if (address !== undefined) assert.deepEqual(ipAddressOf(octetsAsIPv6(address.octets)), address)
    }),
  )
})

import assert from 'node:assert/strict'
import { BlockList } from 'node:net'
import { test } from 'node:test'
import { formatAddressRange, parseAddressRange } from '../../src/config/address-range.ts'
import { AddressRanges } from '../../src/forwarding/address-ranges.ts'
import type { AddressRange } from '../../src/runtime/address-range.ts'
import { ipAddressOf, parseIpAddress } from '../../src/runtime/ip-address.ts'
import fc from '../support/property.ts'

/** Octets from few values, so that ranges contain each other and addresses are in them. */
const octet = fc.oneof(fc.constantFrom(0, 1, 10, 127, 128, 254, 255), fc.nat(255))
const octets = fc
  .oneof(...[4, 16].map((width) => fc.array(octet, { minLength: width, maxLength: width })))
  .map((list) => ipAddressOf(Uint8Array.from(list)))
  .filter((address) => address !== undefined)

const range = fc.tuple(octets, fc.nat(128)).map(([{ octets }, bits]): AddressRange => {
  const prefix = bits % (8 * octets.length + 1)
  const network = octets.map((octet, index) => octet & (0xff00 >> Math.min(8, Math.max(0, prefix - 8 * index))))
  return { octets: network, prefix }
})

function familyOf({ length }: Uint8Array): 'ipv4' | 'ipv6' {
  return length === 4 ? 'ipv4' : 'ipv6'
}

test('finds an address in the same ranges as node:net', () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 12 }), fc.array(octets, { maxLength: 20 }), (ranges, addresses) => {
      const ours = new AddressRanges(ranges)
      // For node:net, an IPv6 range may contain an IPv4 address by its mapped form. So each family is compared separately.
      const theirs = { ipv4: new BlockList(), ipv6: new BlockList() }
      for (const { octets, prefix } of ranges)
        theirs[familyOf(octets)].addSubnet(ipAddressOf(octets)!.text, prefix, familyOf(octets))
      for (const { octets, text } of [...addresses, ...ranges.map(({ octets }) => ipAddressOf(octets)!)])
        assert.equal(ours.includes(octets), theirs[familyOf(octets)].check(text, familyOf(octets)), text)
    }),
    { numRuns: 2000 },
  )
})

test('a thousand ranges are as correct as one', () => {
  const ranges = new AddressRanges(
    Array.from({ length: 1000 }, (_, n) => parseAddressRange(`10.${n >> 2}.${(n & 3) * 64}.0/19`)),
  )
  for (let n = 0; n < 1000; n++) {
    assert.ok(ranges.includes(parseIpAddress(`10.${n >> 2}.${(n & 3) * 64 + 31}.255`)!.octets))
    assert.ok(!ranges.includes(parseIpAddress(`10.${n >> 2}.${(n & 3) * 64 + 32}.0`)!.octets))
  }
})

test('a range is the same after it is written and read', () => {
  fc.assert(fc.property(range, (range) => assert.deepEqual(parseAddressRange(formatAddressRange(range)), range)))
})

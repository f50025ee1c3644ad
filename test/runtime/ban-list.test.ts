/** The list of bans: as a list of ranges that are looked at one by one, but faster. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AddressRanges } from '../../src/forwarding/address-ranges.ts'
import { type Ban, BanList } from '../../src/runtime/ban-list.ts'
import { ipAddressOf, UNIX_ADDRESS, UNKNOWN_ADDRESS } from '../../src/runtime/ip-address.ts'
import fc from '../support/property.ts'

/** Few different octets, so that ranges and addresses meet. */
const octets = fc.constantFrom(4, 16).chain((width) => {
  return fc.uint8Array({ min: 0, max: 3, minLength: width, maxLength: width }).map((all) => {
    // No address of IPv4 in the form of IPv6.
    if (width === 16) all[0] = 32
    return all
  })
})

const range = fc.tuple(octets, fc.nat(128)).map(([address, length]) => {
  const prefix = Math.min(8 * address.length, length)
  const network = address.map((octet, at) => octet & (0xff00 >> Math.min(8, Math.max(0, prefix - 8 * at))))
  return { octets: network, prefix }
})

test('finds a ban for exactly the addresses that are in a range of the list', () => {
  const change = fc.record({ added: fc.array(range, { maxLength: 8 }), lifted: fc.array(range, { maxLength: 8 }) })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 5 }), fc.array(octets, { minLength: 20 }), (changes, addresses) => {
      const list = new BanList()
      const model = new Map<string, Ban>()
      for (const { added, lifted } of changes) {
        // Some of those that there are, and some that there are not.
        const gone = [...lifted, ...[...model.values()].slice(0, 2)]
        const bans = added.map((each, index) => ({ ...each, until: index }))
        list.change({ added: bans, lifted: gone })
        for (const each of gone) model.delete(nameOf(each))
        for (const each of bans) model.set(nameOf(each), each)
      }
      assert.equal(list.size, model.size)
      assert.deepEqual(new Set([...list].map(nameOf)), new Set(model.keys()))
      const ranges = new AddressRanges([...model.values()])
      for (const address of addresses) {
        const found = list.find(ipAddressOf(address)!)
        assert.equal(found !== undefined, ranges.includes(address))
        if (found !== undefined) assert.equal(model.get(nameOf(found))?.until, found.until)
      }
    }),
  )
})

test('clients without an address are under no ban', () => {
  const list = new BanList([4, 16].map((width) => ({ octets: new Uint8Array(width), prefix: 0, until: 0 })))
  assert.equal(list.find(UNIX_ADDRESS), undefined)
  assert.equal(list.find(UNKNOWN_ADDRESS), undefined)
  assert.notEqual(list.find(ipAddressOf(Uint8Array.from([10, 0, 0, 1]))!), undefined)
})

function nameOf({ octets, prefix }: Pick<Ban, 'octets' | 'prefix'>): string {
  return `${octets.join('.')}/${prefix}`
}

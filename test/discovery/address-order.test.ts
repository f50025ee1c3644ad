/** In which order addresses of one host are listed and tried. */
import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { describe, test } from 'node:test'
import { compareAddresses, inOrderOfTrial } from '../../src/discovery/dns/address-order.ts'
import { findBySystem } from '../../src/discovery/dns/system-lookup.ts'
import fc from '../support/property.ts'

const hasOwn = (wanted: string) =>
  Object.values(networkInterfaces()).some((all = []) => all.some(({ address }) => address === wanted))

test('addresses are listed by number, IPv4 first', () => {
  const addresses = ['2001:db8::10', '10.0.0.10', '10.0.0.9', '2001:db8::9', '9.255.0.1']
  assert.deepEqual(addresses.toSorted(compareAddresses), [
    '9.255.0.1',
    '10.0.0.9',
    '10.0.0.10',
    '2001:db8::9',
    '2001:db8::10',
  ])
})

describe('the addresses of a host are tried', () => {
  test('in their former order where they are known, and the others behind them', () =>
    assert.deepEqual(inOrderOfTrial(['10.0.0.1', '10.0.0.2', '10.0.0.3'], ['10.0.0.3', '10.0.0.9', '10.0.0.2']), [
      '10.0.0.3',
      '10.0.0.2',
      '10.0.0.1',
    ]))

  test('with unique local IPv6 addresses behind IPv4', () =>
    assert.deepEqual(inOrderOfTrial(['fd00::1', '10.0.0.1'], []), ['10.0.0.1', 'fd00::1']))

  test('with ::1 before 127.0.0.1 where this machine has it', () =>
    assert.equal(inOrderOfTrial(['127.0.0.1', '::1'], [])[0], hasOwn('::1') ? '::1' : '127.0.0.1'))

  test('in the same order whatever order a server lists them in', () =>
    fc.assert(
      fc.property(
        fc
          .uniqueArray(fc.ipV4(), { minLength: 1 })
          .chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        ([all, shuffled]) => assert.deepEqual(inOrderOfTrial(all, []), inOrderOfTrial(shuffled, [])),
      ),
    ))
})

test('the system is asked for what it alone knows', async () => {
  const { addresses } = (await findBySystem('localhost'))!
  assert.ok(Object.values(addresses).flat().includes('127.0.0.1'))
})

/** When an address or a network is reported for too large a share, and when no longer. Uses a fake clock. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseIpAddress } from '../../src/runtime/ip-address.ts'
import type { SkewLimit, Upstream } from '../../src/runtime/snapshot.ts'
import { AddressSample, networkOf } from '../../src/skew/address-sample.ts'
import { describeRelief, describeSkew, SkewWatch } from '../../src/skew/skew-watch.ts'
import { serversWith } from '../balancing/group.ts'

/** A number of requests that are all counted one by one. */
const SAMPLED = 16

function watching(weights: readonly number[], limit: Partial<SkewLimit> = {}): SkewWatch {
  const servers = serversWith(weights.map((weight, slot) => ({ weight, name: 'abcdefghij'[slot]! })))
  return new SkewWatch([
    { name: 'app', slot: 0, servers, skew: { minRequests: 1000, ...limit } } as unknown as Upstream,
  ])
}

/** Requests by address, with the slot of each address's server, as a worker reports them. */
function reportOf(...requests: readonly (readonly [address: string, count: number, server: number])[]) {
  const sample = new AddressSample(0, () => 0.5)
  for (const [text, count, server] of requests) {
    const address = parseIpAddress(text)!
    for (let sent = 0; sent < count; sent++) if (sample.isDue()) sample.add(address, server)
  }
  return sample.report()!
}

/** Addresses that are each in a different network, spread over the servers. */
function crowd(addresses: number, count: number, servers: number) {
  return Array.from(
    { length: addresses },
    (_, i) => [`20.${i >> 8}.${i & 255}.1`, count * SAMPLED, i % servers] as const,
  )
}

const many = (network: string, addresses: number, count: number, server: number) =>
  Array.from({ length: addresses }, (_, i) => [`${network}${i + 1}`, count * SAMPLED, server] as const)

describe('a network', () => {
  test('is reported once when its share is too large, and once when that is over', () => {
    const watch = watching([1, 1])
    watch.add(reportOf(...many('10.1.2.', 20, 5, 0), ...crowd(50, 1, 2)), 0)
    const [begun, ...others] = watch.judge(0)
    assert.deepEqual(others, [])
    assert.equal(begun!.isOver, false)
    assert.deepEqual([begun!.skew.from, begun!.skew.server], ['10.1.2.0/24', 'a'])
    assert.ok(Math.abs(begun!.skew.share - 100 / 150) < 0.01)
    assert.equal(
      describeSkew(begun!.skew),
      '67 % of the requests come from 10.1.2.0/24 (a NAT or a CDN?), and all of them go to server a; ' +
        'give the upstream affinity: cookie, or trustedProxies if that is your own proxy',
    )
    assert.deepEqual(watch.judge(1000), [])
    assert.equal(watch.of(0).length, 1)
    // 100 of 220 are 45 %, which is below half, but not far enough below for the end.
    watch.add(reportOf(...crowd(70, 1, 2)), 5000)
    assert.deepEqual(watch.judge(5000), [])
    watch.add(reportOf(...crowd(70, 1, 2)), 10_000)
    const [over] = watch.judge(10_000)
    assert.deepEqual([over!.upstream, over!.isOver, over!.skew.from], ['app', true, '10.1.2.0/24'])
    assert.equal(describeRelief(over!), '10.1.2.0/24 no longer carries more than its share of the requests (34 %)')
    assert.deepEqual(watch.of(0), [])
  })

  test('counts for a minute', () => {
    const watch = watching([1, 1])
    watch.add(reportOf(...many('10.1.2.', 10, 10, 1)), 0)
    assert.equal(watch.judge(60_000).length, 1)
    assert.deepEqual(
      watch.judge(60_001).map(({ isOver }) => isOver),
      [true],
    )
  })

  test('is not reported as over if there are too few requests in total', () => {
    const watch = watching([1, 1])
    watch.add(reportOf(...many('10.1.2.', 10, 10, 1)), 0)
    watch.judge(0)
    watch.add(reportOf(...many('10.1.2.', 10, 1, 1)), 30_000)
    const [over] = watch.judge(70_000)
    assert.equal(
      describeRelief(over!),
      'too few requests come to say that 10.1.2.0/24 carries more than its share of them',
    )
  })

  test('is the sum of the counts of several workers', () => {
    const watch = watching([1, 1])
    for (let worker = 0; worker < 4; worker++) {
      watch.add(reportOf(...many('10.1.2.', 5, 4, 0), ...crowd(10, 1, 2)), 0)
    }
    assert.ok(Math.abs(watch.judge(0)[0]!.skew.share - 2 / 3) < 0.01)
  })

  test('is reported as the one address that sends most of its requests', () => {
    const watch = watching([1, 1])
    watch.add(reportOf(['10.1.2.3', 90 * SAMPLED, 0], ...many('10.1.2.10', 5, 2, 0), ...crowd(50, 1, 2)), 0)
    assert.equal(watch.judge(0)[0]!.skew.from, '10.1.2.3')
  })

  test('is not reported if its addresses have several servers, but one of its addresses may be', () => {
    const watch = watching([1, 1])
    const half = [...many('2001:db8:1:2::', 40, 2, 0), ...many('2001:db8:1:2::f', 40, 2, 1)]
    watch.add(reportOf(...half), 0)
    assert.deepEqual(watch.judge(0), [])
    watch.add(reportOf(['2001:db8:1:2::abc', 400 * SAMPLED, 1]), 0)
    assert.deepEqual(
      watch.judge(0).map(({ skew }) => [skew.from, skew.server]),
      [['2001:db8:1:2::abc', 'b']],
    )
  })

  test('of IPv6 is reported if all its addresses go to one server', () => {
    const watch = watching([1, 1])
    watch.add(reportOf(...many('2001:db8:1:2::', 40, 2, 0)), 0)
    assert.equal(watch.judge(0)[0]!.skew.from, '2001:db8:1:2::/64')
  })
})

describe('nothing is reported', () => {
  test('if load is even', () => {
    for (const servers of [2, 3, 10]) {
      const watch = watching(new Array(servers).fill(1))
      for (let time = 0; time < 120_000; time += 5000) {
        watch.add(reportOf(...crowd(1000, 1, servers)), time)
        assert.deepEqual(watch.judge(time), [])
      }
    }
  })

  test('of few requests', () => {
    const watch = watching([1, 1])
    watch.add(reportOf(['10.1.2.3', 960, 0]), 0)
    assert.deepEqual(watch.judge(0), [])
    watch.add(reportOf(['10.1.2.3', 48, 0]), 1)
    assert.equal(watch.judge(1).length, 1)
  })
})

describe('too large a share', () => {
  const share = (weights: number[], percent: number, server: number, limit: Partial<SkewLimit> = {}) => {
    const watch = watching(weights, limit)
    watch.add(reportOf(['10.1.2.3', percent * SAMPLED, server], ...crowd(100 - percent, 1, weights.length)), 0)
    return watch.judge(0).length === 1
  }

  test('is more than the fair share of its server, and at least a tenth', () => {
    assert.deepEqual([share([1, 1], 50, 0), share([1, 1], 51, 0)], [false, true])
    assert.deepEqual([share([3, 1], 60, 0), share([3, 1], 60, 1)], [false, true])
    assert.deepEqual([share(new Array(20).fill(1), 10, 3), share(new Array(20).fill(1), 11, 3)], [false, true])
    assert.deepEqual([share(new Array(10).fill(1), 10, 3), share(new Array(10).fill(1), 11, 3)], [false, true])
  })

  test('is the configured share', () => {
    assert.deepEqual([share([1, 1], 30, 0, { share: 0.3 }), share([1, 1], 31, 0, { share: 0.3 })], [false, true])
    assert.equal(share([1, 1], 100, 0, { share: 1 }), false)
  })
})

test('a network is the /24 of an IPv4 address, and the /64 of an IPv6 one', () => {
  const networks = ['10.1.2.3', '2001:db8:1:2:3:4:5:6', '2001:db8::1', '::1'].map((text) =>
    networkOf(parseIpAddress(text)!.octets),
  )
  assert.deepEqual(networks, ['10.1.2.0/24', '2001:db8:1:2::/64', '2001:db8::/64', '0::/64'])
})

/** When an address or a network is reported for too large a share, and when no longer. Uses a fake clock. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseIpAddress } from '../../src/runtime/ip-address.ts'
import type { Server, SkewLimit, Upstream } from '../../src/runtime/snapshot.ts'
import { AddressSample, networkOf } from '../../src/skew/address-sample.ts'
import { describeRelief, describeSkew, type SkewChange, SkewWatch } from '../../src/skew/skew-watch.ts'
import { serversWith } from '../balancing/group.ts'

/** A number of requests that are all counted one by one. */
const SAMPLED = 16
const NAMES = 'abcdefghij'

function upstream(
  name: string,
  servers: readonly (Partial<Server> & { name: string })[],
  limit: Partial<SkewLimit> = {},
): Upstream {
  return { name, slot: 0, servers: serversWith(servers), skew: { minRequests: 1000, ...limit } } as unknown as Upstream
}

function watching(weights: readonly number[], limit: Partial<SkewLimit> = {}): SkewWatch {
  const servers = weights.map((weight, index) => ({ weight, name: NAMES[index]! }))
  return new SkewWatch([upstream('app', servers, limit)])
}

/** Requests of addresses, and the index of the server that each belongs to, as a worker would report them. */
function reportOf(...requests: readonly Requests[]) {
  return reportFor('app', ...requests)
}

type Requests = readonly [address: string, count: number, server: number]

function reportFor(name: string, ...requests: readonly Requests[]) {
  const sample = new AddressSample(name, () => 0.5)
  for (const [text, count, server] of requests) {
    const address = parseIpAddress(text)!
    for (let sent = 0; sent < count; sent++) if (sample.isDue()) sample.add(address, NAMES[server])
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
    assert.equal(watch.of('app').length, 1)
    // 100 of 220 are 45 %, which is below half, and not yet so much below that it is over.
    watch.add(reportOf(...crowd(70, 1, 2)), 5000)
    assert.deepEqual(watch.judge(5000), [])
    watch.add(reportOf(...crowd(70, 1, 2)), 10_000)
    const [over] = watch.judge(10_000)
    assert.ok(over?.isOver)
    assert.deepEqual([over.upstream, over.isOver, over.skew.from], ['app', true, '10.1.2.0/24'])
    assert.equal(describeRelief(over), '10.1.2.0/24 no longer carries more than its share of the requests (34 %)')
    assert.deepEqual(watch.of('app'), [])
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
    assert.ok(over?.isOver)
    assert.equal(
      describeRelief(over),
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

describe('when another list of upstreams is applied', () => {
  const [a, b, c] = [{ name: 'a' }, { name: 'b' }, { name: 'c' }]
  const heavy = (server: number) => reportOf(...many('10.1.2.', 10, 10, server), ...crowd(50, 1, 2))

  /** A watch of the servers a and b, of which a serves a network that carries too much. */
  function alarmed(): SkewWatch {
    const watch = new SkewWatch([upstream('app', [a, b])])
    watch.add(heavy(0), 0)
    assert.deepEqual(begunIn(watch.judge(0)), [['10.1.2.0/24', 'a']])
    return watch
  }

  const begunIn = (changes: readonly SkewChange[]) =>
    changes.map(({ isOver, skew }) => (isOver ? [skew.from, skew.server, 'over'] : [skew.from, skew.server]))

  test('reports of the last minute still count, and nothing that lasts is reported again', () => {
    const watch = alarmed()
    assert.deepEqual(watch.apply([upstream('app', [a, b, c]), upstream('other', [a])]), [])
    assert.deepEqual(watch.judge(30_000), [])
    assert.equal(watch.of('app').length, 1)
    assert.deepEqual(begunIn(watch.judge(60_001)), [['10.1.2.0/24', 'a', 'over']])
  })

  test('a changed limit counts from the next judgement on', () => {
    const watch = alarmed()
    assert.deepEqual(watch.apply([upstream('app', [a, b], { share: 0.9 })]), [])
    assert.deepEqual(begunIn(watch.judge(1)), [['10.1.2.0/24', 'a', 'over']])
    watch.apply([upstream('app', [a, b])])
    assert.deepEqual(begunIn(watch.judge(2)), [['10.1.2.0/24', 'a']])
  })

  test('a skew ends with its server, whether that is removed, disabled or a backup from now on', () => {
    for (const servers of [[b], [{ ...a, down: true }, b], [{ ...a, backup: true }, b]]) {
      const watch = alarmed()
      const [over, ...others] = watch.apply([upstream('app', servers)])
      assert.deepEqual(others, [])
      assert.equal(describeRelief(over!), 'the requests from 10.1.2.0/24 no longer go to server a')
      assert.deepEqual([watch.judge(1), watch.of('app')], [[], []])
    }
  })

  test('what came of a server before is never held against another one in its slot', () => {
    const watch = alarmed()
    watch.apply([upstream('app', [b])])
    // c has the slot that a had; a worker that has not heard of it yet still reports a.
    const next = upstream('app', [
      { ...c, slot: 0 },
      { ...b, slot: 1 },
    ])
    assert.deepEqual(watch.apply([next]), [])
    watch.add(heavy(0), 1)
    assert.deepEqual(watch.judge(1), [])
    // Nor is the network said to belong to c before all that counts of it went there.
    watch.add(heavy(2), 30_000)
    assert.deepEqual(watch.judge(30_000), [])
    assert.deepEqual(begunIn(watch.judge(60_002)), [['10.1.2.0/24', 'c']])
  })

  test('an upstream is not taken for another one that had its slot, and starts over when it comes back', () => {
    const watch = alarmed()
    assert.deepEqual(watch.apply([upstream('next', [a, b])]), [])
    assert.deepEqual([watch.of('app'), watch.of('next')], [[], []])
    watch.add(heavy(0), 1)
    assert.deepEqual(watch.judge(1), [])
    watch.add(reportFor('next', ['10.9.9.9', 100 * SAMPLED, 1]), 2)
    assert.deepEqual(begunIn(watch.judge(2)), [['10.9.9.9', 'b']])
    watch.apply([upstream('next', [a, b]), upstream('app', [a, b])])
    assert.deepEqual([watch.judge(3), watch.of('next').length], [[], 1])
  })

  test('a network that goes to another server from then on is reported with that one', () => {
    const watch = alarmed()
    watch.apply([upstream('app', [a, b, c])])
    watch.add(heavy(2), 50_000)
    assert.deepEqual(watch.judge(50_000), [])
    assert.deepEqual(begunIn(watch.judge(60_001)), [
      ['10.1.2.0/24', 'a', 'over'],
      ['10.1.2.0/24', 'c'],
    ])
  })

  test('nothing is watched of an upstream whose settings no longer ask for it', () => {
    const watch = alarmed()
    const { skew, ...unwatched } = upstream('app', [a, b])
    assert.deepEqual([watch.apply([unwatched]), watch.judge(1), watch.of('app')], [[], [], []])
  })
})

test('a network is the /24 of an IPv4 address, and the /64 of an IPv6 one', () => {
  const networks = ['10.1.2.3', '2001:db8:1:2:3:4:5:6', '2001:db8::1', '::1'].map((text) =>
    networkOf(parseIpAddress(text)!.octets),
  )
  assert.deepEqual(networks, ['10.1.2.0/24', '2001:db8:1:2::/64', '2001:db8::/64', '0::/64'])
})

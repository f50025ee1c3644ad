import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { formatAddress, parseAddress } from '../../src/config/address.ts'
import { formatCount, parseCount } from '../../src/config/count.ts'
import { formatDuration, parseDuration } from '../../src/config/duration.ts'
import { InvalidValue } from '../../src/config/error.ts'
import { formatPercent, parsePercent } from '../../src/config/percent.ts'
import { formatSize, parseSize } from '../../src/config/size.ts'
import { formatStatusRange, parseStatusRange } from '../../src/config/status-range.ts'
import fc from '../support/property.ts'

describe('a duration', () => {
  test('is held in milliseconds', () => {
    assert.deepEqual(
      ['500ms', '30s', '2m', '1h', '1d', '0', 0, '0s'].map(parseDuration),
      [500, 30_000, 120_000, 3_600_000, 86_400_000, 0, 0, 0],
    )
  })

  test('is written in the largest unit that divides it', () => {
    assert.deepEqual([0, 1500, 90_000, 120_000, 86_400_000].map(formatDuration), ['0s', '1500ms', '90s', '2m', '1d'])
  })

  test('is the same after it is written and read', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (ms) => parseDuration(formatDuration(ms)) === ms))
  })

  test("has the maximum of Node's timers", () => {
    assert.equal(parseDuration('2147483647ms'), 2_147_483_647)
    assert.throws(() => parseDuration('2147483648ms'), InvalidValue)
  })
})

describe('a size', () => {
  test('counts kB in thousands and KiB in 1024s', () => {
    assert.deepEqual(
      ['1B', '32kB', '10MB', '2TB', '1KiB', '1GiB', 'unlimited', 0].map(parseSize),
      [1, 32_000, 10_000_000, 2_000_000_000_000, 1024, 1_073_741_824, 0, 0],
    )
  })

  test('is written in the largest unit that divides it', () => {
    assert.deepEqual([0, 1, 32_000, 32_768, 1_048_577].map(formatSize), [
      'unlimited',
      '1B',
      '32kB',
      '32KiB',
      '1048577B',
    ])
  })

  test('is the same after it is written and read', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (bytes) => parseSize(formatSize(bytes)) === bytes))
  })

  test('is refused with a hint for the notation of nginx and for another case', () => {
    const hints = [
      ['32k', '32KiB'],
      ['8m', '8MiB'],
      ['10mb', '10MB'],
      ['10 MB', '10MB'],
      ['1024', '1024B'],
      ['1Kb', '1kB'],
    ]
    for (const [written, meant] of hints) assert.throws(() => parseSize(written!), { hint: `write ${meant}` })
    assert.throws(() => parseSize('big'), { hint: undefined })
  })
})

describe('a count', () => {
  test('is the same after it is written and read, and unlimited is 0', () => {
    assert.equal(parseCount('unlimited'), 0)
    fc.assert(fc.property(fc.maxSafeNat(), (count) => parseCount(formatCount(count)) === count))
  })
})

describe('a share', () => {
  test('is in percent, and is the same after it is written and read', () => {
    assert.deepEqual(
      ['0%', '7%', '100%', 0].map((share) => parsePercent(share)),
      [0, 7, 100, 0],
    )
    fc.assert(fc.property(fc.nat(100), (percent) => parsePercent(formatPercent(percent)) === percent))
  })

  test('is refused with a hint if the sign is missing', () => {
    assert.throws(() => parsePercent(50), { hint: 'write 50%' })
    assert.throws(() => parsePercent('0.07'), { hint: 'write 7%' })
    for (const written of ['101%', '-1%', '1.5%', 101, 'half', '%'])
      assert.throws(() => parsePercent(written), InvalidValue)
  })
})

describe('statuses', () => {
  test('are one, a range or a class, both ends included', () => {
    assert.deepEqual([204, '204', '200-299', '2xx', '5XX'].map(parseStatusRange), [
      { from: 204, to: 204 },
      { from: 204, to: 204 },
      { from: 200, to: 299 },
      { from: 200, to: 299 },
      { from: 500, to: 599 },
    ])
  })

  test('are the same after they are written and read', () => {
    const status = fc.integer({ min: 200, max: 599 })
    fc.assert(
      fc.property(status, status, (one, other) => {
        const range = { from: Math.min(one, other), to: Math.max(one, other) }
        assert.deepEqual(parseStatusRange(formatStatusRange(range)), range)
      }),
    )
  })

  test('are refused if they are of interim responses or invalid', () => {
    for (const written of [100, '1xx', 600, '6xx', '200-600', '299-200', '200-', '', 20]) {
      assert.throws(() => parseStatusRange(written), InvalidValue)
    }
  })
})

describe('an address', () => {
  const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,10}[a-z0-9])?$/)
  const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'))
  const port = fc.integer({ min: 1, max: 65_535 })

  test('is the same after it is written and read', () => {
    const address = fc.record({ host: fc.oneof(name, fc.ipV4()), port }, { noNullPrototype: true })
    fc.assert(fc.property(address, (address) => assert.deepEqual(parseAddress(formatAddress(address)), address)))
  })

  test('of IPv6 has one canonical form', () => {
    fc.assert(
      fc.property(fc.ipV6(), port, (ip, port) => {
        const address = parseAddress(`[${ip}]:${port}`)
        assert.deepEqual(parseAddress(formatAddress(address)), address)
      }),
    )
    assert.deepEqual(parseAddress('[2001:DB8:0:0::0001]'), { host: '2001:db8::1', port: 80 })
  })

  test('has port 80 if none is written, and its name in lower case', () => {
    assert.deepEqual(parseAddress('App-1.Internal'), { host: 'app-1.internal', port: 80 })
  })

  test('that is invalid throws InvalidValue and nothing else', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        try {
          parseAddress(text)
        } catch (error) {
          assert.ok(error instanceof InvalidValue)
        }
      }),
    )
  })
})

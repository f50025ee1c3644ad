/** How limits, address rules and the log of a route are written, and what is said of mistakes. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ConfigError } from '../../src/config/error.ts'
import { parseConfig } from '../../src/config/file.ts'
import { printConfig } from '../../src/config/print.ts'

const fileOf = (filters: readonly unknown[]) =>
  JSON.stringify({
    routes: [{ path: '/*', upstream: 'app', filters }],
    upstreams: { app: { servers: ['10.0.0.1:80'] } },
  })

test('what is printed says the same', () => {
  const config = parseConfig(
    fileOf([
      { rateLimit: { rate: '10/h', burst: 3, by: ['client.address', 'header:X-A', 'claim:sub', 'route'], name: 'a' } },
      { rateLimit: { rate: '5/d', by: 'session', headers: 'all', missing: 'pass' } },
      { concurrencyLimit: { limit: 3, by: 'cookie:id', status: 503, dryRun: true, ipv6Prefix: 56 } },
      { allow: ['10.0.0.0/8', 'unix:'] },
      { deny: { from: ['all'], except: ['10.0.0.1', '::1'], status: 404 } },
      { log: 'off' },
      { log: { sample: '10%', add: ['filters'], headers: ['X-Tenant'], redact: ['a'], redactHeaders: ['Referer'] } },
    ]),
    'limpet.yaml',
    {},
  )
  assert.deepEqual(parseConfig(printConfig(config, 'printed', 'hidden'), 'printed.yaml', {}).routes, config.routes)
})

describe('mistakes are named, with what is expected', () => {
  const mistakes: readonly (readonly [filter: object, message: RegExp])[] = [
    [{ rateLimit: { rate: '10' } }, /^rateLimit\.rate: expected requests in a second/],
    [{ rateLimit: { rate: '0/s' } }, /^rateLimit\.rate: expected requests in a second/],
    [{ rateLimit: { rate: '2000000/s' } }, /^rateLimit\.rate: expected at most 1000000/],
    [
      { rateLimit: { rate: '1/d', burst: 5000 } },
      /^rateLimit\.burst: expected a burst that is made up for within 366 days/,
    ],
    [{ rateLimit: { rate: '1/s', by: 'address' } }, /^rateLimit\.by: expected client\.address, header:NAME/],
    [{ rateLimit: { rate: '1/s', status: 200 } }, /^rateLimit\.status: expected a whole number from 400 to 599/],
    [{ rateLimit: { rate: '1/s', name: 'a b' } }, /^rateLimit\.name: expected a name of letters/],
    [{ concurrencyLimit: { limit: 0 } }, /^concurrencyLimit\.limit: expected a whole number from 1 to 65535/],
    [{ allow: [] }, /^allow: expected at least one/],
    [{ allow: ['10.0.0.1/8'] }, /^allow\[0\]: expected a range whose bits beyond the first 8 are 0/],
    [{ deny: { from: ['10.0.0.1:80'] } }, /^deny\.from\[0\]: expected an IP address/],
    [{ deny: { from: ['all'], status: 444 } }, /^deny\.status: expected 403 or 404/],
    [{ log: 'on' }, /^log: expected off/],
    [{ log: { add: ['nonsense'] } }, /^log\.add\[0\]: expected time, client/],
    [{ log: { sample: '101%' } }, /^log\.sample: expected a whole percentage from 0% to 100%/],
  ]
  for (const [filter, message] of mistakes) {
    test(JSON.stringify(filter), () => {
      assert.throws(
        () => parseConfig(fileOf([filter]), 'limpet.yaml', {}),
        (error) => {
          assert.ok(error instanceof ConfigError)
          const found = error.problems.map(
            ({ path, message }) => `${path.replace('routes[0].filters[0].', '')}: ${message}`,
          )
          assert.equal(found.length, 1, found.join('\n'))
          assert.match(found[0]!, message)
          return true
        },
      )
    })
  }
})

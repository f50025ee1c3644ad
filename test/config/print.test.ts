import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import { parseConfig } from '../../src/config/file.ts'
import { printConfig } from '../../src/config/print.ts'
import type { Config } from '../../src/config/schema.ts'
import { withStandardRedirect } from '../../src/config/standard-redirect.ts'
import fc from '../support/property.ts'

const name = fc.stringMatching(/^[a-z0-9][\w.-]{0,8}$/)
const whole = (max: number) => fc.integer({ min: 1, max })
const printable = fc.stringMatching(/^[!-~]([ -~]{0,10}[!-~])?$/)

/** Values of a file, with text that YAML or the expansion of variables could misread. */
const file = fc.record({
  workers: whole(64),
  path: fc.stringMatching(/^\/[\w${}&!|>'"@-][\w${}:&!|>'"@-]{0,9}$/),
  header: fc.oneof(
    printable,
    fc.constantFrom('', 'null', 'yes', '0x10', '1e3', '12:30:45', '~', '$${A}', '# x', '- x', '*x'),
  ),
  upstream: name,
  server: fc.record({
    name,
    address: fc.ipV4(),
    weight: whole(65_535),
    backup: fc.constant(false),
    down: fc.boolean(),
    failTimeout: whole(2 ** 31 - 1).map((ms) => `${ms}ms`),
  }),
  bodySize: fc.maxSafeNat().map((bytes) => `${bytes}B`),
})

test('any configuration is the same after it is printed and loaded again', () => {
  fc.assert(
    fc.property(file, ({ workers, path, header, upstream, server, bodySize }) => {
      const routes = [{ path, headers: { 'x-any': header }, upstream }]
      const upstreams = { [upstream]: { servers: [server] } }
      const config = load({ workers, routes, upstreams, limits: { bodySize } })
      assert.deepEqual(parseConfig(printConfig(config, 'any'), 'printed', {}), config)
      assert.equal(config.routes[0]?.headers['x-any'], header)
    }),
    { numRuns: 300 },
  )
})

test('the redirect of port 80 beside acme is shown, and loads again as what it is', () => {
  const acme = { email: 'ops@example.org' }
  const routes = [{ host: 'a.example', path: '/*', upstream: 'a' }]
  const upstreams = { a: { servers: ['a'] } }
  const redirectsOf = (listeners: object[]) => {
    const config = withStandardRedirect(load({ listeners, routes, upstreams }))
    const printed = printConfig(config, 'any')
    assert.deepEqual(parseConfig(printed, 'printed', {}), config)
    return (parse(printed) as { listeners: { redirect?: string }[] }).listeners.map(({ redirect }) => redirect)
  }
  const secure = { port: 443, tls: { acme } }
  assert.deepEqual(redirectsOf([{ port: 80 }, secure]), ['https', undefined])
  assert.deepEqual(redirectsOf([{ port: 80 }, { ...secure, port: 8443 }]), ['https:8443', undefined])
  assert.deepEqual(redirectsOf([{ port: 80, redirect: 'off' }, secure]), ['off', undefined])
  assert.deepEqual(redirectsOf([{ port: 8080 }, secure]), [undefined, undefined])
  assert.deepEqual(
    redirectsOf([{ port: 80 }, { port: 443, tls: { certificates: [{ cert: 'a.pem', key: 'a.key' }] } }]),
    [undefined, undefined],
  )
})

test('a header with credentials of a check is hidden like the secrets; other headers are not', () => {
  const headers = { Authorization: 'Bearer abc', Cookie: 'user=abc', Host: 'shop.example' }
  const upstreams = { a: { servers: ['a'], health: { check: { type: 'http', path: '/', headers } } } }
  const config = load({ routes: [{ path: '/*', upstream: 'a' }], upstreams })
  const printed = printConfig(config, 'any', 'hidden')
  assert.doesNotMatch(printed, /abc/)
  assert.match(printed, /host: shop\.example/)
  const env = { CHECK_HEADER_1: 'Bearer abc', CHECK_HEADER_2: 'user=abc' }
  assert.deepEqual(parseConfig(printed, 'printed', env), config)
})

test('credentials that a route asks for are hidden, too', () => {
  const headers = { Authorization: 'Bearer abc', 'X-Beta': 'new' }
  const routes = [
    { path: '/*', upstream: 'a' },
    { path: '/in/*', headers, upstream: 'a' },
  ]
  const config = load({ routes, upstreams: { a: { servers: ['a'] } } })
  const printed = printConfig(config, 'any', 'hidden')
  assert.doesNotMatch(printed, /abc/)
  assert.match(printed, /x-beta: new/i)
  assert.deepEqual(parseConfig(printed, 'printed', { ROUTE_HEADER_1: 'Bearer abc' }), config)
})

test('a pause by the operator is no part of the file', () => {
  const config = load({ routes: [{ path: '/*', upstream: 'a' }], upstreams: { a: { servers: ['a'] } } })
  const upstreams = config.upstreams.map((upstream) => ({ ...upstream, pause: { until: 1 } }))
  assert.equal(printConfig({ ...config, upstreams }, 'any'), printConfig(config, 'any'))
})

test('a comment stays on one line, with any content', () => {
  const config = load({ routes: [{ path: '/*', upstream: 'a' }], upstreams: { a: { servers: ['a'] } } })
  assert.match(printConfig(config, 'a\nworkers: 7'), /^# a\\nworkers: 7\nlisteners:/)
})

/** JSON is YAML. The texts are escaped, because they are literal. */
function load(value: unknown): Config {
  return parseConfig(JSON.stringify(value).replaceAll('${', '$$${'), 'any.yaml', {})
}

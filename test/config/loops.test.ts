/** Servers that are the proxy itself: a request to one would loop. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname, networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { ConfigError } from '../../src/config/error.ts'
import { type LoadOptions, loadConfig } from '../../src/config/load.ts'
import { warningsOf } from '../../src/config/warnings.ts'

const cwd = mkdtempSync(join(tmpdir(), 'limpet-loops-'))
after(() => rmSync(cwd, { recursive: true }))

function load(text: string, options: Partial<LoadOptions> = {}) {
  writeFileSync(join(cwd, 'loops.yaml'), text)
  return loadConfig({ file: 'loops.yaml', env: {}, cwd, ...options }).config
}

/** The error text of the configuration; undefined if it is valid. */
function refusal(text: string | undefined, options: Partial<LoadOptions> = {}): string | undefined {
  try {
    text === undefined ? loadConfig({ env: {}, cwd: tmpdir(), ...options }) : load(text, options)
    return undefined
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
}

function fileWith(listener: string, server: string): string {
  return `listeners: [${listener}]
routes: [{ path: /*, upstream: app }]
upstreams: { app: { servers: ["10.255.255.1:3000", ${JSON.stringify(server)}] } }
`
}

/** An address of this machine other than loopback, if it has one. */
const own = Object.values(networkInterfaces())
  .flatMap((addresses = []) => addresses)
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address

const everyIPv4 = '{ port: 8080 }'
const everyAddress = '{ address: "::", port: 8080 }'
const loopback = '{ address: 127.0.0.1, port: 8080 }'

const same: [listener: string, server: string][] = [
  [everyIPv4, '127.0.0.1:8080'],
  [everyIPv4, '127.9.8.7:8080'],
  [everyIPv4, '0.0.0.0:8080'],
  [everyIPv4, 'localhost:8080'],
  [everyIPv4, 'app.localhost:8080'],
  [everyIPv4, '[::ffff:127.0.0.1]:8080'],
  [everyIPv4, `${hostname()}:8080`],
  [everyAddress, '127.0.0.1:8080'],
  [everyAddress, '[::1]:8080'],
  [everyAddress, '[::]:8080'],
  [everyAddress, 'LOCALHOST:8080'],
  [loopback, '127.0.0.1:8080'],
  [loopback, '0.0.0.0:8080'],
  [loopback, 'localhost:8080'],
  ['{ address: localhost, port: 8080 }', '[::1]:8080'],
  ['{ address: "::ffff:127.0.0.1", port: 8080 }', '127.0.0.1:8080'],
  ['{ address: 203.0.113.1, port: 8080 }', '203.0.113.1:8080'],
  ['{ address: balancer.internal, port: 8080 }', 'Balancer.Internal:8080'],
  ['{ port: 80 }', '127.0.0.1'],
  ['{ address: 203.0.113.1, port: 8080 }, { port: 8081 }', '127.0.0.1:8081'],
  ['{ address: unix:/run/limpet.sock }', 'unix:/run/limpet.sock'],
  ...(own === undefined ? [] : ([[everyIPv4, `${own}:8080`]] as [string, string][])),
]

const others: [listener: string, server: string][] = [
  [everyIPv4, '127.0.0.1:8081'],
  [everyIPv4, '[::1]:8080'],
  [everyIPv4, '203.0.113.1:8080'],
  [everyIPv4, 'balancer.internal:8080'],
  [everyAddress, '[2001:db8::1]:8080'],
  [loopback, '127.0.0.2:8080'],
  [loopback, `${hostname()}.example:8080`],
  ['{ address: "::1", port: 8080 }', '127.0.0.1:8080'],
  ['{ address: 203.0.113.1, port: 8080 }', '127.0.0.1:8080'],
  ['{ port: 0 }', '127.0.0.1:80'],
  ['{ address: unix:/run/limpet.sock }', 'unix:/run/app.sock'],
  ['{ address: unix:/run/limpet.sock }', '127.0.0.1:80'],
  ...(own === undefined ? [] : ([[loopback, `${own}:8080`]] as [string, string][])),
]

describe('a server is refused', () => {
  for (const [listener, server] of same) {
    test(`${server} behind ${listener}`, () => {
      assert.match(
        refusal(fileWith(listener, server)) ?? '',
        /^loops\.yaml:3:\d+: upstreams\.app\.servers\[1\]: .*see line 1/,
      )
    })
  }
})

describe('a server is accepted', () => {
  for (const [listener, server] of others) {
    test(`${server} behind ${listener}`, () => assert.equal(refusal(fileWith(listener, server)), undefined))
  }
})

test('the error names the places of the server and the listener, and the consequence', () => {
  assert.equal(
    refusal(`routes: [{ path: /*, upstream: app }]
upstreams:
  app:
    servers:
      - { name: self, address: "localhost:8080" }
      - 127.0.0.1:3000
listeners:
  - { address: 127.0.0.1, port: 8081 }
  - { port: 8080 }
`),
    'loops.yaml:5:9: upstreams.app.servers[0]: expected the address of a server, found localhost:8080, where the proxy itself ' +
      'listens (listeners[1], 0.0.0.0:8080), see line 9 (requests to it would loop)\n' +
      '1 problem in the configuration',
  )
})

test('the place of a server counts sources before it', () => {
  const text = `listeners: [{ port: 8080 }]
routes: [{ path: /*, upstream: app }]
upstreams:
  app:
    servers:
      - { from: docker }
      - 127.0.0.1:3000
      - { from: file, path: servers.yaml }
      - 127.0.0.1:8080
`
  assert.match(refusal(text) ?? '', /^loops\.yaml:9:9: upstreams\.app\.servers\[3\]: .*see line 1/)
})

test('the default listener counts, although the file does not have it', () => {
  const text = 'routes: [{ path: /*, upstream: app }]\nupstreams: { app: { servers: [127.0.0.1] } }\n'
  const found = refusal(text)
  assert.match(found ?? '', /^loops\.yaml:2:31: .*\(listeners\[0\], 0\.0\.0\.0:80\) \(requests/)
  assert.equal(refusal(text, { flags: { port: 8080 } }), undefined)
})

describe('overrides of the file count', () => {
  test('a port', () => {
    const text = fileWith(everyIPv4, '127.0.0.1:8081')
    assert.equal(refusal(text), undefined)
    assert.match(
      refusal(text, { env: { PORT: '8081' } }) ?? '',
      /^loops\.yaml:3:.*0\.0\.0\.0:8081\), by PORT \(requests/,
    )
    assert.match(
      refusal(text, { flags: { port: 8081 } }) ?? '',
      /^loops\.yaml:3:.*0\.0\.0\.0:8081\), by --port \(requests/,
    )
    assert.equal(refusal(fileWith(everyIPv4, '127.0.0.1:8080'), { env: { PORT: '8081' } }), undefined)
  })

  test('the servers of the lab', () => {
    const env = { STATIC_BACKEND: '10.0.0.1 127.0.0.1:7777', DYNAMIC_BACKEND: '10.0.0.2' }
    assert.equal(refusal(undefined, { env }), undefined)
    const found = refusal(undefined, { env: { ...env, PORT: '7777' } })
    assert.match(found ?? '', /^STATIC_BACKEND: entry 2: .* found 127\.0\.0\.1:7777, .*by PORT/)
    const file = `listeners: [{ port: 7777 }]
routes: [{ path: /*, upstream: static }]
upstreams: { static: { servers: [a] } }`
    assert.match(refusal(file, { env: { STATIC_BACKEND: '127.0.0.1:7777' } }) ?? '', /^STATIC_BACKEND: entry 1: /)
  })
})

test('warns of a server that is the admin API', () => {
  const warnings = warningsOf(load(`${fileWith(everyIPv4, 'localhost:9000')}admin: on\n`))
  assert.equal(warnings.length, 1)
  assert.match(warnings[0]!, /^upstream app: server localhost:9000 is the admin API, which has no authentication/)
  assert.deepEqual(warningsOf(load(`${fileWith(everyIPv4, 'localhost:9001')}admin: on\n`)), [])
})

test('a Unix socket is recognised by any of its paths', () => {
  const link = join(cwd, 'link')
  symlinkSync(cwd, link)
  const listener = `{ address: "unix:${join(cwd, 'limpet.sock')}" }`
  assert.match(refusal(fileWith(listener, `unix:${join(link, 'limpet.sock')}`))!, /limpet\.sock/)
  assert.equal(refusal(fileWith(listener, `unix:${join(link, 'other.sock')}`)), undefined)
})

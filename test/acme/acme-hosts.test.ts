import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../src/config/file.ts'
import { warningsOf } from '../../src/config/warnings.ts'
import { hostsOf } from '../../src/control/acme/acme-settings.ts'

const config = (hosts: string) =>
  parseConfig(
    `
    listeners: [{ port: 80 }, { tls: { acme: { email: ops@example.org } } }]
    routes: [{ path: /*, host: ${hosts}, upstream: app }]
    upstreams: { app: { servers: ["10.0.0.1:80"] } }`,
    'limpet.yaml',
    {},
  )

test('certificates are obtained for the names of routes, and not for patterns, which are warned of', () => {
  const read = config('[example.org, "www.example.*", "~ ^a[0-9]"]')
  const { acme } = read.listeners[1]!.tls!
  assert.deepEqual(hostsOf(read, acme!, []), ['example.org'])
  assert.deepEqual(
    warningsOf(read).filter((text) => text.startsWith('acme: no certificate')),
    ['www.example.*', '~ ^a[0-9]'].map(
      (host) => `acme: no certificate can be for ${host}: name the hosts, or set onDemand`,
    ),
  )
})

test('routes of patterns alone are no hosts to obtain certificates for', () => {
  assert.throws(
    () => config('"www.example.*"'),
    /expected a route with a host, for which a certificate can be obtained/,
  )
})

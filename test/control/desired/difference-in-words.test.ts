import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../../src/config/file.ts'
import { differenceInWords } from '../../../src/control/desired/difference-in-words.ts'

function withCertificates(...names: readonly string[]) {
  const certificates = names.map((name) => `{ cert: /etc/limpet/${name}.pem, key: /etc/limpet/${name}.key }`).join(', ')
  const text = `
    listeners: [{ tls: { certificates: [${certificates}] } }]
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [10.0.0.1:80] } }
  `
  return parseConfig(text, 'limpet.yaml', {})
}

test('of a list of settings, only those that differ are named', () => {
  assert.deepEqual(differenceInWords(withCertificates('a', 'b', 'c'), withCertificates('a', 'd', 'c')), [
    'listener 0.0.0.0:443: tls.certificates: removed {"cert":"/etc/limpet/b.pem","key":"/etc/limpet/b.key"}',
    'listener 0.0.0.0:443: tls.certificates: added {"cert":"/etc/limpet/d.pem","key":"/etc/limpet/d.key"}',
  ])
})

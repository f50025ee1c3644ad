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

function withTracing(tracing: string) {
  const text = `
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [10.0.0.1:80] } }
    ${tracing}
  `
  return parseConfig(text, 'limpet.yaml', {})
}

test('headers for a collector of traces are not shown, whatever their names', () => {
  const [none, one, other] = ['', 'SECRET', 'SECRET2'].map((token) =>
    withTracing(token && `tracing: { endpoint: "http://a:4318", headers: { team: ${token} }, sample: 5% }`),
  )
  const [added, ...more] = differenceInWords(none!, one!)
  assert.match(added!, /^tracing default → \{"endpoint":"http:\/\/a:4318","headers":"…"/)
  assert.deepEqual(more, [])
  assert.deepEqual(differenceInWords(one!, other!), ['tracing.headers changed'])
})

test('routes by what they require, and what they have of their own', () => {
  const file = (routes: string) =>
    parseConfig(`{ routes: [${routes}], upstreams: { app: { servers: ["10.0.0.1:80"] } } }`, 'test', {})
  const conditions =
    'path: /a/:x, query: { v: "1" }, cookies: { c: true }, listener: 80, clientCertificate: true, priority: 2, upstream: app'
  assert.deepEqual(
    differenceInWords(file('{ path: /*, upstream: app }'), file(`{ path: /*, upstream: app }, { ${conditions} }`)),
    ['route /a/:x with ?v with cookie c by 80 with client certificate at priority 2 added'],
  )
  assert.deepEqual(
    differenceInWords(
      file('{ path: /*, upstream: app, retries: { tries: 1 } }'),
      file('{ path: /*, upstream: app, bodyLimit: 1MB, timeouts: { idle: 5s }, retries: { tries: 2 } }'),
    ),
    [
      'route /*: retries.tries 1 → 2',
      'route /*: bodyLimit default → 1MB',
      'route /*: timeouts default → {"idle":"5s"}',
    ],
  )
})

test('filters of a route by their settings, where they are the same ones in the same order', () => {
  const file = (filters: string) =>
    parseConfig(
      `{ routes: [{ path: /*, upstream: app, filters: [${filters}] }], upstreams: { app: { servers: ["10.0.0.1:80"] }, canary: { servers: ["10.0.0.2:80"] } } }`,
      'test',
      {},
    )
  const split = (share: string) => `{ split: { to: { canary: ${share} } } }, { path: { strip: /a } }`
  assert.deepEqual(differenceInWords(file(split('25%')), file(split('50%'))), [
    'route /*: filters[0].split.to.canary 25% → 50%',
  ])
  assert.deepEqual(differenceInWords(file(split('25%')), file(split('25%'))), [])
  assert.deepEqual(differenceInWords(file('compress'), file('compress, { host: a.example }')), [
    'route /*: filters: added {"host":"a.example"}',
  ])
  const key = (value: string) => `{ headers: { request: { set: { Authorization: ${value} } } } }`
  assert.deepEqual(differenceInWords(file(key('a')), file(key('b'))), [
    'route /*: filters[0].headers.request.set.Authorization changed',
  ])
})

/** What sources that ask an API over HTTP say of it: secrets, files, contradictions. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ConfigError } from '../../src/config/error.ts'
import { parseConfig } from '../../src/config/file.ts'
import { printConfig } from '../../src/config/print.ts'
import { withFilesIn } from '../../src/config/tls-files.ts'

function configWith(...servers: unknown[]) {
  const text = JSON.stringify({
    listeners: [{ port: 8080 }],
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { servers } },
  })
  return parseConfig(text, 'limpet.yaml', {})
}

const consul = { from: 'consul', service: 'web', token: 'secret-of-consul' }
const etcd = { from: 'etcd', prefix: '/app/', user: 'limpet', password: 'secret-of-etcd' }

test('secrets are not printed', () => {
  const config = configWith('127.0.0.1:80', consul, etcd)
  const hidden = printConfig(config, 'effective', 'hidden')
  assert.doesNotMatch(hidden, /secret-of/)
  assert.match(hidden, /token: \$\{SOURCE_TOKEN_1\}[\s\S]*password: \$\{SOURCE_PASSWORD_2\}/)
  assert.deepEqual(parseConfig(printConfig(config, 'effective'), 'limpet.yaml', {}), config)
})

test('a secret that is not valid is not shown', () => {
  assert.throws(
    () => configWith({ ...consul, token: 'secret-of consul' }),
    (error: ConfigError) => {
      assert.match(error.message, /token: expected a token without spaces/)
      assert.doesNotMatch(error.message, /secret-of/)
      return true
    },
  )
})

test('files are relative to the configuration', () => {
  const tls = { ca: 'ca.pem', cert: 'limpet.pem', key: '/etc/limpet.key' }
  const url = 'https://consul.example.org:8501'
  const config = configWith(
    { from: 'consul', service: 'web', url, tokenFile: 'token', tls },
    { from: 'etcd', prefix: '/app/', user: 'limpet', passwordFile: 'password' },
    { from: 'kubernetes', service: 'web', kubeconfig: 'kube.yaml' },
  )
  const [one, two, three] = withFilesIn(config, '/etc/limpet').upstreams[0]!.sources as Record<string, unknown>[]
  assert.equal(one!.tokenFile, '/etc/limpet/token')
  assert.deepEqual(one!.tls, {
    ca: '/etc/limpet/ca.pem',
    cert: '/etc/limpet/limpet.pem',
    key: '/etc/limpet.key',
    verify: true,
  })
  assert.equal(two!.passwordFile, '/etc/limpet/password')
  assert.equal(three!.kubeconfig, '/etc/limpet/kube.yaml')
})

test('files of discovery are relative to the configuration', () => {
  const tls = { ca: 'ca.pem', cert: 'docker.pem', key: '/etc/docker.key' }
  const discovery = { docker: { host: 'tcp://10.0.0.1:2376', tls }, swarm: { tls: { ca: '../ca.pem' } } }
  const config = withFilesIn(parseConfig(JSON.stringify({ discovery }), 'limpet.yaml', {}), '/etc/limpet')
  assert.deepEqual(config.discovery?.docker?.tls, {
    ca: '/etc/limpet/ca.pem',
    cert: '/etc/limpet/docker.pem',
    key: '/etc/docker.key',
    verify: true,
  })
  assert.equal(config.discovery?.docker?.host, 'tcp://10.0.0.1:2376')
  assert.equal(config.discovery?.swarm?.tls?.ca, '/etc/ca.pem')
})

describe('is refused', () => {
  const cases: [string, object, RegExp][] = [
    [
      'a password in a URL',
      { ...consul, url: 'http://user:secret-of-all@127.0.0.1' },
      /a URL without a user or a password/,
    ],
    ['TLS without https', { ...consul, tls: { ca: 'ca.pem' } }, /no tls without a URL that begins with https/],
    ['a secret and its file', { ...consul, tokenFile: 'token' }, /no tokenFile beside token/],
    ['a user without a password', { from: 'etcd', prefix: '/', user: 'limpet' }, /both a user and a password/],
    ['a name that is none', { from: 'kubernetes', service: 'web_1' }, /the name of a Service/],
    ['an empty prefix, which would be all keys', { from: 'etcd', prefix: '' }, /a prefix of keys/],
  ]
  for (const [what, source, message] of cases) {
    test(what, () => {
      assert.throws(
        () => configWith(source),
        (error: ConfigError) => {
          assert.ok(error instanceof ConfigError)
          assert.match(error.message, message)
          return true
        },
      )
    })
  }
})

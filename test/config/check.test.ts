import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseConfig } from '../../src/config/file.ts'
import type { PortPlace } from '../../src/runtime/snapshot.ts'
import { temporaryFolder } from '../support/folder.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Runs `limpet check` in the checkout, with only `env` in its environment. */
function check(args: string[], env: NodeJS.ProcessEnv = {}) {
  return spawnSync(process.execPath, ['src/cli.ts', 'check', ...args], { cwd: root, env, encoding: 'utf8' })
}

describe('limpet check', () => {
  test('prints the effective configuration as an equivalent file, and its origin', () => {
    const { status, stdout, stderr } = check(['-c', 'examples/lab.yaml', '--port', '7777', '--workers', '2'])
    assert.deepEqual([status, stderr], [0, ''])
    const source = `${root}examples/lab.yaml, with --port, --workers`
    assert.equal(stdout.split('\n')[0], `# Checked: ${source}`)
    assert.equal(stdout.split('\n').at(-2), `# The configuration is valid: ${source}`)
    const config = parseConfig(stdout, 'printed', {})
    assert.deepEqual([(config.listeners[0] as PortPlace).port, config.workers], [7777, 2])
  })

  test("prints the lab's variables as a file", () => {
    const { status, stdout } = check([], { STATIC_BACKEND: 'a b', DYNAMIC_BACKEND: 'c' })
    assert.equal(status, 0)
    assert.match(stdout, /\n# The configuration is valid: the environment \(STATIC_BACKEND, DYNAMIC_BACKEND\)\n$/)
    assert.deepEqual(parseConfig(stdout, 'printed', {}).upstreams[0]?.balance, { type: 'ip-hash' })
  })

  test('shows the redirect that a listener on port 80 has beside acme', async (t) => {
    const file = join(await temporaryFolder(t), 'limpet.yaml')
    await writeFile(
      file,
      `
      listeners: [{ port: 80 }, { port: 443, tls: { acme: { email: ops@example.org } } }]
      routes: [{ host: a.example, path: /*, upstream: app }]
      upstreams: { app: { servers: [a] } }
    `,
    )
    const { status, stdout } = check(['-c', file])
    assert.equal(status, 0)
    assert.match(stdout, /port: 80\n {4}proxyProtocol: false\n {4}redirect: https\n/)
  })

  test('prints every problem to stderr and exits with 1', () => {
    const { status, stdout, stderr } = check(['-c', 'test/fixtures/config/only-backups.yaml', '--access-log', 'csv'])
    assert.deepEqual([status, stdout], [1, ''])
    assert.equal(
      stderr,
      [
        'test/fixtures/config/only-backups.yaml:5:7: upstreams.web.servers: expected at least one server that is not a backup, found only backups',
        '--access-log: expected combined, vhost, json or off, found "csv" (for example --access-log json)',
        '2 problems in the configuration\n',
      ].join('\n'),
    )
  })

  test('prints no secret, and the printed file does not load without them', () => {
    const env = { COOKIE_SECRET: 'a secret from the environment' }
    const { status, stdout } = check(['-c', 'test/fixtures/config/affinities.yaml'], env)
    assert.equal(status, 0)
    assert.doesNotMatch(stdout, /a secret from|the one that was used/)
    assert.throws(() => parseConfig(stdout, 'printed', {}), /the environment variable COOKIE_SECRET_1 to be set/)
    const secrets = { COOKIE_SECRET_1: env.COOKIE_SECRET, COOKIE_SECRET_2: 'the one that was used before' }
    const { upstreams } = parseConfig(stdout, 'printed', secrets)
    const { affinity } = upstreams.find(({ name }) => name === 'settings')!
    assert.deepEqual(affinity?.type === 'cookie' && affinity.secrets, Object.values(secrets))
  })

  test('warns on stderr of probable mistakes, and still prints the effective configuration', () => {
    const { status, stdout, stderr } = check(['-c', 'test/fixtures/config/client-address.yaml'])
    assert.equal(status, 0)
    assert.match(
      stderr,
      /^warning: trustedProxies: 0\.0\.0\.0\/0 is every IPv4 address, .*\nwarning: .* ::\/0 is every IPv6/,
    )
    assert.doesNotThrow(() => parseConfig(stdout, 'printed', {}))
  })

  test('explains how to name a file if its flag is missing', () => {
    const { status, stderr } = check(['limpet.yaml'])
    assert.equal(status, 2)
    assert.match(stderr, /too many arguments.*\n\(name a configuration file with -c FILE/)
  })
})

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { writePair } from '../support/certificate-files.ts'
import { TestAuthority } from '../support/certificates.ts'
import { temporaryFolder } from '../support/folder.ts'
import { startLimpet } from '../support/limpet.ts'
import { namedOrigin } from '../support/origin.ts'
import { missing, run } from '../support/tool.ts'

/** What testssl.sh says of a check, from `OK` and `INFO` to `CRITICAL`. */
interface Finding {
  readonly id: string
  readonly severity: string
  readonly finding: string
}

/** WARN is about the scanner itself. */
const BAD = ['MEDIUM', 'HIGH', 'CRITICAL', 'FATAL']

/** Protocols, ciphers and their order, forward secrecy, vulnerabilities. */
const CHECKS = ['--protocols', '--std', '--server-preference', '--fs', '--vulnerable']

for (const profile of ['intermediate', 'modern']) {
  test(`testssl.sh finds nothing of medium severity or worse: ${profile}`, {
    skip: missing('testssl', 'testssl.sh'),
  }, async (t) => {
    const folder = await temporaryFolder(t)
    const authority = await TestAuthority.create()
    const pairs = ['ecdsa', 'rsa'] as const
    for (const keyType of pairs)
      await writePair(folder, keyType, await authority.issue(['localhost', '127.0.0.1'], { keyType }))
    const certificates = pairs.map((name) => ({ cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) }))
    const origin = await namedOrigin(t, 'origin')
    const { port } = await startLimpet(t, {
      listeners: [{ address: '127.0.0.1', port: 0, tls: { certificates, profile } }],
      routes: [{ path: '/*', upstream: 'app' }],
      upstreams: { app: { servers: [origin.address] } },
    })
    const report = join(folder, 'report.json')
    const { stdout } = await run('testssl', [
      '--quiet',
      '--color',
      '0',
      '--jsonfile',
      report,
      ...CHECKS,
      `127.0.0.1:${port}`,
    ])
    const findings = JSON.parse(await readFile(report, 'utf8')) as Finding[]
    assert.ok(findings.length > 20, stdout)
    const bad = findings.filter(({ severity }) => BAD.includes(severity))
    assert.deepEqual(
      bad.map(({ id, severity, finding }) => `${severity} ${id}: ${finding}`),
      [],
    )
  })
}

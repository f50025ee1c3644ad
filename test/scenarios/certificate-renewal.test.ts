/** Certificates are renewed in their files while Limpet serves, as certbot, Kubernetes and operators do it. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { ConnectionOptions } from 'node:tls'
import { adminClient } from '../support/admin-client.ts'
import { serialOfPem, writePair } from '../support/certificate-files.ts'
import { TestAuthority } from '../support/certificates.ts'
import { temporaryFolder } from '../support/folder.ts'
import { adminUrlOf, runLimpet, startLimpet } from '../support/limpet.ts'
import { steadyOrigin } from '../support/steady-origin.ts'
import { getOver, secureConnection, serialOf, sessionOf } from '../support/tls-client.ts'
import { onLinux, upgrade } from '../support/upgraded.ts'
import { configOf, renewUnderLoad } from './certificate-renewals.ts'

const DAY = 86_400_000
const authority = await TestAuthority.create()
const trusting = { ca: authority.ca }

describe('a certificate is renewed', () => {
  test('20 times under load: no handshake fails, and open connections live on', (t) => renewUnderLoad(t, 20))

  test('through links, as Kubernetes replaces them', async (t) => {
    const folder = await temporaryFolder(t)
    const [first, second] = [await authority.issue(['example.org']), await authority.issue(['example.org'])]
    for (const [name, pair] of [
      ['..1', first],
      ['..2', second],
    ] as const) {
      await mkdir(join(folder, name))
      await writePair(join(folder, name), 'site', pair)
    }
    await symlink('..1', join(folder, '..data'))
    await symlink('..data/site.pem', join(folder, 'site.pem'))
    await symlink('..data/site.key', join(folder, 'site.key'))
    const limpet = await startLimpet(t, configOf(folder, await steadyOrigin(t)))
    await symlink('..2', join(folder, '..data_tmp'))
    await rename(join(folder, '..data_tmp'), join(folder, '..data'))
    await limpet.errors.find(/generation 2 \(changed files\): certificate of example\.org renewed/)
    const socket = await secureConnection(limpet.port, trusting)
    assert.equal(serialOf(socket), serialOfPem(second))
    socket.destroy()
  })

  test('a file that is written half changes nothing, and is reported once', async (t) => {
    const folder = await temporaryFolder(t)
    const [first, second] = [await authority.issue(['example.org']), await authority.issue(['example.org'])]
    await writePair(folder, 'site', first)
    const limpet = await startLimpet(t, configOf(folder, await steadyOrigin(t)))
    await writeFile(join(folder, 'site.pem'), second.cert.slice(0, 300))
    await limpet.errors.find(/site\.pem: expected whole PEM blocks, found CERTIFICATE without its end/)
    const before = await secureConnection(limpet.port, trusting)
    assert.equal(serialOf(before), serialOfPem(first))
    before.destroy()
    // Other changes go on meanwhile.
    const client = await adminClient(limpet)
    const { data } = await client.POST('/v1/reload', {})
    assert.equal(data, undefined, 'a reload by the operator refuses the file')
    const weight = await client.PATCH('/v1/upstreams/{upstream}/servers/{server}', {
      params: { path: { upstream: 'app', server: (await serversOf(client))[0]! } },
      body: { weight: 3 },
    })
    assert.equal(weight.response.status, 200)
    await writePair(folder, 'site', second)
    await limpet.errors.find(/certificate of example\.org renewed/)
    const after = await secureConnection(limpet.port, trusting)
    assert.equal(serialOf(after), serialOfPem(second))
    after.destroy()
    const reports = limpet.errors.all.filter((line) => line.includes('what it held before stays in effect'))
    assert.equal(reports.length, 1)
  })

  test('a file that is gone, or that links in a circle stand for, changes nothing until there is another', async (t) => {
    const folder = await temporaryFolder(t)
    const [first, second] = [await authority.issue(['example.org']), await authority.issue(['example.org'])]
    await writePair(folder, 'site', first)
    const limpet = await startLimpet(t, configOf(folder, await steadyOrigin(t)))
    const key = join(folder, 'site.key')
    await rm(key)
    await limpet.errors.find(
      /site\.key: cannot be read: no such file or directory; what it held before stays in effect/,
    )
    await symlink('site.key', key)
    await limpet.errors.find(/site\.key: cannot be read: too many symbolic links encountered; what it held/)
    const before = await secureConnection(limpet.port, trusting)
    assert.equal(serialOf(before), serialOfPem(first))
    before.destroy()
    await writePair(folder, 'site', second)
    await limpet.errors.find(/certificate of example\.org renewed/)
  })

  test('at a reload, which also names the renewal', async (t) => {
    const folder = await temporaryFolder(t)
    await writePair(folder, 'site', await authority.issue(['example.org']))
    const limpet = await startLimpet(t, configOf(folder, await steadyOrigin(t)))
    const client = await adminClient(limpet)
    await writePair(folder, 'site', await authority.issue(['example.org', 'www.example.org']))
    await client.POST('/v1/reload', {})
    await limpet.errors.find(/certificate of example\.org, www\.example\.org renewed/)
    const { data } = await client.GET('/v1/status', {})
    const [certificate] = data!.certificates
    assert.deepEqual(
      { ...certificate, notAfter: undefined },
      {
        name: join(folder, 'site.pem'),
        hosts: ['example.org', 'www.example.org'],
        notAfter: undefined,
        daysLeft: 89,
        issuer: 'Test Authority',
        source: 'file',
        renewsAt: null,
        lastError: null,
      },
    )
  })
})

test('a certificate that two listeners show is told of once', async (t) => {
  const folder = await temporaryFolder(t)
  const inDays = (days: number) => new Date(Date.now() + days * 24 * 3_600_000)
  const ending = { notBefore: inDays(-85), notAfter: inDays(5.5) }
  await writePair(folder, 'site', await authority.issue(['example.org'], ending))
  const config = configOf(folder, await steadyOrigin(t)).replace(/listeners: \[(.*)\]/, 'listeners: [$1, $1]')
  const limpet = await startLimpet(t, config)
  const { data } = await (await adminClient(limpet)).GET('/v1/status', {})
  assert.equal(data!.certificates.length, 1)
  assert.equal((await limpet.errors.matching(/certificate of example\.org .* expires in 5 day/, 1)).length, 1)
  assert.equal(limpet.errors.all.filter((line) => line.includes('expires in')).length, 1)
})

async function serversOf(client: Awaited<ReturnType<typeof adminClient>>): Promise<string[]> {
  const { data } = await client.GET('/v1/upstreams', {})
  return data!.upstreams.flatMap(({ servers }) => servers.map(({ name }) => name))
}

describe('session tickets', () => {
  test('are accepted by the program that replaces this one', onLinux, async (t) => {
    const folder = await temporaryFolder(t)
    await writePair(folder, 'site', await authority.issue(['example.org']))
    const limpet = await startLimpet(t, configOf(folder, await steadyOrigin(t)))
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const session = await firstSession(limpet.port, { ...trusting, maxVersion })
      await upgrade(t, limpet)
      assert.equal(await isResumed(limpet.port, { ...trusting, maxVersion, session }), true, maxVersion)
    }
  })

  test('are accepted by a replica that has the same file, until it holds another key', async (t) => {
    const folder = await temporaryFolder(t)
    await writePair(folder, 'site', await authority.issue(['example.org']))
    await writeFile(join(folder, 'tickets'), randomBytes(48).toString('base64'))
    const server = await steadyOrigin(t)
    const config = configOf(folder, server).replace('tls: {', `tls: { ticketKeys: ${folder}/tickets,`)
    const [one, other] = await Promise.all([startLimpet(t, config), startLimpet(t, config)])
    const session = await firstSession(one.port, trusting)
    assert.equal(await isResumed(other.port, { ...trusting, session }), true)
    await writeFile(join(folder, 'tickets'), 'too short')
    await other.errors.find(/tickets: expected 48 random bytes.*what it held before stays in effect/)
    assert.equal(await isResumed(other.port, { ...trusting, session }), true)
    await writeFile(join(folder, 'tickets'), randomBytes(48))
    await other.errors.find(/the key of session tickets is another/)
    assert.equal(await isResumed(other.port, { ...trusting, session }), false)
  })
})

test('limpet status shows certificates with the days that are left; limpet healthcheck asks by TLS', async (t) => {
  const folder = await temporaryFolder(t)
  const notAfter = new Date(Date.now() + 40.5 * DAY)
  await writePair(folder, 'site', await authority.issue(['example.org', '*.example.org'], { notAfter }))
  const config = configOf(folder, await steadyOrigin(t)).replace('tls: {', 'proxyProtocol: true, tls: {')
  const limpet = await startLimpet(t, config)
  const status = await runLimpet(['status', '--url', await adminUrlOf(limpet)])
  assert.match(status.stdout, new RegExp(`listening on 127\\.0\\.0\\.1:${limpet.port} \\(https\\)`))
  const day = notAfter.toISOString().slice(0, 10)
  assert.match(
    status.stdout,
    new RegExp(`example\\.org, \\*\\.example\\.org +40 +${day} +Test Authority +${folder}/site\\.pem`),
  )
  const { code, stdout } = await runLimpet(['healthcheck', '-c', limpet.file, '-p', String(limpet.port)])
  assert.equal(stdout, `healthy: https://127.0.0.1:${limpet.port} answers (400)`)
  assert.equal(code, 0)
})

test('limpet healthcheck finds a listener healthy that refuses clients without a certificate', async (t) => {
  const folder = await temporaryFolder(t)
  await writePair(folder, 'site', await authority.issue(['example.org']))
  await writeFile(join(folder, 'clients.pem'), authority.ca)
  const config = configOf(folder, await steadyOrigin(t))
  const limpet = await startLimpet(
    t,
    config.replace('tls: {', `tls: { clientCertificates: { ca: ${folder}/clients.pem },`),
  )
  const { code, stdout } = await runLimpet(['healthcheck', '-c', limpet.file, '-p', String(limpet.port)])
  assert.equal(stdout, `healthy: https://127.0.0.1:${limpet.port} answers (a handshake; requests need a certificate)`)
  assert.equal(code, 0)
})

test('limpet healthcheck finds a listener healthy that has no certificate before a client asks for one', async (t) => {
  const acme = '{ email: ops@example.org, directory: https://127.0.0.1:1/, onDemand: { ask: "http://127.0.0.1:1/" } }'
  const limpet = await startLimpet(
    t,
    `
    listeners: [{ address: 127.0.0.1, port: 0, tls: { acme: ${acme} } }]
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [${await steadyOrigin(t)}] } }
  `,
  )
  const healthcheck = () => runLimpet(['healthcheck', '-c', limpet.file, '-p', String(limpet.port)])
  const { code, stdout } = await healthcheck()
  assert.equal(stdout, `healthy: https://127.0.0.1:${limpet.port} answers (an alert; there is no certificate yet)`)
  assert.equal(code, 0)
  limpet.process.kill('SIGTERM')
  await limpet.exit
  assert.equal((await healthcheck()).code, 1)
})

async function firstSession(port: number, options: ConnectionOptions): Promise<Buffer> {
  const socket = await secureConnection(port, options)
  const [session] = await Promise.all([sessionOf(socket), getOver(socket)])
  assert.equal(socket.isSessionReused(), false)
  socket.destroy()
  return session
}

async function isResumed(port: number, options: ConnectionOptions): Promise<boolean> {
  const socket = await secureConnection(port, options)
  const isReused = socket.isSessionReused()
  socket.destroy()
  return isReused
}

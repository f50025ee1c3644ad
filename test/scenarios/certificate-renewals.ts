/** A certificate is renewed again and again while clients connect. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { serialOfPem, writePair } from '../support/certificate-files.ts'
import { TestAuthority } from '../support/certificates.ts'
import { temporaryFolder } from '../support/folder.ts'
import { startLimpet } from '../support/limpet.ts'
import { steadyOrigin } from '../support/steady-origin.ts'
import { getOver, secureConnection, serialOf } from '../support/tls-client.ts'

/** A configuration whose only listener shows the certificate in that folder. */
export function configOf(folder: string, server: string): string {
  return `
    listeners: [{ address: 127.0.0.1, port: 0, tls: { certificates: [{ cert: ${folder}/site.pem, key: ${folder}/site.key }] } }]
    workers: 2
    accessLog: off
    admin: { port: 0 }
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [${server}] } }
  `
}

export async function renewUnderLoad(t: TestContext, renewals: number): Promise<void> {
  const authority = await TestAuthority.create()
  const trusting = { ca: authority.ca }
  const folder = await temporaryFolder(t)
  await writePair(folder, 'site', await authority.issue(['example.org']))
  const limpet = await startLimpet(t, configOf(folder, await steadyOrigin(t)))
  const old = await secureConnection(limpet.port, trusting)
  const failures: string[] = []
  let handshakes = 0
  let isOver = false
  const load = Array.from({ length: 2 }, async () => {
    while (!isOver) {
      try {
        const socket = await secureConnection(limpet.port, trusting)
        await getOver(socket)
        socket.destroy()
        handshakes++
      } catch (error) {
        failures.push(String(error))
      }
    }
  })
  for (let turn = 0; turn < renewals; turn++) {
    const next = await authority.issue(['example.org'])
    await writePair(folder, 'site', next)
    // Every worker has it then.
    await limpet.errors.matching(/certificate of example\.org renewed/, turn + 1)
    const socket = await secureConnection(limpet.port, trusting)
    assert.equal(serialOf(socket), serialOfPem(next))
    socket.destroy()
  }
  isOver = true
  await Promise.all(load)
  assert.deepEqual(failures, [])
  assert.ok(handshakes > renewals, `${handshakes} handshakes`)
  assert.match(await getOver(old), /^HTTP\/1\.1 200 /)
}

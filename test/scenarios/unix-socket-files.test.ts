/** The file of a Unix socket on which Limpet listens. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { temporaryFolder } from '../support/folder.ts'
import { runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { getFrom } from '../support/unix-client.ts'
import { until } from '../support/until.ts'

/** A Unix socket, and a port beside it. */
const portAndSocket = (folder: string, server: string) => `
  listeners:
    - { address: 127.0.0.1, port: 0 }
    - { address: unix:${folder}/limpet.sock }
  workers: 2
  routes: [{ path: /*, upstream: app }]
  upstreams: { app: { servers: [${server}] } }
`

describe("a socket's file", () => {
  for (const [mode, permissions] of [
    ['', 0o660],
    [', mode: "0600"', 0o600],
    [', mode: 666', 0o666],
  ] as const) {
    test(`has the permissions ${permissions.toString(8)} with { address: unix:/…/limpet.sock${mode} }`, async (t) => {
      const folder = await temporaryFolder(t)
      const config = `
        listeners:
          - { address: 127.0.0.1, port: 0 }
          - { address: unix:${folder}/limpet.sock${mode} }
        routes: [{ path: /*, upstream: app }]
        upstreams: { app: { servers: [127.0.0.1:9] } }
      `
      await startLimpet(t, config)
      assert.equal(statSync(`${folder}/limpet.sock`).mode & 0o777, permissions)
    })
  }

  test('is removed as soon as the program stops accepting clients, and those that it has are served', async (t) => {
    const folder = await temporaryFolder(t)
    let answer = () => {}
    const { server, address } = await httpOrigin(t, (_, response) => {
      answer = () => response.end('late')
    })
    const limpet = await startLimpet(t, portAndSocket(folder, address))
    const body = getFrom(`${folder}/limpet.sock`)
    await once(server, 'request')
    limpet.process.kill('SIGTERM')
    await until(() => !existsSync(`${folder}/limpet.sock`))
    answer()
    assert.equal(await body, 'late')
    assert.equal(await limpet.exit, 0)
  })

  test('is replaced if a killed program left it behind', async (t) => {
    const folder = await temporaryFolder(t)
    const { address } = await httpOrigin(t, (_, response) => response.end('served'))
    const killed = await startLimpet(t, portAndSocket(folder, address))
    killed.process.kill('SIGKILL')
    await killed.exit
    assert.ok(statSync(`${folder}/limpet.sock`).isSocket())
    await startLimpet(t, portAndSocket(folder, address))
    assert.equal(await getFrom(`${folder}/limpet.sock`), 'served')
  })

  test('is replaced while the previous program still serves, whose end does not remove it', async (t) => {
    const folder = await temporaryFolder(t)
    let answer = () => {}
    const { server, address } = await httpOrigin(t, ({ url }, response) => {
      if (url === '/new') response.end('new')
      else answer = () => response.end('late')
    })
    const old = await startLimpet(t, portAndSocket(folder, address))
    const body = getFrom(`${folder}/limpet.sock`)
    await once(server, 'request')
    old.process.kill('SIGTERM')
    await until(() => !existsSync(`${folder}/limpet.sock`))
    await startLimpet(t, portAndSocket(folder, address))
    answer()
    assert.equal(await body, 'late')
    await old.exit
    assert.equal(await getFrom(`${folder}/limpet.sock`, {}, '/new'), 'new')
  })

  test('is an error if another program listens on it, which serves on', async (t) => {
    const folder = await temporaryFolder(t)
    const { address } = await httpOrigin(t, (_, response) => response.end('first'), `${folder}/limpet.sock`)
    const { code, stderr } = await runUntilRefused(folder, portAndSocket(folder, '127.0.0.1:9'))
    assert.equal(code, 1)
    assert.match(stderr, new RegExp(`cannot listen on ${address}: another program listens there`))
    assert.equal(await getFrom(`${folder}/limpet.sock`), 'first')
  })

  test('is an error if it is no socket, and is kept', async (t) => {
    const folder = await temporaryFolder(t)
    await writeFile(`${folder}/limpet.sock`, 'precious')
    const { code, stderr } = await runUntilRefused(folder, portAndSocket(folder, '127.0.0.1:9'))
    assert.equal(code, 1)
    assert.match(stderr, /cannot listen on unix:\S+: a file that is not a socket is there/)
    assert.equal(await readFile(`${folder}/limpet.sock`, 'utf8'), 'precious')
  })

  test('is an error if its directory is missing', async (t) => {
    const folder = await temporaryFolder(t)
    const { code, stderr } = await runUntilRefused(folder, portAndSocket(`${folder}/none`, '127.0.0.1:9'))
    assert.equal(code, 1)
    assert.match(stderr, /cannot listen on unix:\S+: there is no such directory, or it cannot be written/)
  })
})

async function runUntilRefused(folder: string, config: string) {
  const file = join(folder, 'limpet.yaml')
  await writeFile(file, config)
  return runLimpet(['run', '-c', file], { STATE_DIRECTORY: join(folder, 'state') })
}

/** A program that does not come up in place of the one that serves, and processes that are stopped meanwhile. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { adminOf } from '../support/admin.ts'
import { temporaryFolder } from '../support/folder.ts'
import { configFile, LIMPET, Lines, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { SteadyClients } from '../support/steady-clients.ts'
import { steadyOrigin } from '../support/steady-origin.ts'
import { ended, onLinux, upgrade } from '../support/upgraded.ts'
import { User } from '../support/user.ts'

describe('an upgrade', onLinux, () => {
  test('a configuration that is bad, or a port that is taken, changes nothing, and the log says why', async (t) => {
    const server = await steadyOrigin(t)
    const folder = await temporaryFolder(t)
    const file = join(folder, 'limpet.yaml')
    const good = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      accessLog: off
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${server}] } }
    `
    await writeFile(file, good)
    const limpet = await startLimpet(t, undefined, { flags: ['-c', file] })
    const clients = new SteadyClients(t, { host: '127.0.0.1', port: limpet.port }).fresh(4).kept(4)
    await writeFile(file, good.replace('accessLog: off', 'acessLog: off'))
    limpet.process.kill('SIGUSR2')
    await limpet.errors.find(/acessLog: unknown key.*/)
    await limpet.errors.matching(/the program is not replaced/, 1)
    const { port } = await httpOrigin(t, () => {})
    await writeFile(file, good.replace('port: 0 }', `port: 0 }, { address: 127.0.0.1, port: ${port} }`))
    limpet.process.kill('SIGUSR2')
    await limpet.errors.find(new RegExp(`does not come up: .*cannot listen on 127.0.0.1 port ${port}`))
    await limpet.errors.matching(/the program is not replaced/, 2)
    await writeFile(file, good)
    await upgrade(t, limpet)
    await clients.answers(50)
    assert.deepEqual((await clients.stop()).failures, [])
  })

  test('a program that cannot be loaded changes nothing, and the log says why', async (t) => {
    const server = await steadyOrigin(t)
    const folder = await temporaryFolder(t)
    const root = new URL('../../', import.meta.url).pathname
    // A program of its own, which can be replaced by a broken one.
    await mkdir(join(folder, 'bin'))
    for (const name of ['limpet.js', 'signals.js', 'compile-cache.js'])
      await copyFile(join(root, 'bin', name), join(folder, 'bin', name))
    for (const name of ['src', 'node_modules', 'package.json']) await symlink(join(root, name), join(folder, name))
    const file = join(folder, 'limpet.yaml')
    await writeFile(
      file,
      `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      accessLog: off
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${server}] } }
    `,
    )
    const program = join(folder, 'bin', 'limpet.js')
    const limpet = await startLimpet(t, undefined, { flags: ['-c', file], program })
    const whole = await readFile(program, 'utf8')
    await writeFile(program, whole.replace('const source', "throw new Error('broken on purpose')\nconst source"))
    limpet.process.kill('SIGUSR2')
    await limpet.errors.matching(/broken on purpose/, 1)
    await limpet.errors.find(/the program is not replaced/)
    assert.equal((await new User().get(limpet.port)).body, 'here.')
    await writeFile(program, whole)
    await upgrade(t, limpet)
    assert.equal((await new User().get(limpet.port)).body, 'here.')
  })

  const first = ['--user', '--map-root-user', '--pid', '--fork', '--mount-proc', '--kill-child']
  const canUnshare = spawnSync('unshare', [...first, 'true']).status === 0

  test('is refused by the first process of a container', { skip: !canUnshare && 'needs unshare(1)' }, async (t) => {
    const server = await steadyOrigin(t)
    const file = await configFile(t, simple(server))
    const limpet = spawn('unshare', [...first, process.execPath, LIMPET, 'run', '-c', file], {
      env: { ...process.env, STATE_DIRECTORY: await temporaryFolder(t) },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    t.after(() => limpet.kill('SIGKILL'))
    const errors = new Lines(limpet.stderr)
    await errors.find(/listening on/)
    const [pid] = readFileSync(`/proc/${limpet.pid}/task/${limpet.pid}/children`, 'latin1').split(' ')
    process.kill(Number(pid), 'SIGUSR2')
    await errors.find(/first process of its container.*start a new container/)
    await errors.find(/the program is not replaced/)
  })

  test('what reaches the process that has been replaced is refused as a problem that says so, and asked again it is done', async (t) => {
    const server = await steadyOrigin(t)
    const limpet = await startLimpet(
      t,
      `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      instance: replaced-${process.pid}
      accessLog: off
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${server}] } }
    `,
    )
    const ask = await adminOf(limpet)
    const upgraded = ask('POST', '/v1/upgrade')
    t.after(async () => process.kill((await upgraded).body.pid, 'SIGKILL'))
    await limpet.errors.find(/upgrade, by socket/)
    // These wait for the end of the upgrade.
    const ban = () => ask('POST', '/v1/bans', { address: '203.0.113.1', for: '1h' })
    const requests = [ban(), ask('PUT', '/v1/upstreams/app/pause', { max: '1s' }), ask('POST', '/v1/upgrade')]
    for (const { status, headers, body } of await Promise.all(requests)) {
      assert.deepEqual([status, body.type, headers.connection], [503, '/problems/not-serving', 'close'])
      assert.match(body.detail, /another process has replaced this one; connect again to reach it/)
    }
    assert.equal((await upgraded).status, 200)
    assert.equal((await ban()).status, 200)
  })

  test('TERM to either process ends it alone', async (t) => {
    const server = await steadyOrigin(t)
    const limpet = await startLimpet(
      t,
      `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      accessLog: off
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${server}] } }
    `,
    )
    const idle = await RawClient.connect(t, limpet.port)
    idle.get('/')
    await idle.take(/here\.$/)
    const pid = await upgrade(t, limpet)
    limpet.process.kill('SIGUSR2')
    await limpet.errors.find(/another process has replaced this one/)
    limpet.process.kill('SIGTERM')
    assert.equal(await limpet.exit, 0)
    await idle.goodbye()
    assert.equal((await new User().get(limpet.port)).body, 'here.')
    const next = await upgrade(t, limpet)
    await ended(pid)
    process.kill(next, 'SIGTERM')
    await ended(next)
    await assert.rejects(new User().get(limpet.port), { code: 'ECONNREFUSED' })
  })
})

const simple = (server: string) => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  accessLog: off
  routes: [{ path: /*, upstream: app }]
  upstreams: { app: { servers: [${server}] } }
`

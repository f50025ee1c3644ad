/** The program is replaced while it serves: USR2 starts the one that is on the disk, which takes over. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { temporaryFolder } from '../support/folder.ts'
import { startLimpet } from '../support/limpet.ts'
import { RawClient } from '../support/raw-client.ts'
import { SteadyClients } from '../support/steady-clients.ts'
import { steadyOrigin } from '../support/steady-origin.ts'
import { getFrom } from '../support/unix-client.ts'
import { ended, isRunning, onLinux, upgrade } from '../support/upgraded.ts'
import { User } from '../support/user.ts'

describe('USR2', onLinux, () => {
  test('several times in a row under load: nothing is refused, reset, cut or failed', async (t) => {
    const server = await steadyOrigin(t)
    const folder = await temporaryFolder(t)
    const limpet = await startLimpet(
      t,
      `
      listeners: [{ address: 127.0.0.1, port: 0 }, { address: unix:${folder}/limpet.sock }]
      workers: 2
      accessLog: off
      timeouts: { idle: 20s }
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${server}] } }
    `,
    )
    const clients = new SteadyClients(t, { host: '127.0.0.1', port: limpet.port }).fresh(10).kept(40).tunnels(20)
    const others = new SteadyClients(t, { path: `${folder}/limpet.sock` }).fresh(4).kept(4)
    let pid = 0
    for (let turn = 0; turn < 4; turn++) {
      await clients.answers(50)
      pid = await upgrade(t, limpet)
    }
    await clients.answers(200)
    assert.ok(isRunning(limpet.process.pid!), 'tunnels go on')
    const outcomes = await Promise.all([clients.stop(), others.stop()])
    assert.deepEqual(
      outcomes.map(({ failures }) => failures),
      [[], []],
    )
    // The last of its connections is gone.
    assert.equal(await limpet.exit, 0)
    assert.equal((await new User().get(limpet.port)).body, 'here.')
    process.kill(pid, 'SIGTERM')
    await ended(pid)
    assert.equal(existsSync(`${folder}/limpet.sock`), false)
    // Each process has ended by itself, and not because nothing was left to wait for.
    assert.doesNotMatch(limpet.errors.all.join('\n'), /warning|unsettled/i)
  })

  test('an idle connection is told to close with its next response, and a tunnel lives to its deadline', async (t) => {
    const server = await steadyOrigin(t)
    const limpet = await startLimpet(
      t,
      `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      timeouts: { upgrade: 2s, stop: 100ms }
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${server}] } }
    `,
    )
    const idle = await RawClient.connect(t, limpet.port)
    idle.get('/')
    assert.doesNotMatch(await idle.take(/here\.$/), /connection: close/i)
    const tunnel = await RawClient.connect(t, limpet.port)
    tunnel.say('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
    await tunnel.take(/101/)
    await upgrade(t, limpet)
    idle.get('/')
    assert.match(await idle.take(/here\.$/), /connection: close/i)
    tunnel.say('still')
    await tunnel.take(/still$/)
    await tunnel.goodbye()
    tunnel.socket.destroy()
    idle.socket.destroy()
    assert.equal(await limpet.exit, 0)
  })

  test('another configuration: more and fewer workers, a listener that is gone and one that is new', async (t) => {
    const server = await steadyOrigin(t)
    const folder = await temporaryFolder(t)
    const file = join(folder, 'limpet.yaml')
    const config = (workers: number, socket: string) =>
      writeFile(
        file,
        `
        listeners: [{ address: 127.0.0.1, port: 0 }, { address: "unix:${folder}/${socket}.sock" }]
        workers: ${workers}
        accessLog: off
        routes: [{ path: /*, upstream: app }]
        upstreams: { app: { servers: [${server}] } }
      `,
      )
    await config(3, 'one')
    const limpet = await startLimpet(t, undefined, { flags: ['-c', file] })
    const clients = new SteadyClients(t, { host: '127.0.0.1', port: limpet.port }).fresh(8).kept(8)
    for (const [workers, socket, gone] of [
      [1, 'two', 'one'],
      [4, 'one', 'two'],
    ] as const) {
      await config(workers, socket)
      await clients.answers(50)
      await upgrade(t, limpet)
      assert.equal(await getFrom(`${folder}/${socket}.sock`), 'here.')
      assert.equal(existsSync(`${folder}/${gone}.sock`), false)
    }
    await clients.answers(50)
    assert.deepEqual((await clients.stop()).failures, [])
    await limpet.errors.matching(/4 worker\(s\)/, 1)
  })
})

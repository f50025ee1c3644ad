/** Limpet as a service of systemd: sockets that it was given, and what it says of itself. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type ListenOptions } from 'node:net'
import { delimiter, join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { temporaryFolder } from '../support/folder.ts'
import { LIMPET, Lines, startLimpet } from '../support/limpet.ts'
import { SteadyClients } from '../support/steady-clients.ts'
import { steadyOrigin } from '../support/steady-origin.ts'
import { getFrom } from '../support/unix-client.ts'
import { User } from '../support/user.ts'

const linux = process.platform === 'linux' ? {} : { skip: 'systemd is on Linux only' }

/** A listening socket, as systemd opens it, and its descriptor. */
async function opened(place: ListenOptions) {
  // Systemd does not accept connections, and this process sends those away that it gets.
  const server = createServer((socket) => socket.destroy()).listen(place)
  await once(server, 'listening')
  const { fd } = (server as unknown as { readonly _handle: { readonly fd: number } })._handle
  return { server, fd, port: (server.address() as AddressInfo).port }
}

/** Starts Limpet with these descriptors as systemd does: from 3 on, with its process id in LISTEN_PID. */
function activate(t: TestContext, file: string, folder: string, descriptors: readonly number[]) {
  const script = 'LISTEN_PID=$$ exec "$@"'
  const child = spawn('sh', ['-c', script, 'sh', process.execPath, LIMPET, 'run', '-c', file], {
    env: { ...process.env, LISTEN_FDS: String(descriptors.length), STATE_DIRECTORY: `${folder}/state` },
    stdio: ['ignore', 'ignore', 'pipe', ...descriptors],
  })
  const exit = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await exit
  })
  return { child, exit, errors: new Lines(child.stderr as NodeJS.ReadableStream) }
}

describe('socket activation', linux, () => {
  test('all workers serve the sockets that systemd has opened, through an upgrade, too', async (t) => {
    const server = await steadyOrigin(t)
    const folder = await temporaryFolder(t)
    const tcp = await opened({ port: 0, host: '::' })
    const unix = await opened({ path: `${folder}/limpet.sock` })
    const foreign = await opened({ port: 0, host: '127.0.0.1' })
    const file = join(folder, 'limpet.yaml')
    await writeFile(
      file,
      `
      listeners: [{ port: ${tcp.port} }, { address: "unix:${folder}/limpet.sock" }]
      workers: 3
      accessLog: off
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${server}] } }
    `,
    )
    const { child, exit, errors } = activate(t, file, folder, [tcp.fd, unix.fd, foreign.fd])
    await errors.find(new RegExp(`passed a socket at port ${foreign.port}, for which there is no listener`))
    await errors.find(/3 worker\(s\)/)
    // Only Limpet accepts connections there from now on. (Closing it would remove the file of a Unix socket.)
    for (const { server } of [tcp, foreign]) server.close()
    const clients = new SteadyClients(t, { host: '127.0.0.1', port: tcp.port }).fresh(8).kept(8)
    await clients.answers(200)
    child.kill('SIGUSR2')
    const [, pid] = await errors.find(/process (\d+) serves from now on/)
    t.after(() => {
      if (existsSync(`/proc/${pid}`)) process.kill(Number(pid), 'SIGKILL')
    })
    await clients.answers(200)
    assert.deepEqual((await clients.stop()).failures, [])
    await exit
    assert.equal((await new User().get(tcp.port)).body, 'here.')
    unix.server.close()
    process.kill(Number(pid), 'SIGTERM')
    while (existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1')))
      await pause(5)
  })

  test('a Unix socket of systemd serves, and its file stays when Limpet ends', async (t) => {
    const server = await steadyOrigin(t)
    const folder = await temporaryFolder(t)
    // Bound under another name, which is the one that Node.js removes when it closes the socket here.
    const path = `${folder}/limpet.sock`
    const file = join(folder, 'limpet.yaml')
    await writeFile(
      file,
      `
      listeners: [{ address: "unix:${path}" }]
      accessLog: off
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${server}] } }
    `,
    )
    const unix = await opened({ path })
    const { child, exit, errors } = activate(t, file, folder, [unix.fd])
    await errors.find(/listening on unix:/)
    // This process listens there, too: some requests reach Limpet.
    while ((await getFrom(path).catch(() => '')) !== 'here.') await pause(1)
    child.kill('SIGTERM')
    assert.deepEqual(await exit, [0, null])
    assert.ok(existsSync(path))
    unix.server.close()
  })
})

test('systemd is told when it is ready, which process is the main one, and when it stops', linux, async (t) => {
  const server = await steadyOrigin(t)
  const folder = await temporaryFolder(t)
  await mkdir(join(folder, 'bin'))
  const notify = join(folder, 'bin', 'systemd-notify')
  const heard = join(folder, 'heard')
  await writeFile(notify, `#!/bin/sh\necho "$@" >> ${heard}\n`)
  await chmod(notify, 0o755)
  const limpet = await startLimpet(
    t,
    `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    accessLog: off
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [${server}] } }
  `,
    { env: { NOTIFY_SOCKET: `${folder}/notify`, PATH: `${folder}/bin${delimiter}${process.env.PATH}` } },
  )
  const said = async (line: string) => {
    while (!existsSync(heard) || !readFileSync(heard, 'utf8').split('\n').includes(line)) await pause(5)
  }
  await said(`READY=1 MAINPID=${limpet.process.pid}`)
  limpet.process.kill('SIGUSR2')
  const [, pid] = await limpet.errors.find(/process (\d+) serves from now on/)
  await said(`READY=1 MAINPID=${pid}`)
  assert.equal(await limpet.exit, 0)
  process.kill(Number(pid), 'SIGTERM')
  await said('STOPPING=1')
})

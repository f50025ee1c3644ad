/** The program is replaced while it serves: USR2 starts the one that is on the disk, which takes over. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { Agent, get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { temporaryFolder } from '../support/folder.ts'
import { adminUrlOf, configFile, LIMPET, type Limpet, Lines, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { SteadyClients } from '../support/steady-clients.ts'
import { steadyOrigin } from '../support/steady-origin.ts'
import { getFrom } from '../support/unix-client.ts'
import { User } from '../support/user.ts'

const SERVES = /process (\d+) serves from now on/

/** Has the process that serves now replace itself so many times in all; resolves to the process that serves then. */
async function upgrade(t: TestContext, { process, errors }: Limpet, times = 1): Promise<number> {
  const before = errors.all.filter((line) => SERVES.test(line))
  const pids = before.map((line) => Number(SERVES.exec(line)![1]))
  globalThis.process.kill(pids.at(-1) ?? process.pid!, 'SIGUSR2')
  const lines = await errors.matching(SERVES, before.length + 1)
  const pid = Number(SERVES.exec(lines.at(-1)!)![1])
  t.after(() => end(pid))
  return times > 1 ? upgrade(t, { process, errors } as Limpet, times - 1) : pid
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
}

async function ended(pid: number): Promise<void> {
  while (isRunning(pid)) await pause(5)
}

describe('USR2', {
  skip: process.platform === 'linux' ? false : '/proc tells which processes run, on Linux only',
}, () => {
  test('ten times in a row under load: nothing is refused, reset, cut or failed', async (t) => {
    const server = await steadyOrigin(t)
    const folder = await temporaryFolder(t)
    const limpet = await startLimpet(
      t,
      `
      listeners: [{ address: 127.0.0.1, port: 0 }, { address: unix:${folder}/limpet.sock }]
      workers: 2
      accessLog: off
      timeouts: { idle: 3s }
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${server}] } }
    `,
    )
    const clients = new SteadyClients(t, { host: '127.0.0.1', port: limpet.port }).fresh(10).kept(40).tunnels(20)
    const others = new SteadyClients(t, { path: `${folder}/limpet.sock` }).fresh(4).kept(4)
    let pid = 0
    for (let turn = 0; turn < 10; turn++) {
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

  test('sessions that an application has just begun are known to whichever process gets the next request', async (t) => {
    const servers = await Promise.all(['a', 'b', 'c'].map((name) => loginServer(t, name)))
    const limpet = await startLimpet(t, learning(servers))
    const agents = Array.from({ length: 60 }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
    for (const agent of agents) await ask(agent, limpet.port, '/')
    await upgrade(t, limpet)
    // Each begins its session with the old process, and goes on with the new one as soon as it is told to.
    const moved: string[] = []
    const visit = async (agent: Agent, index: number) => {
      const { body: home, cookie } = await ask(agent, limpet.port, `/login${index}`)
      for (let after = 0; after < 3; ) {
        const { body, isLast } = await ask(agent, limpet.port, '/', cookie)
        if (body !== home) moved.push(`${cookie}: ${home} → ${body}`)
        if (isLast || after > 0) after++
      }
      agent.destroy()
    }
    await Promise.all(agents.map(visit))
    assert.deepEqual(moved, [])
  })

  test('sessions that begin in the new process are soon known to the old one', async (t) => {
    const servers = await Promise.all(['a', 'b', 'c'].map((name) => loginServer(t, name)))
    const limpet = await startLimpet(t, learning(servers))
    const agents = Array.from({ length: 10 }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
    for (const agent of agents) await ask(agent, limpet.port, '/')
    await upgrade(t, limpet)
    for (const [index, agent] of agents.entries()) {
      const { body: home, cookie } = await ask(new Agent(), limpet.port, `/login${index}`)
      await pause(100)
      const { body, isLast } = await ask(agent, limpet.port, '/', cookie)
      assert.deepEqual([body, isLast], [home, true])
      agent.destroy()
    }
    assert.equal(await limpet.exit, 0)
  })

  test('the admin API and what was counted and known of servers go along', async (t) => {
    const server = await steadyOrigin(t)
    const limpet = await startLimpet(
      t,
      `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      admin: { port: 0 }
      accessLog: off
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          servers: [{ name: good, address: "${server}" }, { name: bad, address: 127.0.0.1:9, failTimeout: 1h }]
    `,
    )
    const url = await adminUrlOf(limpet)
    const idle = await RawClient.connect(t, limpet.port)
    const state = async () => {
      const { servers } = (await (await fetch(`${url}/v1/upstreams/app`)).json()) as {
        servers: { name: string; state: string; requests: number; failures: number }[]
      }
      return servers.map(({ name, state, requests, failures }) => [name, state, requests, failures])
    }
    for (let request = 0; request < 4; request++) {
      idle.get('/')
      await idle.take(/here\.$/)
    }
    const before = await state()
    await upgrade(t, limpet)
    assert.deepEqual(await state(), before)
    idle.get('/')
    await idle.take(/here\.$/)
    idle.socket.destroy()
    await limpet.exit
    // What the one before has counted at last arrives with its end.
    const [good, ...others] = before
    const last = [good![0], good![1], (good![2] as number) + 1, good![3]]
    while ((await state())[0]![2] !== last[2]) await pause(5)
    assert.deepEqual(await state(), [last, ...others])
  })

  test('a server that a check has found down stays down until a check passes', async (t) => {
    const server = await steadyOrigin(t)
    let isSick = true
    const sick = await httpOrigin(t, ({ url }, response) => {
      response.statusCode = url === '/check' && isSick ? 503 : 200
      response.end('sick.')
    })
    const limpet = await startLimpet(
      t,
      `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      accessLog: off
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          servers: [{ name: well, address: "${server}" }, { name: sick, address: "${sick.address}" }]
          health: { check: { type: http, path: /check, interval: 200ms, fall: 1, rise: 1 } }
    `,
    )
    await limpet.errors.find(/server sick is down/)
    await upgrade(t, limpet)
    for (let request = 0; request < 6; request++) assert.equal((await new User().get(limpet.port)).body, 'here.')
    isSick = false
    await limpet.errors.find(/server sick is up/)
    while ((await new User().get(limpet.port)).body !== 'sick.') await pause(1)
  })
})

/** A request on a connection of the agent, which is kept as far as Limpet keeps it. */
async function ask(agent: Agent, port: number, path: string, cookie = '') {
  const headers = cookie === '' ? {} : { cookie }
  const [response] = (await once(get({ host: '127.0.0.1', port, path, agent, headers }), 'response')) as [
    IncomingMessage,
  ]
  const isLast = response.headers.connection === 'close'
  return {
    body: await text(response),
    isLast,
    cookie: cookie || (response.headers['set-cookie']?.[0]?.split(';')[0] ?? ''),
  }
}

const simple = (server: string) => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  accessLog: off
  routes: [{ path: /*, upstream: app }]
  upstreams: { app: { servers: [${server}] } }
`

/** A server that answers with its name, and begins a session on /login…. Resolves to its address. */
async function loginServer(t: TestContext, name: string): Promise<string> {
  const { address } = await httpOrigin(t, ({ url }, response) => {
    if (url!.startsWith('/login')) response.setHeader('Set-Cookie', `sid=${name}-${url!.slice(6)}; Path=/`)
    response.end(name)
  })
  return address
}

const learning = (servers: readonly string[]) => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 2
  accessLog: off
  routes: [{ path: /*, upstream: app }]
  upstreams: { app: { servers: [${servers.join(', ')}], affinity: { type: learn, from: ["cookie:sid"] } } }
`

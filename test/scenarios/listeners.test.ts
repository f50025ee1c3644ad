/** Listeners and workers that come and go while clients are served. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { pino } from 'pino'
import { freePort } from '../../bench/free-port.ts'
import { parseConfig } from '../../src/config/file.ts'
import { Balancer } from '../../src/control/balancer.ts'
import type { PortListener } from '../../src/runtime/snapshot.ts'
import { temporaryFolder } from '../support/folder.ts'
import { RawClient } from '../support/raw-client.ts'
import { SteadyClients } from '../support/steady-clients.ts'
import { steadyOrigin } from '../support/steady-origin.ts'
import { getFrom } from '../support/unix-client.ts'
import { User } from '../support/user.ts'

const PORT = '{ address: 127.0.0.1, port: 0 }'

interface Stage {
  readonly balancer: Balancer
  readonly folder: string
  readonly log: readonly string[]
  /** The port of a listener. */
  port(index?: number): number
  /** Applies other settings. */
  apply(settings: string): Promise<unknown>
}

/** A balancer in this process; `settings` are top-level ones, in which FOLDER is a folder of the test's own. */
async function stage(t: TestContext, settings: string, upstream = ''): Promise<Stage> {
  const folder = await temporaryFolder(t)
  const server = await steadyOrigin(t)
  const config = (settings: string) =>
    parseConfig(
      `
accessLog: { format: off, file: FOLDER/access.log }
${/stateDirectory/.test(settings) ? '' : 'stateDirectory: FOLDER/state'}
routes: [{ path: /*, upstream: app }]
upstreams: { app: { servers: [${server}] ${upstream} } }
${settings}`.replaceAll('FOLDER', folder),
      'limpet.yaml',
      {},
    )
  const log: string[] = []
  const logger = pino({ base: null }, { write: (line: string) => log.push(JSON.parse(line).msg) })
  const balancer = await Balancer.start({ file: config(settings), log: logger })
  t.after(() => balancer.stop())
  return {
    balancer,
    folder,
    log,
    port: (index = 0) => (balancer.listeners[index] as PortListener).port,
    apply: (settings) => balancer.apply(config(settings)),
  }
}

/** How many processes' sockets listen on a TCP port. */
function listening(port: number): number {
  const end = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const lines = readFileSync('/proc/net/tcp', 'latin1').trim().split('\n').slice(1)
  return lines.filter((line) => {
    const [, local, , state] = line.trim().split(/\s+/)
    return local!.endsWith(end) && state === '0A'
  }).length
}

const linux = process.platform === 'linux' ? {} : { skip: '/proc tells who listens, on Linux only' }

describe('a listener', () => {
  test('that is added serves, and the one beside it keeps its port', async (t) => {
    const { balancer, port, apply } = await stage(t, `listeners: [${PORT}]\nworkers: 2`)
    const before = port()
    const added = await freePort()
    await apply(`listeners: [{ address: 127.0.0.1, port: ${added} }, ${PORT}]\nworkers: 2`)
    assert.deepEqual(
      balancer.listeners.map((listener) => (listener as PortListener).port),
      [added, before],
    )
    for (const each of [before, added]) assert.equal((await new User().get(each)).body, 'here.')
  })

  test('with port 0 that is added gets a port that all workers share', linux, async (t) => {
    const { port, apply } = await stage(t, `listeners: [${PORT}]\nworkers: 3`)
    await apply(`listeners: [${PORT}, ${PORT}]\nworkers: 3`)
    assert.notEqual(port(0), port(1))
    assert.deepEqual([listening(port(0)), listening(port(1))], [3, 3])
    assert.equal((await new User().get(port(1))).body, 'here.')
  })

  test('that is removed refuses connections, and its open ones go on until their next response', async (t) => {
    const { port, apply } = await stage(t, `listeners: [${PORT}, ${PORT}]\nworkers: 2`)
    const [kept, removed] = [port(0), port(1)]
    const [idle, other] = await Promise.all([RawClient.connect(t, removed), RawClient.connect(t, kept)])
    for (const client of [idle, other]) {
      client.get('/')
      assert.doesNotMatch(await client.take(/here\.$/), /connection: close/i)
    }
    await apply(`listeners: [${PORT}]\nworkers: 2`)
    assert.equal(port(), kept)
    while (await isOpen(removed)) await pause(1)
    for (const [client, isLast] of [
      [idle, true],
      [other, false],
    ] as const) {
      client.get('/')
      assert.equal(/connection: close/i.test(await client.take(/here\.$/)), isLast)
    }
    await idle.goodbye()
    idle.socket.destroy()
  })

  test('that cannot be bound refuses the whole change, and nothing has changed', async (t) => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    t.after(() => taken.close())
    const { port: busy } = taken.address() as AddressInfo
    const { balancer, port, apply } = await stage(t, `listeners: [${PORT}]\nworkers: 1`)
    const free = await freePort()
    const before = balancer.listeners
    const wanted = `{ address: 127.0.0.1, port: ${free} }, { address: 127.0.0.1, port: ${busy} }`
    await assert.rejects(apply(`listeners: [${wanted}]\nworkers: 2`), {
      name: 'ListenError',
      message: new RegExp(`cannot listen on 127.0.0.1 port ${busy}: another program listens there`),
    })
    await assert.rejects(apply(`listeners: [${PORT}, { address: 192.0.2.1, port: 80 }]\nworkers: 1`), {
      message: /this machine has no such address/,
    })
    assert.deepEqual([balancer.listeners, balancer.workers], [before, 1])
    assert.equal(await isOpen(free), false)
    assert.equal((await new User().get(port())).body, 'here.')
  })

  test('may move to a narrower address of its port under load, and back', async (t) => {
    const port = await freePort()
    const at = (address: string) => `listeners: [{ address: "${address}", port: ${port} }]\nworkers: 2`
    const { apply } = await stage(t, at('0.0.0.0'))
    const clients = new SteadyClients(t, { host: '127.0.0.1', port }).fresh(8)
    await clients.answers(100)
    await apply(at('127.0.0.1'))
    await clients.answers(100)
    assert.deepEqual((await clients.stop()).failures, [])
    await apply(at('::'))
    assert.equal((await new User().get(port)).body, 'here.')
  })

  test('takes and loses the PROXY protocol without being closed', async (t) => {
    const listener = (proxyProtocol: boolean) =>
      `listeners: [{ address: 127.0.0.1, port: 0, proxyProtocol: ${proxyProtocol} }]`
    const { port, apply } = await stage(t, listener(false))
    const before = port()
    await apply(listener(true))
    assert.equal(port(), before)
    const client = await RawClient.connect(t, before)
    client.say('PROXY TCP4 192.0.2.7 192.0.2.8 1234 80\r\n')
    client.get('/')
    await client.hear(/here\.$/)
    await apply(listener(false))
    assert.equal((await new User().get(before)).body, 'here.')
  })
})

describe('a Unix socket', () => {
  const both = (mode = '') => `listeners: [${PORT}, { address: unix:FOLDER/limpet.sock${mode} }]\nworkers: 2`

  test('that is added serves with its permissions, which may change; removed, its file is gone', async (t) => {
    const { folder, apply } = await stage(t, `listeners: [${PORT}]\nworkers: 2`)
    const path = `${folder}/limpet.sock`
    await apply(both())
    assert.equal(await getFrom(path), 'here.')
    assert.equal(statSync(path).mode & 0o777, 0o660)
    await apply(both(', mode: "0600"'))
    assert.equal(statSync(path).mode & 0o777, 0o600)
    const client = await RawClient.connectTo(t, path)
    client.get('/')
    await client.take(/here\.$/)
    await apply(`listeners: [${PORT}]\nworkers: 2`)
    assert.equal(existsSync(path), false)
    client.get('/')
    assert.match(await client.take(/here\.$/), /connection: close/i)
    client.socket.destroy()
  })

  test('in a directory that cannot be written refuses the change', async (t) => {
    const { balancer, apply } = await stage(t, `listeners: [${PORT}]`)
    await assert.rejects(apply(`listeners: [${PORT}, { address: unix:FOLDER/none/limpet.sock }]`), {
      name: 'ListenError',
      message: /there is no such directory, or it cannot be written/,
    })
    assert.equal(balancer.listeners.length, 1)
  })

  test('goes on without a lost connection when the worker that listens on it ends', async (t) => {
    const { folder, balancer, apply } = await stage(t, both())
    const clients = new SteadyClients(t, { path: `${folder}/limpet.sock` }).fresh(8).kept(8)
    for (const workers of [1, 2, 1, 2, 1]) {
      await clients.answers(100)
      await apply(both().replace('workers: 2', `workers: ${workers}`))
      assert.equal(balancer.workers, workers)
    }
    await clients.answers(100)
    assert.deepEqual((await clients.stop()).failures, [])
    assert.ok(existsSync(`${folder}/limpet.sock`))
  })
})

describe('workers', () => {
  const of = (workers: number) => `listeners: [${PORT}]\nworkers: ${workers}\ntimeouts: { idle: 1s }`

  test('come and go under load: no connection is refused, reset or cut', linux, async (t) => {
    const { balancer, port, apply } = await stage(t, of(4))
    const clients = new SteadyClients(t, { host: '127.0.0.1', port: port() }).fresh(16).kept(16).tunnels(4)
    for (const workers of [1, 3, 2, 4, 1, 6]) {
      await clients.answers(100)
      await apply(of(workers))
      assert.equal(balancer.workers, workers)
    }
    await clients.answers(100)
    const { failures } = await clients.stop()
    assert.deepEqual(failures, [])
    // Sockets of workers that have gone are used again, and new ones are opened only where there are too few.
    assert.equal(listening(port()), 6)
  })

  test('that have gone leave nothing behind, and their slots are used again', async (t) => {
    const threads: Promise<unknown>[] = []
    const note = (worker: Worker) => threads.push(once(worker, 'exit'))
    process.on('worker', note)
    t.after(() => process.off('worker', note))
    const { port, apply } = await stage(t, of(3))
    const idle = await RawClient.connect(t, port())
    idle.get('/')
    await idle.take(/here\.$/)
    for (let turn = 0; turn < 3; turn++) {
      await apply(of(1))
      await apply(of(3))
    }
    await apply(of(1))
    // Of the nine that were started, eight end by themselves: the idle limit closes the idle connection, too.
    await Promise.all(threads.slice(1))
    assert.equal(threads.length, 9)
    assert.equal((await new User().get(port())).body, 'here.')
  })
})

describe('the name of the instance', () => {
  const affinity = ', affinity: cookie'

  test('stays when the listeners change, and the next run has it', async (t) => {
    const [first, second] = [await freePort(), await freePort()]
    const at = (port: number) => `listeners: [{ address: 127.0.0.1, port: ${port} }]`
    const { apply, balancer, folder } = await stage(t, at(first), affinity)
    const user = new User()
    await user.get(first)
    const [name] = user.cookies.keys()
    await apply(at(second))
    const other = new User()
    assert.deepEqual((await user.get(second)).setCookies, [])
    await other.get(second)
    assert.deepEqual([...other.cookies.keys()], [name])
    await balancer.stop()
    const server = await steadyOrigin(t)
    const again = await Balancer.start({
      file: parseConfig(
        `
accessLog: { format: off, file: ${folder}/access.log }
stateDirectory: ${folder}/state
routes: [{ path: /*, upstream: app }]
upstreams: { app: { servers: [${server}] ${affinity} } }
${at(second)}`,
        'limpet.yaml',
        {},
      ),
      log: pino({ level: 'silent' }),
    })
    t.after(() => again.stop())
    const late = new User()
    await late.get(second)
    assert.deepEqual([...late.cookies.keys()], [name])
  })

  test('is asked for where the state directory cannot keep it', async (t) => {
    // No directory can be made in a file.
    const state = 'stateDirectory: /dev/null/state'
    const { apply, log } = await stage(t, `listeners: [${PORT}]\n${state}`, affinity)
    await apply(`listeners: [{ address: 127.0.0.1, port: ${await freePort()} }]\n${state}`)
    assert.match(log.join('\n'), /set instance: 0; else the next run/)
  })
})

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const opened = once(socket, 'connect').then(
    () => true,
    () => false,
  )
  return opened.finally(() => socket.destroy())
}

/** Several Limpets that the same clients, or the same machine, have: whose cookie is whose, and who uses which state. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { type Limpet, runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin, type Origin } from '../support/origin.ts'
import { User } from '../support/user.ts'

const SECRET = 'the same secret in both of them'

/** A server that answers with its name, and with the cookies that it sees. */
const named = (test: TestContext, name: string): Promise<Origin> =>
  httpOrigin(test, ({ headers }, response) => response.end(`${name} ${headers.cookie ?? '-'}`))

interface Options {
  readonly settings?: object
  readonly affinity?: object
  readonly flags?: readonly string[]
}

/** A Limpet with one upstream, app, and its cookie. */
const configOf = (servers: readonly string[], { settings, affinity }: Options) => ({
  listeners: [{ address: '127.0.0.1', port: 0 }],
  workers: 2,
  routes: [{ path: '/*', upstream: 'app' }],
  upstreams: {
    app: {
      affinity: { type: 'cookie', secrets: [SECRET], ...affinity },
      servers: servers.map((address, index) => ({ name: `s${index}`, address })),
    },
  },
  ...settings,
})

const balancing = (test: TestContext, servers: readonly string[], options: Options = {}): Promise<Limpet> =>
  startLimpet(test, configOf(servers, options), options.flags && { flags: options.flags })

const addressOf = ({ port }: Limpet) => `127.0.0.1:${port}`

async function stateFolder(test: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'limpet-state-'))
  test.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

describe('two Limpets in a row, with upstreams of one name', () => {
  const three = (test: TestContext) => Promise.all(['a', 'b', 'c'].map((name) => named(test, name)))

  test('keep their users each, by cookies of their own', async (t) => {
    const apps = (await three(t)).map(({ address }) => address)
    const inner = await balancing(t, apps, { flags: ['--instance', 'inner'] })
    const outer = await balancing(t, [addressOf(inner)], { settings: { instance: 'outer' } })
    for (let i = 0; i < 6; i++) {
      const user = new User()
      const { body } = await user.get(outer.port)
      assert.equal(user.cookies.size, 2)
      for (let turn = 0; turn < 3; turn++) {
        const next = await user.get(outer.port)
        assert.deepEqual([next.body, next.setCookies], [body, []])
      }
    }
    assert.ok(!outer.errors.all.some((line) => line.includes('instance')))
  })

  test('that are one instance overwrite their cookies: they pass, and the outer one warns once', async (t) => {
    const apps = (await three(t)).map(({ address }) => address)
    const inner = await balancing(t, apps)
    const outer = await balancing(t, [addressOf(inner)])
    for (let turn = 0; turn < 5; turn++) {
      const { status, setCookies } = await new User().get(outer.port)
      assert.equal(status, 200)
      assert.equal(setCookies.length, 2)
    }
    const [warning] = await outer.errors.find(/WARN.*sets the cookie.*/)
    assert.match(
      warning,
      /upstream app: server s0 sets the cookie limpet-[0-9a-f]{6}, whose name is .*another instance/,
    )
    outer.process.kill('SIGTERM')
    await outer.exit
    assert.equal(outer.errors.all.filter((line) => line.includes('sets the cookie')).length, 1)
    assert.ok(!inner.errors.all.some((line) => line.includes('sets the cookie')))
  })

  test('warns of a switch of protocols too, and of an upstream without an affinity', async (t) => {
    const { server, address } = await named(t, 'a')
    const sockets = new WebSocketServer({ server: server as never })
    t.after(() => sockets.close())
    sockets.on('headers', (headers) => headers.push('Set-Cookie: own=x; Path=/'))
    const limpet = await startLimpet(t, {
      listeners: [{ address: '127.0.0.1', port: 0 }],
      routes: [
        { path: '/*', upstream: 'app' },
        { path: '/plain', upstream: 'plain' },
      ],
      upstreams: {
        app: { affinity: { type: 'cookie', name: 'own', secrets: [SECRET] }, servers: [address] },
        plain: { servers: [address] },
      },
    })
    const socket = new WebSocket(`ws://127.0.0.1:${limpet.port}/plain`)
    await once(socket, 'open')
    socket.close()
    await limpet.errors.find(/upstream plain: server \S+ sets the cookie own, /)
  })
})

describe('the default name of a cookie', () => {
  const nameOf = async (limpet: Limpet) => {
    const user = new User()
    await user.get(limpet.port)
    return [...user.cookies.keys()].join()
  }

  test('is the same in replicas and after a change of the secret, and another for another instance', async (t) => {
    const { address } = await named(t, 'a')
    const same = [{}, { affinity: { secrets: ['another secret, much newer'] } }]
    const others = [
      { settings: { instance: 'shop' } },
      { flags: ['--instance', 'shop'] },
      { flags: ['--instance', '80'] },
    ]
    const [one, two, shop, again, other] = await Promise.all(
      [...same, ...others].map(async (options) => nameOf(await balancing(t, [address], options))),
    )
    assert.match(one!, /^limpet-[0-9a-f]{6}$/)
    assert.equal(one, two)
    assert.equal(shop, again)
    assert.equal(new Set([one, shop, other]).size, 3)
  })

  test('of before there were instances is still read, replaced by the one of today, and seen by no server', async (t) => {
    const former = `limpet-${createHash('sha256').update('app').digest('hex').slice(0, 6)}`
    const apps = await Promise.all(['a', 'b', 'c'].map((name) => named(t, name)))
    const addresses = apps.map(({ address }) => address)
    const before = await balancing(t, addresses, { affinity: { name: former } })
    const now = await balancing(t, addresses)
    for (let i = 0; i < 6; i++) {
      const user = new User()
      const { body } = await user.get(before.port)
      const first = await user.get(now.port)
      assert.equal(first.body, body)
      assert.match(first.setCookies.join(), /^limpet-[0-9a-f]{6}=/)
      assert.deepEqual([...user.cookies.keys()].indexOf(former), 0)
      const second = await user.get(now.port)
      assert.deepEqual([second.body, second.setCookies], [body, []])
    }
    // Neither a broken one nor that of another Limpet is ours to judge.
    await new User().get(now.port, '/', { Cookie: `${former}=x` })
    await now.log.find(/ new$/)
    const elsewhere = await balancing(t, addresses, { affinity: { name: 'mine' } })
    assert.match(
      (await new User().get(elsewhere.port, '/', { Cookie: `${former}=x` })).body,
      new RegExp(`${former}=x$`),
    )
  })
})

describe('a state directory', () => {
  const WARNING = /WARN.*another Limpet \(process (\d+)\) uses the state directory .* under the same instance, 0; /

  async function stage(t: TestContext) {
    const { address } = await named(t, 'a')
    const settings = { stateDirectory: await stateFolder(t) }
    const start = (more: object = {}) => balancing(t, [address], { settings: { ...settings, ...more } })
    return { address, settings, start }
  }

  const warns = ({ errors }: Limpet) => errors.all.some((line) => line.includes('another Limpet'))

  test('that another one uses under the same instance is warned of, at the start and by check', async (t) => {
    const { address, settings, start } = await stage(t)
    const first = await start()
    assert.ok(!warns(first))
    const [, pid] = await (await start()).errors.find(WARNING)
    assert.equal(Number(pid), first.process.pid)
    assert.ok(!warns(await start({ instance: 'other' })))

    const folder = await stateFolder(t)
    const file = join(folder, 'limpet.yaml')
    await writeFile(file, JSON.stringify(configOf([address], { settings })))
    const checked = await runLimpet(['check', '-c', file])
    assert.equal(checked.code, 0)
    assert.match(checked.stderr, new RegExp(`^warning: another Limpet \\(process ${pid}\\) uses .*--instance`))
    for (const args of [
      ['--instance', 'third'],
      ['--port', '8080'],
    ]) {
      assert.equal((await runLimpet(['check', '-c', file, ...args])).stderr, '')
    }
    first.process.kill('SIGTERM')
    await first.exit
    assert.equal((await runLimpet(['check', '-c', file])).stderr, '')
  })

  test('is free again once its Limpet was killed, whatever has its process id by now', async (t) => {
    const { start } = await stage(t)
    const first = await start()
    first.process.kill('SIGKILL')
    await first.exit
    const second = await start()
    assert.ok(!warns(second))
    await (await start()).errors.find(WARNING)
  })

  test('is free again as soon as its Limpet is asked to stop, for the one that takes its place', async (t) => {
    const { server, address } = await named(t, 'a')
    const sockets = new WebSocketServer({ server: server as never })
    t.after(() => sockets.close())
    const settings = { stateDirectory: await stateFolder(t) }
    const first = await balancing(t, [address], { settings })
    const socket = new WebSocket(`ws://127.0.0.1:${first.port}/`)
    t.after(() => socket.terminate())
    await once(socket, 'open')
    first.process.kill('SIGTERM')
    await first.errors.find(/SIGTERM: finishing/)
    const second = await balancing(t, [address], { settings })
    assert.equal(first.process.exitCode, null)
    assert.ok(!warns(second))
  })

  test('that takes no sockets stops nobody, and is not needed without an affinity', async (t) => {
    const { address } = await named(t, 'a')
    const deep = join(await stateFolder(t), 'd'.repeat(200))
    for (let run = 0; run < 2; run++) {
      const limpet = await balancing(t, [address], { settings: { stateDirectory: deep } })
      assert.equal((await new User().get(limpet.port)).status, 200)
    }
    const settings = { stateDirectory: await stateFolder(t), upstreams: { app: { servers: [address] } } }
    await balancing(t, [address], { settings })
    assert.ok(!warns(await balancing(t, [address], { settings })))
  })
})

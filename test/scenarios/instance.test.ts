/** Several Limpets with the same clients or on the same machine: their cookies and state directories. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { temporaryFolder } from '../support/folder.ts'
import { configFile, type Limpet, runLimpet, startLimpet } from '../support/limpet.ts'
import { type Named, namedOrigin, namedOrigins, type Origin } from '../support/origin.ts'
import { User } from '../support/user.ts'

describe('two Limpets in a row, with upstreams of the same name', () => {
  const inner = ({ a, b, c }: Named<'a' | 'b' | 'c'>) => `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        affinity: { type: cookie, secrets: [the same secret in both of them] }
        servers: [${a.address}, ${b.address}, ${c.address}]
  `
  const outer = ({ port }: Limpet, instance = '') => `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    ${instance}
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        affinity: { type: cookie, secrets: [the same secret in both of them] }
        servers: [{ name: inner, address: 127.0.0.1:${port} }]
  `

  test('keep their users with a cookie each if they are different instances', async (t) => {
    const servers = await namedOrigins(t, 'a', 'b', 'c')
    const behind = await startLimpet(t, inner(servers), { flags: ['--instance', 'inner'] })
    const inFront = await startLimpet(t, outer(behind, 'instance: outer'))
    for (let i = 0; i < 6; i++) {
      const user = new User()
      const { body } = await user.get(inFront.port)
      assert.equal(user.cookies.size, 2)
      for (let turn = 0; turn < 3; turn++) {
        const next = await user.get(inFront.port)
        assert.deepEqual([next.body, next.setCookies], [body, []])
      }
    }
    assert.ok(!inFront.errors.all.some((line) => line.includes('instance')))
  })

  test('overwrite the cookie of the other if they are the same instance: requests succeed, and the outer one warns once', async (t) => {
    const servers = await namedOrigins(t, 'a', 'b', 'c')
    const behind = await startLimpet(t, inner(servers))
    const inFront = await startLimpet(t, outer(behind))
    for (let turn = 0; turn < 5; turn++) {
      const { status, setCookies } = await new User().get(inFront.port)
      assert.equal(status, 200)
      assert.equal(setCookies.length, 2)
    }
    const [warning] = await inFront.errors.find(/WARN.*sets the cookie.*/)
    assert.match(
      warning,
      /upstream app: server inner sets the cookie limpet-[0-9a-f]{6}, whose name is .*another instance/,
    )
    inFront.process.kill('SIGTERM')
    await inFront.exit
    assert.equal(inFront.errors.all.filter((line) => line.includes('sets the cookie')).length, 1)
    assert.ok(!behind.errors.all.some((line) => line.includes('sets the cookie')))
  })

  test('are warned of in a response that switches protocols too, and for an upstream without an affinity', async (t) => {
    const { server, address } = await namedOrigin(t, 'a')
    const sockets = new WebSocketServer({ server: server as never })
    t.after(() => sockets.close())
    sockets.on('headers', (headers) => headers.push('Set-Cookie: own=x; Path=/'))
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      routes:
        - { path: /*, upstream: app }
        - { path: /plain, upstream: plain }
      upstreams:
        app: { affinity: { type: cookie, name: own }, servers: [${address}] }
        plain: { servers: [${address}] }
    `
    const limpet = await startLimpet(t, config)
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

  test('is the same in replicas and after a change of the secret, and differs between instances', async (t) => {
    const { address } = await namedOrigin(t, 'a')
    const config = (secret: string, instance = '') => `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 2
      ${instance}
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { affinity: { type: cookie, secrets: [${secret}] }, servers: [${address}] } }
    `
    const [one, two, shop, again, other] = await Promise.all([
      startLimpet(t, config('a secret of them all')).then(nameOf),
      startLimpet(t, config('another and newer secret')).then(nameOf),
      startLimpet(t, config('a secret of them all', 'instance: shop')).then(nameOf),
      startLimpet(t, config('a secret of them all'), { flags: ['--instance', 'shop'] }).then(nameOf),
      startLimpet(t, config('a secret of them all'), { flags: ['--instance', '80'] }).then(nameOf),
    ])
    assert.match(one, /^limpet-[0-9a-f]{6}$/)
    assert.equal(one, two)
    assert.equal(shop, again)
    assert.equal(new Set([one, shop, other]).size, 3)
  })

  test('of releases before instance existed is still read, replaced by the current one, and seen by no server', async (t) => {
    const former = `limpet-${createHash('sha256').update('app').digest('hex').slice(0, 6)}`
    const { a, b, c } = await namedOrigins(t, 'a', 'b', 'c')
    const config = (name = '') => `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 2
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          affinity: { type: cookie, ${name} secrets: [a secret of all releases] }
          servers: [${a.address}, ${b.address}, ${c.address}]
    `
    const before = await startLimpet(t, config(`name: ${former},`))
    const now = await startLimpet(t, config())
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
    // A broken one is ignored, and that of another Limpet is passed on.
    await new User().get(now.port, '/', { Cookie: `${former}=x` })
    await now.log.find(/ new$/)
    const elsewhere = await startLimpet(t, config('name: mine,'))
    assert.match(
      (await new User().get(elsewhere.port, '/', { Cookie: `${former}=x` })).body,
      new RegExp(`${former}=x$`),
    )
  })
})

describe('a state directory', () => {
  const WARNING = /WARN.*another Limpet \(process (\d+)\) uses the state directory .* under the same instance, 0; /

  const config = (origin: Origin, stateDirectory: string) => `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    stateDirectory: ${stateDirectory}
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { affinity: cookie, servers: [${origin.address}] } }
  `

  const warns = ({ errors }: Limpet) => errors.all.some((line) => line.includes('another Limpet'))

  test('that another Limpet uses under the same instance causes a warning, at the start and by check', async (t) => {
    const text = config(await namedOrigin(t, 'a'), await temporaryFolder(t))
    const first = await startLimpet(t, text)
    assert.ok(!warns(first))
    const second = await startLimpet(t, text)
    const [, pid] = await second.errors.find(WARNING)
    assert.equal(Number(pid), first.process.pid)
    assert.ok(!warns(await startLimpet(t, text, { flags: ['--instance', 'other'] })))

    const file = await configFile(t, text)
    const checked = await runLimpet(['check', '-c', file])
    assert.equal(checked.code, 0)
    assert.match(checked.stderr, new RegExp(`^warning: another Limpet \\(process ${pid}\\) uses .*--instance`))
    for (const args of [
      ['--instance', 'third'],
      ['--port', '8080'],
    ]) {
      assert.equal((await runLimpet(['check', '-c', file, ...args])).stderr, '')
    }
    // The next one takes its place.
    first.process.kill('SIGTERM')
    await first.exit
    const { stderr } = await runLimpet(['check', '-c', file])
    assert.match(stderr, new RegExp(`^warning: another Limpet \\(process ${second.process.pid}\\) uses .*--instance`))
    second.process.kill('SIGTERM')
    await second.exit
    assert.equal((await runLimpet(['check', '-c', file])).stderr, '')
  })

  test('is free again once its Limpet was killed', async (t) => {
    const text = config(await namedOrigin(t, 'a'), await temporaryFolder(t))
    const first = await startLimpet(t, text)
    first.process.kill('SIGKILL')
    await first.exit
    const second = await startLimpet(t, text)
    assert.ok(!warns(second))
    await (await startLimpet(t, text)).errors.find(WARNING)
  })

  test('is free again as soon as its Limpet is asked to stop, for the one that takes its place', async (t) => {
    const origin = await namedOrigin(t, 'a')
    const sockets = new WebSocketServer({ server: origin.server as never })
    t.after(() => sockets.close())
    const text = config(origin, await temporaryFolder(t))
    const first = await startLimpet(t, text)
    const socket = new WebSocket(`ws://127.0.0.1:${first.port}/`)
    t.after(() => socket.terminate())
    await once(socket, 'open')
    first.process.kill('SIGTERM')
    await first.errors.find(/SIGTERM: finishing/)
    const second = await startLimpet(t, text)
    assert.equal(first.process.exitCode, null)
    assert.ok(!warns(second))
  })

  test('whose path is too long for a Unix socket prevents no start', async (t) => {
    const text = config(await namedOrigin(t, 'a'), join(await temporaryFolder(t), 'd'.repeat(200)))
    for (let run = 0; run < 2; run++) {
      const limpet = await startLimpet(t, text)
      assert.equal((await new User().get(limpet.port)).status, 200)
    }
  })

  test('is not used without an affinity', async (t) => {
    const origin = await namedOrigin(t, 'a')
    const withoutAffinity = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 2
      stateDirectory: ${await temporaryFolder(t)}
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${origin.address}] } }
    `
    await startLimpet(t, withoutAffinity)
    assert.ok(!warns(await startLimpet(t, withoutAffinity)))
  })
})

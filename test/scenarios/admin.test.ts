/** The admin API. */
import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { request } from 'node:http'
import { dirname, join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { Status, Upstreams } from '../../src/admin/answers.ts'
import { temporaryFolder } from '../support/folder.ts'
import { adminUrlOf, configFile, type Limpet, runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin, type Origin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { getFrom } from '../support/unix-client.ts'

interface Running {
  readonly limpet: Limpet
  readonly origin: Origin
  /** Where the admin API answers. */
  readonly api: string
}

/** Three upstreams: sessions by cookie, by address, and none. */
const threeUpstreams = ({ address }: Origin) => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 2
  admin: { port: 0 }
  accessLog: off
  routes:
    - { path: /*, upstream: app }
    - { path: /hashed/*, upstream: hashed }
    - { path: /plain/*, upstream: plain }
  upstreams:
    app:
      affinity: { type: cookie, secrets: [a secret that is shown nowhere] }
      servers:
        - { name: one, address: ${address}, weight: 2 }
        - { name: two, address: ${address}, drain: true }
        - { name: three, address: ${address}, down: true, backup: true }
    hashed: { balance: ip-hash, servers: [${address}] }
    plain: { servers: [${address}] }
`

async function running(t: TestContext): Promise<Running> {
  const origin = await httpOrigin(t, (_request, response) => response.end('ok'))
  const limpet = await startLimpet(t, threeUpstreams(origin))
  return { limpet, origin, api: await adminUrlOf(limpet) }
}

// biome-ignore lint/suspicious/noExplicitAny: the test checks the shape.
async function json(url: string, options: RequestInit = {}): Promise<{ status: number; body: any; headers: Headers }> {
  const response = await fetch(url, options)
  return { status: response.status, body: await response.json(), headers: response.headers }
}

async function ask(limpet: Limpet, path: string, from: string, t: TestContext): Promise<void> {
  const client = await RawClient.connect(t, limpet.port, from)
  client.say(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
  assert.match(await client.goodbye(), /^HTTP\/1.1 200 /)
}

describe('the admin API', () => {
  test('reports the running program', async (t) => {
    const { api, limpet } = await running(t)
    const { body, headers } = await json(`${api}/v1/status`)
    Status.strict().parse(body)
    assert.equal(body.workers, 2)
    assert.deepEqual(body.listeners, [{ address: '127.0.0.1', port: limpet.port }])
    assert.equal(headers.get('Cache-Control'), 'no-store')
  })

  test('counts requests and sessions of each server, and addresses under ip-hash', async (t) => {
    const { api, limpet } = await running(t)
    for (const path of ['/', '/', '/', '/plain/']) await ask(limpet, path, '127.0.0.1', t)
    for (const from of ['127.0.0.1', '127.0.0.1', '127.0.0.2']) await ask(limpet, '/hashed/', from, t)
    const { body } = await json(`${api}/v1/upstreams`)
    const { upstreams } = Upstreams.strict().parse(body)
    const [app, hashed, plain] = upstreams
    assert.deepEqual(
      app!.servers.map(({ name, requests, weight, backup }) => [name, requests, weight, backup]),
      [
        ['one', 3, 2, false],
        ['two', 0, 1, false],
        ['three', 0, 1, true],
      ],
    )
    assert.deepEqual(
      app!.servers.map(({ state }) => `${state.admin} ${state.health}`),
      ['ready up', 'drain unknown', 'maintenance unknown'],
    )
    const { live, active, share, oldest } = app!.servers[0]!.sessions!
    assert.deepEqual([live, active, share], [3, 0, 1])
    assert.ok(Math.abs(Date.now() - Date.parse(oldest!)) < 60_000)
    assert.deepEqual([hashed!.affinity, hashed!.servers[0]!.sessions!.live], ['ip-hash', 2])
    assert.deepEqual([plain!.affinity, plain!.servers[0]!.sessions], [null, null])
    assert.doesNotMatch(JSON.stringify(body), /shown nowhere/)
    assert.deepEqual((await json(`${api}/v1/upstreams/plain`)).body.servers[0].requests, 1)
  })

  test('shows a server down that has failed, and why', async (t) => {
    const good = await httpOrigin(t, (_request, response) => response.end('ok'))
    const bad = await httpOrigin(t, () => {})
    await bad.kill()
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      admin: { port: 0 }
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { affinity: cookie, servers: [${bad.address}, ${good.address}] } }
    `
    const limpet = await startLimpet(t, config)
    const api = await adminUrlOf(limpet)
    await ask(limpet, '/', '127.0.0.1', t)
    const { body } = await json(`${api}/v1/upstreams/app`)
    const [down, up] = body.servers
    assert.equal(down.state.health, 'down')
    assert.match(down.state.cause, /1 failure/)
    assert.deepEqual(
      [down.failures, down.sessions.live, up.state.health, up.sessions.live],
      [1, 0, 'up', 1],
      'the session that was tried there is on the other server only',
    )
  })

  test('shows a server up that passes its checks and has had no request yet', async (t) => {
    const origin = await httpOrigin(t, (_request, response) => response.end('ok'))
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      admin: { port: 0 }
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          health: { check: { type: http, path: /, initial: unknown } }
          servers:
            - { name: checked, address: ${origin.address} }
            - { name: out, address: ${origin.address}, down: true }
    `
    const limpet = await startLimpet(t, config)
    const api = await adminUrlOf(limpet)
    const { body } = await json(`${api}/v1/upstreams/app`)
    assert.deepEqual(
      body.servers.map(({ state }: { state: { health: string } }) => state.health),
      ['up', 'unknown'],
    )
  })

  test('shows a server down that fails its checks, by the check, and one ejected, by its answers', async (t) => {
    const broken = await httpOrigin(t, ({ url }, response) => {
      response.statusCode = url === '/health' ? 200 : 500
      response.end()
    })
    const dead = await httpOrigin(t, () => {})
    await dead.kill()
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      admin: { port: 0 }
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          health: { check: { type: http, path: /health, initial: unknown }, outlier: { consecutive5xx: 2 } }
          servers:
            - { name: dead, address: ${dead.address} }
            - { name: broken, address: ${broken.address} }
            - { name: other, address: ${broken.address}, backup: true }
    `
    const limpet = await startLimpet(t, config)
    const api = await adminUrlOf(limpet)
    for (let request = 0; request < 2; request++) await fetch(`http://127.0.0.1:${limpet.port}/`)
    await limpet.errors.find(/server broken is ejected/)
    const { body } = await json(`${api}/v1/upstreams/app`)
    const [down, ejected] = body.servers.map(({ state }: { state: { cause: string } }) => state.cause)
    assert.match(down, /^GET \/health: connect ECONNREFUSED/)
    assert.equal(ejected, 'ejected: 2 answers of 5xx or none, in a row')
  })

  test('reports a panic, in which servers that are down serve all the same', async (t) => {
    let status = 500
    const origin = await httpOrigin(t, (_request, response) => response.writeHead(status).end('ok'))
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      admin: { port: 0 }
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          health:
            check: { type: http, path: /, initial: unknown, interval: 100ms, rise: 1 }
            panicThreshold: 50%
          servers: [${origin.address}]
    `
    const limpet = await startLimpet(t, config)
    const api = await adminUrlOf(limpet)
    const warnings = async () => (await json(`${api}/v1/upstreams/app`)).body.warnings
    const message = 'panic: 0 of 1 servers are well, fewer than 50 %; all are used'
    await limpet.errors.find(new RegExp(`upstream app: ${message}$`))
    assert.deepEqual(await warnings(), [{ code: 'panic', message }])
    status = 200
    await limpet.errors.find(/upstream app: the panic is over/)
    assert.deepEqual(await warnings(), [])
  })

  test('describes itself, every path and every answer', async (t) => {
    const { api } = await running(t)
    const { body } = await json(`${api}/v1/openapi.json`)
    assert.equal(body.openapi, '3.1.0')
    for (const path of ['/v1/status', '/v1/upstreams', '/v1/upstreams/{upstream}']) assert.ok(path in body.paths, path)
    assert.ok(body.components.schemas.Server.properties.sessions)
  })

  test('answers errors as problem details', async (t) => {
    const { api } = await running(t)
    const missing = await json(`${api}/v1/upstreams/none`)
    assert.deepEqual([missing.status, missing.body.status, missing.body.type], [404, 404, '/problems/not-found'])
    assert.equal(missing.headers.get('Content-Type'), 'application/problem+json')
    assert.match(missing.body.detail, /app, hashed, plain/)
    assert.equal((await json(`${api}/nothing`)).status, 404)
    const posted = await json(`${api}/v1/status`, { method: 'POST' })
    assert.deepEqual([posted.status, posted.headers.get('Allow')], [405, 'GET, HEAD'])
  })

  test('answers to names of this machine only', async (t) => {
    const { api } = await running(t)
    const statusFor = (host: string) =>
      new Promise<number>((resolve, reject) => {
        request(`${api}/v1/status`, { headers: { Host: host } }, (response) => {
          response.resume()
          resolve(response.statusCode!)
        })
          .on('error', reject)
          .end()
      })
    const hosts = ['localhost', 'localhost:9000', '127.0.0.1', '[::1]:9000', 'evil.example', '127.0.0.1.evil.example']
    assert.deepEqual(await Promise.all(hosts.map(statusFor)), [200, 200, 200, 200, 403, 403])
  })

  test('answers on a socket of this user where the file does not say where', async (t) => {
    const folder = await temporaryFolder(t)
    const config = `
      instance: shop
      listeners: [{ address: 127.0.0.1, port: 0 }]
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [127.0.0.1:1] } }
    `
    const limpet = await startLimpet(t, config, { env: { RUNTIME_DIRECTORY: join(folder, 'run') } })
    const socket = join(folder, 'run/admin-shop.sock')
    await limpet.errors.find(new RegExp(`admin API answers on unix:${socket}$`))
    assert.deepEqual([statSync(dirname(socket)).mode & 0o777, statSync(socket).mode & 0o777], [0o700, 0o600])
    const { instance, pid } = JSON.parse(await getFrom(socket, {}, '/v1/status'))
    assert.deepEqual([instance, pid], ['shop', limpet.process.pid])
  })

  test('is off if the file says so', async (t) => {
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      admin: off
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [127.0.0.1:1] } }
    `
    const limpet = await startLimpet(t, config)
    await limpet.errors.find(/worker\(s\)/)
    assert.ok(!limpet.errors.all.some((line) => line.includes('admin API')))
  })

  test('that cannot listen ends the start with a clear error', async (t) => {
    const other = await httpOrigin(t, (_request, response) => response.end('ok'))
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      admin: { port: ${other.port} }
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [127.0.0.1:1] } }
    `
    const { code, stderr } = await runLimpet(['run', '-c', await configFile(t, config)])
    assert.equal(code, 1)
    assert.match(stderr, new RegExp(`cannot listen on 127.0.0.1 port ${other.port} for the admin API: another program`))
  })
})

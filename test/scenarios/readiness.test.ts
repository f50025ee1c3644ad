/** /livez, /readyz and `limpet healthcheck`: who should send clients to a Limpet, and when. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, type TestContext, test } from 'node:test'
import { freePort } from '../../bench/free-port.ts'
import { temporaryFolder } from '../support/folder.ts'
import { HoldingOrigin } from '../support/holding-origin.ts'
import { type Limpet, runLimpet, startLimpet } from '../support/limpet.ts'
import { until } from '../support/until.ts'
import { ended, onLinux, upgrade } from '../support/upgraded.ts'

const refused = Symbol('refused')

/** A Limpet to be, with its admin API on a port, in front of one server that answers when the test says so. */
async function planned(t: TestContext, upstream: object = {}) {
  const origin = await HoldingOrigin.start(t, 'a')
  const [port, adminPort] = [await freePort(), await freePort()]
  const stateDirectory = await temporaryFolder(t)
  const config = {
    listeners: [{ address: '127.0.0.1', port }],
    admin: { address: '127.0.0.1', port: adminPort },
    stateDirectory,
    workers: 1,
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { servers: [origin.address], ...upstream } },
  }
  const url = `http://127.0.0.1:${port}`
  const probe = (path: string) => probed(`http://127.0.0.1:${adminPort}${path}`)
  return { config, origin, url, adminPort, probe }
}

/** The status and the text of an answer, on a connection of its own, as health checks are made. */
async function probed(url: string, method = 'GET'): Promise<string | typeof refused> {
  const request = get(url, { method, agent: false })
  try {
    const [response] = await once(request, 'response')
    return `${response.statusCode} ${(await text(response)).trimEnd()}`
  } catch {
    return refused
  }
}

async function isOpen(port: string): Promise<boolean> {
  const socket = connect(Number(port), '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

async function healthcheck({ file }: Pick<Limpet, 'file'>, ...flags: string[]) {
  const { code, stdout } = await runLimpet(['healthcheck', '-c', file, ...flags])
  return [code, stdout]
}

test('a Limpet is ready once it serves, and says before that it starts', async (t) => {
  const check = { type: 'http', path: '/health', initial: 'unknown' }
  const { config, origin, url, probe } = await planned(t, { health: { check } })
  const starting = startLimpet(t, config)
  await origin.hears(1)
  await until(async () => (await probe('/readyz')) !== refused)
  assert.equal(await probe('/readyz'), '503 not ready: starting')
  assert.equal(await probe('/livez'), '200 alive')
  assert.match(String(await probe('/v1/status')), /^503 .*Limpet is starting/)
  origin.release()
  const limpet = await starting
  await until(async () => (await probe('/readyz')) === '200 ready')
  assert.match(String(await probe('/v1/status')), /^200 /)
  assert.deepEqual(await healthcheck(limpet), [0, `healthy: ${url} answers (400)`])
})

test('one that finishes its requests in flight is alive and not ready', async (t) => {
  const { config, origin, url, probe } = await planned(t)
  const limpet = await startLimpet(t, config)
  const answer = fetch(`${url}/slow`)
  await origin.hears(1)
  limpet.process.kill('SIGTERM')
  await until(async () => (await probe('/readyz')) === '503 not ready: stopping')
  assert.equal(await probe('/livez'), '200 alive')
  assert.match(String(await probe('/v1/status')), /^503 .*Limpet is stopping/)
  assert.deepEqual(await healthcheck(limpet), [1, `unhealthy: ${url} is not ready: stopping`])
  origin.release()
  assert.equal(await (await answer).text(), '<a>')
  assert.equal(await limpet.exit, 0)
  assert.equal(await probe('/readyz'), refused)
})

test('one that begins while another finishes its requests answers as soon as that has ended', async (t) => {
  const { config, origin, url, probe } = await planned(t)
  const former = await startLimpet(t, config)
  const answer = fetch(`${url}/slow`)
  await origin.hears(1)
  former.process.kill('SIGTERM')
  await until(async () => (await probe('/readyz')) === '503 not ready: stopping')
  const next = await startLimpet(t, config)
  await next.errors.find(/no admin API on 127\.0\.0\.1:\d+: another process listens there; this one will, once it has/)
  origin.release()
  assert.equal(await (await answer).text(), '<a>')
  await former.exit
  await next.errors.find(/the admin API answers on/)
  assert.equal(await probe('/readyz'), '200 ready')
})

test('a socket is taken over at once from one that finishes its requests', async (t) => {
  const { config, origin, url } = await planned(t)
  const admin = { socket: `${await temporaryFolder(t)}/admin.sock` }
  const former = await startLimpet(t, { ...config, admin })
  const answer = fetch(`${url}/slow`)
  await origin.hears(1)
  former.process.kill('SIGTERM')
  await until(async () => (await healthcheck(former))[1] === `unhealthy: ${url} is not ready: stopping`)
  const next = await startLimpet(t, { ...config, admin })
  await next.errors.find(/the admin API answers on/)
  assert.deepEqual(await healthcheck(next), [0, `healthy: ${url} answers (400)`])
  origin.release()
  assert.equal(await (await answer).text(), '<a>')
  await former.exit
  // It has not removed what is the other's by now.
  const { code, stdout } = await runLimpet(['status', '-c', next.file])
  assert.equal(code, 0, stdout)
})

test('an upgrade refuses no probe, and the replaced process says what it is', onLinux, async (t) => {
  const { config, origin, url, adminPort, probe } = await planned(t)
  const limpet = await startLimpet(t, config)
  const answer = fetch(`${url}/slow`)
  await origin.hears(1)
  const seen = new Set<unknown>()
  let isOver = false
  const watching = (async () => {
    while (!isOver) seen.add(await probe('/readyz'))
  })()
  const kept = connect(adminPort, '127.0.0.1')
  await once(kept, 'connect')
  const heard = (async () => String(await once(kept, 'data')))()
  // The old process has accepted it, since it answers the one after it.
  assert.equal(await probe('/readyz'), '200 ready')
  const pid = await upgrade(t, limpet)
  kept.write('GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n')
  assert.match(await heard, /^HTTP\/1\.1 503 [\s\S]*not ready: replaced by another process\n$/)
  assert.deepEqual(await healthcheck(limpet), [0, `healthy: ${url} answers (400)`])
  origin.release()
  assert.equal(await (await answer).text(), '<a>')
  await limpet.exit
  isOver = true
  await watching
  // A connection that the old process has accepted at the last moment is told so by it.
  seen.delete('503 not ready: replaced by another process')
  assert.deepEqual(seen, new Set(['200 ready']))
  process.kill(pid)
  await ended(pid)
})

test('one whose servers are all down is ready: its replicas have the same servers', async (t) => {
  const check = { type: 'tcp', interval: '100ms', fall: 1 }
  const { config, origin, url, probe } = await planned(t, { health: { check } })
  const limpet = await startLimpet(t, config)
  await origin.origin.kill()
  await limpet.errors.find(/is down/)
  assert.equal(await probe('/readyz'), '200 ready')
  assert.deepEqual(await healthcheck(limpet), [0, `healthy: ${url} answers (400)`])
  assert.match(String(await probed(url)), /^50[234] /)
})

describe('a probe', () => {
  test('needs no token, but one of GET and HEAD, and a name of this Limpet', async (t) => {
    const { config, adminPort } = await planned(t)
    const tokens = [{ name: 'ops', value: 'x'.repeat(32), scope: 'read' }]
    await startLimpet(t, { ...config, admin: { ...config.admin, tokens } })
    const at = `http://127.0.0.1:${adminPort}`
    for (const path of ['/livez', '/readyz']) {
      const { status, headers } = await fetch(at + path)
      assert.deepEqual(
        [status, headers.get('content-type'), headers.get('cache-control')],
        [200, 'text/plain; charset=utf-8', 'no-store'],
      )
      assert.equal(await probed(at + path, 'HEAD'), '200 ')
      assert.match(String(await probed(`${at}${path}?verbose`)), /^200 /)
      assert.equal(await probed(at + path, 'POST'), '405 only GET and HEAD')
    }
    assert.match(String(await probed(`${at}/v1/status`)), /^401 /)
    const stranger = get({ port: adminPort, path: '/readyz', headers: { Host: 'page.example' } })
    const [answer] = await once(stranger, 'response')
    assert.equal(answer.resume().statusCode, 403)
  })
})

describe('limpet healthcheck', () => {
  test('asks only the listener where the admin API is off', async (t) => {
    const { config, origin, url } = await planned(t)
    const limpet = await startLimpet(t, { ...config, admin: 'off' })
    assert.deepEqual(await healthcheck(limpet), [0, `healthy: ${url} answers (400)`])
    const answer = fetch(`${url}/slow`)
    await origin.hears(1)
    limpet.process.kill('SIGTERM')
    await limpet.errors.find(/again to end at once/)
    await until(async () => !(await isOpen(new URL(url).port)))
    assert.deepEqual(await healthcheck(limpet), [
      1,
      `unhealthy: ${url} does not answer: connect ECONNREFUSED ${url.slice('http://'.length)}`,
    ])
    origin.release()
    await answer
  })

  test('is not misled by another program where the admin API should be', async (t) => {
    const { config, adminPort, url } = await planned(t)
    const limpet = await startLimpet(t, { ...config, admin: 'off' })
    const other = await startLimpet(t, {
      ...config,
      listeners: [{ address: '127.0.0.1', port: adminPort }],
      admin: 'off',
      stateDirectory: await temporaryFolder(t),
    })
    assert.equal(other.port, adminPort)
    const { code, stdout } = await runLimpet(['healthcheck', '-c', limpet.file])
    assert.deepEqual([code, stdout], [0, `healthy: ${url} answers (400)`])
  })
})

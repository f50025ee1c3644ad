/** `limpet run --docker`: no file, and all routes and upstreams from labels of containers. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { freePort } from '../../bench/free-port.ts'
import { runLimpet, startLimpet } from '../support/limpet.ts'
import { namedOrigin, type Origin } from '../support/origin.ts'
import { StandInEngine } from '../support/stand-in-engine.ts'
import { until } from '../support/until.ts'

async function answerTo(place: object, host = 'shop.example.org'): Promise<string> {
  const request = get({ ...place, headers: { host }, agent: false })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return `${response.statusCode} ${(await text(response)).trimEnd()}`
}

function shopAt({ port }: Origin) {
  const labels = { 'limpet.enable': 'true', 'limpet.host': 'shop.example.org', 'limpet.port': String(port) }
  return { name: 'shop', labels, address: '127.0.0.1' }
}

/** A Limpet without a file, or with one, before an engine whose containers are on this machine. */
async function started(t: TestContext, engine: StandInEngine, file?: object) {
  const port = await freePort()
  const flags = ['--docker', engine.host, '--port', String(port)]
  const limpet = await startLimpet(t, file, { flags })
  const folder = dirname(limpet.stateDirectory)
  const admin = { socketPath: join(folder, `admin-${port}.sock`) }
  const run = (...args: string[]) =>
    runLimpet(args, { STATE_DIRECTORY: limpet.stateDirectory, RUNTIME_DIRECTORY: folder }, folder)
  return { client: { port }, admin, port, run }
}

test('waits for an engine that is not there yet, and serves what its containers say', async (t) => {
  const engine = await StandInEngine.start(t)
  await engine.close()
  const origin = await namedOrigin(t, 'shop')
  const { client, admin, port, run } = await started(t, engine)
  assert.equal(await answerTo({ ...admin, path: '/readyz' }), `503 not ready: waiting for docker at ${engine.host}`)
  assert.match(await answerTo(client), /^404 /)

  engine.run(shopAt(origin))
  await engine.listen()
  await until(async () => (await answerTo({ ...admin, path: '/readyz' })) === '200 ready')
  await until(async () => (await answerTo(client)) === '200 shop -')
  assert.match(await answerTo(client, 'other.example.org'), /^404 /)

  const { code, stdout } = await run('status', '--port', String(port))
  assert.equal(code, 0)
  assert.match(stdout, /docker at unix:\S+ +\(labels\) +ok/)
  assert.match(stdout, /shop .*docker/)
})

test('a container that is recreated is waited for, with its route', async (t) => {
  const engine = await StandInEngine.start(t)
  const [former, next] = [await namedOrigin(t, 'former'), await namedOrigin(t, 'next')]
  const id = engine.run(shopAt(former))
  const { client, run, port } = await started(t, engine)
  assert.equal(await answerTo(client), '200 former -')
  engine.kill(id)
  engine.die(id)
  engine.remove(id)
  await until(async () => / away /.test((await run('status', '--port', String(port))).stdout))
  const waiting = answerTo(client)
  engine.run(shopAt(next))
  assert.equal(await waiting, '200 next -')
})

test('a route and an upstream of the file come before those of labels, which is said', async (t) => {
  const engine = await StandInEngine.start(t)
  const [written, found] = [await namedOrigin(t, 'written'), await namedOrigin(t, 'found')]
  engine.run(shopAt(found))
  engine.run({ ...shopAt(found), name: 'app' })
  const { client, run, port } = await started(t, engine, {
    listeners: [{ port: 0 }],
    routes: [{ host: 'shop.example.org', path: '/*', upstream: 'app' }],
    upstreams: { app: { servers: [written.address] } },
  })
  assert.equal(await answerTo(client), '200 written -')
  const { stdout } = await run('status', '--port', String(port))
  assert.match(stdout, /the configuration file has an upstream app, which stays as it is/)
  assert.match(stdout, /container shop: .*route/)
})

/** Containers of an engine, followed by its events: as the stand-in of test/support/stand-in-engine.ts answers. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmod, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { createServer } from 'node:tls'
import { DockerSource } from '../../src/config/sources/docker.ts'
import { dockerProvider } from '../../src/discovery/docker.ts'
import { TestAuthority } from '../support/certificates.ts'
import { temporaryFolder } from '../support/folder.ts'
import { StandInEngine } from '../support/stand-in-engine.ts'
import { inLines, Watched } from '../support/watched.ts'

const labels = { 'limpet.enable': 'true', 'limpet.upstream': 'app' }

/** A container as Compose labels it. */
const composed = (service: string, number: number, more: Record<string, string> = {}) => ({
  'com.docker.compose.project': 'shop',
  'com.docker.compose.service': service,
  'com.docker.compose.container-number': String(number),
  'limpet.enable': 'true',
  ...more,
})

function watch(test: TestContext, { host }: { readonly host: string }, source: object = {}): Watched {
  return new Watched(test, dockerProvider(DockerSource.parse({ from: 'docker', host, ...source }), 'app'))
}

test('finds the containers whose labels name the upstream, and follows them', async (test) => {
  const engine = await StandInEngine.start(test)
  engine.run({ name: 'db' })
  engine.run({ name: 'other', labels: { ...labels, 'limpet.upstream': 'other' } })
  engine.run({ name: 'off', labels: { ...labels, 'limpet.enable': 'false' } })
  const web = engine.run({ name: 'web', labels, address: '172.17.0.9' })
  const app = watch(test, engine)
  assert.deepEqual(inLines(await app.next()), ['web 172.17.0.9:80'])
  engine.run({ name: 'web-2', labels, address: '172.17.0.10', ports: [8080] })
  assert.deepEqual(inLines(await app.next()), ['web 172.17.0.9:80', 'web-2 172.17.0.10:8080'])
  engine.die(web)
  assert.deepEqual(inLines(await app.next()), ['web-2 172.17.0.10:8080'])
  engine.start(web, { bridge: '172.17.0.11' })
  assert.deepEqual(inLines(await app.next()), ['web 172.17.0.11:80', 'web-2 172.17.0.10:8080'])
})

test('none is an answer, and it is authoritative', async (test) => {
  const engine = await StandInEngine.start(test)
  const list = await watch(test, engine).next()
  assert.deepEqual(list.servers, [])
})

test('a container drains from its stop signal on, at once, while nothing else is known of it', async (test) => {
  const engine = await StandInEngine.start(test)
  const web = engine.run({ name: 'web', labels, address: '172.17.0.9' })
  const app = watch(test, engine)
  await app.next()
  const release = engine.holdLooks()
  engine.kill(web)
  const list = await app.next()
  assert.deepEqual([inLines(list), list.isUrgent], [['web 172.17.0.9:80 drain'], true])
  release()
  engine.die(web)
  assert.deepEqual(inLines(await app.next()), [])
})

test('a container that was asked to stop before Limpet started drains, and no longer once it has started again', async (test) => {
  const engine = await StandInEngine.start(test)
  const web = engine.run({ name: 'web', labels, address: '172.17.0.9' })
  engine.kill(web)
  const before = watch(test, engine)
  assert.deepEqual(inLines(await before.next()), ['web 172.17.0.9:80 drain'])
  await before.end()
  engine.die(web)
  engine.start(web, { bridge: '172.17.0.9' })
  assert.deepEqual(inLines(await watch(test, engine).next()), ['web 172.17.0.9:80'])
})

for (const [signal, stopSignal, drains] of [
  [15, undefined, true],
  ['SIGTERM', undefined, true],
  [2, undefined, true],
  [3, undefined, true],
  [9, undefined, true],
  [1, undefined, false],
  [10, undefined, false],
  [28, undefined, false],
  [28, 'SIGWINCH', true],
  [10, 'USR1', true],
  [37, 'SIGRTMIN+3', true],
  [37, undefined, false],
] as const)
  test(`signal ${signal} to a container stopped by ${stopSignal ?? 'SIGTERM'}: ${drains ? 'drains' : 'stays'}`, async (test) => {
    const engine = await StandInEngine.start(test)
    const web = engine.run({ name: 'web', labels, ...(stopSignal !== undefined && { stopSignal }) })
    const app = watch(test, engine)
    await app.next()
    engine.kill(web, signal)
    engine.run({ name: 'www', labels })
    const list = await app.until(({ servers }) => servers.length === 2)
    assert.equal(list.servers[0]?.state, drains ? 'drain' : 'ready')
  })

test('health and pauses are states: starting and paused are away, unhealthy is down', async (test) => {
  const engine = await StandInEngine.start(test)
  const web = engine.run({ name: 'web', labels, address: '172.17.0.9', health: 'starting' })
  const app = watch(test, engine)
  const states = [await app.next()]
  for (const happens of [
    () => engine.health(web, 'healthy'),
    () => engine.health(web, 'unhealthy'),
    () => engine.health(web, 'healthy'),
    () => engine.pause(web),
    () => engine.unpause(web),
  ]) {
    happens()
    states.push(await app.next())
  }
  const found = states.map(({ servers }) => servers[0]?.state)
  assert.deepEqual(found, ['away', 'ready', 'down', 'ready', 'away', 'ready'])
})

test('a renamed container is another server, unless Compose numbers it', async (test) => {
  const engine = await StandInEngine.start(test)
  const web = engine.run({ name: 'web', labels, address: '172.17.0.9' })
  const numbered = engine.run({ name: 'x', labels: composed('app', 1), address: '172.17.0.10' })
  const app = watch(test, engine)
  assert.deepEqual(inLines(await app.next()), ['shop.app.1 172.17.0.10:80', 'web 172.17.0.9:80'])
  engine.rename(numbered, 'shop_app_1')
  engine.rename(web, 'www')
  assert.deepEqual(inLines(await app.next()), ['shop.app.1 172.17.0.10:80', 'www 172.17.0.9:80'])
})

test('a recreated container of Compose is the same server: the new one serves once it is healthy, with no way back', async (test) => {
  const engine = await StandInEngine.start(test)
  const old = engine.run({ name: 'shop_app_1', labels: composed('app', 1), address: '172.17.0.9' })
  const app = watch(test, engine)
  assert.deepEqual(inLines(await app.next()), ['shop.app.1 172.17.0.9:80'])
  const young = engine.run({
    name: 'new_shop_app_1',
    labels: composed('app', 1),
    address: '172.17.0.10',
    health: 'starting',
  })
  engine.kill(old)
  assert.deepEqual(inLines(await app.until(({ servers }) => servers[0]?.state === 'drain')), [
    'shop.app.1 172.17.0.9:80 drain',
  ])
  engine.health(young, 'healthy')
  assert.deepEqual(inLines(await app.next()), ['shop.app.1 172.17.0.10:80'])
  engine.die(old)
  engine.remove(old)
  engine.rename(young, 'shop_app_1')
  assert.equal(await app.isQuietFor(200), true)
})

test('what somebody runs beside the service is no server of it', async (test) => {
  const engine = await StandInEngine.start(test)
  engine.run({ name: 'app_run_1', labels: composed('app', 1, { 'com.docker.compose.oneoff': 'True' }) })
  assert.deepEqual(inLines(await watch(test, engine).next()), [])
})

test('the network: the one that is named, else the first by name', async (test) => {
  const engine = await StandInEngine.start(test)
  const networks = { shop_back: '10.1.0.2', shop_front: '10.2.0.2' }
  const web = engine.run({ name: 'web', labels, networks })
  engine.run({ name: 'front', labels: { ...labels, 'limpet.network': 'shop_front' }, networks })
  engine.run({ name: 'composed', labels: composed('app', 1, { 'limpet.network': 'front' }), networks })
  const app = watch(test, engine)
  assert.deepEqual(inLines(await app.next()), ['front 10.2.0.2:80', 'shop.app.1 10.2.0.2:80', 'web 10.1.0.2:80'])
  engine.disconnect(web, 'shop_back')
  assert.deepEqual(inLines(await app.next()).at(-1), 'web 10.2.0.2:80')
  engine.connect(web, 'another', '10.0.0.7')
  assert.deepEqual(inLines(await app.next()).at(-1), 'web 10.0.0.7:80')
  const front = watch(test, engine, { network: 'shop_front' })
  assert.deepEqual(inLines(await front.next()).at(-1), 'web 10.2.0.2:80')
})

test('a network that a container is not on is a mistake of that container', async (test) => {
  const engine = await StandInEngine.start(test)
  engine.run({ name: 'wrong', labels: { ...labels, 'limpet.network': 'fornt' }, networks: { front: '10.2.0.2' } })
  engine.run({ name: 'none', labels, networks: {}, networkMode: 'none' })
  engine.run({ name: 'web', labels, address: '10.0.0.3' })
  const list = await watch(test, engine).next()
  assert.deepEqual(inLines(list), ['web 10.0.0.3:80'])
  assert.deepEqual(list.mistakes, [
    { where: 'container wrong', message: 'expected the network fornt, found front', hint: 'did you mean front?' },
    {
      where: 'container none',
      message: 'has no network',
      hint: 'connect it to one, or leave out its label limpet.enable',
    },
  ])
})

test('a container on the network of the host, or of another container, is reached there', async (test) => {
  const engine = await StandInEngine.start(test)
  engine.run({ name: 'host', labels: { ...labels, 'limpet.port': '8080' }, networks: {}, networkMode: 'host' })
  const vpn = engine.run({ name: 'vpn', networks: { bridge: '172.17.0.5' } })
  engine.run({ name: 'within', labels, networks: {}, networkMode: `container:${vpn}` })
  assert.deepEqual(inLines(await watch(test, engine).next()), ['host 127.0.0.1:8080', 'within 172.17.0.5:80'])
})

test('a source may choose by labels of any name, or by the service of Compose', async (test) => {
  const engine = await StandInEngine.start(test)
  engine.run({ name: 'web', labels: { role: 'web' }, address: '10.0.0.2', ports: [] })
  engine.run({ name: 'off', labels: { role: 'web', 'limpet.enable': 'false' } })
  engine.run({
    name: 'x',
    labels: composed('site', 2, { 'limpet.enable': 'true', 'limpet.weight': '3' }),
    address: '10.0.0.4',
  })
  const byLabel = await watch(test, engine, { labels: { role: 'web' }, port: 8080 }).next()
  assert.deepEqual(inLines(byLabel), ['web 10.0.0.2:8080'])
  const byService = await watch(test, engine, { service: 'site' }).next()
  assert.deepEqual(inLines(byService), ['shop.site.2 10.0.0.4:80'])
  assert.deepEqual(byService.servers[0]?.settings, { weight: 3 })
  const elsewhere = await watch(test, engine, { service: 'site', project: 'other' }).next()
  assert.deepEqual(inLines(elsewhere), [])
})

test('asks GET only, of four paths, and looks only at containers that something has happened to', async (test) => {
  const engine = await StandInEngine.start(test)
  for (let number = 1; number <= 40; number++) engine.run({ name: `web-${number}`, labels })
  const app = watch(test, engine)
  await app.next()
  const before = engine.requests.length
  assert.deepEqual(
    new Set(engine.requests.map((request) => request.replace(/containers\/c\w+/, 'containers/ID').replace(/\?.*/, ''))),
    new Set(['GET /_ping', 'GET /v1.41/events', 'GET /v1.41/containers/json', 'GET /v1.41/containers/ID/json']),
  )
  const last = engine.run({ name: 'last', labels })
  await app.next()
  const since = engine.requests.slice(before)
  assert.ok(
    since.length > 0 && since.every((request) => request === `GET /v1.41/containers/${last}/json`),
    since.join('\n'),
  )
})

test('several upstreams of one engine share its events and looks, and each has its own servers', async (test) => {
  const engine = await StandInEngine.start(test)
  engine.run({ name: 'web', labels, address: '10.0.0.2' })
  const other = engine.run({ name: 'other', labels: { ...labels, 'limpet.upstream': 'other' }, address: '10.0.0.3' })
  const app = watch(test, engine)
  const second = new Watched(test, dockerProvider(DockerSource.parse({ from: 'docker', host: engine.host }), 'other'))
  assert.deepEqual(inLines(await app.next()), ['web 10.0.0.2:80'])
  assert.deepEqual(inLines(await second.next()), ['other 10.0.0.3:80'])
  const late = watch(test, engine)
  assert.deepEqual(inLines(await late.next()), ['web 10.0.0.2:80'])
  await app.end()
  await late.end()
  engine.kill(other)
  assert.deepEqual(inLines(await second.next()), ['other 10.0.0.3:80 drain'])
  const asked = engine.requests.filter((request) => request.includes('/events'))
  assert.equal(asked.length, 1)
})

test('a burst of events gives few lists', async (test) => {
  const engine = await StandInEngine.start(test)
  const app = watch(test, engine)
  await app.next()
  for (let number = 1; number <= 100; number++) engine.run({ name: `web-${number}`, labels })
  await app.until(({ servers }) => servers.length === 100)
  assert.ok(app.lists.length < 10, `${app.lists.length} lists`)
})

test('an engine that ends fails the watch; the next one finds all that happened meanwhile', async (test) => {
  const engine = await StandInEngine.start(test)
  const web = engine.run({ name: 'web', labels, address: '10.0.0.2' })
  const app = watch(test, engine)
  await app.next()
  await engine.close()
  await assert.rejects(app.next(), /docker/i)
  engine.die(web)
  engine.run({ name: 'web-2', labels, address: '10.0.0.3' })
  await engine.listen()
  assert.deepEqual(inLines(await watch(test, engine).next()), ['web-2 10.0.0.3:80'])
})

test('a container that takes the place of another at the same address, unseen, is known to be another', async (test) => {
  const engine = await StandInEngine.start(test)
  const web = engine.run({ name: 'web', labels, address: '10.0.0.2' })
  const app = watch(test, engine)
  const [before] = (await app.next()).servers
  await engine.close()
  await assert.rejects(app.next(), /docker/i)
  engine.remove(web)
  engine.run({ name: 'web', labels, address: '10.0.0.2' })
  await engine.listen()
  const [after] = (await watch(test, engine).next()).servers
  assert.deepEqual({ ...after, incarnation: before!.incarnation }, before)
  assert.notEqual(after!.incarnation, before!.incarnation)
})

test('what keeps an engine from being asked is said, and what to do', async (test) => {
  const folder = await temporaryFolder(test)
  await assert.rejects(watch(test, { host: `unix://${folder}/none.sock` }).next(), {
    message: `${folder}/none.sock does not exist: start the Docker engine, or name its address as host or DOCKER_HOST`,
  })
  const engine = await StandInEngine.start(test)
  engine.version = '1.20'
  await assert.rejects(watch(test, engine).next(), /has version 1.20 of the API, and at least 1.24 is needed/)
  await assert.rejects(watch(test, { host: 'tcp://127.0.0.1:9' }).next(), /127\.0\.0\.1:9 refuses connections/)
})

test('a socket that this user may not open: the message says what to do', async (test) => {
  const engine = await StandInEngine.start(test)
  await chmod(engine.socket, 0)
  const user = process.geteuid!()
  // Root may open every socket.
  if (user === 0) process.seteuid!('nobody')
  try {
    await assert.rejects(watch(test, engine).next(), /add them to its group \(docker\), or run limpet discover --serve/)
  } finally {
    if (user === 0) process.seteuid!(user)
  }
  await rm(engine.socket, { force: true })
})

test('an engine by TCP and TLS, as DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH name it', async (test) => {
  const engine = await StandInEngine.start(test)
  engine.run({ name: 'web', labels, address: '10.0.0.2' })
  const authority = await TestAuthority.create()
  const own = await authority.issue(['127.0.0.1'])
  const client = await authority.issueToClient('CN=limpet')
  const front = createServer({ ...own, ca: authority.ca, requestCert: true }, (socket) => {
    const behind = connect(engine.socket)
    pipeline(socket, behind, socket, () => {})
  }).listen(0, '127.0.0.1')
  await once(front, 'listening')
  test.after(() => front.close())
  const folder = await temporaryFolder(test)
  await writeFile(join(folder, 'ca.pem'), authority.ca)
  await writeFile(join(folder, 'cert.pem'), client.cert)
  await writeFile(join(folder, 'key.pem'), client.key)
  const host = `tcp://127.0.0.1:${(front.address() as AddressInfo).port}`
  const given = { DOCKER_HOST: host, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: folder }
  const before = Object.keys(given).map((name) => [name, process.env[name]] as const)
  Object.assign(process.env, given)
  test.after(() => {
    for (const [name, value] of before) if (value === undefined) delete process.env[name]
  })
  const provider = dockerProvider(DockerSource.parse({ from: 'docker' }), 'app')
  assert.equal(provider.name, `docker at ${host}`)
  assert.deepEqual(inLines(await new Watched(test, provider).next()), ['web 10.0.0.2:80'])
  const tls = { ca: join(folder, 'ca.pem'), cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
  assert.deepEqual(inLines(await watch(test, { host }, { tls }).next()), ['web 10.0.0.2:80'])
  await assert.rejects(watch(test, { host }, { tls: {} }).next(), /name the file with its certificate as tls\.ca/)
})

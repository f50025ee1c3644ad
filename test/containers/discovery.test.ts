/** Containers of a real engine, followed through a proxy that allows nothing but what docs/discovery/docker.md lists. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import type { TestContext } from 'node:test'
import { DockerLabels, DockerSource } from '../../src/config/sources/docker.ts'
import { dockerLandscape, dockerProvider } from '../../src/discovery/docker.ts'
import type { Landscape, ServerList } from '../../src/discovery/provider.ts'
import { temporaryFolder } from '../support/folder.ts'
import { until } from '../support/until.ts'
import { Watched } from '../support/watched.ts'
import { type AllowListProxy, startAllowListProxy } from './allow-list-proxy.ts'
import { addressOf, docker, startContainer, testWithEngine } from './engine.ts'
import { killTimes } from './kill-times.ts'

const SOCKET = '/var/run/docker.sock'
const IMAGE = 'nginx:stable'

/** Containers of this test only: others may use the engine, too. */
let count = 0
const upstreamName = () => `limpet-${process.pid}-${++count}`

function labelled(labels: Record<string, string>): string[] {
  return Object.entries(labels).flatMap(([label, value]) => ['--label', `${label}=${value}`])
}

interface Engine {
  readonly proxy: AllowListProxy
  readonly upstream: string
  readonly app: Watched
  /** Starts a container of the upstream. */
  run(name: string, ...args: readonly string[]): Promise<string>
  /** The same of one that does not end at SIGTERM. */
  runDeaf(name: string): Promise<string>
}

async function start(test: TestContext): Promise<Engine> {
  const proxy = await startAllowListProxy(test, SOCKET)
  const upstream = upstreamName()
  const app = new Watched(test, dockerProvider(DockerSource.parse({ from: 'docker', host: proxy.host }), upstream))
  test.after(() => assert.deepEqual(proxy.refused, []))
  const labels = labelled({ 'for.limpet.test': 'D', 'limpet.enable': 'true', 'limpet.upstream': upstream })
  return {
    proxy,
    upstream,
    app,
    run: (name, ...args) => startContainer(test, '--name', `${upstream}-${name}`, ...labels, ...args, IMAGE),
    runDeaf: (name) => startContainer(test, '--name', `${upstream}-${name}`, ...labels, IMAGE, 'sleep', '600'),
  }
}

/** `web ready`, one for each server. */
const states = ({ servers }: ServerList, upstream: string) =>
  servers.map(({ id, state = 'ready' }) => `${id.replace(`${upstream}-`, '')} ${state}`).join(', ')

testWithEngine('start, scale, pause, stop, start again, kill, remove', async (test) => {
  const { app, upstream, run, runDeaf } = await start(test)
  const becomes = (wanted: string) => app.until((list) => states(list, upstream) === wanted)
  await becomes('')
  const one = await runDeaf('one')
  const list = await becomes('one ready')
  assert.equal(list.servers[0]?.address, `${await addressOf(one)}:80`)
  const two = await run('two')
  await becomes('one ready, two ready')
  await docker('pause', one)
  await becomes('one away, two ready')
  await docker('unpause', one)
  await becomes('one ready, two ready')
  // It takes its time to end: one that is gone at once may never be seen to drain.
  const stopped = docker('stop', '--time', '2', one)
  assert.equal((await becomes('one drain, two ready')).isUrgent, true)
  await becomes('two ready')
  await stopped
  await docker('start', one)
  await becomes('one ready, two ready')
  await docker('kill', two)
  await becomes('one ready')
  await docker('rm', '--force', one)
  await becomes('')
})

testWithEngine('a health check decides: starting is away, unhealthy is down', async (test) => {
  const { app, upstream, run } = await start(test)
  const becomes = (wanted: string) => app.until((list) => states(list, upstream) === wanted)
  const check = ['--health-cmd', 'test -f /tmp/well', '--health-interval', '200ms', '--health-retries', '1']
  const web = await run('web', ...check, '--health-start-period', '60s')
  await becomes('web away')
  await docker('exec', web, 'touch', '/tmp/well')
  await becomes('web ready')
  await docker('exec', web, 'rm', '/tmp/well')
  await becomes('web down')
  await docker('exec', web, 'touch', '/tmp/well')
  await becomes('web ready')
})

testWithEngine('a signal that does not stop it changes nothing; the one that its image names does', async (test) => {
  const { app, upstream, run } = await start(test)
  const web = await run('web', '--stop-signal', 'SIGWINCH')
  await app.until((list) => states(list, upstream) === 'web ready')
  await docker('kill', '--signal', 'HUP', web)
  await docker('rename', web, `${upstream}-www`)
  await app.until((list) => states(list, upstream) === 'www ready')
  assert.ok(!app.lists.some((list) => states(list, upstream).includes('drain')))
  await docker('kill', '--signal', 'WINCH', web)
  await app.until((list) => states(list, upstream) === 'www drain')
})

testWithEngine('networks: the address is that of a network that it is on', async (test) => {
  const { app, upstream, run } = await start(test)
  const network = `a-${upstream}`
  await docker('network', 'create', '--label', 'for.limpet.test=D', network)
  test.after(() => docker('network', 'rm', network))
  const web = await run('web')
  const [first] = (await app.until((list) => states(list, upstream) === 'web ready')).servers
  await docker('network', 'connect', network, web)
  const there = await docker('inspect', '--format', `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, web)
  await app.until(({ servers }) => servers[0]?.address === `${there}:80`)
  await docker('network', 'disconnect', network, web)
  await app.until(({ servers }) => servers[0]?.address === first?.address)
  await docker('network', 'disconnect', 'bridge', web)
  await app.until(({ servers }) => servers.length === 0)
  // It must be gone before its network can be removed.
  await docker('rm', '--force', web)
})

testWithEngine('a recreated container of Compose is the same server at its new address', async (test) => {
  const { app, upstream, run } = await start(test)
  const compose = labelled({
    'com.docker.compose.project': upstream,
    'com.docker.compose.service': 'app',
    'com.docker.compose.container-number': '1',
  })
  const old = await run('old', ...compose)
  const before = (await app.until(({ servers }) => servers.length === 1)).servers[0]!
  assert.equal(before.id, `${upstream}.app.1`)
  await run('new', ...compose)
  const after = (await app.until(({ servers }) => servers[0]?.address !== before.address)).servers[0]!
  await docker('rm', '--force', old)
  assert.deepEqual([after.id, after.state], [before.id, 'ready'])
  assert.ok(app.lists.every(({ servers }) => servers.length <= 1))
})

testWithEngine('labels describe routes and upstreams, and a mistake leaves out its container only', async (test) => {
  const proxy = await startAllowListProxy(test, SOCKET)
  const name = upstreamName()
  const mark = ['--label', 'for.limpet.test=D', '--label', 'limpet.enable=true']
  const labels = {
    'limpet.host': `${name}.example`,
    'limpet.upstreams.web.health.check.path': '/',
    'limpet.upstream': 'web',
  }
  await startContainer(test, '--name', `${name}-a`, ...mark, ...labelled(labels), IMAGE)
  await startContainer(
    test,
    '--name',
    `${name}-b`,
    ...mark,
    ...labelled({ 'limpet.upstream': 'web', 'limpet.pot': '80' }),
    IMAGE,
  )
  const landscape = dockerLandscape(DockerLabels.parse({ host: proxy.host }))
  const ends = new AbortController()
  let seen: Landscape | undefined
  for await (seen of landscape.watch(ends.signal)) {
    ends.abort()
    break
  }
  const web = seen?.upstreams.find(({ servers }) => servers.some(({ id }) => id === `${name}-a`))
  assert.deepEqual(web?.settings, { health: { check: { path: '/', type: 'http' } } })
  const route = seen?.routes.find(({ where }) => where === `container ${name}-a`)
  assert.deepEqual(route, {
    upstream: 'web',
    settings: { path: '/*', host: `${name}.example` },
    where: `container ${name}-a`,
  })
  const [mistake] = seen?.mistakes.filter(({ where }) => where.includes(`${name}-b`)) ?? []
  assert.deepEqual(
    [mistake?.where, mistake?.hint],
    [`container ${name}-b: label limpet.pot`, 'did you mean limpet.port?'],
  )
})

testWithEngine('a lost connection fails the watch, and the next one sees what happened meanwhile', async (test) => {
  const { app, proxy, upstream, run } = await start(test)
  const web = await run('web')
  await app.until((list) => states(list, upstream) === 'web ready')
  proxy.cut()
  await assert.rejects(app.until(() => false))
  await docker('stop', web)
  const again = new Watched(test, dockerProvider(DockerSource.parse({ from: 'docker', host: proxy.host }), upstream))
  assert.deepEqual((await again.next()).servers, [])
})

testWithEngine('an engine that restarts', async (test) => {
  const folder = await temporaryFolder(test)
  const socket = `${folder}/docker.sock`
  const begin = async () => {
    const places = ['--host', `unix://${socket}`, '--data-root', `${folder}/data`, '--exec-root', `${folder}/exec`]
    const apart = ['--pidfile', `${folder}/pid`, '--bridge=none', '--iptables=false']
    // In a network of its own: without a bridge, an engine removes that of every other one.
    const engine = spawn('unshare', ['--net', 'dockerd', ...places, ...apart], { stdio: 'ignore' })
    test.after(() => engine.kill('SIGKILL'))
    await until(() => ping(socket), 100)
    return engine
  }
  const source = DockerSource.parse({ from: 'docker', host: `unix://${socket}` })
  await assert.rejects(
    new Watched(test, dockerProvider(source, 'app')).next(),
    /does not exist: start the Docker engine/,
  )
  const engine = await begin()
  const app = new Watched(test, dockerProvider(source, 'app'))
  assert.deepEqual((await app.next()).servers, [])
  const ended = once(engine, 'exit')
  engine.kill('SIGTERM')
  await assert.rejects(app.next())
  await ended
  const second = await begin()
  assert.deepEqual((await new Watched(test, dockerProvider(source, 'app')).next()).servers, [])
  second.kill('SIGTERM')
  await once(second, 'exit')
})

testWithEngine('the reaction to a stop signal takes at most 50 ms in the median', async (test) => {
  const { app, upstream, runDeaf } = await start(test)
  const ids: string[] = []
  for (let at = 0; at < 11; at++) ids.push(await runDeaf(String(at)))
  await app.until(({ servers }) => servers.length === ids.length)
  const sent = await killTimes(test, upstream)
  const times: number[] = []
  for (const [at, id] of ids.entries()) {
    const drains = app.until((list) => states(list, upstream).includes(`${at} drain`)).then(() => Date.now())
    await docker('kill', '--signal', 'TERM', id)
    const seen = await drains
    await until(() => sent.has(id))
    times.push(seen - sent.get(id)!)
  }
  const median = times.toSorted((one, other) => one - other)[5]!
  test.diagnostic(`median ${median.toFixed(1)} ms, all ${times.map((time) => time.toFixed(1)).join(' ')}`)
  assert.ok(median <= 50, `${median} ms`)
})

async function ping(socketPath: string): Promise<boolean> {
  const asked = request({ socketPath, path: '/_ping' }).end()
  return once(asked, 'response').then(
    ([response]) => response.resume().statusCode === 200,
    () => false,
  )
}
